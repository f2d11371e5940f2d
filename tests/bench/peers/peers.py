"""Who is compared: each peer is a template of its configuration and a command."""

import http.client
import re
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from places import APACHE_MODULES, CONFIGS, FOLDER, Binaries, Cores, free_port
from process import Running, eventually
from tokens import AUDIENCE, ISSUER, Material

ENVOY_CACHE = "jwt_cache_config: {jwt_cache_size: 10000, jwt_max_token_size: 4096}"
ENVOY_TLS = """transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}
                tls_certificates: [{certificate_chain: {filename: CERTIFICATE}, private_key: {filename: KEY}}]"""
HAPROXY_TLS = "ssl crt BOTH ssl-min-ver TLSv1.3 alpn h2,http/1.1"


@dataclass(frozen=True)
class Peer:
    """A product in one configuration."""

    name: str
    title: str
    product: str
    template: str
    values: dict[str, str] = field(default_factory=dict)
    # Judges tokens, and writes three identity headers.
    judges: bool = True
    tls: bool = False


PEERS = {
    peer.name: peer
    for peer in (
        Peer("gate", "claimgate", "gate", "gate.yaml", {"access": "off"}),
        Peer("gate-log", "claimgate, access log on", "gate", "gate.yaml", {"access": "all"}),
        Peer("gate-tls", "claimgate, TLS", "gate", "gate.yaml", {"access": "off"}, tls=True),
        Peer("envoy", "Envoy jwt_authn", "envoy", "envoy.yaml", {"cache": ""}),
        Peer("envoy-cache", "Envoy jwt_authn, JWT cache", "envoy", "envoy.yaml", {"cache": ENVOY_CACHE}),
        Peer("envoy-tls", "Envoy jwt_authn, JWT cache, TLS", "envoy", "envoy.yaml", {"cache": ENVOY_CACHE}, tls=True),
        Peer("haproxy", "HAProxy, forwarding only", "haproxy", "haproxy.cfg", {"rules": ""}, judges=False),
        Peer("haproxy-tls", "HAProxy, forwarding only, TLS", "haproxy", "haproxy.cfg", {"rules": ""}, judges=False, tls=True),
        Peer("haproxy-jwt", "HAProxy jwt_verify", "haproxy", "haproxy.cfg"),
        Peer("nginx", "nginx, forwarding only", "nginx", "nginx.conf", judges=False),
        Peer("apache", "Apache mod_auth_openidc", "apache", "apache.conf"),
    )
}


class Answer:
    """What a peer said to one request."""

    def __init__(self, status: int, body: str) -> None:
        self.status = status
        self.body = body


class Server:
    """A running peer."""

    def __init__(self, peer: Peer, port: int, admin: int, running: Running) -> None:
        self.peer = peer
        self.port = port
        self.admin = admin
        self.running = running

    @property
    def url(self) -> str:
        """Without a path."""
        return f"{'https' if self.peer.tls else 'http'}://127.0.0.1:{self.port}"

    def ask(self, path: str, token: str | None) -> Answer:
        """One request on a connection of its own."""
        return ask(self.port, path, token, self.peer.tls)


def ask(port: int, path: str, token: str | None, tls: bool = False) -> Answer:
    """One GET on a connection of its own, to loopback."""
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        return Answer(response.status, response.read().decode(errors="replace"))
    finally:
        connection.close()


class Bench:
    """Starts peers in front of one application."""

    def __init__(self, binaries: Binaries, material: Material, cores: Cores) -> None:
        self.binaries = binaries
        self.material = material
        self.cores = cores
        self.work = FOLDER / "run"
        (self.work / "temp").mkdir(parents=True, exist_ok=True)
        (self.work / "mebibyte").write_bytes(b"x" * (1 << 20))
        self.known = material.first("known")
        self.upstream = free_port()
        file = fill(CONFIGS / "upstream.conf", self.work / "upstream.conf", {"folder": str(self.work), "port": str(self.upstream)})
        command = [binaries.nginx, "-p", str(self.work), "-c", str(file)]
        self.application = Running(command, cores.others, self.work / "upstream.err")
        eventually("the application", lambda: answers(self.upstream, "/", None, False))

    def start(self, peer: Peer, more: str = "", cores: frozenset[int] | None = None, **values: str) -> Server:
        """The peer, once it has forwarded a request with a good token. `more` is appended to its configuration, `values` replace the peer's."""
        port, admin = free_port(), free_port()
        file = self.configure(peer, port, admin, more, values)
        running = Running(self.command(peer, file), cores or self.cores.proxy, self.work / f"{peer.name}.err", self.stdout(peer))
        server = Server(peer, port, admin, running)
        try:
            eventually(peer.name, lambda: running.gone() or answers(port, "/", self.known, peer.tls))
        except TimeoutError:
            running.end()
            raise RuntimeError(f"{peer.name} does not get ready: {running.said()}") from None
        if running.gone():
            raise RuntimeError(f"{peer.name} ended: {running.said()}")
        return server

    def configure(self, peer: Peer, port: int, admin: int, more: str, values: dict[str, str]) -> Path:
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
            "tls": tls, "bind": bind, "rules": rules, "modules": str(APACHE_MODULES),
        } | peer.values | values  # fmt: skip
        target = fill(CONFIGS / peer.template, self.work / f"{peer.name}-{peer.template}", all_values)
        target.write_text(target.read_text() + more)
        return target

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

    def stdout(self, peer: Peer) -> int:
        """A pipe that somebody drains for the access log; nothing for the others."""
        if peer.values.get("access") != "all":
            return subprocess.DEVNULL
        others = self.cores.others
        import os

        drain = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, others))
        assert drain.stdin
        return drain.stdin

    def close(self) -> None:
        """Ends the application."""
        self.application.end()


def fill(template: Path, target: Path, values: dict[str, str]) -> Path:
    """Replaces `@name@`, in what is put in too. An unknown name is a mistake of ours."""
    text = template.read_text()
    for _ in range(2):
        text = re.sub(r"@([a-z]+)@", lambda match: values[match.group(1)], text)
    target.write_text(text)
    return target


def answers(port: int, path: str, token: str | None, tls: bool) -> bool:
    """Whether a request is answered with 200 yet."""
    try:
        return ask(port, path, token, tls).status == 200
    except (OSError, http.client.HTTPException):
        return False
