"""What is done to a good token, layer by layer. A mutation changes a draft, and may return what it chose, for the report."""

import json

import keys
import literals
import mint
from keys import AUDIENCE, CLIENT, NOW, POLICIES, encode
from sealed import CONTENT_KEYS, RECIPIENTS, Seal, deflate

LAYERS: dict[str, list] = {}

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def mutation(layer: str, weight: int = 1):
    def register(function):
        LAYERS.setdefault(layer, []).extend([function] * weight)
        return function

    return register


# Claims.


def _leeway(d) -> int:
    return POLICIES[d.policy]["leeway"]


@mutation("claims", 10)
def time(d):
    name = d.rng.choice(["exp", "exp", "nbf", "iat"])
    text = d.rng.choice(literals.around(_leeway(d)) if d.rng.random() < 0.6 else literals.TIMES)
    d.put("claims", name, text)
    return f"{name}={text[:40]}"


@mutation("claims", 6)
def audience(d):
    if d.policy == "pool":
        name = d.rng.choice(["aud", "client_id"])
        text = d.rng.choice(literals.CLIENTS)
    else:
        name, text = "aud", d.rng.choice(literals.AUDIENCES)
    d.put("claims", name, text)
    return f"{name}={text}"


@mutation("claims", 4)
def issuer(d):
    text = d.rng.choice(literals.ISSUERS)
    d.put("claims", "iss", text)
    return text


@mutation("claims", 3)
def subject(d):
    text = d.rng.choice(literals.ANYTHING)
    d.put("claims", "sub", text)
    return text


@mutation("claims", 2)
def token_id(d):
    text = d.rng.choice(literals.ANYTHING)
    d.put("claims", "jti", text)
    return text


@mutation("claims", 4)
def missing_claim(d):
    name = d.rng.choice([member[0] for member in d.claims])
    d.drop("claims", name)
    return name


@mutation("claims", 3)
def claim_of_any_type(d):
    name = d.rng.choice([member[0] for member in d.claims])
    text = d.rng.choice(literals.ANYTHING)
    d.put("claims", name, text)
    return f"{name}={text}"


@mutation("claims", 3)
def use_of_the_token(d):
    text = d.rng.choice(literals.USES)
    d.put("claims", "token_use", text)
    return text


@mutation("claims", 3)
def authorized_party(d):
    text = d.rng.choice(literals.PARTIES)
    d.put("claims", "azp", text)
    return text


@mutation("claims", 8)
def more_claims(d):
    for _ in range(d.rng.randint(1, 6)):
        d.put("claims", d.rng.choice(literals.NAMES), d.rng.choice(literals.VALUES))


@mutation("claims", 2)
def many_claims(d):
    for n in range(d.rng.choice([20, 100, 300])):
        d.claims.append([f"claim-{n}", d.rng.choice(literals.VALUES[:20])])


@mutation("claims", 1)
def large_claim(d):
    size = d.rng.choice([2_000, 8_000, 11_000, 12_500, 20_000, 60_000])
    d.add("claims", "large", json.dumps("x" * size))
    return str(size)


# JSON text. `part` is the header or the claims; both are signed as they stand.


def _part(d) -> str:
    return d.rng.choice(["header", "claims", "claims"])


def _text(d, change):
    part = _part(d)
    (d.header_text if part == "header" else d.payload_text).append(change)
    return part


def _escaped(name: str, count: int | None = None) -> str:
    """A member's name as JSON text with its first characters as `\\u` escapes; all of them without a count."""
    if name[:1] == '"':
        return name
    head, tail = (name, "") if count is None else (name[:count], name[count:])
    units = head.encode("utf-16-be")
    return '"' + "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)) + json.dumps(tail)[1:]


@mutation("json", 6)
def duplicate(d):
    part = _part(d)
    name, text = d.rng.choice(getattr(d, part))
    spelt = d.rng.choice([name, name, _escaped(name), _escaped(name, 1)])
    other = d.rng.choice([text, text, '"x"', "null", "0", str(NOW + 1000), f'"{AUDIENCE}"', '"none"', '"RS256"'])
    getattr(d, part).insert(d.rng.choice([0, len(getattr(d, part))]), [spelt, other])
    return f"{part} {name}"


