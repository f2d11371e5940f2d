"""Rows H7 to H11 and H15: verified claims that could become something else on their way into a header."""

from tokens import identity_of

from .payload import PROBE, TOKEN, Family, Maker

REQUEST = b"GET /app/@NNN@ HTTP/1.1\r\nHost: gallery\r\n" + PROBE + TOKEN + b"X-Auth-Email: FORGED\r\nX-Auth-Name: FORGED\r\nX-Auth-Groups: FORGED\r\n\r\n"

# A control character in a claim refuses the request: nothing of it reaches the application.
CONTROLS = ["a\r\nX-Auth-Roles: admin", "a\nX-Auth-Roles: admin", "a\rb", "a\x00b", "a\tb", "a\x1b[31mb", "\x7f", "a\x0bb", "a\r\n\r\nGET /evil HTTP/1.1\r\nHost: gallery\r\n\r\n"]

# What the application gets instead, each in one way only: percent-encoded, and a comma inside a group is not one between groups.
NAMES = {
    "José": "Jos%C3%A9", "иван": "%D0%B8%D0%B2%D0%B0%D0%BD", "🐘": "%F0%9F%90%98", "瘍瘊": "%E7%98%8D%E7%98%8A", "%41": "%2541", " edge ": "%20edge%20",
    "a,b": "a,b", "a;b=c": "a;b=c", '"quoted"': '"quoted"', "a\u0085b": None, "a\u2028b": "a%E2%80%A8b", "a\u00a0b": "a%C2%A0b", "<script>": "<script>", "${jndi:ldap://x}": "${jndi:ldap://x}",
}
GROUPS: list[tuple[list[str], str | None]] = [
    (["a,admin"], "a%2Cadmin"), (["a", "admin"], "a,admin"), (["a%2Cadmin"], "a%252Cadmin"), ([" a"], "%20a"), ([""], None), ([], None), (["a\r\nX-Auth-Roles: admin"], None),
    (["ü", "a b"], "%C3%BC,a b"), ([f"group-{number}" for number in range(5000)], None),
]


def add(maker: Maker) -> None:
    """One claim at a time, in a good token."""
    for claim, header in (("sub", "x_auth_subject"), ("name", "x_auth_name"), ("preferred_username", "x_auth_username")):
        for value in CONTROLS:
            # `identity` is never compared: anything that arrives under this number is a forgery, as the value would be cut or changed.
            one(maker, f"H7 {claim} {value!r}", {claim: value}, {header: "refused"})
        for value, written in NAMES.items():
            one(maker, f"H8 {claim} {value!r}", {claim: value}, {header: written or "refused"})
    for groups, written in GROUPS:
        one(maker, f"H9 H10 groups {str(groups)[:40]}", {"groups": groups}, {} if written is None else {"x_auth_groups": written})
    one(maker, "H11 no claims", {"roles": None}, {"x_auth_roles": None})
    one(maker, "H11 empty claims", {"roles": [], "name": ""}, {"x_auth_roles": None})
    one(maker, "H11 an e-mail address that nobody verified", {"email": "root@example.com"}, {})
    one(maker, "H11 a verified e-mail address", {"email": "a@example.com", "email_verified": True}, {"x_auth_email": "a@example.com"})
    one(maker, "H10 one claim of 60 KiB", {"name": "x" * 61440}, {"x_auth_name": "refused"})
    for value in CONTROLS:
        raw = b"GET /app/@NNN@ HTTP/1.1\r\nHost: gallery\r\n" + PROBE + b"User-Agent: %s\r\n" % value.encode() + TOKEN + b"\r\n"
        maker.add(Family.CLAIMS, f"H15 User-Agent {value!r}", raw)


def one(maker: Maker, name: str, claims: dict[str, object], headers: dict[str, str | None]) -> None:
    """A request whose token has these claims, which lead to these headers besides the usual."""
    identity = identity_of("probe-@NNN@") | headers
    if "sub" in claims:
        claims = {"subject": claims["sub"]}
    maker.add(Family.CLAIMS, name, REQUEST, claims, {header: value for header, value in identity.items() if value is not None})
