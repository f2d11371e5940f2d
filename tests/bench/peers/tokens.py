"""Keys, the certificate and the tokens: made once, kept in the benchmark's folder until they are a week old."""

import base64
import datetime
import ipaddress
import json
import multiprocessing
import os
import secrets
import time
from pathlib import Path
from typing import cast

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://bench.example/"
AUDIENCE = "api"
# A usual token: 1 KB with 16 claims, whatever its algorithm.
TOKEN_BYTES = 1024
USERS = 200
# Enough for two to three seconds of the fastest peer; minting one RS256 takes 0.7 ms.
FRESH_RS256 = 60_000
FRESH_ES256 = 40_000
# Shorter, where a million is wanted.
SHORT_BYTES = 448
SIGNATURE = {"RS256": 342, "ES256": 86, "EdDSA": 86}
LIFETIME = 30 * 86_400
KEPT = 7 * 86_400
BATCH = 1_000


PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Material:
    """The files that everybody reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rsa_public = folder / "rsa.pem"
        self.ec_public = folder / "ec.pem"
        self.jwks = folder / "jwks.json"
        self.certificate = folder / "tls.crt"
        self.tls_key = folder / "tls.key"
        self.tls_both = folder / "tls.pem"

    def tokens(self, name: str) -> Path:
        """A file with a token a line."""
        return self.folder / f"{name}.txt"

    def first(self, name: str) -> str:
        """Its first token."""
        with self.tokens(name).open() as file:
            return file.readline().strip()

    def last(self, name: str) -> str:
        """Its last: one that a measurement of fresh tokens rarely comes to."""
        with self.tokens(name).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2 * TOKEN_BYTES))
            return file.read().split()[-1].decode()


def prepared(folder: Path) -> Material:
    """Everything but the fresh tokens, which take long: see `fresh`."""
    material = Material(folder)
    stamp = folder / "made"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < KEPT:
        return material
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    _write_keys(material)
    known = [_mint(material, "RS256", f"user-{number:06}", {}) for number in range(USERS)]
    head, body, signature = known[0].split(".")
    _write(material.tokens("known"), known)
    _write(material.tokens("expired"), [_mint(material, "RS256", "user-000000", {"exp": int(time.time()) - 3600})])
    _write(material.tokens("unknown-issuer"), [_mint(material, "RS256", "user-000000", {"iss": "https://other.example/"})])
    _write(material.tokens("bad-signature"), [f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"])
    _write(material.tokens("garbage"), [f"{secrets.token_hex(30)}.{secrets.token_hex(310)}.{secrets.token_hex(171)}"])
    stamp.touch()
    return material


def fresh(material: Material, algorithm: str) -> Path:
    """A file of tokens that differ all, minted by as many processes as there are cores."""
    count = FRESH_RS256 if algorithm == "RS256" else FRESH_ES256
    return _many(material, material.tokens(f"fresh-{algorithm.lower()}"), algorithm, count)


def distinct(material: Material, count: int) -> Path:
    """A file of that many short tokens of the algorithm that is minted fastest."""
    return _many(material, material.tokens(f"distinct-{count}"), "EdDSA", count)


def _many(material: Material, path: Path, algorithm: str, count: int) -> Path:
    if path.exists():
        return path
    print(f"minting {count} {algorithm} tokens ...", flush=True)
    batches = [(material.folder, algorithm, start, min(BATCH, count - start)) for start in range(0, count, BATCH)]
    with multiprocessing.get_context("spawn").Pool() as pool:
        unfinished = path.with_suffix(".part")
        with unfinished.open("w") as file:
            for batch in pool.imap(_batch, batches):
                file.write(batch)
        unfinished.rename(path)
    return path


def _batch(task: tuple[Path, str, int, int]) -> str:
    folder, algorithm, start, count = task
    material = Material(folder)
    return "".join(_mint(material, algorithm, f"one-{number:07}", {}) + "\n" for number in range(start, start + count))


_private: dict[str, PrivateKey] = {}


def _mint(material: Material, algorithm: str, user: str, other: dict[str, object]) -> str:
    """A token of 1 KB: its last claim is as long as it takes. EdDSA ones are short."""
    if algorithm not in _private:
        pem = (material.folder / f"{algorithm}.key").read_bytes()
        _private[algorithm] = cast(PrivateKey, serialization.load_pem_private_key(pem, None))
    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": user, "exp": now + LIFETIME, "iat": now - 60, "nbf": now - 60, "jti": secrets.token_hex(8),
        "azp": "web", "name": f"Some Body {user}", "given_name": "Some", "family_name": "Body", "preferred_username": user,
        "email": f"{user}@example.com", "email_verified": True, "scope": "openid profile email", "session": "",
    } | other  # fmt: skip
    if algorithm == "EdDSA":
        claims = {name: claims[name] for name in ("iss", "aud", "sub", "exp", "iat", "name", "email", "session")}
    length = SHORT_BYTES if algorithm == "EdDSA" else TOKEN_BYTES
    header = {"kid": algorithm}
    head = len(_base64url(json.dumps({"alg": algorithm, "kid": algorithm, "typ": "JWT"}, separators=(",", ":")).encode()))
    body = len(json.dumps(claims, separators=(",", ":")))
    claims["session"] = "s" * max(0, (length - head - SIGNATURE[algorithm] - 2) * 3 // 4 - body)
    return jwt.encode(claims, _private[algorithm], algorithm, headers=header)


def _write_keys(material: Material) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    ed_key = ed25519.Ed25519PrivateKey.generate()
    rsa_numbers, ec_numbers = rsa_key.public_key().public_numbers(), ec_key.public_key().public_numbers()
    keys = [
        {"kty": "RSA", "kid": "RS256", "use": "sig", "alg": "RS256", "n": _number(rsa_numbers.n, 256), "e": _number(rsa_numbers.e, 3)},
        {"kty": "EC", "kid": "ES256", "use": "sig", "alg": "ES256", "crv": "P-256", "x": _number(ec_numbers.x, 32), "y": _number(ec_numbers.y, 32)},
        {"kty": "OKP", "kid": "EdDSA", "use": "sig", "alg": "EdDSA", "crv": "Ed25519", "x": _base64url(ed_key.public_key().public_bytes_raw())},
    ]
    material.jwks.write_text(json.dumps({"keys": keys}))
    (material.folder / "EdDSA.key").write_bytes(_private_pem(ed_key))
    for key, name, public in ((rsa_key, "RS256", material.rsa_public), (ec_key, "ES256", material.ec_public)):
        (material.folder / f"{name}.key").write_bytes(_private_pem(key))
        public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    _write_certificate(material)


def _write_certificate(material: Material) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=60)).add_extension(names, False).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    material.certificate.write_bytes(pem)
    material.tls_key.write_bytes(_private_pem(key))
    material.tls_both.write_bytes(pem + _private_pem(key))


def _private_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _number(number: int, length: int) -> str:
    return _base64url(number.to_bytes(length, "big"))


def _base64url(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _write(path: Path, tokens: list[str]) -> None:
    path.write_text("".join(token + "\n" for token in tokens))
