"""Keys and signatures."""

import json

import keys
import mint
from keys import AUDIENCE, CLIENT, POLICIES, encode

from .layers import mutation

# Keys.


@mutation("keys", 3)
def another_key(d):
    """Another key of this house under the name and algorithm of the right one."""
    same = {
        "R": [keys.RSA[name] for name in ("rs", "ps", "plain", "other", "pool", "stranger", "enc", "odd")],
        "ES256": [keys.EC[name] for name in ("es256", "first", "second", "nameless", "other es256", "strict", "stranger es256", "ops")],
        "ES384": [keys.EC["es384"]],
        "EdDSA": [keys.ED["stranger ed"]],
        "HS256": [b"secret", b"", keys.SECRET[:-1], keys.SECRET + b"\0", encode(keys.SECRET).encode(), b"\0" * 64],
    }
    family = "R" if d.alg[0] in "RP" else "HS256" if d.alg[0] == "H" else d.alg
    d.by(d.alg, d.rng.choice(same[family]))


@mutation("keys", 5)
def key_of_the_set(d):
    """Signed by any key of the set under its own name: also one that is not for this, or two with one name."""
    d.policy = "main"
    d.put("claims", "iss", '"https://id.example"')
    if not d.has("claims", "aud"):
        d.put("claims", "aud", f'"{AUDIENCE}"')
    elif d.get("claims", "aud") == json.dumps(CLIENT):
        d.put("claims", "aud", f'"{AUDIENCE}"')
    alg, kid, key = d.rng.choice([
        ("RS256", "plain", keys.RSA["plain"]), ("PS256", "plain", keys.RSA["plain"]), ("ES256", "twice", keys.EC["first"]),
        ("ES256", "twice", keys.EC["second"]), ("ES256", None, keys.EC["nameless"]), ("ES256", "nameless", keys.EC["nameless"]),
        ("RS256", "enc", keys.RSA["enc"]), ("ES256", "ops", keys.EC["ops"]), ("RS256", "odd", keys.RSA["odd"]), ("RS512", "odd", keys.RSA["odd"]),
        ("RS256", "weak", keys.RSA["weak"]), ("HS256", "oct", keys.SECRET), ("PS256", "rs", keys.RSA["rs"]), ("RS256", "ps", keys.RSA["ps"]),
        ("RS256", None, keys.RSA["rs"]), ("PS256", None, keys.RSA["ps"]), ("ES256", None, keys.EC["es256"]), ("ES256", None, keys.EC["second"]),
        ("EdDSA", None, keys.ED["ed"]), ("ES384", None, keys.EC["es384"]), ("RS256", None, keys.RSA["plain"]), ("PS256", None, keys.RSA["plain"]),
    ])  # fmt: skip
    d.by(alg, key)
    d.drop("header", "kid")
    if kid is not None:
        d.put("header", "kid", json.dumps(kid))
    return f"{alg} {kid}"


@mutation("keys", 3)
def issuer_and_key(d):
    """The claims of one issuer, the key of another that has the same name."""
    policy = d.rng.choice(["main", "other", "strict", "pool"])
    d.put("claims", "iss", json.dumps(POLICIES[policy]["issuers"][0]))
    signer = d.rng.choice(["main", "other", "strict", "pool"])
    alg, kid, key = d.rng.choice(mint.SIGNERS[signer])
    d.by(alg, key)
    d.put("header", "kid", json.dumps(kid))
    return f"{policy} by {signer}"


@mutation("keys", 3)
def public_key_as_secret(d):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(d.key, bytes):
        return None
    public = d.key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    members = keys.jwk(d.key)
    secret = d.rng.choice([
        pem, pem.rstrip(), pem.replace(b"\n", b"\r\n"), b" " + pem, public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(members).encode(), json.dumps({"keys": [members]}).encode(), (members.get("n") or members["x"]).encode(), b"", keys.SECRET,
    ])  # fmt: skip
    d.by(d.rng.choice(["HS256", "HS384", "HS512"]), secret)
    return d.alg


@mutation("keys", 2)
def own_key_inside(d):
    """Signed by a key that the token brings along."""
    d.by("RS256", keys.RSA["stranger"])
    d.put("header", "kid", d.rng.choice(['"mine"', '"rs"', "null"]))
    if d.rng.random() < 0.3:
        d.drop("header", "kid")
    d.put("header", "jwk", json.dumps(keys.jwk(d.key, kid="mine")))


# Signatures.


def _numbers(d):
    """r, s, and the order of the curve, for signatures whose form is the mutation's."""
    order = keys.ORDERS["P-256" if d.key.curve.key_size == 256 else "P-384"]
    length = (d.key.curve.key_size + 7) // 8
    return order, length


def _der(r: int, s: int) -> bytes:
    def integer(value: int) -> bytes:
        body = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return bytes([2, len(body)]) + body

    body = integer(r) + integer(s)
    return bytes([0x30, len(body)]) + body if len(body) < 128 else bytes([0x30, 0x81, len(body)]) + body


