"""What is measured once, not under load: start, memory, size."""

import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import MOST_CONNECTIONS, Bench, allowed_connections
from load import Failed
from peers import PEERS, Peer
from process import eventually
from server import Server, answers

STARTS = 15
# Descriptors that a peer needs for as many, and some for itself.
OPEN_FILES = 2 * MOST_CONNECTIONS + 4096

Rows = list[dict[str, Any]]


def start(bench: Bench) -> Rows:
    """From the start of the program to the first good answer; the gate also to the first 200 of /readyz. Milliseconds."""
    rows = []
    for name in ("gate", "haproxy-jwt", "envoy-cache"):
        peer = PEERS[name]
        rows.append({"name": name, "title": f"{peer.title}: first request forwarded", "ms": _starts(bench, peer, _forwards)})
        if peer.product == "gate":
            rows.append({"name": "gate-ready", "title": f"{peer.title}: `/readyz` is 200", "ms": _starts(bench, peer, _is_ready)})
    return rows


def _starts(bench: Bench, peer: Peer, ready: Callable[[Bench, Server], bool]) -> float:
    took = []
    for _ in range(STARTS):
        server = bench.launch(peer)
        try:
            eventually(peer.name, partial(ready, bench, server), pause=0.0002)
            took.append((time.monotonic() - server.running.began) * 1000)
        finally:
            server.running.end()
    return median(took)


def _forwards(bench: Bench, server: Server) -> bool:
    return answers(server.port, "/", bench.known, server.peer.tls)


def _is_ready(_bench: Bench, server: Server) -> bool:
    return answers(server.admin, "/readyz", None, False)


def memory(bench: Bench) -> Rows:
    """Resident memory of a peer that nobody has asked anything yet, and what each of thousands of connections adds that made one request and wait."""
    # Some are left for the questions before.
    connections = allowed_connections() - 100
    rows = []
    for name in ("gate", "haproxy", "haproxy-jwt", "envoy-cache"):
        peer = PEERS[name]
        server = bench.launch(peer)
        try:
            eventually(name, partial(_listens, server.port))
            time.sleep(1.0)
            idle = server.running.resident_kib()
            eventually(name, partial(_forwards, bench, server))
            before = server.running.resident_kib()
            with_all = _with_connections(bench, server, connections)
            rows.append(
                {"name": name, "title": peer.title, "idle_mib": idle / 1024, "connections": connections, "connection_kib": (with_all - before) / connections}
            )
        finally:
            server.running.end()
    return rows


def sizes(bench: Bench) -> Rows:
    """The programs as they are run. Shared libraries count where the package brings them."""
    binaries = bench.binaries
    libraries = sum(file.stat().st_size for file in (Path(binaries.haproxy).parent / "lib").glob("*.so*"))
    found = {"gate": ("claimgate", binaries.gate, 0), "haproxy": ("HAProxy", binaries.haproxy, libraries), "envoy": ("Envoy", binaries.envoy, 0)}
    return [
        {"name": name, "title": title, "mib": (os.stat(path).st_size + more) / (1 << 20), "stripped": _is_stripped(path)}
        for name, (title, path, more) in found.items()
    ]


def _is_stripped(path: str) -> bool:
    """Whether it is without symbols: a build for profiling is not what is shipped."""
    said = subprocess.run(["readelf", "-S", "--wide", path], capture_output=True, text=True, check=False).stdout
    return ".symtab" not in said


def _with_connections(bench: Bench, server: Server, connections: int) -> int:
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {bench.known}\r\n\r\n".encode()
    held: list[socket.socket] = []
    try:
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            held.append(connection)
            connection.sendall(request)
            answer = connection.recv(4096)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise Failed(f"{server.peer.name}: connection {len(held)} is answered {answer[:40]!r}")
        time.sleep(2.0)
        for connection in held:
            connection.setblocking(False)
        if closed := sum(_is_closed(connection) for connection in held):
            raise Failed(f"{server.peer.name} has closed {closed} idle connections")
        return server.running.resident_kib()
    finally:
        for connection in held:
            connection.close()


def _is_closed(connection: socket.socket) -> bool:
    # The rest of an answer that came in two pieces may still be there.
    try:
        while connection.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def raise_open_files() -> None:
    """For us and whom we start, as far as we may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((OPEN_FILES, max(hard, OPEN_FILES)), (hard, hard)):
        try:
            if soft < limit[0]:
                resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            return
        except (ValueError, OSError):
            continue


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
