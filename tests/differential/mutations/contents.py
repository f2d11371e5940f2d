"""Claims and header members that a good token does not have."""

import json

import keys
import literals
import mint
from keys import NOW, POLICIES

from .layers import mutation

# Claims.


def _leeway(d) -> int:
    return POLICIES[d.policy]["leeway"]


@mutation("claims", 10)
def time(d):
    name = d.rng.choice(["exp", "exp", "nbf", "iat"])
    text = d.rng.choice(literals.around(_leeway(d)) if d.rng.random() < 0.6 else literals.TIMES)
    d.put("claims", name, text)
    return f"{name}={text[:40]}"


@mutation("claims", 6)
def audience(d):
    if d.policy == "pool":
        name = d.rng.choice(["aud", "client_id"])
        text = d.rng.choice(literals.CLIENTS)
    else:
        name, text = "aud", d.rng.choice(literals.AUDIENCES)
    d.put("claims", name, text)
    return f"{name}={text}"


@mutation("claims", 4)
def issuer(d):
    text = d.rng.choice(literals.ISSUERS)
    d.put("claims", "iss", text)
    return text


@mutation("claims", 3)
def subject(d):
    text = d.rng.choice(literals.ANYTHING)
    d.put("claims", "sub", text)
    return text


@mutation("claims", 2)
def token_id(d):
    text = d.rng.choice(literals.ANYTHING)
    d.put("claims", "jti", text)
    return text


@mutation("claims", 4)
def missing_claim(d):
    name = d.rng.choice([member[0] for member in d.claims])
    d.drop("claims", name)
    return name


@mutation("claims", 3)
def claim_of_any_type(d):
    name = d.rng.choice([member[0] for member in d.claims])
    text = d.rng.choice(literals.ANYTHING)
    d.put("claims", name, text)
    return f"{name}={text}"


@mutation("claims", 3)
def use_of_the_token(d):
    text = d.rng.choice(literals.USES)
    d.put("claims", "token_use", text)
    return text


@mutation("claims", 3)
def authorized_party(d):
    text = d.rng.choice(literals.PARTIES)
    d.put("claims", "azp", text)
    return text


@mutation("claims", 8)
def more_claims(d):
    for _ in range(d.rng.randint(1, 6)):
        d.put("claims", d.rng.choice(literals.NAMES), d.rng.choice(literals.VALUES))


@mutation("claims", 2)
def many_claims(d):
    for n in range(d.rng.choice([20, 100, 300])):
        d.claims.append([f"claim-{n}", d.rng.choice(literals.VALUES[:20])])


@mutation("claims", 1)
def large_claim(d):
    size = d.rng.choice([2_000, 8_000, 11_000, 12_500, 20_000, 60_000])
    d.add("claims", "large", json.dumps("x" * size))
    return str(size)


# Header members.


@mutation("header", 5)
def type_(d):
    text = d.rng.choice(literals.TYPES)
    d.put("header", "typ", text)
    return text


@mutation("header", 1)
def no_type(d):
    d.drop("header", "typ")


@mutation("header", 7)
def key_id(d):
    text = d.rng.choice(literals.KIDS)
    d.put("header", "kid", text)
    return text


@mutation("header", 2)
def no_key_id(d):
    d.drop("header", "kid")


@mutation("header", 4)
def algorithm(d):
    """The header says another algorithm than that of the signature."""
    text = d.rng.choice(literals.ALGORITHMS)
    d.put("header", "alg", text)
    return text


@mutation("header", 4)
def algorithm_of_the_family(d):
    """As [`algorithm`], and signed as it says."""
    family = {"R": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], "E": ["ES256", "ES384", "ES512"], "H": ["HS256", "HS384", "HS512"]}
    name = d.rng.choice(["EdDSA", "Ed25519"] if d.alg == "EdDSA" else family["R" if d.alg == "PS256" else d.alg[0]])
    d.put("header", "alg", json.dumps(name))
    d.signed_as = name
    return name


@mutation("header", 1)
def no_algorithm(d):
    d.drop("header", "alg")


@mutation("header", 4)
def critical(d):
    text = d.rng.choice(literals.CRITICAL)
    d.put("header", "crit", text)
    if d.rng.random() < 0.5:
        d.put("header", d.rng.choice(["x", "exp", "b64"]), d.rng.choice(["1", "true", "false", str(NOW + 600)]))
    return text


@mutation("header", 3)
def unencoded_payload(d):
    """RFC 7797, with and without `crit`, signed over the encoded payload or over the raw one."""
    d.put("header", "b64", d.rng.choice(["false", "false", "true", "null", '"false"', "0"]))
    if d.rng.random() < 0.6:
        d.put("header", "crit", '["b64"]')
    if d.rng.random() < 0.5:
        d.resigned = False
        raw = d.render(d.claims)
        d.sign = lambda message: mint.sign(d.alg, d.key, message.split(b".")[0] + b"." + raw)


@mutation("header", 3)
def content_type(d):
    text = d.rng.choice(['"JWT"', '"jwt"', '""', "null", '"json"', '"application/json"', "1", "[]", '"JWE"'])
    d.put("header", "cty", text)
    return text


@mutation("header", 2)
def compression(d):
    text = d.rng.choice(['"DEF"', '"GZ"', "null", "1", '""'])
    d.put("header", "zip", text)
    return text


@mutation("header", 4)
def key_inside(d):
    """A key or its address in the header of a token that is good without it."""
    stranger = keys.jwk(keys.RSA["stranger"])
    name, text = d.rng.choice([
        ("jwk", json.dumps(stranger)), ("jku", '"http://127.0.0.1:9/jwks"'), ("x5u", '"http://127.0.0.1:9/cert"'), ("x5c", '["AAAA"]'), ("jwk", "5"),
        ("jku", "[]"), ("x5u", "null"), ("x5c", "{}"), ("jwk", "null"), ("jwk", "{}"), ("x5c", "[]"), ("x5c", '"AAAA"'), ("jku", '""'),
    ])  # fmt: skip
    d.put("header", name, text)
    return f"{name}={text[:20]}"


@mutation("header", 2)
def thumbprint(d):
    name = d.rng.choice(["x5t", "x5t#S256"])
    text = d.rng.choice(['"AAAA"', '"rs"', '"es256"', '""', "null", "1", '["rs"]', '"only"', '"pool-1"'])
    d.put("header", name, text)
    if d.rng.random() < 0.5:
        d.drop("header", "kid")
    return f"{name}={text}"


@mutation("header", 4)
def more_members(d):
    for _ in range(d.rng.randint(1, 4)):
        name = d.rng.choice(literals.NAMES + ["enc", "epk", "apu", "p2c", "p2s", "iv", "tag", "url", "ppt", "svt", "trust_chain", "nonce"])
        if not d.has("header", name):
            d.put("header", name, d.rng.choice(literals.VALUES))
