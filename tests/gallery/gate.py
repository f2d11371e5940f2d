"""The gate in front of an application."""

import atexit
import json
import os
import pathlib
import re
import subprocess
import time
import urllib.error
import urllib.request

from apps.process import end_group, free_port
from tokens import AUDIENCE, ISSUER, ISSUER_NAME

START_SECONDS = 30.0

CONFIGURATION = """\
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
upstream: {{url: "http://127.0.0.1:{upstream}", chunked: {chunked}}}
issuers:
  - {{name: {name}, provider: oidc, issuer: "{issuer}", audiences: [{audience}], keys: {{jwks_file: "{jwks}"}}}}
routes:
  - {{name: public, path: /public/*, access: public}}
  - {{name: admin, path: /admin/*, require: [{{claim: roles, any_of: [admin]}}]}}
  - {{path: /*}}
log: {{access: off}}
"""

STRICT = ""
LENIENT = """\
strict_paths: {allow: [semicolon, encoded_slash, double_slash]}
identity: {underscores: keep}
token: {sources: [{header: Authorization, scheme: Bearer}, {cookie: id_token}, {query: access_token}]}
"""
"""Everything loosened that can be."""


class Gate:
    """`claimgate run` with the configuration of the gallery and `more`."""

    def __init__(self, folder: pathlib.Path, name: str, upstream: int, chunked: str, jwks: pathlib.Path, more: str) -> None:
        self.port, self.admin = free_port(), free_port()
        file = folder / f"claimgate-{name}.yaml"
        self.log = folder / f"claimgate-{name}.log"
        text = CONFIGURATION.format(port=self.port, admin=self.admin, upstream=upstream, chunked=chunked, jwks=jwks, name=ISSUER_NAME, issuer=ISSUER, audience=AUDIENCE)
        file.write_text(text + more)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([os.environ["CLAIMGATE_BIN"], "run", "--config", str(file)], stdout=log, stderr=log, start_new_session=True)
        atexit.register(end_group, self.process)
        end = time.monotonic() + START_SECONDS
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the gate did not start: {self.log.read_text()}")
            time.sleep(0.05)

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ends it."""
        end_group(self.process)

    def forwarded(self) -> int:
        """How many requests it has sent to the application, by its own count."""
        return sum(int(count) for count in re.findall(r"^claimgate_upstream_requests_total\{.*\} (\d+)$", self._ask("/metrics"), re.MULTILINE))

    def panics(self) -> int:
        """How often its log speaks of a panic."""
        return self.log.read_text(errors="replace").count("panicked")

    def _ready(self) -> bool:
        try:
            return self._ask("/readyz") is not None
        except (urllib.error.URLError, OSError):
            return False

    def _ask(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=5) as answer:
            return answer.read().decode()


def version() -> str:
    """What the binary says that it is."""
    return subprocess.run([os.environ["CLAIMGATE_BIN"], "--version"], capture_output=True, text=True, check=True).stdout.strip()


def problem(body: bytes) -> dict | None:
    """The gate's own answer, if this is one."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and "reason" in answer else None
