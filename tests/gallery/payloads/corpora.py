"""Requests that others have collected. They are not part of the project: `CLAIMGATE_VECTORS` says where they are."""

import json
import pathlib
import re

import yaml

from .payload import EVIL, FORGERIES, PROBE, TOKEN, Family, Maker, chunk

LINE_END = re.compile(rb"\r?\n")
HEAD_END = re.compile(rb"\r?\n(?=\r?\n)")


def add(maker: Maker, vectors: pathlib.Path) -> None:
    """All four collections, with a token put in so that they get past the gate."""
    folder = vectors / "http"
    for test in json.loads((folder / "http11probe.json").read_text())["tests"]:
        each_way(maker, Family.HTTP11PROBE, test["id"], test["raw_latin1"].encode("latin-1"))
    for test in json.loads((folder / "llhttp.json").read_text())["tests"]:
        each_way(maker, Family.LLHTTP, f"{test['file']} {test['title']}", test["raw_latin1"].encode("latin-1"))
    for file in sorted((folder / "http-desync-guardian").glob("*.yaml")):
        for test in yaml.safe_load(file.read_text()):
            each_way(maker, Family.GUARDIAN, f"{file.stem} {test['name']}", guardian(test))
    for name, line in json.loads((folder / "te-mutations.json").read_text())["mutations"].items():
        transfer_encoding(maker, name, line.encode("latin-1"))


def each_way(maker: Maker, family: Family, name: str, raw: bytes) -> None:
    """With token and forgeries after the request line, at the end of the head, and as they stand; followed by a smuggled request."""
    extra = PROBE + TOKEN + FORGERIES
    early, late = early_in_head(raw, extra), late_in_head(raw, extra)
    for place, changed in (("early", early), ("late", late)):
        if changed is not None:
            maker.add(family, f"{name}, {place}", changed)
            maker.add(family, f"{name}, {place}, smuggling", changed + EVIL)
    maker.add(family, f"{name}, no token", raw + EVIL)


def early_in_head(raw: bytes, lines: bytes) -> bytes | None:
    """`lines` after the request line; none without one."""
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    end = LINE_END.search(raw, start)
    return end and raw[: end.end()] + lines + raw[end.end() :]


def late_in_head(raw: bytes, lines: bytes) -> bytes | None:
    """`lines` before the empty line that ends the head; none without one."""
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    end = HEAD_END.search(raw, start)
    return end and raw[: end.end()] + lines + raw[end.end() :]


def guardian(test: dict) -> bytes:
    """A request of http-desync-guardian, which keeps the parts apart. A member that a test leaves out is the usual one."""
    parts = [str(test.get(part) or usual) for part, usual in (("method", "GET"), ("uri", "/"), ("version", "HTTP/1.1"))]
    lines = [" ".join(parts)]
    lines += [f"{header['name']}:{'' if str(header['value']).startswith(' ') else ' '}{header['value']}" for header in test.get("headers") or []]
    if not any(line.lower().startswith("host:") for line in lines):
        lines.insert(1, "Host: gallery")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def transfer_encoding(maker: Maker, name: str, line: bytes) -> None:
    """Both ways of disagreeing about a line: the body ends before the smuggled request, or it is inside of a chunk."""
    for way, length, body in (("CL.TE", len(b"0\r\n\r\n" + EVIL), b"0\r\n\r\n" + EVIL), ("TE.CL", 4, chunk(EVIL) + b"0\r\n\r\n")):
        head = b"POST /app/@NNN@ HTTP/1.1\r\n" + line + b"\r\nHost: gallery\r\n" + PROBE + TOKEN + FORGERIES + b"Content-Length: %d\r\n\r\n" % length
        maker.add(Family.TRANSFER_ENCODING, f"{name} {way}", head + body)
