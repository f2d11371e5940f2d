"""JSON texts that a member may hold instead of what it should."""

import json

from keys import AUDIENCE, CLIENT, NOW, POOL


def around(leeway: int) -> list[str]:
    """Times on and next to each boundary, and the forms in which a number may be written."""
    whole = [
        NOW + offset + side
        for offset in (-leeway, 0, leeway)
        for side in (-1, 0, 1)
    ] + [NOW - 3600, NOW + 3600, NOW - 86400 * 365, NOW + 86400 * 365]
    texts = [str(time) for time in whole]
    for time in (NOW - leeway, NOW + leeway, NOW + leeway - 1, NOW - leeway - 1, NOW + 600):
        texts += [f"{time}.0", f"{time}.5", f"{time}.9", f"{time}.0001", f"{time}e0", f"{time}0e-1", f"{time / 1e9!r}e9"]
    return texts


# What a time may be instead.
TIMES = [
    "null", "true", "false", '""', '"x"', "[]", "{}", "[1800000600]", '{"x":1}', "-1", "-0", "0", "-0.5", "0.5", "1e300", "1e400", "-1e400",
    "1e-400", "NaN", "Infinity", "-Infinity", "0x6b49d458", "01800000600", "+1800000600", "1_800_000_600", "18446744073709551615",
    "18446744073709551616", "9223372036854775807", "9223372036854775808", "253402300799", "253402300800", "1e12", "1.8e12", "1800000600000",
    "9007199254740993", "2147483648", "4294967296", '"1800000600"', '"1800000600.5"', '" 1800000600"', '"0x6b49d458"', '"2027-01-15T08:10:00Z"',
    '"Infinity"', '"NaN"', "1800000600.", ".5", "1.8E+9", "1.8000006E9", "1" + "0" * 400,
]  # fmt: skip

# What any member may be instead.
ANYTHING = [
    "null", "true", "false", "0", "1", "-1", "1.5", '""', '"x"', '" "', "[]", "{}", '[""]', '["x"]', "[null]", "[[]]", '{"x":1}', '"null"',
    '"\\u0000"', '"\\ud83d\\ude00"', "1e5", "123456789012345678901234567890",
]  # fmt: skip

AUDIENCES = [
    f'"{AUDIENCE}"', f'["{AUDIENCE}"]', f'["x","{AUDIENCE}"]', '"web"', '["web","api"]', f'["{AUDIENCE}","{AUDIENCE}"]', '"other"', '["other"]',
    '"API"', '"api "', '" api"', '"ap"', '"apis"', '"api,other"', '"api other"', '""', '[""]', "[]", "null", "true", "1", "{}", f'{{"{AUDIENCE}":true}}',
    f'[["{AUDIENCE}"]]', f'["{AUDIENCE}",1]', f'[1,"{AUDIENCE}"]', f'["{AUDIENCE}",null]', f'[null,"{AUDIENCE}"]', f'["{AUDIENCE}",{{}}]', '"\\u0061pi"',
    '["\\u0061\\u0070\\u0069"]', '"api\\u0000"', '"ａｐｉ"', '["api\\n"]', f'["{AUDIENCE}",""]', f'["{AUDIENCE}",true]', '"https://api"', '"api/"',
]  # fmt: skip

ISSUERS = [
    '"https://id.example"', '"https://id.example/"', '"https://ID.example"', '"HTTPS://id.example"', '"http://id.example"', '"https://id.example:443"',
    '"https:\\/\\/id.example"', '"https://id.example.evil"', '" https://id.example"', '"https://id.example "', '"https://id.exampl"', '"id.example"',
    '""', "null", "1", "true", '["https://id.example"]', '["https://evil.example","https://id.example"]', '{"https://id.example":1}', '"https://id.example\\u0000"',
    '"https://id.example#x"', '"https://id.example?x"', '"https://other.example/"', '"https://other.example"', '"urn:example:shared"', '"https://strict.example"',
    '"\\u0068ttps://id.example"', '"https://іd.example"', f'"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"',
    f'"https://issuer-cognito-idp.us-east-1.amazonaws.com/{POOL}"', f'"https://cognito-idp.us-east-1.amazonaws.com/{POOL}/"',
    f'"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"', f'["https://cognito-idp.us-east-1.amazonaws.com/{POOL}"]', '["urn:example:shared"]',
]  # fmt: skip

TYPES = [
    '"JWT"', '"jwt"', '"Jwt"', '"at+jwt"', '"AT+JWT"', '"application/at+jwt"', '"application/jwt"', '"APPLICATION/JWT"', '"logout+jwt"', '"dpop+jwt"',
    '"secevent+jwt"', '"application/secevent+jwt"', '"JOSE"', '"JOSE+JSON"', '"JWT "', '"text/jwt"', '"refresh"', '""', '"application/"',
    '"application/application/jwt"', '"at\\u002bjwt"', '"kb+jwt"', '"vc+sd-jwt"', '"oauth-authz-req+jwt"', "null", '["JWT"]', "1", "true", "{}",
]  # fmt: skip

