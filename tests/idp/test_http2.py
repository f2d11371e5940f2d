"""HTTP/2 through the gate: nghttp2's clients, and frames by the `h2` library with its own checks off."""

import json
import re
import shutil
import socket
import subprocess
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest

from peers import wait_for

BINARIES = [name for name in ("h2load", "nghttp") if shutil.which(name) is None]
with_nghttp2 = pytest.mark.skipif(bool(BINARIES), reason=f"nghttp2 is not installed: {BINARIES}")


class Frames:
    """A client's connection that checks nothing of what it sends."""

    def __init__(self, port):
        config = h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False)
        self.connection = h2.connection.H2Connection(config)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.authority = f"127.0.0.1:{port}"
        self.connection.initiate_connection()
        self.flush()

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def ask(self, headers=(), path="/", end=True, pseudo=()):
        """Sends a request; returns its stream."""
        stream = self.connection.get_next_available_stream_id()
        usual = {":method": "GET", ":scheme": "http", ":authority": self.authority, ":path": path} | dict(pseudo)
        self.connection.send_headers(stream, list(usual.items()) + list(headers), end_stream=end)
        return stream

    def until(self, over):
        """Every event until one is `over`, or the gate closes."""
        events = []
        while True:
            data = self.socket.recv(65536)
            if not data:
                return events
            for event in self.connection.receive_data(data):
                events.append(event)
                if isinstance(event, h2.events.DataReceived):
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.flush()
            if any(over(event) for event in events):
                return events

    def answer(self, stream):
        """Status and body of one stream; `reset` when it was reset, `closed` when the whole connection was."""
        events = self.until(lambda event: getattr(event, "stream_id", None) == stream and isinstance(event, h2.events.StreamEnded | h2.events.StreamReset))
        of_stream = [event for event in events if getattr(event, "stream_id", None) == stream]
        if any(isinstance(event, h2.events.StreamReset) for event in of_stream):
            return "reset", b""
        status = next((dict(event.headers)[":status"] for event in of_stream if isinstance(event, h2.events.ResponseReceived)), None)
        if status is None:
            return "closed", b""
        return int(status), b"".join(event.data for event in of_stream if isinstance(event, h2.events.DataReceived))


def bearer(token):
    return ("authorization", f"Bearer {token}")


def test_h14_each_stream_of_a_connection_is_judged_alone(gate, idp):
    frames = Frames(gate.port)
    token = idp.access_token()
    asked = [(frames.ask([bearer(token)]), 200), (frames.ask(), 401), (frames.ask([bearer("no.good.token")]), 401), (frames.ask([bearer(token)]), 200)]
    frames.flush()
    statuses = {}
    while len(statuses) < len(asked):
        for event in frames.until(lambda event: isinstance(event, h2.events.ResponseReceived)):
            if isinstance(event, h2.events.ResponseReceived):
                statuses[event.stream_id] = int(dict(event.headers)[":status"])
    assert statuses == dict(asked)


def test_s13_h04_what_no_http_1_request_could_say_is_refused(gate, idp):
    """Each on a connection of its own; the connection of the next clean request is not harmed."""
    good = bearer(idp.access_token())
    for headers in (
        [("X-Auth-Subject", "root")],
        [("connection", "x-auth-subject")],
        [("transfer-encoding", "chunked")],
        [("x-a", "b\r\nX-Auth-Subject: root")],
        [("x-a\r\nx-auth-subject", "root")],
        [("content-length", "5")],
        [("", "empty")],
        [("te", "gzip")],
        [("host", "other.example")],
        [(":path", "/second")],
    ):
        status, _body = Frames.answer(*asked(gate, [good, *headers]))
        assert status in ("reset", "closed", 400), headers
    status, body = Frames.answer(*asked(gate, [good, ("x_auth_subject", "root"), ("x-auth-subject", "root")]))
    assert status == 200
    assert "root" not in json.dumps(json.loads(body)["seen"])


def asked(gate, headers):
    frames = Frames(gate.port)
    stream = frames.ask(headers)
    frames.flush()
    return frames, stream


def test_d04_rapid_resets_end_in_goaway_and_the_gate_lives(gate, idp):
    frames, good = Frames(gate.port), bearer(idp.access_token())
    began, resets, gone = time.monotonic(), 0, None
    while gone is None and resets < 100_000:
        try:
            for _ in range(100):
                frames.connection.reset_stream(frames.ask([good]), h2.errors.ErrorCodes.CANCEL)
                resets += 1
            frames.flush()
            frames.socket.settimeout(0.1)
            data = frames.socket.recv(65536)
            gone = "closed" if not data else next((event for event in frames.connection.receive_data(data) if isinstance(event, h2.events.ConnectionTerminated)), None)
        except TimeoutError:
            continue
        except (ConnectionError, BrokenPipeError):
            gone = "closed"
        except h2.exceptions.ProtocolError:
            gone = "closed"
    print(f"\n{resets} resets in {time.monotonic() - began:.2f} s, then {gone}")
    assert gone is not None
    if gone != "closed":
        assert gone.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    assert gate.get("/", good[1].split()[1]).status == 200
    wait_for(lambda: "claimgate_requests_in_flight 0" in gate.ask_admin("/metrics")[1], what="no request left")


@with_nghttp2
def test_nghttp_reads_an_answer(gate, idp):
    command = ["nghttp", "-H", f"authorization: Bearer {idp.access_token()}", f"http://127.0.0.1:{gate.port}/"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(answer.stdout)["seen"]["HTTP_X_AUTH_ISSUER"] == "test"


@with_nghttp2
def test_h2load_loses_no_request(gate, idp):
    command = ["h2load", "-n", "5000", "-c", "10", "-m", "10", "-H", f"authorization: Bearer {idp.access_token()}", f"http://127.0.0.1:{gate.port}/"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    counts = re.search(r"requests: (\d+) total.* (\d+) succeeded, (\d+) failed", answer.stdout)
    statuses = re.search(r"status codes: (\d+) 2xx", answer.stdout)
    assert counts.groups() == ("5000", "5000", "0"), answer.stdout
    assert statuses.group(1) == "5000", answer.stdout
