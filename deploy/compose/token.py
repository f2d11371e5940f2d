"""Prints a token for the compose example: `python3 token.py NAME [ROLE...]`. For development only; the secret is public."""

import base64
import hashlib
import hmac
import json
import pathlib
import sys
import time


def encoded(data):
    """base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(name, roles, secret):
    """An HS256 token that lives for an hour."""
    now = int(time.time())
    claims = {"iss": "https://issuer.example.test/", "aud": "legacy", "sub": name, "name": name.title(), "roles": roles, "iat": now, "exp": now + 3600}
    signed = encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + encoded(json.dumps(claims).encode())
    return (signed + b"." + encoded(hmac.new(secret, signed, hashlib.sha256).digest())).decode()


if __name__ == "__main__":
    secret = pathlib.Path(__file__).with_name("development-secret.txt").read_bytes().removesuffix(b"\n")
    print(token(sys.argv[1] if len(sys.argv) > 1 else "alice", sys.argv[2:], secret))
