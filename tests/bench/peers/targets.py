"""What is wanted: ratios of the gate to a peer of the same run, and sizes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Results = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A bound that must hold, and a better one that is wanted."""

    title: str
    at_least: float
    wanted: float
    value: Callable[[Results], float | None]
    unit: str = ""
    more_is_better: bool = False

    def reached(self, value: float, bound: float) -> bool:
        """At the precision that is shown: nobody reads 0.3304 as missed."""
        value = round(value, 2)
        return value >= bound if self.more_is_better else value <= bound

    def shown(self, value: float) -> str:
        """With its unit."""
        return f"{value:.3g}{' ' + self.unit if self.unit else ''}"


def ratio(case: str, own: str, other: str, what: str = "cpu_ns") -> Callable[[Results], float | None]:
    """Median of one lane divided by another's."""

    def value(results: Results) -> float | None:
        mine, theirs = _lane(results, case, own), _lane(results, case, other)
        return mine[what] / theirs[what] if mine and theirs else None

    return value


def figure(group: str, row: str, what: str, scale: float = 1.0) -> Callable[[Results], float | None]:
    """A value that was measured once."""

    def value(results: Results) -> float | None:
        found = next((one for one in results["figures"].get(group, []) if one["name"] == row), None)
        return found[what] * scale if found and not (group == "size" and not found["stripped"]) else None

    return value


def _lane(results: Results, case: str, lane: str) -> dict[str, float] | None:
    for found in results["cases"]:
        if found["name"] == case:
            return next((one["median"] for one in found["lanes"] if one["name"] == lane), None)
    return None


TARGETS = (
    Target("CPU, known tokens, of HAProxy forwarding only", 1.25, 1.0, ratio("known", "gate", "haproxy")),
    Target("CPU, known tokens, of Envoy with its cache", 0.33, 0.25, ratio("known", "gate", "envoy-cache")),
    Target("CPU, fresh RS256, of HAProxy jwt_verify", 0.65, 0.55, ratio("fresh-rs256", "gate", "haproxy-jwt")),
    Target("CPU, fresh RS256, of Envoy", 0.45, 0.37, ratio("fresh-rs256", "gate", "envoy")),
    Target("CPU, fresh ES256, of Envoy", 0.65, 0.58, ratio("fresh-es256", "gate", "envoy")),
    *(
        Target(f"CPU, refused: {name}, of a known token", 0.8, 0.5, ratio("refused", f"gate:{name}", "gate:known"))
        for name in ("none", "garbage", "expired", "unknown-issuer")
    ),
    Target("CPU, access log on, of off", 1.3, 1.15, ratio("access-log", "gate-log", "gate")),
    Target("CPU, TLS 1.3, of HAProxy forwarding only", 1.3, 1.0, ratio("tls", "gate-tls", "haproxy-tls")),
    Target("CPU, TLS 1.3, of Envoy with its cache", 0.5, 0.35, ratio("tls", "gate-tls", "envoy-tls")),
    Target("CPU, HTTP/2, of Envoy with its cache", 0.6, 0.4, ratio("http2", "gate-tls", "envoy-tls")),
    Target("throughput, 1 MiB down, of HAProxy", 0.85, 1.0, ratio("body", "gate:down", "haproxy:down", "rate"), more_is_better=True),
    Target("RSS, 1,000 busy connections, of Envoy", 0.4, 0.2, ratio("connections", "gate", "envoy-cache", "resident_kib")),
    Target("RSS, idle", 10, 7, figure("memory", "gate", "idle_mib"), "MiB"),
    Target("RSS, of an idle connection", 20, 8, figure("memory", "gate", "connection_kib"), "KiB"),
    Target("start to ready", 30, 10, figure("start", "gate-ready", "ms"), "ms"),
    Target("binary", 12, 8, figure("size", "gate", "mib"), "MiB"),
    Target("added to p99 at half of capacity", 1, 0.3, figure("latency", "gate", "added_p99_us", 0.001), "ms"),
)
