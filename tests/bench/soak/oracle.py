"""PyJWT's opinion of tokens: a line of JSON in (`token`, `keys`, `issuer`), a line out: the subject, or nothing when it refuses."""

import json
import sys

import jwt

for line in sys.stdin:
    question = json.loads(line)
    keys = jwt.PyJWKSet.from_dict({"keys": question["keys"]})
    subject = ""
    try:
        kid = jwt.get_unverified_header(question["token"])["kid"]
        claims = jwt.decode(
            question["token"],
            keys[kid],
            algorithms=["ES256"],
            audience="api",
            issuer=question["issuer"],
            leeway=30,
            options={"require": ["exp", "iss", "aud"]},
        )
        subject = claims["sub"]
    except (jwt.PyJWTError, KeyError, ValueError):
        pass
    print(subject, flush=True)
