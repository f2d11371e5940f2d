"""gRPC through the gate, with grpcio on both sides: HTTP/2 in, `h2c` to the application."""

import concurrent.futures
import threading
import time

import grpc
import pytest

from conftest import configuration
from peers import Gate

GIVEN = ("x-answer-trailer", "kept")


class Service(grpc.GenericRpcHandler):
    """Bytes in, bytes out; no code is generated."""

    def __init__(self):
        self.metadata = []
        self.hanging, self.cancelled = threading.Event(), threading.Event()

    def service(self, details):
        self.metadata.append(dict(details.invocation_metadata))
        kinds = {
            "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/test.Echo/Down": grpc.unary_stream_rpc_method_handler(self.down),
            "/test.Echo/Up": grpc.stream_unary_rpc_method_handler(self.up),
            "/test.Echo/Both": grpc.stream_stream_rpc_method_handler(self.both),
            "/test.Echo/Refuses": grpc.unary_unary_rpc_method_handler(self.refuses),
            "/test.Echo/Hangs": grpc.unary_unary_rpc_method_handler(self.hangs),
        }
        return kinds.get(details.method)

    def unary(self, request, context):
        context.set_trailing_metadata((GIVEN,))
        return request

    def down(self, request, _context):
        for number in range(int(request)):
            yield b"%d" % number

    def up(self, requests, _context):
        return b"%d" % sum(len(request) for request in requests)

    def both(self, requests, _context):
        for request in requests:
            yield request

    def refuses(self, _request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: \u00fc%")

    def hangs(self, _request, context):
        context.add_callback(self.cancelled.set)
        self.hanging.set()
        while context.is_active():
            time.sleep(0.01)
        return b""


class Application:
    """A gRPC server on loopback, without TLS."""

    def __init__(self):
        self.service = Service()
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), handlers=[self.service])
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def stop(self):
        self.server.stop(None)


@pytest.fixture
def application():
    """The application."""
    peer = Application()
    yield peer
    peer.stop()


@pytest.fixture
def gate(tmp_path, idp, application):
    """A gate before it."""
    routes = "routes: [{path: /test.Echo/Unary, require: [{claim: scope, any_of: [read]}]}, {path: /test.Echo/Refuses, require: [{claim: scope, any_of: [write]}]}, {path: /*}]\n"
    text = configuration(idp.issuer, application, routes).replace("upstream: http://", "upstream: h2c://")
    peer = Gate(tmp_path, text)
    yield peer
    peer.stop()


@pytest.fixture
def channel(gate):
    """A client's channel through the gate."""
    with grpc.insecure_channel(f"127.0.0.1:{gate.port}") as channel:
        yield channel


def authorization(idp, scope="read"):
    return (("authorization", f"Bearer {idp.access_token(scope=scope)}"),)


def test_unary_calls_carry_identity_and_trailers(channel, idp, application):
    answer, call = channel.unary_unary("/test.Echo/Unary").with_call(b"hello", metadata=authorization(idp), timeout=20)
    assert answer == b"hello"
    assert GIVEN in [tuple(pair) for pair in call.trailing_metadata()]
    seen = application.service.metadata[0]
    assert seen["x-auth-issuer"] == "test"
    assert "authorization" not in seen


def test_a_stream_of_answers_comes_one_by_one_and_whole(channel, idp):
    answers = channel.unary_stream("/test.Echo/Down")(b"10000", metadata=authorization(idp), timeout=60)
    assert list(answers) == [b"%d" % number for number in range(10000)]


def test_a_stream_of_requests_arrives_whole(channel, idp):
    pieces = (b"x" * 10_000 for _ in range(2000))
    answer = channel.stream_unary("/test.Echo/Up")(pieces, metadata=authorization(idp), timeout=60)
    assert answer == b"20000000"


def test_both_sides_stream_in_turns(channel, idp):
    """Each request is made only after the last answer has been read: neither direction waits for the other to end."""
    turn = threading.Semaphore(1)

    def requests():
        for number in range(500):
            assert turn.acquire(timeout=20)
            yield b"%d" % number

    for number, answer in enumerate(channel.stream_stream("/test.Echo/Both")(requests(), metadata=authorization(idp), timeout=60)):
        assert answer == b"%d" % number
        turn.release()
    assert number == 499


def test_refusals_are_grpc_statuses(channel, idp, application):
    call = channel.unary_unary("/test.Echo/Unary")
    for metadata, code in [
        ((), grpc.StatusCode.UNAUTHENTICATED),
        ((("authorization", "Bearer no.good.token"),), grpc.StatusCode.UNAUTHENTICATED),
    ]:
        with pytest.raises(grpc.RpcError) as refused:
            call(b"hello", metadata=metadata, timeout=20)
        assert refused.value.code() == code
        assert refused.value.details()
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/test.Echo/Refuses")(b"hello", metadata=authorization(idp), timeout=20)
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert not application.service.metadata


def test_an_application_that_is_away_is_unavailable(channel, idp, application):
    metadata = authorization(idp)
    application.stop()
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/test.Echo/Unary")(b"hello", metadata=metadata, timeout=20)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_the_status_of_the_application_is_its_own(channel, idp):
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/test.Echo/Refuses")(b"hello", metadata=authorization(idp, "write"), timeout=20)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.details() == "not today: \u00fc%"


def test_a_cancelled_call_ends_at_the_application(channel, idp, application):
    call = channel.unary_unary("/test.Echo/Hangs").future(b"hello", metadata=authorization(idp), timeout=60)
    assert application.service.hanging.wait(20)
    call.cancel()
    assert application.service.cancelled.wait(20)
