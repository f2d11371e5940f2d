"""TLS on both sides of the gate: one gate before another, looked at by OpenSSL, `sslscan` and nghttp2."""

import re
import shutil
import socket
import ssl
import subprocess

import pytest

from conftest import configuration
from peers import Gate, wait_for


def certificate(folder, name="gate.test"):
    """A self-signed certificate and its key, written over those that are there."""
    made, final = [folder / f"new-{part}.pem" for part in ("certificate", "key")], [folder / f"{part}.pem" for part in ("certificate", "key")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:FALSE", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-out", made[0], "-keyout", made[1]],
        check=True,
        capture_output=True,
    )
    for new, old in zip(made, final):
        new.replace(old)
    return final


class TlsGate(Gate):
    """Its listener speaks TLS."""

    def __init__(self, directory, configuration_text, pair):
        self.pair = pair
        super().__init__(directory, configuration_text)

    def start_line(self):
        return f"listen: {{address: 127.0.0.1:{self.port}, tls: {{certificate_file: {self.pair[0]}, private_key_file: {self.pair[1]}}}}}"


@pytest.fixture
def pair(tmp_path):
    """Certificate and key."""
    return certificate(tmp_path)


@pytest.fixture
def gate(tmp_path, idp, app, pair):
    """A gate with TLS."""
    peer = TlsGate(tmp_path, configuration(idp.issuer, app), pair)
    yield peer
    peer.stop()


def shaken(port, ca, **options):
    """A TLS connection that trusts `ca` alone."""
    context = ssl.create_default_context(cafile=ca)
    for name, value in options.items():
        setattr(context, name, value)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname="gate.test")


def asked(connection, token):
    connection.sendall(f"GET / HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n".encode())
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def test_a_request_over_tls_is_forwarded_as_one_of_https(gate, idp, pair):
    with shaken(gate.port, pair[0]) as connection:
        assert connection.version() == "TLSv1.3"
        answer = asked(connection, idp.access_token())
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'"HTTP_X_FORWARDED_PROTO": "https"' in answer


def test_old_versions_are_refused_and_1_2_is_not(gate, pair):
    with shaken(gate.port, pair[0], maximum_version=ssl.TLSVersion.TLSv1_2) as connection:
        assert connection.version() == "TLSv1.2"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(socket.create_connection(("127.0.0.1", gate.port), timeout=20))


def test_a_renewed_certificate_is_served_without_a_restart(gate, tmp_path, pair):
    def serial():
        """Of the certificate that is served, whoever made it."""
        return ssl.get_server_certificate(("127.0.0.1", gate.port))

    before = serial()
    certificate(tmp_path)
    wait_for(lambda: serial() != before, seconds=60, what="the new certificate")
    assert serial() == ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(pair[0].read_text()))


def test_a_gate_before_a_gate_speaks_tls_to_it_and_refuses_a_stranger(tmp_path, idp, app, pair):
    inner = TlsGate(tmp_path, configuration(idp.issuer, app), pair)
    for name, trusted, status in (("friend", pair[0], 200), ("stranger", None, 502)):
        folder = tmp_path / name
        folder.mkdir()
        ca = trusted or certificate(folder, "other.test")[0]
        upstream = f"upstream: {{url: 'https://127.0.0.1:{inner.port}', tls: {{ca_file: {ca}, server_name: gate.test}}}}\ntoken: {{forward: true}}\n"
        text = upstream + configuration(idp.issuer, app).split("\n", 1)[1]
        outer = Gate(folder, text)
        answer = outer.get("/", idp.access_token())
        assert answer.status == status, outer.log.read_text()
        if status == 502:
            assert answer.problem["reason"] == "upstream_unreachable"
            line = wait_for(outer.access_lines, what="the log")[0]
            assert "certificate" in line["detail"]
        outer.stop()
    inner.stop()


@pytest.mark.skipif(shutil.which("sslscan") is None, reason="sslscan is not installed")
def test_sslscan_finds_nothing_weak(gate):
    report = subprocess.run(["sslscan", "--no-colour", f"127.0.0.1:{gate.port}"], capture_output=True, text=True, timeout=120, check=True).stdout
    versions = dict(re.findall(r"^((?:SSL|TLS)v[\d.]+)\s+(enabled|disabled)", report, re.MULTILINE))
    assert versions == {"SSLv2": "disabled", "SSLv3": "disabled", "TLSv1.0": "disabled", "TLSv1.1": "disabled", "TLSv1.2": "enabled", "TLSv1.3": "enabled"}
    ciphers = re.findall(r"^(?:Preferred|Accepted)\s+TLSv1\.\d\s+(\d+) bits\s+(\S+)", report, re.MULTILINE)
    assert ciphers and all(int(bits) >= 128 for bits, _ in ciphers), report
    assert all(name.startswith(("TLS_", "ECDHE-")) and not re.search(r"RC4|3DES|CBC|SHA$|NULL|EXP", name) for _, name in ciphers), ciphers
    assert "not vulnerable to heartbleed" in report
    assert re.search(r"Compression disabled|does not support.*compression", report), report


@pytest.mark.skipif(shutil.which("h2load") is None, reason="nghttp2 is not installed")
def test_h2load_over_tls_loses_no_request(gate, idp):
    command = ["h2load", "-n", "2000", "-c", "10", "-m", "10", "-H", f"authorization: Bearer {idp.access_token()}", f"https://127.0.0.1:{gate.port}/"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "Application protocol: h2" in answer
    assert re.search(r"status codes: 2000 2xx", answer), answer
