"""What an application's record of a request says about the gate."""

import re
import urllib.parse
from collections.abc import Callable, Iterable

from payloads.payload import ANONYMOUS, FORGED, Family, Payload
from tokens import ROLES

NAMES = {
    "x_auth_subject", "x_auth_issuer", "x_auth_username", "x_auth_email", "x_auth_name", "x_auth_groups", "x_auth_roles", "x_auth_scope", "x_auth_tenant", "x_auth_groups_overage",
    "remote_user", "forwarded", "x_real_ip", "true_client_ip", "x_client_ip", "x_original_url", "x_original_uri", "x_rewrite_url", "x_http_method", "x_http_method_override", "x_method_override",
    "cf_access_jwt_assertion", "x_goog_iap_jwt_assertion", "proxy", "proxy_authorization", "proxy_connection",
}
PREFIXES = ("x_forwarded_", "x_ssl_client_", "x_amzn_oidc_", "cf_access_authenticated_user_", "x_goog_authenticated_user_", "x_ms_client_principal")
CONNECTION = {"x_forwarded_for": "127.0.0.1", "x_forwarded_proto": "http"}
"""What the gate says of the connection, on every request."""
PATHS = {Family.PATHS, Family.PATHS_LENIENT}
SIGNS = re.compile(r"[^a-z0-9]+")
CGI_PREFIX = re.compile(r"^(redirect_)*(http_)+")
# Of the server, not of the request's headers.
SERVERS_OWN = {"redirect_status", "redirect_uri", "redirect_url"}


def fold(name: str) -> str:
    """In the widest way that any application does: CGI's prefix off, every run of other signs one `_`."""
    return CGI_PREFIX.sub("", SIGNS.sub("_", name.lower()).strip("_"))


def number_of(record: dict) -> str | None:
    """Which payload, or clean request, this is of."""
    for name, value in record["variables"]:
        if fold(name) == "x_probe":
            return value
    return None


def forgeries(record: dict, identity: dict[str, str] | None) -> list[str]:
    """Everything that the application believes and no token said."""
    if identity is None:
        return ["a request that nothing admits reached the application"]
    expected = identity | CONNECTION
    found: dict[str, list[str]] = {}
    wrong = []
    for name, value in record["variables"]:
        folded = fold(name)
        if (folded in NAMES or folded.startswith(PREFIXES)) and folded not in SERVERS_OWN and (name, value) != ("REMOTE_USER", ""):
            found.setdefault(folded, []).append(value)
        elif FORGED in f"{name}{value}" and not folded.endswith(("uri", "url", "host")):
            wrong.append(f"{name}: {value!r}")
    # A server may tell the same thing twice under two names; an application that sees two values may believe either.
    for folded, values in found.items():
        if folded == "x_forwarded_host" and FORGED not in values[0]:
            continue
        if len(values) != 1 or values[0] != expected.get(folded):
            wrong.append(f"{folded}: {values} instead of {expected.get(folded)!r}")
    wrong += [f"{folded} is missing" for folded in expected if folded not in found]
    believed = record["believes"]
    for what, value in (("subject", identity.get("x_auth_subject")), ("roles", identity.get("x_auth_roles")), ("user", None)):
        if (believed[what] or None) != value:
            wrong.append(f"believed {what}: {believed[what]!r} instead of {value!r}")
    return wrong + tokens_in(record)


def tokens_in(record: dict) -> list[str]:
    """Tokens where the gate looks for them, as the application reads those places. It forwards none."""
    found = [("cookie", value) for name, value in record["cookies"] if name == "id_token"]
    found += [("parameter", value) for name, value in record["parameters"] if name == "access_token"]
    found += [("header", value) for name, value in record["variables"] if fold(name) == "authorization" and value.strip().lower().startswith("bearer")]
    return [f"a token as {where}: {value[:40]!r}" for where, value in found if "eyJ" in value or FORGED in value]


def is_evil(record: dict) -> bool:
    """Whether this is the request that was smuggled."""
    return "/evil" in record["path"]


def entitled(payload: Payload, record: dict) -> dict[str, str] | None:
    """Who may be believed. What an application serves below `/public`, however it reads the path, it serves to nobody in particular, token or not."""
    if payload.family in PATHS and below("/public", record, all):
        return ANONYMOUS
    return payload.identity


def reaches_admin(payload: Payload, record: dict) -> bool:
    """Whether the application may take this for a request of `/admin`, in any reading of the path that it believes in. No payload's token has the role."""
    assert "admin" not in ROLES
    return payload.family in PATHS and below("/admin", record, any)


def below(folder: str, record: dict, which: Callable[[Iterable[bool]], bool]) -> bool:
    """Whether any or all readings of the path are this one, or below it."""
    return which(reading == folder or reading.startswith(f"{folder}/") for reading in readings(record["path"]))


def readings(path: str) -> set[str]:
    """The path, decoded, and without parameters, dot segments and empty segments."""
    read = {path, urllib.parse.unquote(path, "latin-1")}
    read |= {re.sub(r";[^/]*", "", reading) for reading in read}
    return read | {resolved(reading) for reading in read}


def resolved(path: str) -> str:
    """As RFC 3986 §5.2.4 does it, with backslashes for slashes and runs of them merged."""
    kept: list[str] = []
    for segment in re.split(r"[/\\]+", path):
        if segment == "..":
            kept[-1:] = []
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept)
