"""The side-by-side benchmark: `tests/bench/peers/run`; see tests/bench/README.md."""

import argparse
import json
import os
import sys
import time

import cases
import report
import rounds
import tokens
from machine import machine, versions
from peers import PEERS, Bench
from places import FOLDER, Binaries, Cores


def main() -> int:
    options = _options()
    FOLDER.mkdir(parents=True, exist_ok=True)
    began = time.time()
    binaries = Binaries.found(options.gate_binary)
    material = tokens.prepared(FOLDER / "material")
    cores = Cores.of_this_machine()
    results: dict = {"date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "machine": machine(cores), "versions": versions(binaries)}
    results |= {"rounds": options.rounds, "seconds": options.seconds, "cases": [], "faults": []}
    wanted = options.cases.split(",")
    bench = Bench(binaries, material, cores)
    try:
        for case in cases.build(material, wanted):
            if options.peers:
                case = _only(case, options.peers.split(","))
            print(f"{case.name}: {case.title}", flush=True)
            samples, faults = rounds.run(bench, case, options.rounds, options.seconds)
            results["faults"] += faults
            results["cases"].append(report.as_data(case, samples))
    finally:
        bench.close()
    results["took"] = round(time.time() - began)
    name = FOLDER / f"results-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    for path in (name, FOLDER / "latest.json"):
        path.write_text(json.dumps(results, indent=1) + "\n")
    print("\n" + report.markdown(results))
    print(f"\nresults: {name}")
    return 1 if results["faults"] else 0


def _only(case: cases.Case, names: list[str]) -> cases.Case:
    unknown = set(names) - set(PEERS)
    if unknown:
        sys.exit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    lanes = tuple(lane for lane in case.lanes if lane.peer.name in names)
    return cases.Case(case.name, case.title, lanes, case.restart)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/peers/run", description="the gate beside Envoy, HAProxy, nginx and Apache")
    parser.add_argument("--cases", default=",".join(cases.NAMES), help="of: %(default)s")
    parser.add_argument("--peers", help=f"only these; of: {','.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=5, help="visits of each peer (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="of each visit (default %(default)s)")
    parser.add_argument("--gate-binary", default=os.environ.get("CLAIMGATE_BIN"), required="CLAIMGATE_BIN" not in os.environ)
    options = parser.parse_args()
    unknown = set(options.cases.split(",")) - set(cases.NAMES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
