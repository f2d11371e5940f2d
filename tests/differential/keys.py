"""Keys and issuers: the same in every run, so that a token of a seed is the same token for ever.

Private keys are derived from names, not stored: a prime is the first one after a hash of its name, and the distance to it is written here.
"""

import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

# 2027-01-15T08:00:00Z: what every verifier takes for the present.
NOW = 1_800_000_000
LEEWAY = 30
AUDIENCE = "api"
POOL = "us-east-1_AbCdEfGhI"
CLIENT = "1example23456789"

SECRET = b"a secret of exactly 64 bytes, which is enough for SHA-512 as well"

# Distance from the hash of `NAME p` and `NAME q` to the next prime that fits the exponent 65537.
PRIMES = {
    "rs": (920, 14),
    "ps": (590, 560),
    "plain": (414, 180),
    "enc": (1984, 412),
    "odd": (342, 158),
    "other": (122, 640),
    "pool": (362, 438),
    "stranger": (268, 876),
    "weak": (192, 306),
    "seal": (444, 596),
}


def encode(data: bytes) -> str:
    """base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, length: int | None = None) -> str:
    return encode(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def _rsa(name: str) -> rsa.RSAPrivateKey:
    bits = 512 if name == "weak" else 1024
    p, q = (
        (int.from_bytes(hashlib.shake_256(f"{name} {half}".encode()).digest(bits // 8), "big") | 3 << bits - 2 | 1) + distance
        for half, distance in zip("pq", PRIMES[name])
    )
    assert pow(2, p - 1, p) == 1 and pow(2, q - 1, q) == 1, name
    d = pow(65537, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
    ).private_key(unsafe_skip_rsa_key_validation=True)


def _ec(name: str, curve: ec.EllipticCurve, order: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(hashlib.sha512(name.encode()).digest(), "big") % (order - 1) + 1, curve)


P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P384 = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973
ORDERS = {"P-256": P256, "P-384": P384}


def es256(name: str) -> ec.EllipticCurvePrivateKey:
    return _ec(name, ec.SECP256R1(), P256)


RSA = {name: _rsa(name) for name in PRIMES}
EC = {name: es256(name) for name in ("es256", "first", "second", "nameless", "ops", "other es256", "strict", "stranger es256", "sealed", "seal ec")}
EC["es384"] = _ec("es384", ec.SECP384R1(), P384)
ED = {name: ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()) for name in ("ed", "stranger ed")}
X25519 = {"seal x": x25519.X25519PrivateKey.from_private_bytes(hashlib.sha256(b"seal x").digest())}
OCT = {"seal oct": hashlib.sha256(b"seal oct").digest()}


def jwk(key, **more) -> dict:
    """The public half."""
    public = key.public_key()
    if isinstance(key, x25519.X25519PrivateKey):
        members = {"kty": "OKP", "crv": "X25519", "x": encode(public.public_bytes_raw())}
    elif isinstance(key, rsa.RSAPrivateKey):
        numbers = public.public_numbers()
        members = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = public.public_numbers()
        length = (key.curve.key_size + 7) // 8
        name = {256: "P-256", 384: "P-384"}[key.curve.key_size]
        members = {"kty": "EC", "crv": name, "x": number(numbers.x, length), "y": number(numbers.y, length)}
    else:
        members = {"kty": "OKP", "crv": "Ed25519", "x": encode(public.public_bytes_raw())}
    return members | more


def private_jwk(key, **more) -> dict:
    if isinstance(key, bytes):
        return {"kty": "oct", "k": encode(key)} | more
    members = jwk(key, **more)
    if isinstance(key, rsa.RSAPrivateKey):
        n = key.private_numbers()
        return members | {"d": number(n.d), "p": number(n.p), "q": number(n.q), "dp": number(n.dmp1), "dq": number(n.dmq1), "qi": number(n.iqmp)}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return members | {"d": number(key.private_numbers().private_value, (key.curve.key_size + 7) // 8)}
    return members | {"d": encode(key.private_bytes_raw())}


# Open what was encrypted for this house.
PRIVATE_KEYS = [
    private_jwk(key, kid=name) for name, key in [("seal", RSA["seal"]), ("seal ec", EC["seal ec"]), ("seal x", X25519["seal x"]), ("seal oct", OCT["seal oct"])]
]

KEY_SETS = {
    "main": [
        jwk(RSA["rs"], kid="rs", alg="RS256", use="sig"),
        jwk(RSA["ps"], kid="ps", alg="PS256", use="sig"),
        jwk(EC["es256"], kid="es256", alg="ES256", use="sig"),
        jwk(EC["es384"], kid="es384", alg="ES384", use="sig"),
        jwk(ED["ed"], kid="ed", alg="EdDSA", use="sig"),
        # Says nothing of itself.
        jwk(RSA["plain"], kid="plain"),
        # Two under one name, as after a rotation in place.
        jwk(EC["first"], kid="twice", alg="ES256"),
        jwk(EC["second"], kid="twice", alg="ES256"),
        jwk(EC["nameless"], alg="ES256"),
        # None of these signs tokens.
        jwk(RSA["enc"], kid="enc", use="enc"),
        jwk(EC["ops"], kid="ops", key_ops=["deriveKey"]),
        jwk(RSA["odd"], kid="odd", alg="RS512", use="sig"),
        jwk(RSA["weak"], kid="weak", alg="RS256", use="sig"),
        {"kty": "oct", "kid": "oct", "alg": "HS256", "k": encode(SECRET)},
    ],
    # The same names, other keys.
    "other": [
        jwk(RSA["other"], kid="rs", alg="RS256", use="sig"),
        jwk(EC["other es256"], kid="es256", alg="ES256", use="sig"),
    ],
    "pool": [jwk(RSA["pool"], kid="pool-1", alg="RS256", use="sig")],
    "strict": [jwk(EC["strict"], kid="only", use="sig")],
    "sealed": [jwk(EC["sealed"], kid="sealed-1", use="sig")],
}

# What each verifier is told. `issuers` are the `iss` values; `gate` is the entry of the gate's own configuration.
POLICIES = {
    "main": {
        "issuers": ["https://id.example"],
        "audiences": [AUDIENCE, "web"],
        "algorithms": ["RS256", "PS256", "ES256", "ES384", "EdDSA"],
        "leeway": LEEWAY,
    },
    "other": {
        "issuers": ["https://other.example/"],
        "audiences": [AUDIENCE],
        "algorithms": ["RS256", "ES256"],
        "leeway": LEEWAY,
    },
    "shared": {
        "issuers": ["urn:example:shared"],
        "audiences": [AUDIENCE],
        "algorithms": ["HS256"],
        "leeway": LEEWAY,
        "secret": encode(SECRET),
    },
    "strict": {
        "issuers": ["https://strict.example"],
        "audiences": [AUDIENCE],
        "algorithms": ["ES256"],
        "leeway": 0,
        "token_types": ["at+jwt"],
        "required_claims": {"azp": "web-client"},
    },
    # Its tokens are encrypted too.
    "sealed": {
        "issuers": ["https://sealed.example"],
        "audiences": [AUDIENCE],
        "algorithms": ["ES256"],
        "leeway": LEEWAY,
        "key_management": ["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW", "A256KW", "A256GCMKW", "dir"],
        "encryptions": ["A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"],
    },
    "pool": {
        "issuers": [
            f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}",
            f"https://issuer-cognito-idp.us-east-1.amazonaws.com/{POOL}",
        ],
        "algorithms": ["RS256"],
        "leeway": LEEWAY,
        "user_pool_id": POOL,
        "client_ids": [CLIENT, "another"],
    },
}


def gate() -> str:
    """The gate's configuration; JSON is YAML."""
    issuers = []
    for name, policy in POLICIES.items():
        entry = {"name": name, "leeway": f"{policy['leeway']}s"}
        if "user_pool_id" in policy:
            entry |= {
                "provider": "cognito",
                "user_pool_id": POOL,
                "client_ids": policy["client_ids"],
                "token_use": ["id", "access"],
            }
        else:
            [issuer] = policy["issuers"]
            entry |= {
                "provider": "oidc",
                "issuer": issuer,
                "audiences": policy["audiences"],
                "algorithms": policy["algorithms"],
            }
        for member in ("token_types", "required_claims"):
            if member in policy:
                entry[member] = policy[member]
        if "secret" in policy:
            entry["keys"] = {"secret_env": "DIFFERENTIAL_SECRET", "secret_encoding": "base64url"}
        else:
            entry["keys"] = {"jwks": {"keys": KEY_SETS[name]}}
        if "encryptions" in policy:
            entry["decryption"] = {
                "keys_env": "DIFFERENTIAL_PRIVATE",
                "algorithms": policy["key_management"],
                "encryptions": policy["encryptions"],
            }
        issuers.append(entry)
    return json.dumps({"upstream": "http://127.0.0.1:1", "issuers": issuers}, indent=1)


def theirs() -> str:
    """What the other verifiers read."""
    given = {"now": NOW, "policies": POLICIES, "key_sets": KEY_SETS, "private_keys": {"keys": PRIVATE_KEYS}}
    return json.dumps(given, indent=1)
