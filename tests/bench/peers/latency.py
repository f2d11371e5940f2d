"""What a proxy adds to the latency at a fixed rate: half of what the gate can do. See open_model.rs."""

import json
import subprocess
from statistics import median

from bench import Bench
from figures import Rows
from load import Failed, Load, measure, output
from peers import PEERS
from places import HERE
from server import Server

CONNECTIONS = 32
# Above this nothing can be said about what a proxy adds.
QUIET_US = 3000.0


def added(bench: Bench, rounds: int, seconds: float) -> Rows:
    """By turns straight to the application and through each peer; differences within a round. Microseconds."""
    generator = bench.work / "open_model"
    subprocess.run(["rustc", "--edition", "2024", "-O", str(HERE / "open_model.rs"), "-o", str(generator)], check=True)
    servers: dict[str, Server] = {}
    try:
        for name in ("gate", "haproxy", "haproxy-jwt"):
            servers[name] = bench.start(PEERS[name])
        known = Load(bench.material.tokens("known"), connections=CONNECTIONS)
        capacity = {name: _capacity(bench, server, known) for name, server in servers.items()}
        rate = capacity["gate"] / 2
        ports = {"straight": bench.upstream} | {name: server.port for name, server in servers.items() if capacity[name] > 1.5 * rate or name == "gate"}
        samples = [{name: _run(bench, port, rate, seconds) for name, port in ports.items()} for _ in range(rounds)]
        straight = median(sample["straight"]["p99"] for sample in samples)
        if straight > QUIET_US:
            raise Failed(f"straight to the application the p99 is {straight / 1000:.1f} ms: this machine does something else, or cannot send {rate:,.0f}/s")
    finally:
        for server in servers.values():
            server.running.end()
    rows = []
    for name in ports:
        row = {"name": name, "title": PEERS[name].title if name in PEERS else "straight to the application", "rate": rate}
        for share in ("p50", "p99"):
            row[f"{share}_us"] = median(sample[name][share] for sample in samples)
            row[f"added_{share}_us"] = median(sample[name][share] - sample["straight"][share] for sample in samples)
        rows.append(row)
        print(f"  latency {name}: p50 {row['p50_us']:.0f} us, p99 {row['p99_us']:.0f} us, adds {row['added_p99_us']:.0f} us to p99", flush=True)
    return rows


def _capacity(bench: Bench, server: Server, load: Load) -> float:
    return max(measure(bench, server, load, 1).rate for _ in range(3))


def _run(bench: Bench, port: int, rate: float, seconds: float) -> dict[str, float]:
    known = str(bench.material.tokens("known"))
    command = [str(bench.work / "open_model"), str(port), f"{rate:.0f}", f"{seconds:g}", str(CONNECTIONS), known]
    result: dict[str, float] = json.loads(output(command, bench.cores.others, seconds))
    return result
