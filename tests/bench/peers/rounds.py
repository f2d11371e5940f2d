"""Runs a case: rounds in turns, each answer checked before and after."""

import base64
import json

from bench import Bench
from cases import Case, Lane
from load import Failed, Load, Sample, measure
from server import Server

# Pools filled, caches filled, pages touched.
WARM_UP_SECONDS = 1.0

# The share of the machine above which a visit is made once more: the less disturbed one counts.
DISTURBED = 0.1

Results = dict[str, list[Sample]]


def run(bench: Bench, case: Case, rounds: int, seconds: float) -> tuple[Results, list[str]]:
    """The samples of each lane, and what went wrong. A lane that fails once is not measured any more: a benchmark of errors is worthless."""
    results: Results = {lane.name: [] for lane in case.lanes}
    faults: dict[str, str] = {}
    servers: dict[str, Server] = {}
    try:
        for number in range(min(rounds, case.most_rounds)):
            for lane in case.lanes:
                if lane.name in faults:
                    continue
                try:
                    sample = _round(bench, case, lane, servers, seconds, number == 0)
                    if sample.disturbed > DISTURBED:
                        again = _round(bench, case, lane, servers, seconds, False)
                        sample = min(sample, again, key=lambda one: one.disturbed)
                except Exception as fault:  # noqa: BLE001 (a lane that fails must not cost all the others)
                    faults[lane.name] = f"{case.name}, {lane.title}: {fault}"
                    print(f"  FAILED {faults[lane.name]}", flush=True)
                    continue
                results[lane.name].append(sample)
                print(
                    f"  {case.name} {number + 1}/{rounds} {lane.name}: {sample.cpu_ns / 1000:.1f} us, {sample.rate:,.0f}/s, "
                    f"p50 {sample.p50_us / 1000:.2f} ms, p99 {sample.p99_us / 1000:.2f} ms, {sample.resident_kib / 1024:.0f} MiB; others had {sample.disturbed:.0%} of the machine",
                    flush=True,
                )
    finally:
        for server in servers.values():
            server.running.end()
    return results, list(faults.values())


def _round(bench: Bench, case: Case, lane: Lane, servers: dict[str, Server], seconds: float, first: bool) -> Sample:
    name = lane.peer.name
    if case.restart and name in servers:
        servers.pop(name).running.end()
    started = name not in servers
    if started:
        servers[name] = bench.start(lane.peer)
    server = servers[name]
    check(bench, server, lane.load)
    if started or first:
        # Fresh tokens must stay fresh: the warm-up has known ones.
        warm_up = Load(bench.material.tokens("known"), connections=lane.load.connections) if lane.load.mode == "once" else lane.load
        measure(bench, server, warm_up, WARM_UP_SECONDS)
    return measure(bench, server, lane.load, lane.load.seconds or seconds)


def check(bench: Bench, server: Server, load: Load) -> None:
    """The status, and, where the peer judges, that the application is told who it is and does not see the token."""
    name = load.tokens.stem if load.tokens else None
    token = bench.material.last(name) if name else None
    answer = server.ask("/seen", token)
    if answer.status != load.status:
        raise Failed(f"{name or 'no token'} is answered with {answer.status}, not {load.status}")
    if load.status == 200 and server.peer.tells and token:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        expected = "".join((claims[name] if name in server.peer.tells else "") + "|" for name in ("sub", "name", "email"))
        if answer.body != expected:
            raise Failed(f"the application is told {answer.body[:80]!r}, not {expected!r}")
