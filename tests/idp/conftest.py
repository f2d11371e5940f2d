"""What the tests share: one provider, one application, and the usual configuration."""

import pytest

from peers import AUDIENCE, CLIENT_ID, Gate, Idp, LegacyApp


@pytest.fixture(scope="session")
def idp():
    """The issuer that the gate trusts."""
    peer = Idp()
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def foreign_idp():
    """An issuer just as real that the gate has never heard of."""
    peer = Idp()
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def app():
    """The legacy application."""
    peer = LegacyApp()
    yield peer
    peer.stop()


def configuration(issuer, app, more=""):
    """A configuration for one issuer of `oidc-provider`'s kind; `leeway: 0s` so that a test need not wait for an expiry."""
    return f"""upstream: http://127.0.0.1:{app.port}
issuers:
  - name: test
    provider: oidc
    issuer: {issuer}
    audiences: [{CLIENT_ID}, "{AUDIENCE}"]
    leeway: 0s
    keys:
      refetch_interval: 1s
{more}"""


@pytest.fixture
def gate(tmp_path, idp, app):
    """A fresh gate before the shared application, trusting the shared issuer."""
    peer = Gate(tmp_path, configuration(idp.issuer, app))
    yield peer
    peer.stop()
