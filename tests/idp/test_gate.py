"""The main job with real peers: oidc-provider's tokens, gunicorn behind, `claimgate run` between."""

import base64
import http.client
import json
import shutil
import signal
import subprocess
import threading
import time

from conftest import configuration
from peers import Gate, Idp, LegacyApp, binary, claims_of, tampered, wait_for


def refused(answer, reason, status=401):
    """The answer is the gate's own refusal for this reason, in every place where it says so."""
    assert (answer.status, answer.problem["reason"]) == (status, reason), answer.body
    assert answer.problem["status"] == status
    challenge = answer.headers.get("WWW-Authenticate", "")
    if reason == "missing_token":
        assert challenge == 'Bearer realm="claimgate"'
    elif status == 401:
        assert 'error="invalid_token"' in challenge


def test_an_id_token_becomes_identity_headers(gate, idp):
    answer = gate.get("/reports?year=2026", idp.id_token("alice"))
    assert answer.status == 200
    seen = answer.seen
    assert seen["HTTP_X_AUTH_SUBJECT"] == "alice"
    assert seen["HTTP_X_AUTH_ISSUER"] == "test"
    assert seen["HTTP_X_AUTH_USERNAME"] == "alice"
    assert seen["HTTP_X_AUTH_EMAIL"] == "alice@example.com"
    assert seen["HTTP_X_AUTH_NAME"] == "Alice Liddell"
    assert seen["HTTP_X_AUTH_GROUPS"] == "staff,editors"
    assert seen["HTTP_X_AUTH_ROLES"] == "admin"
    assert seen["RAW_URI"] == "/reports?year=2026"
    assert "HTTP_AUTHORIZATION" not in seen


def test_an_access_token_becomes_identity_headers(gate, idp):
    token = idp.access_token(scope="read write")
    seen = gate.get("/", token).seen
    assert seen["HTTP_X_AUTH_SUBJECT"] == "legacy-app"
    assert seen["HTTP_X_AUTH_SCOPE"] == claims_of(token)["scope"] == "read write"


def test_names_outside_of_ascii_and_commas_in_groups_arrive_unambiguous(gate, idp):
    seen = gate.get("/", idp.id_token("jose")).seen
    assert seen["HTTP_X_AUTH_NAME"] == "Jos%C3%A9 %C3%91and%C3%BA"
    assert seen["HTTP_X_AUTH_GROUPS"] == "a%2Cadmin,staff"
    assert "HTTP_X_AUTH_EMAIL" not in seen, "the provider did not verify this address"


def test_every_kind_of_refusal_names_its_reason_and_reaches_nobody(tmp_path, idp, foreign_idp, app):
    gate = Gate(tmp_path, configuration(idp.issuer, app))
    good, brief = idp.access_token(), idp.access_token("urn:example:short")
    other_audience = idp.access_token("urn:example:elsewhere")
    head, payload, signature = good.split(".")
    wait_for(lambda: time.time() > claims_of(brief)["exp"], what="the expiry")
    refused(gate.get("/"), "missing_token")
    refused(gate.get("/", brief), "token_expired")
    refused(gate.get("/", other_audience), "audience_mismatch")
    refused(gate.get("/", foreign_idp.access_token()), "unknown_issuer")
    refused(gate.get("/", tampered(good)), "bad_signature")
    refused(gate.get("/", f"{head}.{payload}=.{signature}"), "malformed_token")
    refused(gate.get("/", f"{head}.{payload}"), "malformed_token")
    refused(gate.get("/", f"{head}.{payload}.{signature}.x.y"), "encrypted_token")
    refused(gate.get("/", "garbage"), "malformed_token")
    refused(gate.get("/", "a" * 17_000), "token_too_large")
    refused(gate.get("/", headers=[("Authorization", f"Bearer {good}"), ("Authorization", f"Bearer {good}")]), "ambiguous_token", 400)
    metrics = gate.ask_admin("/metrics")[1]
    assert 'claimgate_upstream_requests_total{outcome="answered"} 0' in metrics
    assert gate.stop() == 0
    logged = [line["auth.reason"] for line in gate.access_lines()]
    assert logged == ["missing_token", "token_expired", "audience_mismatch", "unknown_issuer", "bad_signature", "malformed_token", "malformed_token", "encrypted_token", "malformed_token", "token_too_large", "ambiguous_token"]
    assert head not in gate.log.read_text(), "no token text in any log"


