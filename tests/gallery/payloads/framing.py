"""Rows S1 to S12 and S15: where one request ends and the next begins. S13 is about HTTP/2 and S14 about hostile applications: not here."""

from collections.abc import Iterator

from wire import PAUSE

from .payload import ANONYMOUS, EVIL, FORGERIES, PROBE, TOKEN, Family, Maker, chunk

METHODS = [b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"POST", b"PUT", b"PATCH", b"PROPFIND"]
END = b"0\r\n\r\n"
CL_VALUES = [b"+%d", b"-%d", b"0x%x", b"%d, %d", b"%d,%d", b"0%d", b" %d ", b"%d_0", b"%d.0", b"%de0", b"\x0b%d", b"%d\x00", b"'%d'", b"", b"18446744073709551616", b"99999999999999999999999", b"%d a", b"%d;"]
CHUNK_SIZES = [b"0x5", b"+5", b"-5", b"5_", b" 5", b"5 ", b"5\t", b"\t5", b"05", b"00000000000000000000005", b"5;a=b", b"5;a=\"b\r\nc\"", b"5;", b"5;a\rb", b"5;a\nb", b"5 ;a", b"ffffffffffffffff5", b"10000000000000005", b"", b"G", b"5\x00", b"5\x0b", b"5,5", b"5.0", b"\xef\xbc\x95"]
ENCODINGS = [
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: identity",
    b"Transfer-Encoding : chunked", b" Transfer-Encoding: chunked", b"X: y\r\n Transfer-Encoding: chunked", b"Transfer-Encoding:\x0bchunked", b"Transfer_Encoding: chunked", b"Transfer.Encoding: chunked", b"Transfer-Encoding: \"chunked\"",
    b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: ,chunked", b"Transfer-Encoding: chunked,", b"HTTP_TRANSFER_ENCODING: chunked", b"X: y\rTransfer-Encoding: chunked", b"X: y\nTransfer-Encoding: chunked",
]


def add(maker: Maker) -> None:
    """Each with a token; what an application without a token is reached by, on a public route too."""
    for row, raw in everything():
        maker.add(Family.FRAMING, f"{row} {raw[:60]!r}", raw)
        if TOKEN in raw:
            public = raw.replace(TOKEN, b"").replace(b"/app/", b"/public/")
            maker.add(Family.FRAMING, f"{row} public {raw[:60]!r}", public, identity=ANONYMOUS)
            maker.add(Family.FRAMING, f"{row} no token {raw[:60]!r}", raw.replace(TOKEN, b""))


