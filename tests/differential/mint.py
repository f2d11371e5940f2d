"""A token in the making: members as raw JSON text, then text, segments, signature and bytes, each of which a mutation may change."""

import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

import keys
from keys import AUDIENCE, CLIENT, NOW, POLICIES, encode
from sealed import Seal

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

# Who signs for a policy: `alg`, `kid` of the header, private key. Weights by repetition.
SIGNERS = {
    "main": [
        ("RS256", "rs", keys.RSA["rs"]),
        ("PS256", "ps", keys.RSA["ps"]),
        ("ES256", "es256", keys.EC["es256"]),
        ("ES384", "es384", keys.EC["es384"]),
        ("EdDSA", "ed", keys.ED["ed"]),
        ("RS256", "rs", keys.RSA["rs"]),
        ("PS256", "ps", keys.RSA["ps"]),
        ("ES256", "es256", keys.EC["es256"]),
        ("ES384", "es384", keys.EC["es384"]),
        ("EdDSA", "ed", keys.ED["ed"]),
        ("RS256", "plain", keys.RSA["plain"]),
    ],
    "other": [("RS256", "rs", keys.RSA["other"]), ("ES256", "es256", keys.EC["other es256"])],
    "shared": [("HS256", None, keys.SECRET), ("HS256", "any", keys.SECRET)],
    "strict": [("ES256", "only", keys.EC["strict"])],
    "pool": [("RS256", "pool-1", keys.RSA["pool"])],
    "sealed": [("ES256", "sealed-1", keys.EC["sealed"])],
}


class Draft:
    """What a mutation changes. The lists of changes are applied in their order when the token is built."""

    def __init__(self, rng):
        self.rng = rng
        self.policy = rng.choices(list(SIGNERS), [53, 7, 9, 9, 12, 10])[0]
        self.alg, kid, self.key = rng.choice(SIGNERS[self.policy])
        # The algorithm of the signature, where the header says another one.
        self.signed_as = None
        self.header = [["alg", json.dumps(self.alg)]]
        if kid is not None:
            self.header.append(["kid", json.dumps(kid)])
        if self.policy == "strict":
            self.header.append(["typ", '"at+jwt"'])
        elif rng.random() < 0.7:
            self.header.append(["typ", '"JWT"'])
        self.claims = [[name, json.dumps(value)] for name, value in self._claims().items()]
        if rng.random() < 0.3:
            rng.shuffle(self.claims)
        self.spaced = rng.random() < 0.2
        self.header_text = []
        self.payload_text = []
        self.header_segment = []
        self.payload_segment = []
        self.signature = []
        self.signature_segment = []
        self.token = []
        # What replaces the signature: a function of the signing input.
        self.sign = None
        # The envelope around it.
        self.seal = Seal(rng) if self.policy == "sealed" and rng.random() < 0.9 else None
        # False once the signature is not the key's own over exactly what is sent.
        self.resigned = True

    def _claims(self) -> dict:
        rng = self.rng
        claims = {"iss": POLICIES[self.policy]["issuers"][0], "sub": "alice", "exp": NOW + 600, "iat": NOW - 60}
        if self.policy == "pool":
            claims["iss"] = rng.choice(POLICIES["pool"]["issuers"])
            claims["auth_time"] = NOW - 60
            claims["jti"] = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
            if rng.random() < 0.5:
                claims |= {"aud": CLIENT, "token_use": "id", "cognito:username": "alice", "email": "alice@example.com"}
            else:
                claims |= {"client_id": CLIENT, "token_use": "access", "username": "alice", "scope": "openid email"}
            return claims
        claims["aud"] = AUDIENCE if rng.random() < 0.7 else ["other", AUDIENCE]
        if self.policy == "strict":
            claims["azp"] = "web-client"
        for name, value in (
            ("nbf", NOW - 60),
            ("jti", "a-1"),
            ("scope", "openid"),
            ("name", "José \U0001f600"),
            ("groups", ["a", "b"]),
            ("address", {"country": "FR", "lines": ["1", None, True, 1.5]}),
        ):
            if rng.random() < 0.25:
                claims[name] = value
        return claims

    # Changes of members.

    def put(self, part: str, name: str, text: str):
        """Sets a member to JSON text; a new one comes at any place."""
        members = getattr(self, part)
        for member in members:
            if member[0] == name:
                member[1] = text
                return
        self.add(part, name, text)

    def add(self, part: str, name: str, text: str):
        """Adds a member, even if there is one of this name."""
        members = getattr(self, part)
        members.insert(self.rng.randint(0, len(members)), [name, text])

    def drop(self, part: str, name: str):
        members = getattr(self, part)
        members[:] = [member for member in members if member[0] != name]

    def has(self, part: str, name: str) -> bool:
        return any(member[0] == name for member in getattr(self, part))

    def get(self, part: str, name: str) -> str | None:
        return next((text for member, text in getattr(self, part) if member == name), None)

    def by(self, alg: str, key):
        """Another key signs, and the header says its algorithm."""
        self.alg, self.key, self.signed_as = alg, key, None
        self.put("header", "alg", json.dumps(alg))

    # To bytes.

    def render(self, members) -> bytes:
        comma, colon = (", ", ": ") if self.spaced else (",", ":")
        # A name that is JSON text already begins with a quotation mark.
        named = ((name if name[:1] == '"' else json.dumps(name), text) for name, text in members)
        return ("{" + comma.join(f"{name}{colon}{text}" for name, text in named) + "}").encode("utf-8", "surrogatepass")

    def build(self) -> bytes:
        header = apply(self.header_text, self.render(self.header))
        payload = apply(self.payload_text, self.render(self.claims))
        header = apply(self.header_segment, encode(header).encode())
        payload = apply(self.payload_segment, encode(payload).encode())
        message = header + b"." + payload
        signature = self.sign(message) if self.sign else sign(self.signed_as or self.alg, self.key, message)
        segment = apply(self.signature_segment, encode(apply(self.signature, signature)).encode())
        token = message + b"." + segment
        if self.seal:
            token = self.seal.close(token)
        return apply(self.token, token)


