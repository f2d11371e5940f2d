"""An issuer of the gallery's own: one key, and tokens signed with it."""

import json
import pathlib
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

ISSUER = "urn:claimgate:gallery"
ISSUER_NAME = "gallery"
AUDIENCE = "gallery"
LIFETIME_SECONDS = 4 * 3600
ROLES = ["reader"]
"""The role of every token that says no other: `/admin/*` wants another one."""


class Issuer:
    """Signs; its public key is a file that the gate reads."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._foreign_key = ec.generate_private_key(ec.SECP256R1())
        key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        self.jwks_file = folder / "jwks.json"
        self.jwks_file.write_text(json.dumps({"keys": [key | {"kid": "gallery", "alg": "ES256", "use": "sig"}]}))

    def token(self, subject: str, **claims: object) -> str:
        """A good token. A claim that is None is left out."""
        return self._sign(self._key, {"sub": subject, "roles": ROLES} | claims)

    def foreign_token(self, subject: str) -> str:
        """A token with the wrong signature."""
        return self._sign(self._foreign_key, {"sub": subject})

    @staticmethod
    def _sign(key: ec.EllipticCurvePrivateKey, claims: dict[str, object]) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME_SECONDS} | claims
        return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, "ES256", headers={"kid": "gallery"})


def identity_of(subject: str, **headers: str) -> dict[str, str]:
    """The identity headers, folded, that `Issuer.token` of this subject leads to."""
    return {"x_auth_subject": subject, "x_auth_issuer": ISSUER_NAME, "x_auth_roles": ",".join(ROLES)} | headers
