"""What each application makes of a header's name when there is no gate: which spellings it believes to be `X-Auth-Subject`."""

import wire
from apps import Application
from payloads.headers import spellings
from runner import shown

NAME = "X-Auth-Subject"
HOST = b"GET /names HTTP/1.1\r\nHost: gallery\r\nConnection: close\r\n"


async def believed(application: Application) -> dict[str, str]:
    """By line, the subject that the application believes in; lines that it believes nothing of are left out."""
    found = {}
    for line in spellings(NAME):
        for answer in (await wire.send(application.port, HOST + line + b"\r\n", wire.CLEAN_SECONDS)).answers[:1]:
            record = shown(answer)
            if record and "FORGED" in (record["believes"]["subject"] or ""):
                found[readable(line)] = record["believes"]["subject"]
    application.new_records()
    return found


def readable(line: bytes) -> str:
    """A line as the table shows it."""
    return repr(line.removesuffix(b"\r\n").decode("latin-1"))[1:-1]


def markdown(columns: dict[str, dict[str, str]]) -> str:
    """One row a line that any application believes, one column an application."""
    lines = list(dict.fromkeys(line for found in columns.values() for line in found))
    rows = [["sent without a gate", *columns], ["---"] * (len(columns) + 1)]
    rows += [[code(line), *(code(repr(found[line])[1:-1]) if line in found else "" for found in columns.values())] for line in lines]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def code(text: str) -> str:
    """A cell that shows text as it is."""
    return "`` {} ``".format(text.replace("|", "\\|"))