@mutation("json", 2)
def duplicate_below(d):
    part = _part(d)
    text = d.rng.choice(['{"a":1,"a":1}', '{"a":1,"a":2}', '[{"b":{"c":1,"c":2}}]', '{"a":1,"\\u0061":1}', '{"":1,"":2}', '{"__proto__":1,"__proto__":2}'])
    d.add(part, "x", text)
    return part


@mutation("json", 5)
def white_space(d):
    space = d.rng.choice([" ", "\t", "\n", "\r\n", "   \n", "\f", "\v", "\u00a0", "\u2028", "\u3000", "\u0085", "\ufeff", "\0"]).encode()
    at = d.rng.choice(["before", "after", "inside", "both"])

    def change(text: bytes) -> bytes:
        match at:
            case "before":
                return space + text
            case "after":
                return text + space
            case "both":
                return space + text + space
        return text.replace(b":", space + b":" + space, 1)

    return f"{_text(d, change)} {at} {space!r}"


@mutation("json", 3)
def byte_order_mark(d):
    mark = d.rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb", b"\xef\xbb\xbf\xef\xbb\xbf"])
    return f"{_text(d, lambda text: mark + text)} {mark!r}"


@mutation("json", 3)
def other_encoding(d):
    name = d.rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-7", "latin-1"])
    part = _text(d, lambda text: text.decode("utf-8", "replace").encode(name, "replace"))
    if d.rng.random() < 0.5:
        d.add(part, "x", '"é"')
    return f"{part} {name}"


@mutation("json", 4)
def bad_utf8(d):
    junk = d.rng.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xc3", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80", b"\xf0\x80\x80\xaf"])
    part = _part(d)
    d.add(part, "x", '"@@"')
    (d.header_text if part == "header" else d.payload_text).append(lambda text: text.replace(b"@@", junk))
    return f"{part} {junk!r}"


@mutation("json", 4)
def escapes(d):
    part = _part(d)
    text = d.rng.choice([
        r'"\ud800"', r'"\udc00\ud800"', r'"\ud800x"', r'"\x41"', r'"\u00g0"', r'"\U0041"', r'"\u41"', r'"\'"', r'"\v"', r'"\0"', r'"\e"', r'"\u0000"', r'"\/"',
        '"\x01"', '"\t"', '"\n"', '"\x7f"', "'x'", '"x', "x", "undefined", "True", "None", '"\\', "/x/", "\"\\\n\"", '"\\ud83d"', '"\\ud83d\\u0041"',
    ])  # fmt: skip
    d.add(part, "x", text)
    return f"{part} {text}"


@mutation("json", 2)
def escaped_name(d):
    part = _part(d)
    member = d.rng.choice(getattr(d, part))
    member[0] = _escaped(member[0])
    return part


@mutation("json", 4)
def numbers(d):
    part = _part(d)
    text = d.rng.choice(literals.NUMBERS)
    d.add(part, "x", text)
    return f"{part} {text[:30]}"


@mutation("json", 3)
def nesting(d):
    part = _part(d)
    depth = d.rng.choice([5, 20, 29, 30, 31, 32, 33, 40, 64, 100, 130, 500, 900, 1100, 3000])
    d.add(part, "x", "[" * depth + "]" * depth if d.rng.random() < 0.5 else '{"a":' * depth + "1" + "}" * depth)
    return f"{part} {depth}"


