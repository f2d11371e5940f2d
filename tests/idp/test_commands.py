"""The commands as an operator runs them, and the files that come with the project."""

import json
import os
import pathlib
import re
import subprocess
import time

import pytest

from conftest import configuration
from peers import PROJECT, Idp, binary, claims_of, tampered, wait_for

VECTORS = pathlib.Path(os.environ.get("CLAIMGATE_VECTORS", PROJECT / "../shared/vectors"))


def claimgate(*arguments, stdin=None):
    """Runs a command to its end."""
    return subprocess.run([binary(), *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60)


def explain(*arguments):
    """`explain --json`, parsed."""
    return json.loads(claimgate("explain", "--json", *arguments).stdout)


TEN_MISTAKES = """\
listen: 0.0.0.0:80800
upstrem: http://127.0.0.1:3000
upstream: {url: "ftp://127.0.0.1", connect_timeout: 2}
issuers:
  - provider: entra
    tenant: common
    audiences: []
  - provider: oidc
    issuer: https://id.example.com/
    audience: [api]
    algorithms: [RS257]
    leeway: 10m
    keys: {jwks_url: "http://id.example.com/jwks"}
routes:
  - {path: admin, acess: public}
log: {level: loud}
"""


def test_check_reports_every_mistake_with_line_and_hint(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(TEN_MISTAKES)
    result = claimgate("check", "--json", "--config", file)
    assert result.returncode == 78
    problems = [problem for problem in json.loads(result.stdout)["problems"] if problem["severity"] == "error"]
    lines = {problem["line"] for problem in problems}
    print("\n".join(f"{p['line']}:{p['column']} {p['path']}: {p['message']} (hint: {p['hint']})" for p in problems))
    assert len(problems) >= 10
    assert {1, 2, 3, 6, 7, 10, 11, 12, 13, 15, 16} <= lines, lines
    assert all(problem["hint"] for problem in problems), [p for p in problems if not p["hint"]]
    text = claimgate("check", "--config", file)
    assert text.returncode == 78
    assert re.search(r"wrong\.yaml:10:\d+: .*audience", text.stdout + text.stderr)


def test_wrong_usage_is_64_and_missing_configuration_78(tmp_path):
    assert claimgate().returncode == 64
    assert claimgate("fly").returncode == 64
    assert claimgate("check", "--config", tmp_path / "none.yaml").returncode == 78
    assert claimgate("run", "--config", tmp_path / "none.yaml").returncode == 78
    assert claimgate("--version").returncode == 0
    assert claimgate("--help").returncode == 0
    assert json.loads(claimgate("schema").stdout)["$schema"].startswith("https://json-schema.org/")


def test_check_online_names_an_issuer_that_does_not_answer(tmp_path, app):
    idp = Idp()
    file = tmp_path / "claimgate.yaml"
    file.write_text(configuration(idp.issuer, app))
    assert claimgate("check", "--online", "--config", file).returncode == 0
    idp.stop()
    result = claimgate("check", "--online", "--config", file)
    assert result.returncode == 78
    assert idp.issuer in result.stdout + result.stderr


def test_explain_says_in_one_line_what_is_wrong_and_what_to_do(tmp_path, idp, app):
    file = tmp_path / "claimgate.yaml"
    file.write_text(configuration(idp.issuer, app))
    good, brief, other = idp.access_token(), idp.access_token("urn:example:short"), idp.access_token("urn:example:elsewhere")
    head, payload, signature = good.split(".")
    wait_for(lambda: time.time() > claims_of(brief)["exp"], what="the expiry")
    shown = claimgate("explain", "--config", file, good)
    assert shown.returncode == 0 and "X-Auth-Subject" in shown.stdout
    assert signature not in shown.stdout
    for token, words in [(brief, "expired"), (other, "audience"), (tampered(good), "signature"), (f"{head}.{payload}=.{signature}", "padding")]:
        result = claimgate("explain", "--config", file, token)
        assert result.returncode == 1
        line = [line for line in result.stdout.splitlines() if words in line.lower()]
        print(line[-1] if line else result.stdout)
        assert line, result.stdout
    result = explain("--config", file, good)
    assert (result["decision"], result["status"], result["reason"], result["issuer"]) == ("allow", 200, None, "test")
    assert ["X-Auth-Subject", "legacy-app"] in result["headers"]
    result = explain("--config", file, "--at", claims_of(good)["exp"] + 1, good)
    assert (result["decision"], result["status"], result["reason"]) == ("deny", 401, "token_expired")
    assert claimgate("explain", "--config", file, "-", stdin=good).returncode == 0


def test_explain_names_a_key_that_the_issuer_does_not_have(tmp_path, app):
    idp = Idp()
    port = int(idp.issuer.rsplit(":", 1)[1])
    token = idp.access_token()
    idp.stop()
    idp = Idp(port)
    file = tmp_path / "claimgate.yaml"
    file.write_text(configuration(idp.issuer, app))
    result = claimgate("explain", "--config", file, token)
    assert result.returncode == 1 and "unknown_key" in result.stdout, result.stdout
    idp.stop()


def test_healthcheck_follows_readiness(gate):
    assert claimgate("healthcheck", "--config", gate.file).returncode == 0
    assert claimgate("healthcheck", "--admin", f"127.0.0.1:{gate.admin}").returncode == 0
    gate.stop()
    assert claimgate("healthcheck", "--config", gate.file).returncode == 1


needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="CLAIMGATE_VECTORS is not there")


@needs_vectors
def test_the_sample_tokens_of_the_documentation_are_refused_for_the_right_reason(tmp_path):
    """Microsoft's page prints genuine keys and signatures over payloads that were edited after signing."""
    samples = VECTORS / "entra-samples"
    for name, jwks, reason in [("v1.0-id_token.jwt", "jwks-aad-2018-09.json", "malformed_token"), ("v2.0-id_token.jwt", "jwks-msa-consumers-2016.json", "bad_signature")]:
        token = (samples / name).read_text().strip()
        claims = claims_of(token)
        file = tmp_path / f"{name}.yaml"
        file.write_text(f"upstream: http://127.0.0.1:1\nissuers:\n  - provider: oidc\n    issuer: {claims['iss']}\n    audiences: ['{claims['aud']}']\n    keys: {{jwks_file: '{samples / jwks}'}}\n")
        result = explain("--config", file, "--offline", "--at", claims["iat"] + 1, token)
        assert result["reason"] == reason, result


def judged_at_its_time(tmp_path, provider, audience, jwks, token):
    """`explain` on a real token, one second after it was issued, with the keys of its time."""
    keys, file = tmp_path / "keys.json", tmp_path / "claimgate.yaml"
    keys.write_text(json.dumps(jwks))
    file.write_text(f"upstream: http://127.0.0.1:1\nissuers:\n  - {{name: real, {provider}, audiences: ['{audience}'], keys: {{jwks_file: '{keys}', allow_public_default_key: true}}}}\n")
    return explain("--config", file, "--offline", "--at", claims_of(token)["iat"] + 1, token)


@needs_vectors
def test_a_real_entra_token_of_2014_is_allowed_at_its_time(tmp_path):
    """Signed by Microsoft; its header has an x5t and no kid. The document's impossible `alg: SHA256` is taken out."""
    folder = VECTORS / "entra-real"
    token = json.loads((folder / "aad-2014-tokens.json").read_text())["Cyrano"]["token"]
    jwks = json.loads((folder / "aad-2014.jwks.json").read_text())
    for key in jwks["keys"]:
        key.pop("alg", None)
    tenant, audience = "add29489-7269-41f4-8841-b63c95564420", "fe78e0b4-6fe7-47e6-812c-fb75cee266a4"
    result = judged_at_its_time(tmp_path, f"provider: entra, tenant: {tenant}", audience, jwks, token)
    assert (result["decision"], result["issuer"]) == ("allow", "real"), result
    headers = dict(result["headers"])
    assert headers["X-Auth-Username"] == "bob@cyrano.onmicrosoft.com"
    assert headers["X-Auth-Tenant"] == tenant
    stranger = judged_at_its_time(tmp_path, "provider: entra, tenant: 9122040d-6c67-4c5b-b112-36a304b66dad", audience, jwks, token)
    assert stranger["reason"] == "unknown_issuer"


@needs_vectors
def test_real_wso2_tokens_are_allowed_unless_their_key_is_weak(tmp_path):
    """Four of WSO2's own test tokens hold; those under the 1024-bit key are refused."""
    folder = VECTORS / "wso2"
    documents = [json.loads((folder / name).read_text()) for name in ("wso2carbon-default.jwks.json", "jwks-2010.json")]
    jwks = {"keys": [key for document in documents for key in document["keys"]]}
    outcomes = []
    for sample in json.loads((folder / "is-tests-verified.json").read_text()):
        claims = claims_of(sample["token"])
        audience = claims["aud"] if isinstance(claims["aud"], str) else claims["aud"][0]
        url = claims["iss"].removesuffix("/oauth2/token")
        result = judged_at_its_time(tmp_path, f"provider: wso2, url: '{url}'", audience, jwks, sample["token"])
        outcomes.append((sample["file"], result["decision"], result["reason"]))
    print(outcomes)
    assert [file for file, decision, _ in outcomes if decision == "allow"] == ["OIDCLogoutServletTest.java"] * 4
    assert {file for file, decision, _ in outcomes if decision == "deny"} == {"DCRMServiceTest.java", "IntrospectionResponseBuilderTest.java"}
