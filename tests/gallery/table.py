"""The table of the gallery."""

from runner import Tally

COLUMNS = ["application", "payloads", "sent", "refused", "reached", "answered by its server", "no answer", "forged identities", "extra requests", "unclean after"]


def markdown(rows: list[tuple[str, str, Tally]]) -> str:
    """One row an application and family, and totals."""
    total = Tally()
    for _, _, tally in rows:
        total.add(tally)
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    lines += [cells(application, family, tally) for application, family, tally in rows]
    lines.append(cells("**all**", "", total))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cells(application: str, family: str, tally: Tally) -> list[str]:
    """A row."""
    numbers = (tally.sent, tally.refused, tally.reached, tally.answered, tally.unanswered, tally.forged, tally.extra, tally.unclean)
    return [application, family, *(f"{number:,}" for number in numbers)]