def test_forged_identity_headers_never_arrive(gate, idp):
    forged = [("X-Auth-Subject", "root"), ("X_Auth_Subject", "root"), ("x.auth.subject", "root"), ("X-Auth-Roles", "admin"), ("X_Auth_Email", "root@example.com"), ("X-Auth_Groups", "wheel"), ("Remote-User", "root"), ("Remote_User", "root"), ("X-Forwarded-User", "root"), ("X-Real-IP", "10.0.0.1"), ("Proxy", "http://evil")]
    seen = gate.get("/", idp.access_token(), forged).seen
    assert seen["HTTP_X_AUTH_SUBJECT"] == "legacy-app"
    text = str(seen)
    assert "root" not in text and "wheel" not in text and "evil" not in text and "10.0.0.1" not in text, seen
    assert "HTTP_X_AUTH_ROLES" not in seen


def test_a_connection_header_cannot_take_identity_away(gate, idp):
    answer = gate.get("/", idp.access_token(), [("Connection", "close, X-Auth-Subject")])
    refused(answer, "bad_request", 400)


def test_routes_decide_what_needs_a_token(tmp_path, idp, app):
    routes = """routes:
  - {name: health, path: /healthz, access: public}
  - {path: /assets/*, access: optional}
  - {path: /admin/*, require: [{claim: roles, any_of: [admin]}]}
  - {path: /reports/*, methods: [GET], require: [{claim: scope, all_of: [read]}]}
"""
    gate = Gate(tmp_path, configuration(idp.issuer, app, routes))
    alice, jose, service = idp.id_token("alice"), idp.id_token("jose"), idp.access_token(scope="read write")
    assert gate.get("/healthz").status == 200
    assert gate.get("/assets/logo.png").status == 200
    refused(gate.get("/assets/logo.png", tampered(alice)), "bad_signature")
    assert gate.get("/assets/logo.png", alice).seen["HTTP_X_AUTH_SUBJECT"] == "alice"
    assert gate.get("/admin/users", alice).status == 200
    refused(gate.get("/admin/users", jose), "rule_not_met", 403)
    assert gate.get("/reports/1", service).status == 200
    refused(gate.get("/reports/1", alice), "rule_not_met", 403)
    with gate.connect() as client:
        refused(client.get("/reports/1", service, method="POST", body=b""), "no_route", 403)
    refused(gate.get("/elsewhere", alice), "no_route", 403)
    refused(gate.get("/healthz/../admin/users"), "bad_request", 400)
    refused(gate.get("/assets/%2e%2e/admin/users"), "bad_request", 400)
    assert "HTTP_X_AUTH_SUBJECT" not in gate.get("/healthz", headers=[("X-Auth-Subject", "root")]).seen
    assert "HTTP_AUTHORIZATION" not in gate.get("/healthz", alice).seen
    gate.stop()


def test_rotation_with_overlap_costs_no_false_refusal(tmp_path, app):
    """A key that is published at least the refetch interval before its first use is never unknown."""
    idp = Idp()
    gate = Gate(tmp_path, configuration(idp.issuer, app))
    wrong, asked, done = [], [0], threading.Event()
    tokens = [idp.access_token()]

    def hammer():
        with gate.connect() as client:
            while not done.is_set():
                answer = client.get("/", tokens[-1])
                asked[0] += 1
                if answer.status != 200:
                    wrong.append((answer.status, answer.body))

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        idp.command("publish")
        time.sleep(1.1)
        idp.command("promote")
        tokens.append(idp.access_token())
        time.sleep(0.3)
        idp.command("retire")
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert asked[0] > 100
    gate.stop()
    idp.stop()


