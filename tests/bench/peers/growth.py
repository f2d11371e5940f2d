"""How the gate's cost grows: with issuers, routes, tokens, headers, workers. One thing at a time, everything else as in the other cases."""

import tokens
from cases import Case, Lane
from load import Load
from peers import GATE, Peer

ISSUERS = (1, 10, 1000)
ROUTES = (1, 100, 1000)
TOKENS = (10, 1000, 10_000)
MILLION = 1_000_000
# The gate verifies 20,000 of them a second.
MILLION_SECONDS = 60
HEADERS = (1, 16, 64)
WORKERS = (1, 2)


def _case(what: str, title: str, lanes: list[tuple[Peer, Load]]) -> Case:
    return Case(f"growth-{what}", f"Growth: {title}", tuple(Lane(peer, load) for peer, load in lanes))


def _gate(number: int, what: str, spread: bool = False, tells: tuple[str, ...] = ("sub", "name", "email"), **values: str) -> Peer:
    title = f"{number:,} {what if number > 1 else what.removesuffix('s')}"
    return Peer(f"gate-{number}-{what}", title, "gate", "gate.yaml", GATE | values, tells, spread=spread)


def issuers(material: tokens.Material) -> Case:
    """The measured issuer is the last of the file."""
    one = "  - {{name: other-{0}, provider: oidc, issuer: 'https://other-{0}.example/', audiences: [api], keys: {{jwks_file: '{1}'}}}}"
    load = Load(material.tokens("known"))
    lanes = [(_gate(n, "issuers", issuers="\n".join(one.format(i, material.jwks) for i in range(n - 1))), load) for n in ISSUERS]
    return _case("issuers", "issuers", lanes)


def routes(material: tokens.Material) -> Case:
    """The matching route is the last of the file."""
    load = Load(material.tokens("known"))
    lanes = []
    for n in ROUTES:
        rows = "".join(f"  - {{name: r{i}, path: /r{i}/*}}\n" for i in range(n - 1))
        lanes.append((_gate(n, "routes", routes=f"routes:\n{rows}  - {{name: rest, path: /*}}"), load))
    return _case("routes", "routes", lanes)


def known_tokens(material: tokens.Material, counts: tuple[int, ...] = TOKENS) -> Case:
    """Each as often as the others, by turns: the hardest for a cache that keeps what was used last."""
    lanes = []
    for n in counts:
        path = tokens.distinct(material, n)
        load = Load(path, mode="stream", seconds=MILLION_SECONDS) if n == MILLION else Load(path)
        lanes.append((_gate(n, "tokens"), load))
    return _case("tokens", "distinct known tokens (EdDSA), by turns", lanes)


def a_million_tokens(material: tokens.Material) -> Case:
    """A cache cannot hold them; its memory must stay within its bound."""
    case = known_tokens(material, (*TOKENS, MILLION))
    return Case("growth-million", case.title, case.lanes, most_rounds=1)


def headers(material: tokens.Material) -> Case:
    """The usual three, and the token's claims again and again under other names."""
    names = ("sub", "name", "email", "given_name", "family_name", "preferred_username", "scope", "jti")
    load = Load(material.tokens("known"))
    lanes = []
    for n in HEADERS:
        rows = ", ".join(f"X-More-{i}: {names[i % len(names)]}" for i in range(n - 3))
        if n == 1:
            peer = _gate(n, "headers", headers="X-User: sub", tells=("sub",))
        else:
            peer = _gate(n, "headers", headers=f"{GATE['headers']}, {rows}")
        lanes.append((peer, load))
    return _case("headers", "identity headers", lanes)


def workers(material: tokens.Material) -> Case:
    """On every core, among load and application: it is the CPU of a request that must not grow."""
    load = Load(material.tokens("known"), connections=64)
    return _case("workers", "workers, on all cores", [(_gate(n, "workers", spread=True, workers=str(n)), load) for n in WORKERS])


CASES = {
    "growth-issuers": issuers, "growth-routes": routes, "growth-tokens": known_tokens, "growth-headers": headers, "growth-workers": workers,
    "growth-million": a_million_tokens,
}  # fmt: skip
