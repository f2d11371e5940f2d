"""The ways in which the gate and the other verifiers differ, each with its name, its rule and its reason.

A rule is as narrow as the difference: the gate's own reason, and what an independent look finds in the token.
"""

from dataclasses import dataclass
from typing import Callable

from keys import NOW, POLICIES
from look import DEEPEST, LONGEST_KID, Literal, Look, Part

TIMES = ("exp", "nbf", "iat")


@dataclass
class Stricter:
    """The gate refuses, others do not."""

    name: str
    # The gate's reason.
    reason: str
    rule: Callable[[Look], bool]
    why: str
    # Whatever has this is refused, not only what others allow: then no token that the gate allows may have it.
    always: bool = True


@dataclass
class Laxer:
    """The gate allows, one of them does not: a limit of its own."""

    name: str
    verifiers: tuple[str, ...]
    # What its error says.
    error: str
    rule: Callable[[Look], bool]
    why: str


def _type(look: Look) -> str:
    typ = look.header.get("typ") if look.header.has("typ") else "JWT"
    return typ.lower().removeprefix("application/") if isinstance(typ, str) else ""


def _accepted_types(look: Look) -> list[str]:
    return POLICIES[look.policy].get("token_types", ["jwt", "at+jwt"])


def _is_text(value) -> bool:
    return isinstance(value, str) and not isinstance(value, Literal)


def _bad_audience(value) -> bool:
    return not (_is_text(value) or isinstance(value, list) and all(map(_is_text, value)))


def _bad_time(look: Look) -> bool:
    return any(look.claims.has(name) and not (isinstance(look.claims.get(name), Literal) and look.claims.get(name).is_time) for name in TIMES)


def _named(look: Look) -> bool:
    return not look.header.has("kid") and (look.header.has("x5t") or look.header.has("x5t#S256"))


def _leeway(look: Look) -> int:
    return POLICIES[look.policy]["leeway"]


def _time(look: Look, name: str) -> float | None:
    value = look.claims.get(name)
    return float(value) if isinstance(value, Literal) and value.is_time else None


def _has_fraction(look: Look, *names: str) -> bool:
    return any(isinstance(look.claims.get(name), Literal) and look.claims.get(name).is_time and not look.claims.get(name).is_whole for name in names)


def _odd_json(part: Part) -> bool:
    return part.has_mark or not part.is_utf8 or part.duplicate or part.depth > DEEPEST or part.lone_surrogate or part.number_beyond_bounds or part.constant


def _sealed(rule: Callable[[Part], bool]) -> Callable[[Look], bool]:
    """A rule about the header of the envelope."""
    return lambda look: look.envelope is not None and rule(look.envelope)


def _content(part: Part) -> str:
    return str(part.get("cty")).lower().removeprefix("application/") if part.has("cty") else "jwt"


def _names_another_key(part: Part) -> bool:
    """The `kid` of an envelope that no private key has, or one that cannot open it."""
    alg = str(part.get("alg"))
    epk = part.get("epk")
    curve = epk.get("crv") if isinstance(epk, dict) else None
    fitting = {"R": "seal", "E": "seal x" if curve == "X25519" else "seal ec"}.get(alg[:1], "seal oct")
    return part.has("kid") and part.get("kid") != fitting


