"""A payload: the bytes, and what may come of them."""

import enum
from dataclasses import dataclass

from tokens import Issuer, identity_of

FORGED = "FORGED"
"""The value of everything that no token says: where an application shows it, a forgery has arrived."""


class Family(enum.Enum):
    """What the table counts together."""

    HEADERS = "H: forged identity headers"
    HEADERS_LENIENT = "H: the same, `underscores: keep`"
    CLAIMS = "H: claims that are hard to carry"
    FRAMING = "S: framing"
    HTTP11PROBE = "S: Http11Probe"
    LLHTTP = "S: llhttp"
    GUARDIAN = "S: http-desync-guardian"
    TRANSFER_ENCODING = "S: smuggler's Transfer-Encoding lines"
    PATHS = "P: paths"
    PATHS_LENIENT = "P: the same, ambiguous ones allowed"
    STRAY = "T: tokens in other places"


LENIENT = {Family.HEADERS_LENIENT, Family.PATHS_LENIENT, Family.STRAY}
"""The families that go through the gate with everything loosened."""


@dataclass(frozen=True)
class Payload:
    """One connection's worth of bytes."""

    number: str
    """Five digits; `X-Probe` carries it, and the token's subject."""
    family: Family
    name: str
    raw: bytes
    identity: dict[str, str] | None
    """What the application must believe, if the request reaches it: folded names of headers. None: it must not reach it."""


class Maker:
    """Numbers payloads and puts their tokens in."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.payloads: list[Payload] = []

    def add(self, family: Family, name: str, raw: bytes, claims: dict[str, object] | None = None, identity: dict[str, str] | None = None) -> None:
        """`@NNN@` becomes the payload's number, which is as long; `@T@` its token with `claims`, `@X@` one with a wrong signature.

        Without `identity`, a payload with a token may reach the application as the token's subject, and one without must not.
        """
        number = f"{len(self.payloads):05}"
        subject = f"probe-{number}"
        if identity is None and b"@T@" in raw:
            identity = identity_of(subject)
        if b"@T@" in raw:
            raw = raw.replace(b"@T@", self.issuer.token(**({"subject": subject} | (claims or {}))).encode())
        if b"@X@" in raw:
            raw = raw.replace(b"@X@", self.issuer.foreign_token(FORGED).encode())
        if identity is not None:
            identity = {header: value.replace("@NNN@", number) for header, value in identity.items()}
        self.payloads.append(Payload(number, family, name, raw.replace(b"@NNN@", number.encode()), identity))


ANONYMOUS: dict[str, str] = {}
"""The identity of a request to a public route: none."""

TOKEN = b"Authorization: Bearer @T@\r\n"
PROBE = b"X-Probe: @NNN@\r\n"
FORGERIES = b"X-Auth-Subject: FORGED\r\nX-Auth-Roles: admin,FORGED\r\nX_Auth_Subject: FORGED\r\nRemote-User: FORGED\r\n"
EVIL = b"GET /evil/@NNN@ HTTP/1.1\r\nHost: gallery\r\n" + PROBE + FORGERIES + b"\r\n"
"""What is smuggled: it has no token, so that the gate that sees it as a request refuses it."""


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)
