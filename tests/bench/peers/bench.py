"""Starts peers in front of one application."""

import re
import resource
import subprocess
from pathlib import Path

from peers import ENVOY_TLS, GATE, HAPROXY_TLS, Peer
from places import APACHE_MODULES, CONFIGS, FOLDER, Binaries, Cores, free_port
from process import Running, eventually
from server import Server, answers
from tokens import AUDIENCE, ISSUER, Material

# What the gate allows, too.
MOST_CONNECTIONS = 10_000
READY_SECONDS = 15.0


class Bench:
    """One application, and everybody who may be put before it."""

    def __init__(self, binaries: Binaries, material: Material, cores: Cores) -> None:
        self.binaries = binaries
        self.material = material
        self.cores = cores
        self.work = FOLDER / "run"
        (self.work / "temp").mkdir(parents=True, exist_ok=True)
        (self.work / "mebibyte").write_bytes(b"x" * (1 << 20))
        self.known = material.first("known")
        self.drains: list[Running] = []
        self.upstream = free_port()
        file = fill(CONFIGS / "upstream.conf", self.work / "upstream.conf", {"folder": str(self.work), "port": str(self.upstream)})
        command = [binaries.nginx, "-p", str(self.work), "-c", str(file)]
        self.application = Running(command, cores.others, self.work / "upstream.err")
        eventually("the application", lambda: answers(self.upstream, "/", None, False))

    def start(self, peer: Peer) -> Server:
        """The peer, once it has forwarded a request with a good token."""
        server = self.launch(peer)
        running = server.running
        try:
            eventually(peer.name, lambda: running.gone() or answers(server.port, "/", self.known, peer.tls), READY_SECONDS)
        except TimeoutError:
            running.end()
            raise RuntimeError(f"{peer.name} does not get ready: {running.said()}") from None
        if running.gone():
            raise RuntimeError(f"{peer.name} ended: {running.said()}")
        return server

    def launch(self, peer: Peer) -> Server:
        """The peer, not waited for."""
        port, admin = free_port(), free_port()
        file = self.configure(peer, port, admin)
        cores = self.cores.proxy | self.cores.others if peer.spread else self.cores.proxy
        log = self.work / f"{peer.name}.err"
        if peer.values.get("access") != "all":
            return Server(peer, port, admin, Running(self.command(peer, file), cores, log))
        # The access log goes to a pipe that somebody drains.
        drain = Running(["cat"], self.cores.others, self.work / "drain.err", stdin=subprocess.PIPE)
        self.drains.append(drain)
        assert drain.process.stdin
        running = Running(self.command(peer, file), cores, log, stdout=drain.process.stdin)
        drain.process.stdin.close()
        return Server(peer, port, admin, running)

    def configure(self, peer: Peer, port: int, admin: int) -> Path:
        """The filled template."""
        files = self.material
        tls = ENVOY_TLS.replace("CERTIFICATE", str(files.certificate)).replace("KEY", str(files.tls_key)) if peer.tls else ""
        bind = HAPROXY_TLS.replace("BOTH", str(files.tls_both)) if peer.tls else ""
        listen = f"127.0.0.1:{port}"
        if peer.tls:
            listen = f"{{address: {listen}, tls: {{certificate_file: {files.certificate}, private_key_file: {files.tls_key}}}}}"
        rules = (CONFIGS / "haproxy-jwt.cfg").read_text()
        all_values = {
            "folder": str(self.work), "port": str(port), "admin": str(admin), "upstream": str(self.upstream), "issuer": ISSUER,
            "audience": AUDIENCE, "jwks": str(files.jwks), "rsa": str(files.rsa_public), "ec": str(files.ec_public), "listen": listen,
            "tls": tls, "bind": bind, "rules": rules, "modules": str(APACHE_MODULES), "maxconn": str(allowed_connections()),
        } | GATE | peer.values  # fmt: skip
        return fill(CONFIGS / peer.template, self.work / f"{peer.name}-{peer.template}", all_values)

    def command(self, peer: Peer, file: Path) -> list[str]:
        """How it is run in the foreground, with one worker."""
        binaries = self.binaries
        return {
            "gate": [binaries.gate, "run", "--config", str(file)],
            "envoy": [binaries.envoy, "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"],
            "haproxy": [binaries.haproxy, "-db", "-f", str(file)],
            "nginx": [binaries.nginx, "-p", str(self.work), "-c", str(file)],
            "apache": [binaries.apache, "-f", str(file), "-DFOREGROUND"],
        }[peer.product]

    def close(self) -> None:
        """Ends the application, and who drained logs."""
        for running in (self.application, *self.drains):
            running.end()


def allowed_connections() -> int:
    """Client connections for which a proxy has descriptors, on both sides."""
    return min(MOST_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 100)


def fill(template: Path, target: Path, values: dict[str, str]) -> Path:
    """Replaces `@name@`, in what is put in too. An unknown name is a mistake of ours."""
    text = template.read_text()
    for _ in range(2):
        text = re.sub(r"@([a-z]+)@", lambda match: values[match.group(1)], text)
    target.write_text(text)
    return target
