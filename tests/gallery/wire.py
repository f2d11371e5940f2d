"""Bytes sent as they stand, and the answers that come back."""

import asyncio
from dataclasses import dataclass, field

PATIENCE_SECONDS = 1.0
"""For the first answer. A payload that the gate waits for the rest of gets none."""
GRACE_SECONDS = 0.02
"""For what else comes after the first answer: the answer to a second request."""
CLOSE_SECONDS = 1.0
"""For the gate to close after the client closed its half."""
PAUSE = b"@PAUSE@"
"""In a payload: what follows is sent a little later."""
PAUSE_SECONDS = 0.1
"""Long enough for an application to answer a head whose body it does not wait for."""
CLEAN_SECONDS = 20.0
"""For the answer to a request that must be answered."""


@dataclass
class Answer:
    """One final answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Exchange:
    """Everything that came back on one connection."""

    answers: list[Answer] = field(default_factory=list)
    interim: int = 0
    """1xx before them."""


async def send(port: int, raw: bytes, patience: float = PATIENCE_SECONDS) -> Exchange:
    """Sends a payload on a connection of its own, and reads until the gate closes or has had its time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    first, *later = raw.split(PAUSE)
    head_only = raw.lstrip(b"\r\n").startswith(b"HEAD ")
    data = b""
    try:
        writer.write(first)
        for piece in later:
            await asyncio.sleep(PAUSE_SECONDS)
            writer.write(piece)
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while not (exchange := parse(data, head_only)).answers:
            piece = await asyncio.wait_for(reader.read(65536), max(end - loop.time(), 0.001))
            if not piece:
                return parse(data, head_only, closed=True)
            data += piece
        if "close" not in exchange.answers[-1].headers.get("connection", "").lower():
            piece = await asyncio.wait_for(reader.read(65536), GRACE_SECONDS)
            data += piece
    except (TimeoutError, asyncio.TimeoutError):
        pass
    except OSError:
        return parse(data, head_only, closed=True)
    try:
        writer.write_eof()
        end = asyncio.get_running_loop().time() + CLOSE_SECONDS
        while piece := await asyncio.wait_for(reader.read(65536), max(end - asyncio.get_running_loop().time(), 0.001)):
            data += piece
    except (TimeoutError, asyncio.TimeoutError, OSError):
        pass
    finally:
        writer.close()
    return parse(data, head_only, closed=True)


def parse(data: bytes, head_only: bool, closed: bool = False) -> Exchange:
    """The complete answers in `data`; the gate's and the application's are well-formed, or the rest counts as none."""
    exchange = Exchange()
    while True:
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            return exchange
        first, *lines = head.decode("latin-1").split("\r\n")
        try:
            status = int(first.split(" ")[1])
        except (IndexError, ValueError):
            return exchange
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if 100 <= status < 200 and status != 101:
            exchange.interim += 1
            data = rest
            continue
        if head_only or status in (101, 204, 304):
            body, data = b"", rest
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            whole = dechunked(rest)
            if whole is None:
                return exchange
            body, data = whole
        elif "content-length" in headers:
            length = int(headers["content-length"])
            if len(rest) < length:
                return exchange
            body, data = rest[:length], rest[length:]
        elif closed:
            body, data = rest, b""
        else:
            return exchange
        exchange.answers.append(Answer(status, headers, body))


def dechunked(data: bytes) -> tuple[bytes, bytes] | None:
    """A chunked body and what follows it, or None while it is not complete."""
    body = b""
    while True:
        size, found, data = data.partition(b"\r\n")
        if not found:
            return None
        length = int(size.split(b";")[0], 16)
        if length == 0:
            _, found, data = data.partition(b"\r\n")
            return (body, data) if found else None
        if len(data) < length + 2:
            return None
        body, data = body + data[:length], data[length + 2 :]
