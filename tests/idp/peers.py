"""The real programmes of the end-to-end tests: an OpenID provider, a legacy application, and the gate between them."""

import atexit
import base64
import http.client
import http.cookiejar
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
PROJECT = HERE.parent.parent
CLIENT_ID = "legacy-app"
CLIENT_SECRET = "not-a-secret-outside-of-this-test"
REDIRECT = "http://127.0.0.1:1/callback"
AUDIENCE = "urn:example:api"
ENCRYPTED_CLIENTS = {"encrypted-rsa": ("RSA-OAEP-256", "A256GCM"), "encrypted-ec": ("ECDH-ES", "A128CBC-HS256")}


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(question, seconds=20.0, what="the condition"):
    """Asks until the answer is true; the bound is generous because the machine is small."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {seconds} s")


class Child:
    """A process that dies with the test."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, **options)
        # Also when an assertion fails before `stop`.
        atexit.register(self.process.kill)

    def stop(self, how=signal.SIGTERM, seconds=20):
        """Sends a signal, waits, and returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirects are read, not followed: the last one carries the code."""

    def redirect_request(self, *_arguments):
        return None


class Idp(Child):
    """npm `oidc-provider` with keys that rotate on command."""

    def __init__(self, port=0):
        super().__init__(["node", str(HERE / "server.mjs"), str(port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the OpenID provider did not start; was `npm ci` run in tests/idp?")
        self.issuer, self.control = (json.loads(line)[name] for name in ("issuer", "control"))

    def command(self, name):
        """publish, promote, retire, stall, unstall, and those of decryption keys: see `server.mjs`."""
        with urllib.request.urlopen(urllib.request.Request(f"{self.control}/{name}", method="POST"), timeout=10) as answer:
            return json.load(answer)

    def stats(self):
        """How often the key set was asked for, which kids it holds, and the private keys of the clients that decrypt."""
        with urllib.request.urlopen(f"{self.control}/stats", timeout=10) as answer:
            return json.load(answer)

    def _token(self, client=CLIENT_ID, **form):
        form |= {"client_id": client, "client_secret": CLIENT_SECRET}
        with urllib.request.urlopen(f"{self.issuer}/token", urllib.parse.urlencode(form).encode(), timeout=10) as answer:
            return json.load(answer)

    def access_token(self, resource=AUDIENCE, scope="read"):
        """An `at+jwt` access token (RFC 9068) by the client credentials grant."""
        return self._token(grant_type="client_credentials", resource=resource, scope=scope)["access_token"]

    def id_token(self, person="alice", client=CLIENT_ID):
        """An ID token by the authorization code flow, clicked through; encrypted for those of `ENCRYPTED_CLIENTS`."""
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), NoRedirect)
        query = {"client_id": client, "response_type": "code", "redirect_uri": REDIRECT, "scope": "openid profile email", "login_hint": person, "nonce": "n-1"}
        address = f"{self.issuer}/auth?{urllib.parse.urlencode(query)}"
        for _ in range(8):
            try:
                with browser.open(address, timeout=10) as page:
                    raise AssertionError(f"expected a redirect, got {page.status}: {page.read()[:300]}")
            except urllib.error.HTTPError as answer:
                if answer.code not in (302, 303):
                    raise AssertionError(f"expected a redirect, got {answer.code}: {answer.read()[:300]}") from answer
                address = urllib.parse.urljoin(address, answer.headers["Location"])
            if address.startswith(REDIRECT):
                code = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["code"][0]
                return self._token(client, grant_type="authorization_code", code=code, redirect_uri=REDIRECT)["id_token"]
        raise AssertionError("the code flow did not end")


class LegacyApp(Child):
    """gunicorn 20.1 with an application that believes its headers."""

    def __init__(self):
        self.port = free_port()
        command = [sys.executable, "-m", "gunicorn.app.wsgiapp", "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread", "--workers", "1", "--threads", "8", "--keep-alive", "5", "legacy_app:application"]
        super().__init__(command, cwd=HERE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: listens(self.port), what="the legacy application's port")


def listens(port):
    """Whether something accepts on this port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def binary():
    """The gate's programme: `CLAIMGATE_BIN`, or the release build."""
    path = pathlib.Path(os.environ.get("CLAIMGATE_BIN", PROJECT / "target/release/claimgate"))
    if not path.exists():
        raise AssertionError(f"{path} is not there: cargo build --release")
    return str(path)


class Gate(Child):
    """`claimgate run` with a configuration of its own."""

    def __init__(self, directory, configuration, ready=True):
        self.port, self.admin = free_port(), free_port()
        self.file = directory / f"claimgate-{self.port}.yaml"
        self.log = directory / f"claimgate-{self.port}.log"
        self.file.write_text(f"{self.start_line()}\nadmin: 127.0.0.1:{self.admin}\n{configuration}")
        with open(self.log, "wb") as log:
            super().__init__([binary(), "run", "--config", str(self.file)], stdout=log, stderr=subprocess.STDOUT)
        wait_for(lambda: self.process.poll() is not None or listens(self.admin), what="the admin port")
        if self.process.poll() is not None:
            raise AssertionError(f"the gate did not start:\n{self.log.read_text()}")
        if ready:
            wait_for(self.is_ready, what="readiness")

    def start_line(self):
        """What the configuration begins with: the listener."""
        return f"listen: 127.0.0.1:{self.port}"

    def is_ready(self):
        """Whether `/readyz` says 200."""
        return self.ask_admin("/readyz")[0] == 200

    def ask_admin(self, path):
        """Status and text of a page of the admin listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def connect(self):
        """A keep-alive client of this gate."""
        return Client(self.port)

    def get(self, path="/", token=None, headers=()):
        """One request on a connection of its own."""
        with self.connect() as client:
            return client.get(path, token, headers)

    def access_lines(self):
        """The access log so far."""
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [line for line in lines if "auth.decision" in line]


class Answer:
    """What came back."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def seen(self):
        """The variables that the application saw."""
        return json.loads(self.body)["seen"]

    @property
    def problem(self):
        """The gate's own answer (RFC 9457)."""
        assert self.headers["Content-Type"] == "application/problem+json", self.headers
        return json.loads(self.body)


class Client:
    """A client with one keep-alive connection that opens a new one when it was closed."""

    def __init__(self, port):
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.connection.close()

    def get(self, path="/", token=None, headers=(), method="GET", body=None):
        """Header lines are sent as they stand, repeated ones too."""
        self.connection.putrequest(method, path)
        if token is not None:
            self.connection.putheader("Authorization", f"Bearer {token}")
        for name, value in headers:
            self.connection.putheader(name, value)
        if body is not None:
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body)
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def claims_of(token):
    """The claims of a token, unverified: what a test compares with."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def tampered(token):
    """The same token with another subject and the old signature."""
    header, payload, signature = token.split(".")
    changed = claims_of(token) | {"sub": "root"}
    payload = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"


