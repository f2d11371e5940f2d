"""Rows H1, H2, H3, H5, H6, H12 and H13: identity that a client says it has."""

from collections.abc import Iterator

from .payload import ANONYMOUS, PROBE, TOKEN, Family, Maker

IDENTITY = [
    "X-Auth-Subject", "X-Auth-Issuer", "X-Auth-Username", "X-Auth-Email", "X-Auth-Name",
    "X-Auth-Groups", "X-Auth-Roles", "X-Auth-Scope", "X-Auth-Tenant", "X-Auth-Groups-Overage", "Remote-User",
]
OTHERS = [
    "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-User",
    "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Real-IP", "True-Client-IP", "X-Client-IP",
    "X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override", "X-SSL-Client-Cert",
    "X-SSL-Client-Verify", "X-SSL-Client-S-DN", "X-Amzn-Oidc-Identity", "X-Amzn-Oidc-Data", "Cf-Access-Jwt-Assertion",
    "Cf-Access-Authenticated-User-Email", "X-Goog-Iap-Jwt-Assertion", "X-Goog-Authenticated-User-Email", "X-MS-Client-Principal",
    "X-MS-Client-Principal-Name", "Proxy", "Proxy-Authorization", "Proxy-Connection",
]
# Every sign that a header's name may have besides letters and digits (RFC 9110 §5.6.2).
SIGNS = "!#$%&'*+.^_`|~"


def spellings(name: str) -> Iterator[bytes]:
    """The header line, in every way that something folds, trims, joins or misreads onto `name`."""
    last = name.rsplit("-", 1)
    folded = name.replace("-", "_")
    names = [name, name.lower(), name.upper(), name.swapcase(), folded, folded.upper(), folded.lower(), f"HTTP_{folded.upper()}", f"HTTP-{name}", f"http_{name}"]
    names += [f"-{name}", f"_{name}", f"{name}-", f"{name}_", name.replace("-", "--"), name.replace("-", "-_"), "_".join(last)]
    names += [name.replace("-", sign) for sign in SIGNS if sign != "_"] + [f"{name}{sign}" for sign in SIGNS if sign != "_"]
    for spelling in dict.fromkeys(names):
        yield f"{spelling}: FORGED\r\n".encode()
    raw = name.encode()
    yield b"%s: FORGED\r\n%s: FORGED2\r\n" % (raw, raw)
    yield b"%s: FORGED, FORGED2\r\n" % raw
    yield b"%s:FORGED\r\n" % raw
    yield b"%s:\tFORGED \t\r\n" % raw
    yield b"%s : FORGED\r\n" % raw
    yield b"%s\t: FORGED\r\n" % raw
    yield b" %s: FORGED\r\n" % raw
    yield b"%s: FORGED\n" % raw
    yield b"X-Harmless: a\n%s: FORGED\r\n" % raw
    yield b"X-Harmless: a\r%s: FORGED\r\n" % raw
    yield b"X-Harmless: a\r\n %s: FORGED\r\n" % raw
    yield b"X-Harmless: a\x00\r\n%s: FORGED\r\n" % raw
    yield b"%s\x00: FORGED\r\n" % raw
    yield b"%s\xa0: FORGED\r\n" % raw
    yield b"%s: FORGED\r\n" % raw.replace(b"-", b"\xad")
    yield b"%s: FORGED\r\n" % raw.replace(b"-", b"\xe2\x80\x90")
    yield b"%s: FORGED\r\n" % raw.replace(b"-", b" ")
    yield b"%s;: FORGED\r\n" % raw
    yield b"%s:: FORGED\r\n" % raw
    yield b"%s: \xff\xfeFORGED\r\n" % raw


def add(maker: Maker) -> None:
    """Each spelling with a token, without one, and on a public route; through the gate as it comes and through the loosened one."""
    for family in (Family.HEADERS, Family.HEADERS_LENIENT):
        for name in IDENTITY:
            for line in spellings(name):
                with_each_credential(maker, family, "H1 H2 H3", line)
        for place, name in enumerate(OTHERS):
            for turn, line in enumerate(spellings(name)):
                # One of the three in turn: the names are many, and all are stripped at the same place.
                one_credential(maker, family, "H12 H13", line, (place + turn) % 3)
        for line in nominations():
            with_each_credential(maker, family, "H5", line)
        for head, tail in trailers():
            with_each_credential(maker, family, "H6", head, b"POST", tail)


def nominations() -> Iterator[bytes]:
    """`Connection` that takes identity away, or lets it through."""
    for named in [*IDENTITY[:3], "Remote-User", "x_auth_subject", "X-Forwarded-For", "Authorization", "Host", "Content-Length", "Transfer-Encoding", "Cookie", "X-Harmless"]:
        for value in (f"close, {named}", named.lower(), f"keep-alive,{named},", f'"{named}"'):
            yield f"Connection: {value}\r\nX-Auth-Roles: FORGED\r\n".encode()
        yield f"Connection: keep-alive\r\nConnection: {named}\r\nX-Auth-Subject: FORGED\r\n".encode()
        yield f"Proxy-Connection: {named}\r\nKeep-Alive: {named}\r\nX-Auth-Subject: FORGED\r\n".encode()


def trailers() -> Iterator[tuple[bytes, bytes]]:
    """Identity after the body, with and without a `Trailer` that announces it."""
    for name in (b"X-Auth-Subject", b"X-Auth-Roles", b"X-Auth-Email", b"Remote-User", b"X_Auth_Subject", b"X-Forwarded-For"):
        for announced in (b"", b"Trailer: %s\r\n" % name, b"TE: trailers\r\nTrailer: %s\r\n" % name, b"Connection: TE\r\nTE: trailers\r\n"):
            for tail in (b"%s: FORGED\r\n" % name, b"Authorization: Bearer FORGED\r\n%s: FORGED\r\n%s: FORGED\r\n" % (name, name), b"X: y\n%s: FORGED\r\n" % name):
                yield b"Transfer-Encoding: chunked\r\n" + announced, b"1\r\nZ\r\n0\r\n" + tail + b"\r\n"


def with_each_credential(maker: Maker, family: Family, row: str, line: bytes, method: bytes = b"GET", body: bytes = b"") -> None:
    """With a token, without, and on a public route."""
    for which in range(3):
        one_credential(maker, family, row, line, which, method, body)


def one_credential(maker: Maker, family: Family, row: str, line: bytes, which: int, method: bytes = b"GET", body: bytes = b"") -> None:
    """0: a token, after the forgery in one half of the cases; 1: none; 2: a public route."""
    path = b"/public/@NNN@" if which == 2 else b"/app/@NNN@"
    credential = TOKEN if which == 0 else b""
    first, last = (credential, line) if len(maker.payloads) % 2 else (line, credential)
    raw = b"%s %s HTTP/1.1\r\nHost: gallery\r\n" % (method, path) + PROBE + first + last + b"\r\n" + body
    name = f"{row} {('token', 'no token', 'public')[which]} {line!r}"
    maker.add(family, name, raw, identity=ANONYMOUS if which == 2 else None)
