"""An independent look at a token: what stands in it, by Python's own parsers, so that a difference can be named by what causes it."""

import base64
import binascii
import json
import re
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

import keys
from keys import POLICIES, encode

# The gate's bounds on JSON.
DEEPEST = 32
LONGEST_NUMBER = 2500
LARGEST_EXPONENT = 999_999_999
LONGEST_KID = 256

NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE]([+-]?\d+))?")


class Part:
    """Header or claims, read as leniently as anyone reads it."""

    def __init__(self, segment: bytes):
        self.segment = segment
        clean = re.sub(rb"[^A-Za-z0-9_-]", b"", segment.replace(b"+", b"-").replace(b"/", b"_"))
        if len(clean) % 4 == 1:
            clean = clean[:-1]
        try:
            self.bytes = base64.urlsafe_b64decode(clean + b"=" * (-len(clean) % 4))
        except binascii.Error:
            self.bytes = b""
        self.duplicate = False
        self.constant = False
        self.members = self._members()

    def _members(self) -> dict:
        def pairs(found):
            names = [name for name, _ in found]
            self.duplicate |= len(set(names)) < len(names)
            return dict(found)

        def constant(name):
            self.constant = True
            return name

        try:
            value = json.loads(self.text, object_pairs_hook=pairs, parse_constant=constant, parse_float=Literal, parse_int=Literal, strict=False)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @cached_property
    def text(self) -> str:
        try:
            name = json.detect_encoding(self.bytes)
        except IndexError:
            name = "utf-8"
        return self.bytes.decode(name, "replace")

    @cached_property
    def is_utf8(self) -> bool:
        try:
            return "\0" not in self.bytes.decode()
        except ValueError:
            return False

    @property
    def has_mark(self) -> bool:
        return self.bytes.startswith(b"\xef\xbb\xbf")

    @cached_property
    def depth(self) -> int:
        """Levels of nesting; strings do not count."""
        deepest = depth = 0
        in_string = escaped = False
        for character in self.text:
            if in_string:
                in_string = escaped or character != '"'
                escaped = character == "\\" and not escaped
            elif character == '"':
                in_string = True
            elif character in "[{":
                depth += 1
                deepest = max(deepest, depth)
            elif character in "]}":
                depth -= 1
        return deepest

    @cached_property
    def lone_surrogate(self) -> bool:
        rest = re.sub(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..", "", re.sub(r"\\\\", "", self.text))
        return re.search(r"\\u[dD][89a-fA-F]", rest) is not None

    @cached_property
    def number_beyond_bounds(self) -> bool:
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', self.text)
        return any(
            len(number[0]) > LONGEST_NUMBER or abs(int(number[1] or 0)) > LARGEST_EXPONENT for number in NUMBER.finditer(outside)
        )

    def get(self, name: str):
        return self.members.get(name)

    def has(self, name: str) -> bool:
        return name in self.members


class Literal(str):
    """A number as it was written."""

    @property
    def is_time(self) -> bool:
        """A NumericDate between 1970 and 9999."""
        try:
            return not self.startswith("-") and 0 <= float(self) < 253402300800
        except OverflowError:
            return False

    @property
    def is_whole(self) -> bool:
        return float(self) == int(float(self))


class Look:
    def __init__(self, entry: dict):
        self.sent = entry["token"].encode("latin-1")
        # What is judged as a signed token: in an encrypted one, what was put into it.
        self.token = entry.get("inside", entry["token"]).encode("latin-1")
        self.envelope = Part(self.sent.split(b".")[0]) if "inside" in entry else None
        self.parts = self.token.split(b".")
        header, payload, *_ = self.parts + [b"", b""]
        self.header, self.claims = Part(header), Part(payload)
        self.policy = next((name for name, policy in POLICIES.items() if self.claims.get("iss") in policy["issuers"]), entry["policy"])

    @cached_property
    def alphabet_is_strict(self) -> bool:
        return re.fullmatch(rb"[A-Za-z0-9_.-]*", self.token) is not None

    @cached_property
    def is_padded(self) -> bool:
        return re.fullmatch(rb"[A-Za-z0-9_-]*={0,4}(\.[A-Za-z0-9_-]*={0,4})*", self.token) is not None and b"=" in self.token

    @cached_property
    def has_trailing_bits(self) -> bool:
        return self.alphabet_is_strict and not all(map(_is_canonical, self.parts))

    @cached_property
    def sent_is_canonical(self) -> bool:
        return all(map(_is_canonical, self.sent.split(b".")))

    @cached_property
    def is_compact(self) -> bool:
        return re.fullmatch(rb"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}", self.token) is not None

    @cached_property
    def signature(self) -> bytes:
        return Part(self.parts[-1]).bytes

    def is_signed_by(self, *names: str) -> bool:
        """Whether one of these keys of `keys.py` made the signature, as RS256 or ES256."""
        message = self.token.rpartition(b".")[0]
        return any(_verifies(keys.RSA.get(name) or keys.EC[name], message, self.signature) for name in names)

    def either(self, test) -> bool:
        return test(self.header) or test(self.claims)


def _is_canonical(segment: bytes) -> bool:
    """The one spelling of its bytes in base64url."""
    try:
        return encode(base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))).encode() == segment
    except (binascii.Error, ValueError):
        return False


def _verifies(key, message: bytes, signature: bytes) -> bool:
    half = len(signature) // 2
    r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.public_key().verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
