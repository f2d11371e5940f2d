"""The side-by-side benchmark: `tests/bench/peers/run`; see tests/bench/README.md."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cases
import figures
import growth
import latency
import report
import rounds
import tokens
from bench import Bench
from machine import machine, versions
from peers import PEERS
from places import FOLDER, PROJECT, Binaries, Cores
from targets import Results

# The rest of what `--cases` takes: measured once, not under load.
FIGURES = ("start", "memory", "size", "latency")
CASES = cases.CASES | growth.CASES
NAMES = (*cases.CASES, *FIGURES, *growth.CASES)
# Some minutes, and half a gigabyte of tokens.
ONLY_WHEN_ASKED = ("growth-million",)
PAGE = PROJECT / "docs" / "benchmark.md"


def main() -> int:
    options = _options()
    # Whoever was started is ended, whoever ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.from_results:
        results = json.loads(options.from_results.read_text())
    else:
        results = _measured(options)
    page = report.markdown(results)
    print("\n" + page)
    if options.write_docs:
        PAGE.write_text(report.document(page))
    return 1 if results["faults"] else 0


def _measured(options: argparse.Namespace) -> Results:
    FOLDER.mkdir(parents=True, exist_ok=True)
    figures.raise_open_files()
    began = time.monotonic()
    binaries = Binaries.found(options.gate_binary)
    cores = Cores.of_this_machine()
    material = tokens.prepared(FOLDER / "material")
    planned = [CASES[name](material) for name in CASES if name in options.cases]
    results: Results = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "machine": machine(cores), "versions": versions(binaries)}
    results |= {"rounds": options.rounds, "seconds": options.seconds, "cases": [], "figures": {}, "faults": []}
    # Everybody who is no proxy.
    os.sched_setaffinity(0, cores.others)
    bench = Bench(binaries, material, cores)
    try:
        for case in (_only(case, options.peers) for case in planned):
            if case.lanes:
                print(f"{case.name}: {case.title}", flush=True)
                samples, faults = rounds.run(bench, case, options.rounds, options.seconds)
                results["faults"] += faults
                results["cases"].append(report.as_data(case, samples))
        for name in FIGURES:
            if name in options.cases:
                _figure(bench, name, options, results)
    except KeyboardInterrupt:
        results["faults"].append("stopped before its end")
    finally:
        bench.close()
        results["took"] = round(time.monotonic() - began)
        _keep(results)
    return results


def _keep(results: Results) -> None:
    """What was measured is kept whatever became of the rest."""
    stamped = FOLDER / f"results-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    for path in (stamped, FOLDER / "latest.json"):
        path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"results: {stamped}")


def _figure(bench: Bench, name: str, options: argparse.Namespace, results: Results) -> None:
    print(f"{name} ...", flush=True)
    measures = {
        "start": lambda: figures.start(bench), "memory": lambda: figures.memory(bench), "size": lambda: figures.sizes(bench),
        "latency": lambda: latency.added(bench, options.rounds, options.seconds),
    }  # fmt: skip
    try:
        results["figures"][name] = measures[name]()
    except Exception as fault:  # noqa: BLE001 (a figure that cannot be had must not cost all the others)
        results["faults"].append(f"{name}: {fault}")
        print(f"  FAILED {name}: {fault}", flush=True)


def _only(case: cases.Case, names: list[str] | None) -> cases.Case:
    """Of a comparison the lanes of these peers; growth is the gate's own."""
    if names is None or case.name in growth.CASES:
        return case
    lanes = tuple(lane for lane in case.lanes if lane.peer.name in names)
    return replace(case, lanes=lanes)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/peers/run", description="the gate beside Envoy, HAProxy, nginx and Apache")
    usual = [name for name in NAMES if name not in ONLY_WHEN_ASKED]
    parser.add_argument(
        "--cases", type=_listed(NAMES), default=usual, metavar="A,B", help=f"of {', '.join(NAMES)} (default: all but {', '.join(ONLY_WHEN_ASKED)})"
    )
    parser.add_argument("--peers", type=_listed(tuple(PEERS)), metavar="A,B", help=f"of {', '.join(PEERS)} (default: each case's own)")
    parser.add_argument("--rounds", type=int, default=5, help="visits of each peer (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="of each visit (default %(default)s)")
    parser.add_argument("--gate-binary", default=os.environ.get("CLAIMGATE_BIN"), metavar="FILE", help="another build (default: $CLAIMGATE_BIN, or cargo's)")
    parser.add_argument("--write-docs", action="store_true", help="writes docs/benchmark.md")
    parser.add_argument("--from", dest="from_results", type=Path, metavar="JSON", help="reports earlier results, measures nothing")
    options = parser.parse_args()
    if not options.from_results and not options.gate_binary:
        parser.error("which gate? --gate-binary, or CLAIMGATE_BIN")
    return options


def _listed(names: tuple[str, ...]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        if unknown := set(text.split(",")) - set(names):
            raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))} is none of {', '.join(names)}")
        return text.split(",")

    return parse


if __name__ == "__main__":
    sys.exit(main())
