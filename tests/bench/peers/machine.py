"""What the figures were measured with and on."""

import os
import platform
import re
import subprocess
from pathlib import Path

from places import Binaries, Cores

# proc_stat(5): user, nice, system, irq, softirq and steal of all cores, in ticks.
BUSY_FIELDS = (1, 2, 3, 6, 7, 8)
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def machine(cores: Cores) -> dict[str, str]:
    """Processor, cores, kernel, and who had which core."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    return {
        "processor": model.group(1) if model else platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "proxy": ",".join(map(str, sorted(cores.proxy))),
        "others": ",".join(map(str, sorted(cores.others))),
    }


def busy_ns() -> int:
    """What all cores have worked since the machine was started."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return TICK_NS * sum(int(fields[number]) for number in BUSY_FIELDS)


def versions(binaries: Binaries) -> dict[str, str]:
    """Of every peer, as it says itself."""
    return {
        "claimgate": _first([binaries.gate, "--version"], r"(\d\S*)"),
        "Envoy": _first([binaries.envoy, "--version"], r"/(\d+\.\d+\.\d+)/"),
        "HAProxy": _first([binaries.haproxy, "-v"], r"version (\d+\.\d+\.\d+)"),
        "its OpenSSL": _first([binaries.haproxy, "-vv"], r"Running on OpenSSL version : OpenSSL (\S+)"),
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
