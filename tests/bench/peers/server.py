"""A peer that runs, and one question to it."""

import http.client
import ssl

from peers import Peer
from process import Running


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

    def metric(self, name: str) -> float:
        """The sum of the series of a metric of the gate; 0 from others."""
        if self.peer.product != "gate":
            return 0.0
        lines = ask(self.admin, "/metrics", None).body.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

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


def answers(port: int, path: str, token: str | None, tls: bool) -> bool:
    """Whether a request is answered with 200 yet."""
    try:
        return ask(port, path, token, tls).status == 200
    except (OSError, http.client.HTTPException):
        return False
