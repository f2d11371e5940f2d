"""The load: wrk for HTTP/1.1, h2load for HTTP/2. One run gives one `Sample` of the proxy."""

import json
import os
import re
import resource
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import Bench
from machine import busy_ns
from places import HERE
from process import on
from server import Server


class Failed(Exception):
    """A measurement that must not count: wrong answers, broken connections."""


@dataclass(frozen=True)
class Load:
    """What the clients send."""

    # A file of tokens; none: requests without one.
    tokens: Path | None = None
    # `cycle`, `stream`, `once`: see tokens.lua.
    mode: str = "cycle"
    path: str = "/"
    connections: int = 32
    status: int = 200
    # HTTP/2: streams of each connection. 0: HTTP/1.1.
    streams: int = 0
    # Bytes of the request's body, which makes it a POST.
    upload: int = 0
    # Longer than the others' visits, where there is much to send.
    seconds: float = 0


@dataclass(frozen=True)
class Sample:
    """One run, seen from both sides."""

    requests: int
    seconds: float
    cpu_ns: float
    p50_us: float
    p99_us: float
    resident_kib: int
    # Of the gate: how many of its look-ups found the token in its cache.
    cache_hits: float | None
    # The share of the machine that others had meanwhile.
    disturbed: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    def as_dict(self) -> dict[str, float | None]:
        """For the JSON of results."""
        return asdict(self) | {"rate": self.rate}


def measure(bench: Bench, server: Server, load: Load, seconds: float) -> Sample:
    """One run: the load's own figures, and what the proxy spent meanwhile."""
    running, cores = server.running, bench.cores.others
    resident: list[int] = []
    # While the connections are there: a while before the end.
    memory = threading.Timer(0.8 * seconds, lambda: resident.append(running.resident_kib()))
    hits = server.metric("claimgate_token_cache_hits_total")
    misses = server.metric("claimgate_token_cache_misses_total")
    memory.start()
    began, busy, ours = time.monotonic_ns(), busy_ns(), _ours(bench)
    before = running.cpu_ns()
    result = _h2load(server.url, load, seconds, cores, bench.work) if load.streams else _wrk(server.url, load, seconds, cores)
    spent = running.cpu_ns() - before
    others = busy_ns() - busy - spent - (_ours(bench) - ours)
    disturbed = max(0.0, others / (time.monotonic_ns() - began) / (os.cpu_count() or 1))
    memory.join()
    if running.gone():
        raise Failed(f"{server.peer.name} is gone: {running.said()}")
    requests = int(result["requests"])
    wrong = result["status"] if load.status < 400 else requests - result["status"]
    broken = {name: result[name] for name in ("connect", "read", "write", "timeout") if result[name]}
    if requests == 0 or wrong or broken:
        raise Failed(f"{server.peer.name}: {requests} answers, {wrong} of them wrong, broken: {broken or 'none'}")
    hits = server.metric("claimgate_token_cache_hits_total") - hits
    looked_up = hits + server.metric("claimgate_token_cache_misses_total") - misses
    found = hits / looked_up if looked_up else None
    return Sample(requests, result["us"] / 1e6, spent / requests, result["p50"], result["p99"], resident[0], found, disturbed)


def _ours(bench: Bench) -> int:
    """What the application, this program, the generators and who drains a log have worked, in nanoseconds."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    drains = sum(drain.cpu_ns() for drain in bench.drains)
    return bench.application.cpu_ns() + drains + int(sum(usage.ru_utime + usage.ru_stime for usage in usages) * 1e9)


def whole(seconds: float) -> int:
    """What wrk and h2load take."""
    return max(1, round(seconds))


def _wrk(url: str, load: Load, seconds: float, cores: frozenset[int]) -> dict[str, float]:
    mode = load.mode if load.tokens else "none"
    method = "POST" if load.upload else "GET"
    arguments = [mode, str(load.tokens), method, str(load.upload)]
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{whole(seconds)}s", "--timeout", "10s", "-s", str(HERE / "tokens.lua"), url + load.path, "--"]
    out = output(command + arguments, cores, seconds)
    for line in out.splitlines():
        if line.startswith("RESULT "):
            result: dict[str, float] = json.loads(line.removeprefix("RESULT "))
            return result
    raise Failed(f"wrk says nothing: {out[-500:]}")


def _h2load(url: str, load: Load, seconds: float, cores: frozenset[int], work: Path) -> dict[str, float]:
    assert load.tokens
    token = load.tokens.read_text().split("\n", 1)[0]
    log = work / "h2load.log"
    log.unlink(missing_ok=True)
    command = ["h2load", "-t1", f"-c{load.connections}", f"-m{load.streams}", f"-D{whole(seconds)}", f"--log-file={log}"]
    out = output([*command, "-H", f"authorization: Bearer {token}", url + load.path], cores, seconds)
    totals = re.search(r"requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out)
    finished = re.search(r"finished in ([\d.]+)(m?s),", out)
    if not totals or not finished or "Application protocol: h2" not in out:
        raise Failed(f"h2load says: {out[-500:]}")
    took = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    done, succeeded, failed, errored, timeout = (int(totals.group(n)) for n in range(2, 7))
    return {
        "requests": done, "us": whole(seconds) * 1e6, "bytes": 0, "status": done - succeeded, "connect": 0, "read": failed,
        "write": errored, "timeout": timeout, "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100],
    }  # fmt: skip


def output(command: list[str], cores: frozenset[int], seconds: float) -> str:
    """What a generator prints that runs for `seconds` on these cores."""
    with on(cores):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        out, _ = process.communicate(timeout=seconds + 60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failed(f"{command[0]} hangs") from None
    if process.returncode != 0:
        raise Failed(f"{command[0]} fails: {out[-500:]}")
    return out
