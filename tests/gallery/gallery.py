"""The gallery: starts each application behind the gate, sends every payload, prints the table. See README.md."""

import argparse
import asyncio
import os
import pathlib
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field

import document
import gate
import names
import payloads
import table
from apps import ALL
from payloads.payload import Family
from runner import Runner, Tally
from tokens import Issuer

PROJECT = pathlib.Path(__file__).parent.parent.parent


def main() -> int:
    """Runs what the arguments say; 1 when anything is not clean."""
    arguments = parse()
    # Ends as after an interrupt: the servers are ended with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    vectors = pathlib.Path(os.environ.get("CLAIMGATE_VECTORS") or PROJECT / "../shared/vectors")
    if not (vectors / "http").is_dir():
        print(f"there are no vectors in {vectors}: set CLAIMGATE_VECTORS", file=sys.stderr)
        return 1
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # Servers that drop their privileges look for their files below it.
    with tempfile.TemporaryDirectory(prefix="claimgate-gallery-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        result = run(arguments, folder, vectors)
    tables = {"table": table.markdown(result.rows), "names": names.markdown(result.names), "versions": result.versions_line(), "answers": result.statuses_line()}
    print("\n".join(tables.values()))
    for finding in result.findings[: arguments.show]:
        print(finding, file=sys.stderr)
    clean = bool(result.rows) and all(tally.is_clean() for _, _, tally in result.rows)
    print(f"{len(result.findings)} findings; {'clean' if clean else 'NOT CLEAN'}")
    if arguments.write_docs and clean:
        document.write(PROJECT / "docs/gallery.md", **tables)
    return 0 if clean else 1


@dataclass
class Result:
    """What a run found."""

    rows: list[tuple[str, str, Tally]] = field(default_factory=list)
    """Application, family, counts."""
    findings: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    """By application, what it believes without a gate."""
    versions: dict[str, str] = field(default_factory=dict)

    def versions_line(self) -> str:
        """The gate and the applications."""
        return f"{gate.version()} before " + "; ".join(f"{name} {version}" for name, version in self.versions.items()) + "\n"

    def statuses_line(self) -> str:
        """How the gate refused."""
        return "First answers of the gate's own: " + ", ".join(f"{count:,} times {what}" for what, count in self.statuses.most_common()) + "\n"


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/gallery/run", description="Real legacy applications behind the gate, and every payload through each.")
    parser.add_argument("--application", action="append", help="only applications whose name has this in it; may be repeated")
    parser.add_argument("--family", action="append", help="only families whose name has this in it; may be repeated")
    parser.add_argument("--show", type=int, default=20, metavar="N", help="how many findings are printed (20)")
    parser.add_argument("--write-docs", action="store_true", help="writes the table into docs/gallery.md, when all is clean")
    return parser.parse_args()


def run(arguments: argparse.Namespace, folder: pathlib.Path, vectors: pathlib.Path) -> Result:
    """Every chosen application in turn."""
    issuer = Issuer(folder)
    everything = payloads.everything(issuer, vectors)
    families = {family: [payload for payload in everything if payload.family is family] for family in Family if chosen(family.value, arguments.family)}
    print(f"{gate.version()}: {sum(map(len, families.values())):,} payloads for each application", flush=True)
    result = Result()
    for kind in ALL:
        if not chosen(kind.name, arguments.application):
            continue
        application = kind(folder / kind.__name__.lower())
        application.start()
        runner = Runner(application, issuer, folder)
        begin = time.monotonic()
        result.versions[application.name] = application.version()
        result.names[application.name] = asyncio.run(names.believed(application))
        for family, chosen_payloads in families.items():
            tally = asyncio.run(runner.run(family, chosen_payloads))
            result.rows.append((application.name, family.value, tally))
            result.statuses += tally.statuses
        runner.stop()
        application.stop()
        result.findings += runner.findings
        print(f"{application.name} {application.version()}: {time.monotonic() - begin:.0f} s, {len(runner.findings)} findings", flush=True)
    return result


def chosen(name: str, wanted: list[str] | None) -> bool:
    """Whether a name is asked for; without a wish every one is."""
    return wanted is None or any(wish.lower() in name.lower() for wish in wanted)


if __name__ == "__main__":
    sys.exit(main())
