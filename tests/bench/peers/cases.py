"""What is measured under load: who gets which requests, side by side."""

from dataclasses import dataclass
from pathlib import Path

import tokens
from load import Load
from peers import PEERS, Peer


@dataclass(frozen=True)
class Lane:
    """One line of a case: one peer under one load."""

    peer: Peer
    load: Load
    # Told apart from another lane of the same peer.
    what: str = ""

    @property
    def name(self) -> str:
        """Unique within its case."""
        return f"{self.peer.name}:{self.what}" if self.what else self.peer.name

    @property
    def title(self) -> str:
        """For the report."""
        return f"{self.peer.title}: {self.what}" if self.what else self.peer.title


@dataclass(frozen=True)
class Case:
    """Lanes that are visited by turns."""

    name: str
    title: str
    lanes: tuple[Lane, ...]
    # Each lane's peer is started anew before each of its rounds: caches are empty.
    restart: bool = False
    # Fewer rounds, where each takes long.
    most_rounds: int = 1000


def _lanes(names: str, load: Load) -> tuple[Lane, ...]:
    return tuple(Lane(PEERS[name], load) for name in names.split())


def _same(material: tokens.Material) -> Case:
    load = Load(_one(material))
    return Case("same", "One token, again and again", _lanes("gate haproxy haproxy-jwt envoy-cache envoy nginx apache", load))


def _known(material: tokens.Material) -> Case:
    load = Load(material.tokens("known"))
    return Case("known", f"{tokens.USERS} users whose tokens were seen before", _lanes("gate haproxy haproxy-jwt envoy-cache envoy nginx apache", load))


def _fresh_rs256(material: tokens.Material) -> Case:
    load = Load(tokens.fresh(material, "RS256"), mode="once")
    return Case("fresh-rs256", "Each token once, RS256", _lanes("gate haproxy-jwt envoy apache", load), restart=True)


def _fresh_es256(material: tokens.Material) -> Case:
    load = Load(tokens.fresh(material, "ES256"), mode="once")
    return Case("fresh-es256", "Each token once, ES256", _lanes("gate haproxy-jwt envoy", load), restart=True)


def _refused(material: tokens.Material) -> Case:
    lanes = [Lane(PEERS["gate"], Load(material.tokens("known")), "known")]
    for name in ("none", "garbage", "expired", "unknown-issuer", "bad-signature"):
        load = Load(None if name == "none" else material.tokens(name), status=401)
        lanes += [Lane(PEERS[peer], load, name) for peer in ("gate", "haproxy-jwt", "envoy-cache")]
    return Case("refused", "Refusals, beside a known token", tuple(lanes))


def _access_log(material: tokens.Material) -> Case:
    return Case("access-log", "Access log: JSON into a pipe", _lanes("gate gate-log", Load(material.tokens("known"))))


def _tls(material: tokens.Material) -> Case:
    return Case("tls", "TLS 1.3, keep-alive, known tokens", _lanes("gate-tls haproxy-tls envoy-tls", Load(material.tokens("known"))))


def _http2(material: tokens.Material) -> Case:
    load = Load(_one(material), connections=8, streams=16)
    return Case("http2", "HTTP/2 over TLS, 8 connections of 16 streams, a known token", _lanes("gate-tls haproxy-tls envoy-tls", load))


def _body(material: tokens.Material) -> Case:
    down = Load(_one(material), path="/mebibyte", connections=8)
    up = Load(_one(material), path="/upload", connections=8, upload=1 << 20)
    lanes = tuple(Lane(PEERS[name], load, what) for what, load in (("down", down), ("up", up)) for name in ("gate", "haproxy", "envoy-cache", "nginx"))
    return Case("body", "Bodies of 1 MiB, a known token", lanes)


def _connections(material: tokens.Material) -> Case:
    load = Load(material.tokens("known"), connections=1000)
    return Case("connections", "1,000 busy connections, known tokens", _lanes("gate haproxy envoy-cache", load))


def _one(material: tokens.Material) -> Path:
    path = material.tokens("one")
    path.write_text(material.first("known") + "\n")
    return path


CASES = {
    "same": _same, "known": _known, "fresh-rs256": _fresh_rs256, "fresh-es256": _fresh_es256, "refused": _refused, "access-log": _access_log, "tls": _tls,
    "http2": _http2, "body": _body, "connections": _connections,
}  # fmt: skip
