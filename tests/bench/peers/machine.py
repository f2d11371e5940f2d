"""What the figures were measured with and on."""

import os
import platform
import re
import subprocess
from pathlib import Path

from places import Binaries, Cores


def machine(cores: Cores) -> dict[str, str | float]:
    """Processor, cores, kernel, who had which core, and how busy others keep them."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    return {
        "processor": model.group(1) if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "proxy": ",".join(map(str, sorted(cores.proxy))),
        "others": ",".join(map(str, sorted(cores.others))),
        "load": os.getloadavg()[0],
    }


def versions(binaries: Binaries) -> dict[str, str]:
    """Of every peer, as it says itself."""
    return {
        "claimgate": _first([binaries.gate, "--version"], r"(\d\S*)"),
        "Envoy": _first([binaries.envoy, "--version"], r"/(\d+\.\d+\.\d+)/"),
        "HAProxy": _first([binaries.haproxy, "-v"], r"version (\d+\.\d+\.\d+)"),
        "nginx": _first([binaries.nginx, "-v"], r"nginx/(\S+)"),
        "Apache": _first([binaries.apache, "-v"], r"Apache/(\S+)"),
        "mod_auth_openidc": _first(["dpkg-query", "-W", "libapache2-mod-auth-openidc"], r"\t(\S+)"),
        "wrk": _first(["wrk", "-v"], r"wrk (\S+)"),
        "h2load": _first(["h2load", "--version"], r"nghttp2/(\S+)"),
    }


def _first(command: list[str], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "missing"
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "unknown"
