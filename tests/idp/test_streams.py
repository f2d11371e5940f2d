"""Bodies that never fit into memory, and answers that come piece by piece."""

import http.client

import pytest

from conftest import configuration
from peers import Gate
from streams import PIECE, Streams
from watching import flat_memory

TWO_GIB = 2 << 30


@pytest.fixture
def streams():
    """The application with long bodies."""
    application = Streams()
    yield application
    application.stop()


@pytest.fixture
def gate(tmp_path, idp, streams):
    """A gate before it."""
    peer = Gate(tmp_path, configuration(idp.issuer, streams))
    yield peer
    peer.stop()


def connected(gate, idp):
    """A connection and the head that every request has, after one small request has made the gate's pools."""
    connection = http.client.HTTPConnection("127.0.0.1", gate.port, timeout=60)
    head = {"Authorization": f"Bearer {idp.access_token()}"}
    connection.request("GET", "/?bytes=1", headers=head)
    assert connection.getresponse().read() == b"\0"
    return connection, head


def test_a_download_of_2_gib_takes_no_memory(gate, idp):
    connection, head = connected(gate, idp)
    with flat_memory(gate, "download of 2 GiB"):
        connection.request("GET", f"/?bytes={TWO_GIB}", headers=head)
        answer = connection.getresponse()
        assert answer.status == 200
        buffer, count = bytearray(1 << 20), 0
        while read := answer.readinto(buffer):
            count += read
    assert count == TWO_GIB


def test_an_upload_of_2_gib_takes_no_memory(gate, idp, streams):
    connection, head = connected(gate, idp)
    with flat_memory(gate, "upload of 2 GiB"):
        connection.putrequest("POST", "/")
        for name, value in (head | {"Content-Length": str(TWO_GIB)}).items():
            connection.putheader(name, value)
        connection.endheaders()
        for _ in range(TWO_GIB // len(PIECE)):
            connection.send(PIECE)
        answer = connection.getresponse()
        answer.read()
    assert answer.status == 204
    assert streams.uploaded == [TWO_GIB]


def test_events_arrive_one_by_one(gate, idp, streams):
    """The next event is made only after the last one has been read: none waits for another in a buffer."""
    connection, head = connected(gate, idp)
    connection.request("GET", "/events", headers=head)
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"
    for number in range(50):
        streams.send_event()
        event = b"".join(answer.readline() for _ in range(3))
        assert event == f"id: {number}\ndata: event {number}\n\n".encode()