@mutation("signature", 6)
def signature_by_its_form(d):
    """What each algorithm has of its own: other forms of a signature that is right, and of one that is not."""
    d.resigned = False
    if d.alg.startswith("ES"):
        order, length = _numbers(d)

        def parts(form):
            def sign(message):
                r, s = mint.ecdsa(d.key, message)
                return form(r, s)

            return sign

        pair = lambda r, s: r.to_bytes(length, "big") + s.to_bytes(length, "big")  # noqa: E731
        name, form = d.rng.choice([
            ("der", _der), ("s negated", lambda r, s: pair(r, order - s)), ("zeros", lambda r, s: pair(0, 0)), ("r zero", lambda r, s: pair(0, s)),
            ("s zero", lambda r, s: pair(r, 0)), ("r order", lambda r, s: pair(order, s)), ("s order", lambda r, s: pair(r, order)),
            ("swapped", lambda r, s: pair(s, r)), ("ones", lambda r, s: pair(1, 1)), ("all bits", lambda r, s: b"\xff" * 2 * length),
            ("longer numbers", lambda r, s: b"\0" + r.to_bytes(length, "big") + b"\0" + s.to_bytes(length, "big")),
            ("shorter numbers", lambda r, s: (r >> 8).to_bytes(length - 1, "big") + (s >> 8).to_bytes(length - 1, "big")),
            ("der of zeros", lambda r, s: _der(0, 0)), ("r alone", lambda r, s: r.to_bytes(length, "big")),
            ("s plus order", lambda r, s: pair(r, s + order) if s + order < 1 << 8 * length else pair(r, s)),
        ])  # fmt: skip
        d.sign = parts(form)
    elif d.alg == "PS256":
        name, options = d.rng.choice([
            ("no salt", {"salt_length": 0}), ("salt of 20", {"salt_length": 20}), ("salt of 31", {"salt_length": 31}), ("salt of 64", {"salt_length": 64}),
            ("longest salt", {"salt_length": 222}), ("SHA-384", {"bits": "384"}), ("SHA-512", {"bits": "512"}), ("trailer", {"trailer": 0xCC}),
        ])  # fmt: skip
        d.sign = lambda message: mint.pss(d.key, message, **options)
    elif d.alg == "RS256":
        name, options = d.rng.choice([
            ("SHA-1", {"name": "sha1"}), ("SHA-384", {"name": "sha384"}), ("SHA-512", {"name": "sha512"}),
            ("no null", {"info": bytes.fromhex("302f300b06096086480165030402010420")}), ("no DigestInfo", {"info": b""}),
            ("SHA-256 named SHA-1", {"info": bytes.fromhex(mint.DIGEST_INFO["sha1"])}), ("junk behind", {"after": b"\0" * 20}),
            ("padding with zeros", {"pad": b"\0" * 8}), ("short padding", {"pad": b"\xff" * 8 + b"\0"}), ("null twice", {"info": bytes.fromhex("3033300f0609608648016503040201050005000420")}),
        ])  # fmt: skip
        d.sign = lambda message: mint.pkcs1(d.key, message, **options)
    elif d.alg == "EdDSA":
        group = 2**252 + 27742317777372353535851937790883648493
        name, change = d.rng.choice([
            ("s plus order", lambda s: s[:32] + (int.from_bytes(s[32:], "little") + group).to_bytes(32, "little")),
            ("s zero", lambda s: s[:32] + bytes(32)), ("r zero", lambda s: bytes(32) + s[32:]), ("r one", lambda s: b"\x01" + bytes(31) + s[32:]),
            ("zeros", lambda s: bytes(64)), ("identity", lambda s: b"\x01" + bytes(63)), ("top bit", lambda s: s[:63] + bytes([s[63] ^ 0x80])),
            ("sign of r", lambda s: s[:31] + bytes([s[31] ^ 0x80]) + s[32:]),
        ])  # fmt: skip
        d.signature.append(change)
    else:
        name, change = d.rng.choice([
            ("half", lambda s: s[: len(s) // 2]), ("longer", lambda s: s + b"\0"), ("hex", lambda s: s.hex().encode()), ("zeros", lambda s: bytes(len(s))),
        ])  # fmt: skip
        d.signature.append(change)
    return f"{d.alg} {name}"


@mutation("signature", 5)
def signature_bytes(d):
    d.resigned = False
    at = d.rng.random()

    def flip(s):
        place = int(at * len(s))
        return s[:place] + bytes([s[place] ^ 1 << d.rng.randrange(8)]) + s[place + 1 :] if s else s

    name, change = d.rng.choice([
        ("flip", flip), ("flip", flip), ("cut", lambda s: s[:-1]), ("cut in front", lambda s: s[1:]), ("zero behind", lambda s: s + b"\0"),
        ("zero in front", lambda s: b"\0" + s), ("cut much", lambda s: s[: int(at * len(s))]), ("twice", lambda s: s + s), ("reversed", lambda s: s[::-1]),
        ("one byte", lambda s: b"\0"), ("none", lambda s: b""), ("2000 bytes", lambda s: (s * 64)[:2000]),
    ])  # fmt: skip
    d.signature.append(change)
    return name


@mutation("signature", 3)
def signature_of_something_else(d):
    d.resigned = False
    name, change = d.rng.choice([
        ("payload", lambda m: m.split(b".")[1]), ("header", lambda m: m.split(b".")[0]), ("empty", lambda m: b""), ("with a dot behind", lambda m: m + b"."),
        ("other claims", lambda m: m[:-8] + b"AAAAAAAA"), ("without a dot", lambda m: m.replace(b".", b"")), ("upper case", lambda m: m.upper()),
    ])  # fmt: skip
    d.sign = lambda message: mint.sign(d.alg, d.key, change(message))
    return name