STRICTER = [
    Stricter(
        "longer than `token.max_bytes`", "token_too_large",
        lambda look: len(look.sent) > 16 * 1024,
        "What is looked at is bounded before it is looked at.",
    ),
    Stricter(
        "padded base64url", "malformed_token",
        lambda look: look.is_padded,
        "RFC 7515 §2: base64url without padding. A token has one spelling, or logs, caches and revocation lists see two.",
    ),
    Stricter(
        "a character outside base64url", "malformed_token",
        lambda look: not look.alphabet_is_strict,
        "White space, line ends, the plain alphabet and junk are no base64url (RFC 7515 §2); who skips them reads another token than who does not.",
    ),
    Stricter(
        "bits that mean nothing in a last character", "malformed_token",
        lambda look: look.has_trailing_bits,
        "RFC 4648 §3.5: one text for one byte string. The signature covers the text of header and payload, but not its own.",
    ),
    Stricter(
        "a byte order mark", "malformed_token",
        lambda look: look.either(lambda part: part.has_mark),
        "RFC 8259 §8.1: none may be added.",
    ),
    Stricter(
        "not UTF-8", "malformed_token",
        lambda look: look.either(lambda part: not part.is_utf8),
        "RFC 7519 §7.2: UTF-8. Others guess UTF-16 or UTF-32, or put U+FFFD for what they cannot read: then two names are one.",
    ),
    Stricter(
        "a duplicate member", "malformed_token",
        lambda look: look.either(lambda part: part.duplicate),
        "RFC 7519 §4 allows to refuse them: who takes the first and who takes the last see two identities under one signature.",
    ),
    Stricter(
        f"nested deeper than {DEEPEST}", "malformed_token",
        lambda look: look.either(lambda part: part.depth > DEEPEST),
        "No issuer nests so deep; a stack is not for a client to fill.",
    ),
    Stricter(
        "a lone surrogate", "malformed_token",
        lambda look: look.either(lambda part: part.lone_surrogate),
        "It is no text (RFC 8259 §8.2): whatever an application gets for it is made up.",
    ),
    Stricter(
        "a number that nobody can hold, or none", "malformed_token",
        lambda look: look.either(lambda part: part.number_beyond_bounds or part.constant),
        "`NaN` and `Infinity` are no JSON; a number of thousands of digits is work that a client makes for free.",
    ),
    Stricter(
        "a `kid`, `typ` or `x5t` that is no string", "malformed_token",
        lambda look: any(look.header.has(name) and not _is_text(look.header.get(name)) for name in ("kid", "typ", "x5t", "x5t#S256")),
        "RFC 7515 §4.1: they are strings. One of another type is not an absent one.",
    ),
    Stricter(
        f"a `kid` of more than {LONGEST_KID} bytes", "malformed_token",
        lambda look: _is_text(look.header.get("kid")) and len(look.header.get("kid").encode("utf-8", "surrogatepass")) > LONGEST_KID,
        "It is looked up and logged: a name has a bound.",
    ),
    Stricter(
        "a time that is no time", "malformed_token", _bad_time,
        "RFC 7519 §2: a number. Strings, booleans, null and what is before 1970 or after 9999 are not read as a time, nor as none.",
    ),
    Stricter(
        "a `sub` or `jti` that is no string", "malformed_token",
        lambda look: any(look.claims.has(name) and not _is_text(look.claims.get(name)) for name in ("sub", "jti")),
        "RFC 7519 §4.1.2, §4.1.7: strings. An application that gets a number for a name compares it as it likes.",
    ),
    Stricter(
        "an `aud` that is not a string or strings", "malformed_token",
        lambda look: look.claims.has("aud") and _bad_audience(look.claims.get("aud")),
        "RFC 7519 §4.1.3; an array is refused for any element that is none, also beside one that fits.",
    ),
    Stricter(
        "`crit`", "unsupported_critical_header",
        lambda look: look.header.has("crit"),
        "Whatever it holds: the gate knows no extension, and an empty list or a wrong type is forbidden (RFC 7515 §4.1.11).",
    ),
    Stricter(
        "`b64`", "unsupported_critical_header",
        lambda look: look.header.has("b64"),
        "RFC 7797 §7: JWTs must not use it, with `crit` or without.",
    ),
    Stricter(
        "`typ` outside `token_types`", "token_type_not_allowed",
        lambda look: _type(look) not in _accepted_types(look),
        "RFC 8725 §3.11: a logout token or a DPoP proof of the same issuer is no access token. Most have no word for it, or no list.",
    ),
    Stricter(
        "`cty`", "token_type_not_allowed",
        lambda look: look.header.has("cty"),
        "It says that the payload is not claims but another token (RFC 7519 §5.2).",
    ),
    Stricter(
        "named by a thumbprint that no key has", "unknown_key", _named,
        "Without `kid`, `x5t` and `x5t#S256` name the key; others do not read them, and try keys that the token does not mean.",
        always=False,
    ),
    Stricter(
        "named by the thumbprint of another key", "bad_signature", _named,
        "As above: the key that is named did not sign.",
        always=False,
    ),
    Stricter(
        "named by the thumbprint of a key for another algorithm", "algorithm_not_allowed", _named,
        "As above: the key that is named cannot sign so.",
        always=False,
    ),
    Stricter(
        "`alg` of another kind of key", "algorithm_not_allowed",
        lambda look: look.header.get("alg") in ("EdDSA", "ES256") and look.header.get("kid") == "plain",
        "RFC 8725 §3.1: of a key without `alg` aws-jwt-verify takes whatever the key does with that hash: a signature by RSA under the name of `ES256` or `EdDSA`.",
    ),
    Stricter(
        "a key that is not for signatures, or too weak", "unknown_key",
        lambda look: look.policy == "main" and look.header.get("kid") in ("enc", "ops", "weak"),
        "`use: enc`, `key_ops` without `verify` (RFC 7517 §4.2, §4.3), and RSA below 2048 bits (RFC 7518 §3.3): such a key is skipped when it is loaded.",
    ),
    Stricter(
        "by such a key, without `kid`", "bad_signature",
        lambda look: not look.header.has("kid") and look.is_signed_by("enc", "ops", "weak"),
        "As above: it is not among the keys that are tried.",
    ),
    Stricter(
        "an RSA signature without its leading zero", "bad_signature",
        lambda look: str(look.header.get("alg"))[:2] in ("RS", "PS") and len(look.signature) == 255,
        "RFC 8017 §8.1.2, §8.2.2: as long as the modulus. OpenSSL puts the zero back, so that a token has two spellings.",
    ),
    Stricter(
        "`iat` in the future", "issued_in_future",
        lambda look: int(_time(look, "iat") or 0) > NOW + _leeway(look),
        "A token of tomorrow is forged, or the clocks are wrong beyond the leeway.",
    ),
    Stricter(
        "expired in this very second", "token_expired",
        lambda look: 0 <= NOW - _leeway(look) - _time(look, "exp") < 1 or _has_fraction(look, "exp") and 0 < _time(look, "exp") - (NOW - _leeway(look)) < 1,
        "RFC 7519 §4.1.4: not on `exp` nor after it. Fractions of a second are cut off.",
    ),
    Stricter(
        "compressed and encrypted", "decryption_failed",
        _sealed(lambda part: part.has("zip")),
        "Whatever `zip` says: a short token becomes an endless one (RFC 8725 §3.6).",
    ),
    Stricter(
        "`crit` around an encrypted token", "decryption_failed",
        _sealed(lambda part: part.has("crit")),
        "As for a signed one (RFC 7516 §4.1.13).",
    ),
    Stricter(
        "encrypted, but not a token by its own word", "decryption_failed",
        _sealed(lambda part: _content(part) != "jwt"),
        "`cty` of the envelope says that something else than a JWT is inside (RFC 7519 §5.2).",
    ),
    Stricter(
        "odd JSON around an encrypted token", "decryption_failed",
        _sealed(_odd_json),
        "Duplicates, marks, other encodings, depth and numbers, as in a signed one.",
    ),
    Stricter(
        "an encrypted token that is not strictly base64url", "decryption_failed",
        lambda look: look.envelope is not None and not look.sent_is_canonical,
        "As for a signed one: one spelling.",
    ),
    Stricter(
        "encrypted, and not strictly a compact token inside", "decryption_failed",
        lambda look: look.envelope is not None and not look.is_compact,
        "White space, marks and padding inside, as outside. What is decrypted is judged to the letter, since anybody can encrypt.",
    ),
    Stricter(
        "no `exp`", "claim_missing",
        lambda look: not look.claims.has("exp"),
        "A token that never ends cannot be told from one that was stolen. aws-jwt-verify has no word to require it.",
    ),
]  # fmt: skip

