"""Encryption of a signed token (RFC 7516, RFC 7518): by the primitives alone, so that no judged library takes part."""

import hashlib
import hmac
import json
import zlib

from cryptography.hazmat.primitives import hashes, padding as block_padding
from cryptography.hazmat.primitives.asymmetric import ec, padding, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from keys import EC, OCT, RSA, X25519, encode, jwk

# Bytes of the content's key.
CONTENT_KEYS = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32, "A128CBC-HS256": 32, "A192CBC-HS384": 48, "A256CBC-HS512": 64}

# What an issuer would use; the recipient's key is that of the name.
RECIPIENTS = [
    ("RSA-OAEP-256", "seal"), ("RSA-OAEP", "seal"), ("ECDH-ES", "seal ec"), ("ECDH-ES", "seal x"), ("ECDH-ES+A128KW", "seal ec"),
    ("ECDH-ES+A256KW", "seal x"), ("A256KW", "seal oct"), ("A256GCMKW", "seal oct"), ("dir", "seal oct"),
]  # fmt: skip


class Seal:
    """An envelope in the making; members are raw JSON text, as in a draft."""

    def __init__(self, rng):
        self.rng = rng
        self.alg, self.recipient = rng.choice(RECIPIENTS)
        # The recipient's secret has the length of one content key.
        self.enc = "A256GCM" if self.alg == "dir" else rng.choice(["A128GCM", "A256GCM", "A128CBC-HS256", "A256CBC-HS512"])
        self.header = [["alg", json.dumps(self.alg)], ["enc", json.dumps(self.enc)], ["cty", '"JWT"'], ["kid", json.dumps(self.recipient)]]
        # Changes of the header's text and of the content before it is encrypted.
        self.header_text = []
        self.content = []
        # Changes of the five parts, bytes that are not yet encoded.
        self.parts = {name: [] for name in ("key", "iv", "content", "tag")}
        # What was encrypted in the end.
        self.inside = b""

    def put(self, name: str, text: str):
        self.drop(name)
        self.header.append([name, text])

    def drop(self, name: str):
        self.header = [member for member in self.header if member[0] != name]

    def close(self, plaintext: bytes) -> bytes:
        rng = self.rng
        for change in self.content:
            plaintext = change(plaintext)
        self.inside = plaintext
        content_key, encrypted_key, more = self._keys()
        members = self.header + [[name, json.dumps(value)] for name, value in more.items()]
        header = ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members) + "}").encode()
        for change in self.header_text:
            header = change(header)
        associated = encode(header).encode()
        if self.enc.endswith("GCM"):
            iv = rng.randbytes(12)
            sealed = AESGCM(content_key).encrypt(iv, plaintext, associated)
            ciphertext, tag = sealed[:-16], sealed[-16:]
        else:
            iv = rng.randbytes(16)
            ciphertext, tag = cbc(content_key, iv, plaintext, associated)
        found = {"key": encrypted_key, "iv": iv, "content": ciphertext, "tag": tag}
        for name, changes in self.parts.items():
            for change in changes:
                found[name] = change(found[name])
        return b".".join([associated, *(encode(part).encode() for part in found.values())])

    def _keys(self) -> tuple[bytes, bytes, dict]:
        """The content's key, what is sent of it, and what the header says about it."""
        rng, alg = self.rng, self.alg
        length = CONTENT_KEYS[self.enc]
        fresh = rng.randbytes(length)
        if alg == "dir":
            return (OCT["seal oct"] * 2)[:length], b"", {}
        if alg in ("RSA-OAEP", "RSA-OAEP-256", "RSA1_5"):
            hash_ = hashes.SHA256() if alg == "RSA-OAEP-256" else hashes.SHA1()
            pad = padding.PKCS1v15() if alg == "RSA1_5" else padding.OAEP(padding.MGF1(hash_), hash_, None)
            return fresh, RSA[self.recipient].public_key().encrypt(fresh, pad), {}
        if alg == "A256KW":
            return fresh, aes_key_wrap(OCT["seal oct"], fresh), {}
        if alg == "A256GCMKW":
            iv = rng.randbytes(12)
            wrapped = AESGCM(OCT["seal oct"]).encrypt(iv, fresh, None)
            return fresh, wrapped[:-16], {"iv": encode(iv), "tag": encode(wrapped[-16:])}
        if alg.startswith("PBES2"):
            salt = rng.randbytes(16)
            key = hashlib.pbkdf2_hmac("sha256", OCT["seal oct"], alg.encode() + b"\0" + salt, 1000, 16)
            return fresh, aes_key_wrap(key, fresh), {"p2s": encode(salt), "p2c": 1000}
        return self._agreed(fresh)

    def _agreed(self, fresh: bytes) -> tuple[bytes, bytes, dict]:
        """ECDH-ES (RFC 7518 §4.6), direct or with key wrapping."""
        if self.recipient == "seal x":
            own = x25519.X25519PrivateKey.from_private_bytes(self.rng.randbytes(32))
            shared = own.exchange(X25519["seal x"].public_key())
        else:
            own = ec.derive_private_key(self.rng.getrandbits(250) + 1, ec.SECP256R1())
            shared = own.exchange(ec.ECDH(), EC["seal ec"].public_key())
        header = {"epk": jwk(own)}
        if self.alg == "ECDH-ES":
            return concat(shared, self.enc, len(fresh)), b"", header
        key = concat(shared, self.alg, int(self.alg[-5:-2]) // 8)
        return fresh, aes_key_wrap(key, fresh), header


def concat(shared: bytes, name: str, length: int) -> bytes:
    """Concat KDF (NIST SP 800-56A §5.8.1) without party names."""
    info = len(name).to_bytes(4, "big") + name.encode() + bytes(8) + (8 * length).to_bytes(4, "big")
    blocks = (hashlib.sha256(counter.to_bytes(4, "big") + shared + info).digest() for counter in range(1, 4))
    return b"".join(blocks)[:length]


def cbc(key: bytes, iv: bytes, plaintext: bytes, associated: bytes) -> tuple[bytes, bytes]:
    """AES-CBC with HMAC (RFC 7518 §5.2)."""
    half = len(key) // 2
    padder = block_padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key[half:]), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()
    message = associated + iv + ciphertext + (8 * len(associated)).to_bytes(8, "big")
    return ciphertext, hmac.digest(key[:half], message, f"sha{16 * half}")[:half]


def deflate(data: bytes) -> bytes:
    """As `zip: DEF` has it (RFC 7516 §4.1.3): raw."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()
