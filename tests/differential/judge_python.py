"""What joserfc and PyJWT make of the tokens of a folder: `python judge_python.py FOLDER` writes `joserfc.tsv` and `pyjwt.tsv`.

Each is told the policy of the `iss` that the token says, by the means that it has for that; what it has none for, is left to it.
"""

import base64
import datetime
import json
import sys
import warnings

import jwt
import jwt.api_jwt
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, decrypt_compact
from joserfc.jwk import JWKRegistry, KeySet, OctKey
from joserfc.jws import JWSRegistry

FOLDER = sys.argv[1]
with open(f"{FOLDER}/theirs.json") as file:
    GIVEN = json.load(file)
NOW, POLICIES, KEY_SETS = GIVEN["now"], GIVEN["policies"], GIVEN["key_sets"]
# A weak key is told of, and used.
warnings.simplefilter("ignore")


class Refused(Exception):
    """By the policy, where the library has no word for it."""


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def said(token: bytes, part: int) -> dict:
    """A part of the token before anything is verified, as an application reads it that chooses by it."""
    try:
        value = json.loads(unpadded(token.split(b".")[part].decode()))
        return value if isinstance(value, dict) else {}
    except (ValueError, IndexError, RecursionError):
        return {}


def policy_of(token: bytes, intended: str) -> str:
    issuer = said(token, 1).get("iss")
    return next((name for name, policy in POLICIES.items() if issuer in policy["issuers"]), intended)


def is_encrypted(token: bytes, policy: dict) -> bool:
    return "encryptions" in policy and token.count(b".") == 4


def check_own(policy: dict, claims: dict):
    """Claims that are Cognito's or this house's own: both libraries leave them to the application."""
    if "client_ids" in policy:
        if claims.get("token_use") == "id":
            audiences = claims.get("aud")
            audiences = audiences if isinstance(audiences, list) else [audiences]
            if not any(audience in policy["client_ids"] for audience in audiences):
                raise Refused("aud")
        elif claims.get("token_use") == "access":
            if claims.get("client_id") not in policy["client_ids"]:
                raise Refused("client_id")
        else:
            raise Refused("token_use")
    for name, value in policy.get("required_claims", {}).items():
        if claims.get(name) != value:
            raise Refused(name)


class Joserfc:
    def __init__(self, name: str, policy: dict):
        self.policy = policy
        self.registry = JWSRegistry(algorithms=policy["algorithms"], strict_check_header=False)
        # Its bounds on length (512 bytes of header) would hide what it makes of the rest.
        self.registry.max_header_length = self.registry.max_payload_length = self.registry.max_signature_length = 1 << 20
        if "secret" in policy:
            self.keys = OctKey.import_key(unpadded(policy["secret"]))
        else:
            self.keys = KeySet([key for key in map(self.key, KEY_SETS[name]) if key])
        options = {"iss": {"essential": True, "values": policy["issuers"]}, "exp": {"essential": True}}
        if "audiences" in policy:
            options["aud"] = {"essential": True, "values": policy["audiences"]}
        if "encryptions" in policy:
            self.private_keys = KeySet.import_key_set(GIVEN["private_keys"])
            self.envelopes = JWERegistry(algorithms=policy["key_management"] + policy["encryptions"], strict_check_header=False)
        self.claims = joserfc_jwt.JWTClaimsRegistry(now=NOW, leeway=policy["leeway"], **options)

    @staticmethod
    def key(members: dict):
        try:
            return JWKRegistry.import_key(members)
        except (JoseError, ValueError):
            return None

    def open(self, token: bytes) -> bytes:
        keys = [self.private_keys]
        if "kid" not in said(token, 0):
            keys = list(self.private_keys)
        for last, key in enumerate(keys, 1 - len(keys)):
            try:
                return decrypt_compact(token, key, registry=self.envelopes).plaintext
            except Exception:
                if last == 0:
                    raise
        raise Refused("no keys")

    def verify(self, token: bytes):
        if is_encrypted(token, self.policy):
            token = self.open(token)
        keys = [self.keys]
        if isinstance(self.keys, KeySet) and "kid" not in said(token, 0):
            # The set wants a `kid`: an application that knows tokens without one tries its keys.
            keys = list(self.keys)
        for last, key in enumerate(keys, 1 - len(keys)):
            try:
                decoded = joserfc_jwt.decode(token, key, registry=self.registry)
                break
            except Exception:
                if last == 0:
                    raise
        self.claims.validate(decoded.claims)
        check_own(self.policy, decoded.claims)
        return decoded.claims


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(NOW, tz)


jwt.api_jwt.datetime = Clock


class Client(jwt.PyJWKClient):
    """Its look-up in a set that needs no network."""

    def __init__(self, keys: list):
        super().__init__("https://unused.example/jwks")
        self.set = jwt.PyJWKSet(keys)

    def get_jwk_set(self, refresh: bool = False):
        return self.set


class PyJwt:
    def __init__(self, name: str, policy: dict):
        self.policy = policy
        self.secret = unpadded(policy["secret"]) if "secret" in policy else None
        self.client = None if self.secret else Client(KEY_SETS[name])

    def verify(self, token: bytes):
        if is_encrypted(token, self.policy):
            # It knows no encryption.
            return None
        if self.secret:
            keys = [self.secret]
        elif "kid" in said(token, 0):
            keys = [self.client.get_signing_key_from_jwt(token)]
        else:
            keys = [key for key in self.client.set.keys if key.public_key_use in ("sig", None)]
        audiences = self.policy.get("audiences")
        for last, key in enumerate(keys, 1 - len(keys)):
            try:
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=self.policy["algorithms"],
                    audience=audiences,
                    issuer=self.policy["issuers"],
                    leeway=self.policy["leeway"],
                    options={"require": ["exp"], "verify_aud": audiences is not None},
                )
                break
            except (jwt.InvalidAlgorithmError, jwt.InvalidSignatureError, jwt.InvalidKeyError, TypeError):
                if last == 0:
                    raise
        check_own(self.policy, claims)
        return claims


def texts(claims: dict) -> str:
    """The claims that are text, in which all must agree who allow."""
    return json.dumps({name: value for name, value in claims.items() if isinstance(value, str)})


def main():
    verifiers = {
        label: {name: kind(name, policy) for name, policy in POLICIES.items()}
        for label, kind in (("joserfc", Joserfc), ("pyjwt", PyJwt))
    }
    outputs = {label: open(f"{FOLDER}/{label}.tsv", "w") for label in verifiers}
    with open(f"{FOLDER}/tokens.jsonl") as file:
        for line in file:
            entry = json.loads(line)
            token = entry["token"].encode("latin-1")
            name = policy_of(token, entry["policy"])
            for label, by_policy in verifiers.items():
                try:
                    claims = by_policy[name].verify(token)
                    outputs[label].write("n/a\t\n" if claims is None else f"allow\t{texts(claims)}\n")
                except Exception as error:  # noqa: BLE001 - whatever it is, the token did not pass
                    outputs[label].write(f"deny\t{type(error).__name__}: {str(error)[:120]!a}\n")
    for output in outputs.values():
        output.close()


main()
