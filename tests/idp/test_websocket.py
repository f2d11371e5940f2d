"""WebSocket through the gate, with the `websockets` library on both sides."""

import base64
import contextlib
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from conftest import configuration
from peers import Gate, wait_for
from watching import flat_memory

KUBERNETES = "base64url.bearer.authorization.k8s.io"
SOURCES = f"""token:
  sources:
    - {{header: Authorization, scheme: Bearer}}
    - {{cookie: id_token}}
    - {{subprotocol: {KUBERNETES}}}
"""
MESSAGE = b"x" * (1 << 20)


class Echo:
    """Says everything back; keeps the head of every handshake. `/short` closes after one message."""

    def __init__(self):
        self.handshakes = []
        self.server = serve(self.echo, "127.0.0.1", 0, select_subprotocol=self.choose, max_size=None, compression=None)
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def choose(self, _socket, offered):
        return "chat" if "chat" in offered else None

    def echo(self, socket):
        self.handshakes.append(socket.request)
        for message in socket:
            socket.send(message)
            if socket.request.path == "/short":
                socket.close(4000, "that is all")

    def stop(self):
        self.server.shutdown()


@pytest.fixture
def echo():
    """The application."""
    peer = Echo()
    yield peer
    peer.stop()


@pytest.fixture
def gate(tmp_path, idp, echo):
    """A gate before it that takes tokens from every place that a WebSocket client has."""
    peer = Gate(tmp_path, configuration(idp.issuer, echo, SOURCES))
    yield peer
    peer.stop()


def opened(gate, path="/", **options):
    options.setdefault("compression", None)
    return connect(f"ws://127.0.0.1:{gate.port}{path}", max_size=None, proxy=None, **options)


def bearer(token):
    return {"additional_headers": {"Authorization": f"Bearer {token}"}}


def test_messages_and_the_close_pass_both_ways(gate, idp, echo):
    with opened(gate, "/short", **bearer(idp.access_token())) as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd.code == 4000
    head = echo.handshakes[0].headers
    assert head["X-Auth-Issuer"] == "test"
    assert "Authorization" not in head
    line = wait_for(lambda: [line for line in gate.access_lines() if line["http.response.status_code"] == 101], what="the tunnel's line in the log")
    assert line[0]["auth.decision"] == "allow"


def test_a_handshake_without_a_good_token_is_refused(gate, echo):
    for options in ({}, bearer("no.good.token")):
        with pytest.raises(InvalidStatus) as refused:
            opened(gate, **options)
        assert refused.value.response.status_code == 401
    assert not echo.handshakes


def test_the_token_may_come_as_kubernetes_clients_send_it(gate, idp, echo):
    token = base64.urlsafe_b64encode(idp.access_token().encode()).rstrip(b"=").decode()
    with opened(gate, subprotocols=[f"{KUBERNETES}.{token}", "chat"]) as socket:
        assert socket.subprotocol == "chat"
        socket.send("hello")
        assert socket.recv() == "hello"
    assert echo.handshakes[0].headers["Sec-WebSocket-Protocol"] == "chat"
    assert echo.handshakes[0].headers["X-Auth-Issuer"] == "test"


def test_a_cookie_opens_it_for_the_pages_of_this_site_only(gate, idp, echo):
    cookie = {"Cookie": f"id_token={idp.id_token()}; theme=dark"}
    with pytest.raises(InvalidStatus) as refused:
        opened(gate, additional_headers=cookie, origin="https://evil.example")
    assert refused.value.response.status_code == 403
    assert not echo.handshakes
    with opened(gate, additional_headers=cookie, origin=f"http://127.0.0.1:{gate.port}") as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
    assert echo.handshakes[0].headers["Cookie"] == "theme=dark"


def test_an_echo_of_100_mb_takes_no_memory(gate, idp):
    with opened(gate, **bearer(idp.access_token())) as socket:
        socket.send(MESSAGE)
        assert socket.recv() == MESSAGE
        with flat_memory(gate, "WebSocket echo of 100 MiB"):
            for _ in range(100):
                socket.send(MESSAGE)
                assert socket.recv() == MESSAGE


def test_two_hundred_tunnels_at_a_time_are_counted_and_leave_nothing(gate, idp):
    options = bearer(idp.access_token())
    with contextlib.ExitStack() as all_open:
        sockets = [all_open.enter_context(opened(gate, **options)) for _ in range(200)]
        assert "claimgate_tunnels 200" in gate.ask_admin("/metrics")[1]
        for number, socket in enumerate(sockets):
            socket.send(str(number))
        assert [socket.recv() for socket in sockets] == [str(number) for number in range(200)]
    wait_for(lambda: "claimgate_tunnels 0" in gate.ask_admin("/metrics")[1], what="no tunnel left")