def apply(changes, data: bytes) -> bytes:
    for change in changes:
        try:
            data = change(data)
        except (IndexError, OverflowError):
            # An earlier one left less than this one reaches for.
            continue
    return data


def sign(alg: str, key, message: bytes) -> bytes:
    """A signature in the form that a token has; an elliptic curve key signs as its curve wants it, whatever `alg` says."""
    hash_ = HASHES.get(alg[2:])
    if isinstance(key, bytes):
        return hmac.digest(key, message, f"sha{alg[2:]}")
    if isinstance(key, rsa.RSAPrivateKey):
        if alg.startswith("PS"):
            # The one signature with chance in it: a salt of our own would cost twenty times as much.
            return key.sign(message, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_)
        return key.sign(message, padding.PKCS1v15(), hash_ or hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = ecdsa(key, message)
        return fixed(key, r, s)
    return key.sign(message)


def ecdsa(key, message: bytes) -> tuple[int, int]:
    hash_ = hashes.SHA256() if key.curve.key_size == 256 else hashes.SHA384()
    return utils.decode_dss_signature(key.sign(message, ec.ECDSA(hash_, deterministic_signing=True)))


def fixed(key, r: int, s: int) -> bytes:
    length = (key.curve.key_size + 7) // 8
    return r.to_bytes(length, "big") + s.to_bytes(length, "big")


def raw_rsa(key, block: bytes) -> bytes:
    """The private operation on a block of the modulus' length: what the padding is, is the caller's."""
    numbers = key.private_numbers()
    m = int.from_bytes(block, "big")
    a, b = pow(m, numbers.dmp1, numbers.p), pow(m, numbers.dmq1, numbers.q)
    result = b + (a - b) * numbers.iqmp % numbers.p * numbers.q
    return result.to_bytes((key.key_size + 7) // 8, "big")


def pss(key, message: bytes, bits: str = "256", salt_length: int | None = None, trailer: int = 0xBC) -> bytes:
    """EMSA-PSS (RFC 8017 §9.1.1) with a salt of any length, that depends on the message alone."""
    name = f"sha{bits}"
    digest = hashlib.new(name, message).digest()
    salt = hashlib.shake_256(b"salt" + message).digest(len(digest) if salt_length is None else salt_length)
    em_bits = key.key_size - 1
    em_length = (em_bits + 7) // 8
    h = hashlib.new(name, bytes(8) + digest + salt).digest()
    block = bytes(em_length - len(salt) - len(h) - 2) + b"\x01" + salt
    mask = b"".join(
        hashlib.new(name, h + counter.to_bytes(4, "big")).digest() for counter in range(-(-len(block) // len(h)))
    )
    masked = bytearray(a ^ b for a, b in zip(block, mask))
    masked[0] &= 0xFF >> (8 * em_length - em_bits)
    return raw_rsa(key, bytes(masked) + h + bytes([trailer]))


# DigestInfo (RFC 8017 §9.2, note 1).
DIGEST_INFO = {
    "sha1": "3021300906052b0e03021a05000414",
    "sha256": "3031300d060960864801650304020105000420",
    "sha384": "3041300d060960864801650304020205000430",
    "sha512": "3051300d060960864801650304020305000440",
}


def pkcs1(key, message: bytes, name: str = "sha256", info: bytes | None = None, pad: bytes | None = None, after: bytes = b"") -> bytes:
    """EMSA-PKCS1-v1_5 (RFC 8017 §9.2) with each of its parts to be replaced."""
    body = (bytes.fromhex(DIGEST_INFO[name]) if info is None else info) + hashlib.new(name, message).digest() + after
    room = (key.key_size + 7) // 8 - len(body) - 3
    return raw_rsa(key, b"\0\1" + (b"\xff" * room if pad is None else pad.ljust(room, b"\xff")) + b"\0" + body)