LAXER = [
    Laxer(
        "no `kid`", ("aws-jwt-verify",), "JwtWithoutValidKidError",
        lambda look: not look.header.has("kid"),
        "It wants one. RFC 7515 §4.1.4: optional; the gate tries the issuer's keys that fit, at most four.",
    ),
    Laxer(
        "the second key of a `kid`", ("joserfc", "pyjwt", "aws-jwt-verify"), "ignature",
        lambda look: look.header.get("kid") == "twice",
        "They know one key a `kid`. After a rotation in place there are two: the gate tries both.",
    ),
    Laxer(
        "a key without `alg`", ("pyjwt",), "InvalidAlgorithmError",
        lambda look: look.header.get("alg") == "PS256" and look.header.get("kid") in (None, "plain"),
        "It takes an RSA key without `alg` for RS256 alone. RFC 7517 §4.4: optional; the issuer's `algorithms` bound it.",
    ),
    Laxer(
        "a fraction of a second", ("joserfc", "jose", "aws-jwt-verify"), "",
        lambda look: _has_fraction(look, "nbf", "iat")
        and any(0 < (_time(look, name) or 0) - NOW - _leeway(look) < 1 for name in ("nbf", "iat")),
        "They compare `nbf` and `iat` with their fraction, the gate (and PyJWT) by whole seconds: it may be early by less than one.",
    ),
    Laxer(
        "`jwk`, `jku`, `x5u`, `x5c` of a wrong type", ("joserfc",), "InvalidHeaderValueError",
        lambda look: any(part.has(name) for part in (look.header, look.envelope) if part for name in ("jwk", "jku", "x5u", "x5c")),
        "It checks their types. The gate never reads them: a key comes from the issuer, not from the token.",
    ),
    Laxer(
        "another key's `kid` on an encrypted token", ("joserfc", "jose"), "",
        lambda look: look.envelope is not None and _names_another_key(look.envelope),
        "The gate then tries its keys that fit, at most four: who encrypts reads a key from a document that may be old. They take the name at its word.",
    ),
    Laxer(
        "a `typ` of a wrong type around an encrypted token", ("joserfc",), "InvalidHeaderValueError",
        lambda look: look.envelope is not None and look.envelope.has("typ") and not _is_text(look.envelope.get("typ")),
        "It says nothing that the gate reads: what counts is the `typ` of the signed token inside.",
    ),
    Laxer(
        "a `scope` that is no string", ("aws-jwt-verify",), "JWT payload scope claim is not a string",
        lambda look: look.claims.has("scope") and not _is_text(look.claims.get("scope")),
        "RFC 8693 §4.2 has a string, some providers an array. The gate reads both for rules and headers, and never a part of either.",
    ),
    Laxer(
        "Cognito's `aud` as array", ("aws-jwt-verify",), "Client ID (\\\"audience\\\") is not of type string",
        lambda look: look.policy == "pool" and isinstance(look.claims.get("aud"), list),
        "Cognito writes a string; an array with the client in it says the same (RFC 7519 §4.1.3).",
    ),
]  # fmt: skip


def stricter(look: Look, reason: str) -> str | None:
    return next((known.name for known in STRICTER if known.reason == reason and known.rule(look)), None)


def broken(look: Look) -> str | None:
    """A class that a token has although it is allowed."""
    return next((known.name for known in STRICTER if known.always and known.rule(look)), None)


def laxer(look: Look, verifier: str, error: str) -> str | None:
    return next((known.name for known in LAXER if verifier in known.verifiers and known.error in error and known.rule(look)), None)


