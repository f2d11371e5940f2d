"""Text that says the same, or not quite: JSON of the header and the claims, and the base64url around it."""

import json

import literals
from keys import AUDIENCE, NOW, encode

from .layers import ALPHABET, mutation

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
