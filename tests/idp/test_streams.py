"""Bodies that never fit into memory, and answers that come piece by piece."""

import contextlib
import http.client
import threading
import time

import pytest

from conftest import configuration
from peers import Gate
from streams import PIECE, Streams

TWO_GIB = 2 << 30
# What the gate's memory may grow by while they pass.
GROWTH_KIB = 2048


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


def resident_kib(pid):
    """VmRSS (proc_pid_status(5))."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@contextlib.contextmanager
def flat_memory(gate, what):
    """Watches the gate's memory; more growth than allowed fails."""
    before = resident_kib(gate.process.pid)
    most, over = [before], threading.Event()

    def watch():
        while not over.wait(0.02):
            most.append(resident_kib(gate.process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    grown = max(most) - before
    print(f"\n{what}: {time.monotonic() - began:.1f} s, memory {before} KiB, grew by {grown} KiB at most")
    assert grown < GROWTH_KIB


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