CRITICAL = ["[]", '["x"]', '["exp"]', '["b64"]', '["alg"]', '["x","x"]', '"b64"', '"x"', "null", "{}", "0", "[1]", '[""]', "true"]

ALGORITHMS = [
    '"none"', '"None"', '"NONE"', '"nOnE"', '"noNE"', '"HS256"', '"HS384"', '"HS512"', '"RS256"', '"RS384"', '"RS512"', '"PS256"', '"PS384"', '"PS512"',
    '"ES256"', '"ES384"', '"ES512"', '"ES256K"', '"EdDSA"', '"Ed25519"', '"Ed448"', '"rs256"', '"RS256 "', '"Rs256"', '"eddsa"', '"EDDSA"', '"RSA-OAEP"',
    '"dir"', '"A128KW"', '"ML-DSA-44"', '""', "null", "1", "true", "[]", '["RS256"]', '{"alg":"RS256"}', '"RS256\\u0000"', '"\\u0052S256"', '"ES\\u0032\\u0035\\u0036"',
    '"RS256,none"', '"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"',
]  # fmt: skip

KIDS = [
    '"rs"', '"ps"', '"es256"', '"es384"', '"ed"', '"plain"', '"twice"', '"enc"', '"ops"', '"odd"', '"weak"', '"oct"', '"only"', '"pool-1"', '"unknown"',
    '"RS"', '"rs "', '" rs"', '"r"', '"rs\\u0000"', '"\\u0072s"', '""', "null", "1", "0", "true", "[]", '["rs"]', '{"rs":1}', '"../../../dev/null"',
    "\"' UNION SELECT '\"", '"a\\r\\nb"', '"\\u0000"', '"__proto__"', '"constructor"', '"toString"', '"length"', '"keys"', '"0"', json.dumps("k" * 256),
    json.dumps("k" * 257), json.dumps("k" * 3000), '"http://127.0.0.1:9/"', '"é"', '"\\ud800"', '"😀"', '"*"', '"%"', '".*"',
]  # fmt: skip

CLIENTS = [json.dumps(CLIENT), '"another"', '"nobody"', f'["{CLIENT}"]', f'"{CLIENT} "', "null", '""', "1", f'["x","{CLIENT}"]', "[]", "{}"]
USES = ['"id"', '"access"', '"ID"', '"refresh"', '""', "null", '["id"]', "true", '"id "', '["access"]', "1", '"\\u0069d"']
PARTIES = ['"web-client"', '"Web-client"', '["web-client"]', '"other"', "null", '""', "1", '"web-client "', '"web\\u002dclient"', '["web-client","x"]', "{}"]

# Harmless members, and those that programs trip over.
NAMES = [
    "x", "role", "roles", "email", "email_verified", "scope", "scp", "groups", "amr", "acr", "azp", "nonce", "at_hash", "auth_time", "sid", "tid", "oid",
    "ver", "cnf", "act", "may_act", "events", "__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "length", "", " ", "a.b", "a b",
    "https://example.com/role", "é", "😀", "\u0000", "\ufeff", "iss ", "EXP", "Aud", "alg", "kid", "typ", "token_use", "client_id", "_claim_names",
]  # fmt: skip

VALUES = ANYTHING + [
    "1e308", "1e-308", "-0", "-0.0", "0e0", "1E5", "1e+5", "0.1", "100000000000000000000000000000000000000", "9007199254740993", '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"é"', '"\\u00e9"', '"😀"', '"\\uD83D\\uDE00"', '"\u2028"', '"\u007f"', '"\ufffe"', '"<script>"', '{"a":{"b":{"c":[1,2,{"d":null}]}}}', '{"":""}',
    '{"a":1,"A":2}', '["a","a"]', '[1,"1",true,null,[],{}]', '"' + "x" * 300 + '"', "[" + "0," * 60 + "0]", "[" * 20 + "]" * 20,
]  # fmt: skip

# Numbers that are too much for someone.
NUMBERS = [
    "1e309", "1e400", "-1e400", "1e99999", "1e-99999", "1" * 309, "1" * 400, "1" * 1000, "1" * 4301, "1" * 5000, "0." + "1" * 1000, "1e0000000000000000005",
    "1e" + "9" * 30, "NaN", "-NaN", "Infinity", "-Infinity", "nan", "0x10", "010", "-01", "+1", "1.", ".1", "1e", "1e+", "--1", "0b1", "1_000", "1,000",
    "１", "1f", "1L", "1n", "- 1", "1 e5",
]  # fmt: skip
