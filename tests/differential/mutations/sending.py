"""What happens to a token that is made: its bytes, and the envelope of an encrypted one."""

import json

import mint
from keys import POLICIES, encode
from sealed import CONTENT_KEYS, RECIPIENTS, Seal, deflate

from .layers import ALPHABET, mutation

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
