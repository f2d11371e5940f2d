"""Compares the decisions in a folder: `python compare.py FOLDER [--bless SEED]`.

Fails when a difference has no class (see classes.py), when next to nothing is agreed on, or when the page does not list the classes. With `--bless`
the page's figures become those of this run.
"""

import importlib.metadata
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

from classes import LAXER, STRICTER, broken, laxer, stricter
from look import Look

VERIFIERS = {"joserfc": "joserfc", "pyjwt": "PyJWT", "jose": "jose", "aws-jwt-verify": "aws-jwt-verify"}
HERE = Path(__file__).resolve().parent
PAGE = HERE / "../../docs/differential.md"
BEGIN, END = "<!-- figures: written by tests/differential/run COUNT SEED --bless -->\n", "<!-- end of figures -->\n"
# Claims that a verifier takes away, because JavaScript trips over them.
LEFT_OUT = {"aws-jwt-verify": ("__proto__", "constructor")}
# Of all tokens: below, the comparison says nothing.
LEAST_AGREED = 0.15
LEAST_RESIGNED = 0.5


def rows(folder: str, name: str):
    # Only a line feed ends a line: texts have other separators in them.
    with open(f"{folder}/{name}.tsv", newline="\n") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def texts(said: str, name: str) -> dict:
    """The claims that are text, as far as a verifier gives them to its application."""
    claims = json.loads(said)
    for member in LEFT_OUT.get(name, ()):
        claims.pop(member, None)
    return claims


class Comparison:
    def __init__(self):
        self.total = self.allowed = self.resigned = 0
        self.agreement = {name: Counter() for name in VERIFIERS}
        self.stricter = defaultdict(Counter)
        self.laxer = defaultdict(Counter)
        self.unknown = Counter()
        self.examples = {}
        # For each decision the first token on which all agree.
        self.agreed = {}

    def read(self, folder: str):
        theirs = (rows(folder, name) for name in VERIFIERS)
        with open(f"{folder}/tokens.jsonl") as entries:
            for line, ours, *found in zip(entries, rows(folder, "ours"), *theirs, strict=True):
                entry, found = json.loads(line), dict(zip(VERIFIERS, found))
                self.compare(entry, ours, found)
                if all(verdict == ours[0] for verdict, _ in found.values()):
                    self.agreed.setdefault(ours[0], (entry, found))

    def compare(self, entry: dict, ours: list[str], theirs: dict[str, list[str]]):
        decision, reason, detail = ours
        self.total += 1
        self.allowed += decision == "allow"
        self.resigned += entry["resigned"]
        look = Look(entry)
        counted = set()
        for name, (verdict, said) in theirs.items():
            self.agreement[name][decision, verdict] += 1
            if verdict == "n/a":
                continue
            if verdict == decision:
                if decision == "allow" and texts(detail, name) != texts(said, name):
                    self.explain(entry, "allow", f"{name} allow, but reads other claims", detail, said)
                continue
            if decision == "deny":
                known, counts = stricter(look, reason), self.stricter
            else:
                known, counts = laxer(look, name, said), self.laxer
            if not known:
                self.explain(entry, f"{decision} {reason}", f"{name} {verdict} {said.split(':')[0]}", detail, said)
                continue
            counts[known][name] += 1
            # A token counts once in a class, however many differ.
            counts[known]["tokens"] += known not in counted
            counted.add(known)
        if decision == "allow" and (promise := broken(look)):
            self.explain(entry, "allow", f"classes.py says that {promise!r} is always refused", detail, "")

    def explain(self, entry: dict, ours: str, theirs: str, detail: str, said: str):
        key = (ours, theirs[:100])
        self.unknown[key] += 1
        self.examples.setdefault(key, (self.total - 1, detail, said, entry))

    def is_blind(self) -> bool:
        """Whether the opposite of an agreed decision would go unnoticed."""
        for decision, opposite in (("allow", ["deny", "bad_signature", ""]), ("deny", ["allow", "", "{}"])):
            spoilt = Comparison()
            spoilt.compare(self.agreed[decision][0], opposite, self.agreed[decision][1])
            if sum(spoilt.unknown.values()) < len(VERIFIERS):
                return True
        return False

    def report(self) -> str:
        total = self.total
        lines = [
            f"{total} tokens, {self.resigned} of them validly signed after their mutation; the gate allows {self.allowed}.\n",
            "| verifier | both allow | both refuse | the gate alone refuses | it alone refuses | not asked |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        for name, counts in self.agreement.items():
            asked = [counts["allow", "allow"], counts["deny", "deny"], counts["deny", "allow"], counts["allow", "deny"]]
            lines.append(f"| {VERIFIERS[name]} {version(name)} | " + " | ".join(map(str, asked)) + f" | {total - sum(asked)} |")
        return "\n".join(lines) + "\n"

    def problems(self) -> list[str]:
        total = self.total
        problems = []
        for (ours, theirs), count in self.unknown.most_common():
            number, detail, error, entry = self.examples[ours, theirs]
            problems.append(
                f"{count} unexplained: ours {ours}; {theirs}\n    first: token {number}, {entry['mutations']}\n    ours: {detail[:300]}\n    theirs: {error[:300]}"
            )
        for name, counts in self.agreement.items():
            if counts["allow", "allow"] < LEAST_AGREED * total:
                problems.append(f"{name} and the gate both allow only {counts['allow', 'allow']} of {total} tokens")
        if self.is_blind():
            problems.append("a spoilt decision goes unnoticed")
        if self.resigned < LEAST_RESIGNED * total:
            problems.append("too few tokens are signed anew")
        return problems

    def tables(self) -> str:
        text = "| class | reason | tokens | accepted by | why the gate refuses |\n| --- | --- | ---: | --- | --- |\n"
        for known in STRICTER:
            counts = self.stricter[known.name]
            text += f"| {known.name} | `{known.reason}` | {counts['tokens']} | {per_verifier(counts)} | {known.why} |\n"
        text += "\nThe other direction: the gate allows what one of them refuses.\n\n| class | tokens | refused by | why |\n| --- | ---: | --- | --- |\n"
        for known in LAXER:
            counts = self.laxer[known.name]
            text += f"| {known.name} | {counts['tokens']} | {per_verifier(counts)} | {known.why} |\n"
        return text


def version(name: str) -> str:
    installed = HERE / "node_modules" / name / "package.json"
    return json.loads(installed.read_text())["version"] if installed.exists() else importlib.metadata.version(name)


def per_verifier(counts: Counter) -> str:
    return ", ".join(f"{VERIFIERS[name]} {counts[name]}" for name in VERIFIERS if counts[name])


def bless(comparison: Comparison, seed: str):
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\nSeed {seed}: {comparison.report()}\n{comparison.tables()}\n{END}{after}")


def unlisted() -> list[str]:
    """Classes that the page does not tell as they are."""
    page = PAGE.read_text()
    rows = [(known.name, f"| {known.name} | `{known.reason}` | ", f" | {known.why} |\n") for known in STRICTER]
    rows += [(known.name, f"| {known.name} | ", f" | {known.why} |\n") for known in LAXER]
    return [f"docs/differential.md does not tell of {name!r}" for name, begin, end in rows if begin not in page or end not in page]


def main() -> int:
    folder, *rest = sys.argv[1:]
    comparison = Comparison()
    comparison.read(folder)
    print(comparison.report())
    problems = comparison.problems()
    if rest[:1] == ["--bless"] and not problems:
        bless(comparison, rest[1])
    problems += unlisted()
    print("\n".join(problems) or "every difference has its class")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