def test_an_issuer_that_is_down_at_start_and_later(tmp_path, app):
    idp = Idp()
    port = int(idp.issuer.rsplit(":", 1)[1])
    token = idp.access_token()
    idp.stop()
    gate = Gate(tmp_path, configuration(idp.issuer, app), ready=False)
    assert gate.ask_admin("/livez")[0] == 200
    assert gate.ask_admin("/readyz")[0] == 503
    answer = gate.get("/", token)
    refused(answer, "keys_unavailable", 503)
    assert int(answer.headers["Retry-After"]) >= 1
    idp = Idp(port)
    wait_for(gate.is_ready, seconds=32, what="readiness after the issuer came up")
    token = idp.access_token()
    assert gate.get("/", token).status == 200
    idp.stop()
    assert gate.get("/", token).status == 200, "known keys outlive an outage"
    assert gate.is_ready(), "readiness does not depend on the issuer being up now"
    gate.stop()


def test_an_issuer_that_stalls_holds_up_nobody_whose_key_is_known(tmp_path, app):
    idp = Idp()
    gate = Gate(tmp_path, configuration(idp.issuer, app))
    known = idp.access_token()
    assert gate.get("/", known).status == 200
    idp.command("publish")
    idp.command("promote")
    unknown = idp.access_token()
    idp.command("stall")
    waiting = threading.Thread(target=lambda: gate.get("/", unknown))
    waiting.start()
    began = time.monotonic()
    for _ in range(50):
        assert gate.get("/", known).status == 200
    assert time.monotonic() - began < 4, "the fetch that hangs is given up after 5 s: nobody waited for it"
    waiting.join()
    idp.command("unstall")
    wait_for(lambda: gate.get("/", unknown).status == 200, what="the new key, once the issuer answers again")
    gate.stop()
    idp.stop()


def test_unknown_keys_do_not_become_a_flood_at_the_issuer(tmp_path, app, foreign_idp):
    idp = Idp()
    gate = Gate(tmp_path, configuration(idp.issuer, app))
    before = idp.stats()["jwks"]
    head, payload, signature = idp.access_token().split(".")
    began = time.monotonic()
    with gate.connect() as client:
        for number in range(300):
            fake = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": f"k{number}"}).encode()).rstrip(b"=").decode()
            refused(client.get("/", f"{fake}.{payload}.{signature}"), "unknown_key")
    seconds = time.monotonic() - began
    assert idp.stats()["jwks"] - before <= 2 + seconds, "one a second, with refetch_interval: 1s"
    gate.stop()
    idp.stop()


def test_an_application_that_is_down_is_a_502_and_no_refusal(tmp_path, idp):
    app = LegacyApp()
    gate = Gate(tmp_path, configuration(idp.issuer, app))
    token = idp.access_token()
    assert gate.get("/", token).status == 200
    app.stop()
    answer = gate.get("/", token)
    assert (answer.status, answer.problem["reason"]) == (502, "upstream_unreachable")
    gate.stop()


def test_sigterm_under_load_fails_no_request(tmp_path, idp, app):
    gate = Gate(tmp_path, configuration(idp.issuer, app, "shutdown: {delay: 3s, drain_timeout: 10s}\n"))
    token = idp.access_token()
    outcomes, told = [], threading.Event()

    def hammer():
        with gate.connect() as client:
            while True:
                try:
                    outcomes.append(client.get("/", token).status)
                except (OSError, http.client.HTTPException) as error:  # the listener is gone: after the delay that is right
                    if not told.is_set():
                        outcomes.append(repr(error))
                    return

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(outcomes) > 8, what="the load")
    gate.process.send_signal(signal.SIGTERM)
    wait_for(lambda: gate.ask_admin("/readyz")[0] == 503, what="readiness to go first")
    answered_while_draining = len(outcomes)
    wait_for(lambda: len(outcomes) > answered_while_draining + 8, seconds=2.5, what="the delay to serve on")
    told.set()
    assert gate.process.wait(15) == 0
    for thread in threads:
        thread.join()
    assert set(outcomes) == {200}, set(outcomes)


def test_a_second_gate_on_the_port_does_not_start(gate, tmp_path):
    second = subprocess.run([binary(), "run", "--config", str(gate.file)], capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert str(gate.port) in second.stdout + second.stderr


def test_the_exposition_is_clean_by_promtool(gate, idp):
    gate.get("/", idp.access_token())
    gate.get("/")
    assert shutil.which("promtool"), "promtool comes with the package `prometheus`"
    status, text = gate.ask_admin("/metrics")
    assert status == 200
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=20)
    assert check.returncode == 0, check.stdout + check.stderr
    assert not (check.stdout + check.stderr).strip()