def request(method: bytes, lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    """A request with a token and these lines, forged identity among them."""
    return method + b" /app/@NNN@ " + version + b"\r\nHost: gallery\r\n" + PROBE + TOKEN + FORGERIES + lines + b"\r\n" + body


def everything() -> Iterator[tuple[str, bytes]]:
    """Row and bytes."""
    for rows in (both_framings, encodings, lengths, bodies, expectations, lines, chunks, versions, hosts, upgrades, targets):
        for raw in rows():
            yield rows.__doc__ or "", raw


def both_framings() -> Iterator[bytes]:
    """S1"""
    for cl, te in ((b"Content-Length: %d\r\n", b"Transfer-Encoding: chunked\r\n"), (b"Content-Length: %d\r\n", b"transfer-encoding:chunked\r\n")):
        for swap in (False, True):
            for length, body in ((5, END + EVIL), (len(END + EVIL), END + EVIL), (3, chunk(EVIL) + END), (len(chunk(EVIL) + END), chunk(EVIL) + END), (0, END + EVIL), (6, END + b"G")):
                pair = (te, cl % length) if swap else (cl % length, te)
                yield request(b"POST", b"".join(pair), body)


def encodings() -> Iterator[bytes]:
    """S2"""
    for encoding in ENCODINGS:
        for body in (END + EVIL, chunk(EVIL) + END):
            yield request(b"POST", encoding + b"\r\n", body)
            yield request(b"POST", encoding + b"\r\nContent-Length: %d\r\n" % len(body), body)
            yield request(b"POST", b"Content-Length: 4\r\n" + encoding + b"\r\n", body)


def lengths() -> Iterator[bytes]:
    """S3"""
    for value in CL_VALUES:
        yield request(b"POST", b"Content-Length: " + (value % ((len(EVIL),) * value.count(b"%"))) + b"\r\n", EVIL)
    for first, second in ((0, len(EVIL)), (len(EVIL), 0), (len(EVIL), len(EVIL)), (5, 6)):
        yield request(b"POST", b"Content-Length: %d\r\nContent-Length: %d\r\n" % (first, second), EVIL)
        yield request(b"GET", b"Content-Length: %d\r\nContent_Length: %d\r\n" % (first, second), EVIL)
        yield request(b"POST", b"Content-Length: %d\r\nHTTP_CONTENT_LENGTH: %d\r\nContent.Length: %d\r\n" % (first, second, second), EVIL)


def bodies() -> Iterator[bytes]:
    """S4"""
    for method in METHODS:
        yield request(method, b"Content-Length: %d\r\n" % len(EVIL), EVIL)
        yield request(method, b"Transfer-Encoding: chunked\r\n", chunk(EVIL) + END)
        yield request(method, b"Transfer-Encoding: chunked\r\n", chunk(b"\r\n\r\n" + EVIL * 3) + END)
        # What comes after the head was handled, to a server that does not wait for bodies, is another request.
        yield request(method, b"Content-Length: %d\r\n" % len(EVIL), PAUSE + EVIL)
        yield request(method, b"Transfer-Encoding: chunked\r\n", PAUSE + chunk(EVIL) + END)
        yield request(method, b"Transfer-Encoding: chunked\r\n", PAUSE + chunk(b"\r\n") + PAUSE + chunk(EVIL) + PAUSE + END)
        yield request(method, b"Content-Length: 0\r\n", EVIL)
        yield request(method, b"", EVIL)
        # Long enough that an application answers before all of it has come.
        yield request(method, b"Content-Length: %d\r\n" % (300 * len(EVIL)), EVIL * 300)
        yield request(method, b"Transfer-Encoding: chunked\r\n", chunk(EVIL) * 300 + END)
        # A body that is announced and does not come, and one that comes in part.
        yield request(method, b"Content-Length: %d\r\n" % (len(EVIL) + 100), EVIL)
        yield request(method, b"Transfer-Encoding: chunked\r\n", chunk(EVIL))


def expectations() -> Iterator[bytes]:
    """S5"""
    for value in (b"100-continue", b"100-Continue", b"\t100-continue", b"y 100-continue", b"100-continue, 100-continue", b"200-ok", b""):
        for method in (b"POST", b"GET"):
            yield request(method, b"Expect: %s\r\nContent-Length: %d\r\n" % (value, len(EVIL)), EVIL)
            yield request(method, b"Expect: %s\r\nTransfer-Encoding: chunked\r\n" % value, chunk(EVIL) + END)
            yield request(method, b"Expect: %s\r\n" % value, EVIL)


def lines() -> Iterator[bytes]:
    """S6 S7"""
    for line in (b"X: a\r\n b\r\n", b"X : a\r\n", b"X\r\n", b" X: a\r\n", b": a\r\n", b"X: a\r\n\tX-Auth-Subject: FORGED\r\n", b"X: a\rX-Auth-Subject: FORGED\r\n", b"X: \x00\r\n", b"X: a\n\nGET /evil/@NNN@ HTTP/1.1\r\nHost: gallery\r\n", b"X: a\r\r\n", b"\rZGET /evil/@NNN@: HTTP/1.1\r\nHost: gallery\r\n", b"X: a\n", b"X: a\x0b\r\n", b"X(: a\r\n", b"\x00: a\r\n", b"X: a\r\n\r\n"):
        yield request(b"GET", line)
        yield request(b"POST", line + b"Content-Length: %d\r\n" % len(EVIL), EVIL)
        yield request(b"GET", line, EVIL)
    yield request(b"GET", b"", EVIL).replace(b"\r\n", b"\n")
    yield request(b"GET", b"", EVIL).replace(b"\r\n", b"\r")
    yield b"\r\n\r\n" + request(b"GET", b"", EVIL)


def chunks() -> Iterator[bytes]:
    """S8"""
    for size in CHUNK_SIZES:
        yield request(b"POST", b"Transfer-Encoding: chunked\r\n", size + b"\r\nABCDE\r\n" + END + EVIL)
        yield request(b"GET", b"Transfer-Encoding: chunked\r\n", size + b"\r\nABCDE\r\n" + END + EVIL)
    for body in (b"5\r\nABCDE" + END, b"5\r\nABCDEF\r\n" + END, b"5\nABCDE\n0\n\n", b"5\r\nABCDE\r\n0\r\nX: y\r\n\r\n", b"5\r\nABCDE\r\n0\r\n" + EVIL, b"0\r\nX-Auth-Subject: FORGED\r\n\r\n", b"5\r\nABCDEXX0\r\n\r\n", b"0\n\r\n", b"0\r\n\n", b"0;" + b"a" * 20000 + b"\r\n\r\n", b"5\r\nABCDE\r\n0\r\n" + b"X: y\r\n" * 200 + b"\r\n"):
        yield request(b"POST", b"Transfer-Encoding: chunked\r\n", body + EVIL)


def versions() -> Iterator[bytes]:
    """S9"""
    for version in (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/1.2", b"HTTP/1.32", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/11", b"HTTP /1.1", b"HTTP/01.1", b"HTTP/1.10", b"ICE/1.0", b"", b"HTTP/1.1 HTTP/1.0"):
        yield request(b"GET", b"", EVIL, version)
        yield request(b"POST", b"Transfer-Encoding: chunked\r\n", chunk(EVIL) + END, version)
        yield request(b"POST", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", END + EVIL, version)
        yield request(b"POST", b"Connection: keep-alive\r\nContent-Length: %d\r\n" % len(EVIL), EVIL, version)
    yield b"GET /app/@NNN@\r\n" + EVIL


def hosts() -> Iterator[bytes]:
    """S10"""
    for host in (b"", b"Host: \r\n", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nHost: a\r\n", b"Host: a@b\r\n", b"Host: a b\r\n", b"Host: a/b\r\n", b"Host: a, b\r\n", b"Host: a:99999\r\n", b"Host : a\r\n", b"Host: [::1\r\n", b"Host: \x00\r\n", b"HOST: a\r\nX_Host: b\r\nHTTP_HOST: b\r\n", b"Host: a#b\r\n", b"Host: other.example\r\nX-Forwarded-Host: FORGED\r\n"):
        yield request(b"GET", b"").replace(b"Host: gallery\r\n", host)
    for target in (b"http://gallery/app/@NNN@", b"http://other/app/@NNN@", b"http://user@gallery/app/@NNN@", b"https://gallery/app/@NNN@", b"HTTP://gallery/app/@NNN@", b"http:///app/@NNN@", b"gopher://gallery/app/@NNN@", b"//gallery/app/@NNN@"):
        yield request(b"GET", b"").replace(b"/app/@NNN@", target, 1)


def upgrades() -> Iterator[bytes]:
    """S11 S12"""
    for upgrade in (b"websocket", b"h2c", b"WebSocket", b"TLS/1.0", b"websocket, h2c", b"", b"HTTP/2.0"):
        yield request(b"GET", b"Upgrade: %s\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" % upgrade, EVIL)
        yield request(b"GET", b"Upgrade: %s\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n" % upgrade, EVIL)
        yield request(b"POST", b"Upgrade: %s\r\nConnection: Upgrade\r\nContent-Length: %d\r\n" % (upgrade, len(EVIL)), EVIL)
    yield request(b"CONNECT", b"", EVIL)
    yield request(b"CONNECT", b"", EVIL).replace(b"/app/@NNN@", b"gallery:80", 1)
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def targets() -> Iterator[bytes]:
    """S15"""
    for method in (b"G\x00T", b"GE T", b"get", b"GET\t", b" GET", b"G=T", b"", b"TRACE", b"TRACK", b"X" * 300, b"G\xc3\x89T"):
        yield request(method, b"Max-Forwards: 0\r\n", EVIL)
    for target in (b"*", b"app/@NNN@", b"", b"/app/@NNN@ x", b"/app/@NNN@\tx", b"/app/@NNN@\x00", b"/app/@NNN@\x0d", b"/app/@NNN@#x", b"/app/@NNN@?a b", b"/app/@NNN@?" + b"a" * 9000, b"/app/@NNN@?\xff", b"/app/@NNN@?%0d%0aX-Auth-Subject:%20x", b"/app/@NNN@%0d%0aX-Auth-Subject:%20x", b"/app/@NNN@%20HTTP/1.1%0d%0aX: y"):
        yield request(b"GET", b"").replace(b"/app/@NNN@", target, 1)
        yield request(b"OPTIONS", b"", EVIL).replace(b"/app/@NNN@", target, 1)
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(64))