@mutation("json", 5)
def syntax(d):
    name, change = d.rng.choice([
        ("comma at the end", lambda t: t[:-1] + b",}"),
        ("comma at the start", lambda t: b"{," + t[1:]),
        ("two commas", lambda t: t.replace(b",", b",,", 1)),
        ("no comma", lambda t: t.replace(b",", b" ", 1)),
        ("comment", lambda t: t[:1] + b"/**/" + t[1:]),
        ("line comment", lambda t: t[:-1] + b"//x\n}"),
        ("hash comment", lambda t: b"#x\n" + t),
        ("single quotes", lambda t: t.replace(b'"', b"'")),
        ("bare name", lambda t: t.replace(b'"', b"", 2)),
        ("equals", lambda t: t.replace(b":", b"=", 1)),
        ("cut", lambda t: t[:-1]),
        ("half", lambda t: t[: len(t) // 2]),
        ("brace more", lambda t: t + b"}"),
        ("twice", lambda t: t + t),
        ("junk behind", lambda t: t + b"x"),
        ("null behind", lambda t: t + b"\0"),
        ("array", lambda t: b"[" + t + b"]"),
        ("string", lambda t: json.dumps(t.decode("utf-8", "replace")).encode()),
        ("nothing", lambda t: b""),
        ("space", lambda t: b" "),
        ("braces", lambda t: b"{}"),
        ("null", lambda t: b"null"),
        ("true", lambda t: b"true"),
        ("number", lambda t: b"1"),
        ("empty array", lambda t: b"[]"),
        ("empty string", lambda t: b'""'),
        ("positional", lambda t: b'[9999999999,0,"s","https://id.example","api"]'),
        ("in an object", lambda t: b'{"a":' + t + b"}"),
        ("url-encoded", lambda t: t.replace(b"{", b"%7B")),
        ("xml", lambda t: b"<a>" + t + b"</a>"),
    ])  # fmt: skip
    return f"{_text(d, change)} {name}"


# Header members.


@mutation("header", 5)
def type_(d):
    text = d.rng.choice(literals.TYPES)
    d.put("header", "typ", text)
    return text


@mutation("header", 1)
def no_type(d):
    d.drop("header", "typ")


@mutation("header", 7)
def key_id(d):
    text = d.rng.choice(literals.KIDS)
    d.put("header", "kid", text)
    return text


@mutation("header", 2)
def no_key_id(d):
    d.drop("header", "kid")


@mutation("header", 4)
def algorithm(d):
    """The header says another algorithm than that of the signature."""
    text = d.rng.choice(literals.ALGORITHMS)
    d.put("header", "alg", text)
    return text


@mutation("header", 4)
def algorithm_of_the_family(d):
    """As [`algorithm`], and signed as it says."""
    family = {"R": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], "E": ["ES256", "ES384", "ES512"], "H": ["HS256", "HS384", "HS512"]}
    name = d.rng.choice(["EdDSA", "Ed25519"] if d.alg == "EdDSA" else family["R" if d.alg == "PS256" else d.alg[0]])
    d.put("header", "alg", json.dumps(name))
    d.signed_as = name
    return name


@mutation("header", 1)
def no_algorithm(d):
    d.drop("header", "alg")


@mutation("header", 4)
def critical(d):
    text = d.rng.choice(literals.CRITICAL)
    d.put("header", "crit", text)
    if d.rng.random() < 0.5:
        d.put("header", d.rng.choice(["x", "exp", "b64"]), d.rng.choice(["1", "true", "false", str(NOW + 600)]))
    return text


@mutation("header", 3)
def unencoded_payload(d):
    """RFC 7797, with and without `crit`, signed over the encoded payload or over the raw one."""
    d.put("header", "b64", d.rng.choice(["false", "false", "true", "null", '"false"', "0"]))
    if d.rng.random() < 0.6:
        d.put("header", "crit", '["b64"]')
    if d.rng.random() < 0.5:
        d.resigned = False
        raw = d.render(d.claims)
        d.sign = lambda message: mint.sign(d.alg, d.key, message.split(b".")[0] + b"." + raw)


@mutation("header", 3)
def content_type(d):
    text = d.rng.choice(['"JWT"', '"jwt"', '""', "null", '"json"', '"application/json"', "1", "[]", '"JWE"'])
    d.put("header", "cty", text)
    return text


@mutation("header", 2)
def compression(d):
    text = d.rng.choice(['"DEF"', '"GZ"', "null", "1", '""'])
    d.put("header", "zip", text)
    return text


@mutation("header", 4)
def key_inside(d):
    """A key or its address in the header of a token that is good without it."""
    stranger = keys.jwk(keys.RSA["stranger"])
    name, text = d.rng.choice([
        ("jwk", json.dumps(stranger)), ("jku", '"http://127.0.0.1:9/jwks"'), ("x5u", '"http://127.0.0.1:9/cert"'), ("x5c", '["AAAA"]'), ("jwk", "5"),
        ("jku", "[]"), ("x5u", "null"), ("x5c", "{}"), ("jwk", "null"), ("jwk", "{}"), ("x5c", "[]"), ("x5c", '"AAAA"'), ("jku", '""'),
    ])  # fmt: skip
    d.put("header", name, text)
    return f"{name}={text[:20]}"


@mutation("header", 2)
def thumbprint(d):
    name = d.rng.choice(["x5t", "x5t#S256"])
    text = d.rng.choice(['"AAAA"', '"rs"', '"es256"', '""', "null", "1", '["rs"]', '"only"', '"pool-1"'])
    d.put("header", name, text)
    if d.rng.random() < 0.5:
        d.drop("header", "kid")
    return f"{name}={text}"


@mutation("header", 4)
def more_members(d):
    for _ in range(d.rng.randint(1, 4)):
        name = d.rng.choice(literals.NAMES + ["enc", "epk", "apu", "p2c", "p2s", "iv", "tag", "url", "ppt", "svt", "trust_chain", "nonce"])
        if not d.has("header", name):
            d.put("header", name, d.rng.choice(literals.VALUES))


# Segments: base64url as it should not be, signed as it stands.


def _respell(d, segment: bytes) -> bytes:
    """The last character's sibling, with bits that mean nothing."""
    spare = {2: 16, 3: 4}.get(len(segment) % 4)
    if not spare or segment[-1] not in ALPHABET:
        return segment
    at = ALPHABET.index(segment[-1:])
    return segment[:-1] + ALPHABET[at ^ d.rng.randrange(1, spare) :][:1]


def _plain(segment: bytes) -> bytes:
    return segment.replace(b"-", b"+").replace(b"_", b"/")


@mutation("segment", 1)
def segment(d):
    which = d.rng.choice(["header", "payload", "payload", "signature"])
    name, change = d.rng.choice([
        ("padded", lambda s: s + b"=" * (-len(s) % 4)),
        ("padded", lambda s: s + b"=" * (-len(s) % 4)),
        ("one =", lambda s: s + b"="),
        ("two =", lambda s: s + b"=="),
        ("three =", lambda s: s + b"==="),
        ("four =", lambda s: s + b"===="),
        ("= in front", lambda s: b"=" + s),
        ("= inside", lambda s: s[:4] + b"=" + s[4:]),
        ("%3D", lambda s: s + b"%3D"),
        ("plain alphabet", _plain),
        ("plain alphabet", _plain),
        ("trailing bits", lambda s: _respell(d, s)),
        ("trailing bits", lambda s: _respell(d, s)),
        ("a character more", lambda s: s + b"A"),
        ("two characters more", lambda s: s + b"AA"),
        ("a character less", lambda s: s[:-1]),
        ("space", lambda s: s[:4] + b" " + s[4:]),
        ("newline", lambda s: s[:64] + b"\n" + s[64:]),
        ("crlf", lambda s: s[:64] + b"\r\n" + s[64:]),
        ("newline at the end", lambda s: s + b"\n"),
        ("space at the end", lambda s: s + b" "),
        ("space in front", lambda s: b" " + s),
        ("tab", lambda s: s + b"\t"),
        ("null", lambda s: s + b"\0"),
        ("?", lambda s: s[:4] + b"?" + s[4:]),
        ("!", lambda s: s[:8] + b"!" + s[8:]),
        ("~", lambda s: s + b"~"),
        ("comma", lambda s: s + b","),
        ("non-ASCII", lambda s: s[:4] + "é".encode() + s[4:]),
        ("0xff", lambda s: s[:4] + b"\xff" + s[4:]),
        ("upper case", lambda s: s.upper()),
        ("base64 twice", lambda s: encode(s).encode()),
        ("hex", lambda s: s.hex().encode()),
        ("empty", lambda s: b""),
        ("quoted", lambda s: b'"' + s + b'"'),
    ])  # fmt: skip
    getattr(d, f"{which}_segment").append(change)
    if which == "signature":
        d.resigned = False
    if d.rng.random() < 0.3:
        # Bytes whose text has `-` and `_`, so that the alphabets differ.
        d.put("claims", "name", '"?>?>~~ÿÿþ"')
    return f"{which} {name}"


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


# Bytes of the token as it is sent.


@mutation("bytes", 8)
def bytes_(d):
    d.resigned = False
    a, b, byte = d.rng.random(), d.rng.random(), d.rng.randrange(256)
    letter = d.rng.choice(ALPHABET)

    def swap(t):
        i, j = sorted((int(a * len(t)), int(b * len(t))))
        return t[:i] + t[j : j + 1] + t[i + 1 : j] + t[i : i + 1] + t[j + 1 :] if i < j else t

    def put(t, new, drop):
        i = int(a * len(t))
        return t[:i] + new + t[i + drop :]

    def flip(t):
        i = int(a * len(t))
        return t[:i] + bytes(byte ^ 1 << int(b * 8) for byte in t[i : i + 1]) + t[i + 1 :]

    name, change = d.rng.choice([
        ("flip", flip), ("letter", lambda t: put(t, bytes([letter]), 1)),
        ("letter", lambda t: put(t, bytes([letter]), 1)), ("byte", lambda t: put(t, bytes([byte]), 1)), ("delete", lambda t: put(t, b"", 1)),
        ("insert", lambda t: put(t, bytes([letter]), 0)), ("insert byte", lambda t: put(t, bytes([byte]), 0)), ("swap", swap), ("cut", lambda t: t[: int(a * len(t))]),
        ("cut in front", lambda t: t[int(a * len(t)) :]), ("delete much", lambda t: put(t, b"", int(b * 40))), ("dot", lambda t: put(t, b".", 0)),
    ])  # fmt: skip
    d.token.append(change)
    return name


def _three(token: bytes) -> tuple[bytes, bytes, bytes]:
    header, payload, signature = (token.split(b".") + [b"", b"", b""])[:3]
    return header, payload, signature


@mutation("bytes", 5)
def whole_token(d):
    d.resigned = False
    name, change = d.rng.choice([
        ("twice", lambda t: t + t), ("twice with a dot", lambda t: t + b"." + t), ("comma", lambda t: t + b"," + t), ("Bearer", lambda t: b"Bearer " + t),
        ("dot behind", lambda t: t + b"."), ("dot in front", lambda t: b"." + t), ("no signature", lambda t: t.rpartition(b".")[0]),
        ("empty signature", lambda t: t.rpartition(b".")[0] + b"."), ("header alone", lambda t: t.split(b".")[0]), ("four parts", lambda t: t + b".AAAA"),
        ("five parts", lambda t: t + b".AAAA.AAAA"), ("two empty parts", lambda t: t + b".."), ("flattened", lambda t: b'{"protected":"%s","payload":"%s","signature":"%s"}' % _three(t)),
        ("general", lambda t: b'{"payload":"%s","signatures":[{"protected":"%s","signature":"%s"}]}' % (_three(t)[1], _three(t)[0], _three(t)[2])),
        ("no signatures", lambda t: b'{"payload":"%s","signatures":[]}' % _three(t)[1]), ("in JSON", lambda t: b'{"a":"%s"}' % t), ("quoted", lambda t: b'"%s"' % t),
        ("space behind", lambda t: t + b" "), ("space in front", lambda t: b" " + t), ("newline behind", lambda t: t + b"\n"), ("null behind", lambda t: t + b"\0"),
        ("slashes", lambda t: t.replace(b".", b"/")), ("colons", lambda t: t.replace(b".", b":")), ("%2E", lambda t: t.replace(b".", b"%2E")), ("empty", lambda t: b""),
        ("dots", lambda t: b".."), ("many dots", lambda t: b"." * 5000), ("upper case", lambda t: t.upper()), ("swapped parts", lambda t: b".".join(t.split(b".")[1::-1] + t.split(b".")[2:])),
        ("full-width dots", lambda t: t.replace(b".", "．".encode())), ("tilde", lambda t: t + b"~"), ("long", lambda t: t + b"A" * 20_000),
    ])  # fmt: skip
    d.token.append(change)
    return name


@mutation("bytes", 2)
def none(d):
    """No signature at all, in every spelling."""
    d.resigned = False
    spelling = "".join(c.upper() if d.rng.random() < 0.5 else c for c in "none")
    d.put("header", "alg", json.dumps(spelling))
    end = d.rng.choice([None, b"", b"AAAA", b"."])
    d.token.append(lambda t: t.rpartition(b".")[0] if end is None else t.rpartition(b".")[0] + b"." + end)
    return spelling




# The envelope of an encrypted token; what is in it stays as it was signed.


@mutation("sealed", 4)
def envelope_algorithm(d):
    """Sealed by an algorithm that the policy allows or not, to a key that fits."""
    d.seal.alg, d.seal.recipient = d.rng.choice(RECIPIENTS + [("RSA1_5", "seal"), ("PBES2-HS256+A128KW", "seal oct")])
    d.seal.put("alg", json.dumps(d.seal.alg))
    d.seal.put("kid", json.dumps(d.seal.recipient))
    if d.seal.alg == "dir":
        d.seal.enc = "A256GCM"
        d.seal.put("enc", '"A256GCM"')
    return d.seal.alg


@mutation("sealed", 3)
def envelope_encryption(d):
    d.seal.enc = d.rng.choice(list(CONTENT_KEYS))
    d.seal.put("enc", json.dumps(d.seal.enc))
    return d.seal.enc


@mutation("sealed", 3)
def envelope_says_otherwise(d):
    """The header names another algorithm than the one that was used."""
    name = d.rng.choice(["alg", "enc"])
    text = d.rng.choice([
        '"RSA-OAEP"', '"RSA-OAEP-256"', '"RSA-OAEP-512"', '"RSA1_5"', '"ECDH-ES"', '"A128KW"', '"dir"', '"A256GCMKW"', '"none"', '"RS256"', '"A128GCM"', '"A256GCM"',
        '"A128CBC-HS256"', '"a256gcm"', '""', "null", "1", '["A256GCM"]', '"A192GCM"', '"A128CBC+HS256"',
    ])  # fmt: skip
    d.seal.put(name, text)
    return f"{name}={text}"


@mutation("sealed", 4)
def envelope_member(d):
    name, text = d.rng.choice([
        ("cty", '"jwt"'), ("cty", '"application/jwt"'), ("cty", '"json"'), ("cty", '""'), ("cty", "null"), ("cty", "1"), ("cty", '"JWS"'), ("typ", '"JWE"'), ("typ", '"JWT"'), ("typ", "1"),
        ("crit", '["x"]'), ("crit", "[]"), ("crit", '["exp"]'), ("crit", "null"), ("zip", '"NONE"'), ("zip", "null"), ("zip", '""'), ("kid", '"unknown"'), ("kid", '"seal"'),
        ("kid", '"seal ec"'), ("kid", '"sealed-1"'), ("kid", "1"), ("kid", "null"), ("kid", '""'), ("kid", json.dumps("k" * 300)), ("jwk", "{}"), ("jku", '"http://127.0.0.1:9/"'),
        ("x5c", "[]"), ("p2c", "2000000000"), ("p2s", '"AAAA"'), ("apu", '"AAAA"'), ("apv", '"AAAA"'), ("epk", "{}"), ("epk", '"x"'), ("iv", '"AAAA"'), ("tag", '"AAAA"'),
        ("x", "[" * 40 + "]" * 40), ("x", "1e400"), ("x", "NaN"), ("iss", '"https://sealed.example"'), ("exp", "1"),
    ])  # fmt: skip
    d.seal.put(name, text)
    return f"{name}={text[:30]}"


@mutation("sealed", 1)
def envelope_without(d):
    name = d.rng.choice(["cty", "kid", "kid", "alg", "enc", "epk"])
    d.seal.drop(name)
    return name


@mutation("sealed", 2)
def envelope_compressed(d):
    d.seal.put("zip", '"DEF"')
    d.seal.content.append(deflate)


@mutation("sealed", 3)
def envelope_text(d):
    name, change = d.rng.choice([
        ("duplicate", lambda t: t[:-1] + b',"cty":"JWT"}'), ("duplicate alg", lambda t: b'{"alg":"none",' + t[1:]), ("duplicate escaped", lambda t: t[:-1] + b',"\\u0063ty":"JWT"}'),
        ("mark", lambda t: b"\xef\xbb\xbf" + t), ("comma", lambda t: t[:-1] + b",}"), ("array", lambda t: b"[" + t + b"]"), ("bad UTF-8", lambda t: t[:-1] + b',"x":"\xff"}'),
        ("spaces", lambda t: b" " + t + b"\n"), ("surrogate", lambda t: t[:-1] + b',"x":"\\ud800"}'), ("UTF-16", lambda t: t.decode().encode("utf-16")), ("comment", lambda t: t + b"//"),
        ("nothing", lambda t: b""), ("two", lambda t: t + t),
    ])  # fmt: skip
    d.seal.header_text.append(change)
    return name


@mutation("sealed", 4)
def envelope_bytes(d):
    d.resigned = False
    part = d.rng.choice(list(d.seal.parts))
    at = d.rng.random()

    def flip(data):
        i = int(at * len(data))
        return data[:i] + bytes(byte ^ 1 << d.rng.randrange(8) for byte in data[i : i + 1]) + data[i + 1 :]

    name, change = d.rng.choice([
        ("flip", flip), ("flip", flip), ("cut", lambda b: b[:-1]), ("longer", lambda b: b + b"\0"), ("empty", lambda b: b""), ("zeros", lambda b: bytes(len(b))), ("half", lambda b: b[: len(b) // 2]),
        ("twice", lambda b: b + b),
    ])  # fmt: skip
    d.seal.parts[part].append(change)
    return f"{part} {name}"


@mutation("sealed", 4)
def envelope_content(d):
    """Something else than the signed token is inside."""
    d.resigned = False
    name, change = d.rng.choice([
        ("bare claims", lambda t: d.render(d.claims)), ("nothing", lambda t: b""), ("unsigned", lambda t: encode(b'{"alg":"none"}').encode() + b"." + t.split(b".")[1] + b"."),
        ("sealed twice", lambda t: Seal(d.rng).close(t)), ("in a string", lambda t: b'"' + t + b'"'), ("space behind", lambda t: t + b" "), ("newline behind", lambda t: t + b"\n"),
        ("in JSON", lambda t: b'{"token":"' + t + b'"}'), ("mark", lambda t: b"\xef\xbb\xbf" + t), ("Bearer", lambda t: b"Bearer " + t), ("null behind", lambda t: t + b"\0"),
    ])  # fmt: skip
    d.seal.content.append(change)
    return name


@mutation("sealed", 3)
def envelope_for_another(d):
    """A token of another issuer, well signed, in this issuer's envelope."""
    policy = d.rng.choice(["main", "other", "strict"])
    d.put("claims", "iss", json.dumps(POLICIES[policy]["issuers"][0]))
    alg, kid, key = d.rng.choice(mint.SIGNERS[policy])
    d.by(alg, key)
    d.put("header", "kid", json.dumps(kid))
    if policy == "strict":
        d.put("header", "typ", '"at+jwt"')
        d.put("claims", "azp", '"web-client"')
    return policy
