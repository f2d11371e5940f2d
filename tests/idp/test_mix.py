"""Ten thousand requests of every kind from several clients while the keys rotate twice: each decision is known beforehand."""

import os
import random
import threading
import time

from conftest import configuration
from peers import Gate, Idp, claims_of, tampered, wait_for

REQUESTS = int(os.environ.get("CLAIMGATE_MIX_REQUESTS", "10000"))
CLIENTS = 8
FORGED = [("X-Auth-Subject", "root"), ("X_Auth_Subject", "root"), ("X-Auth-Roles", "forged-admin"), ("x_auth_email", "root@forged"), ("X.Auth.Groups", "forged"), ("Remote-User", "root"), ("X-Forwarded-User", "root")]
MANAGED = {"HTTP_X_AUTH_" + name for name in ("SUBJECT", "ISSUER", "USERNAME", "EMAIL", "NAME", "GROUPS", "ROLES", "SCOPE", "TENANT", "GROUPS_OVERAGE")}
LEGITIMATE = {
    "alice": {"HTTP_X_AUTH_SUBJECT": "alice", "HTTP_X_AUTH_ISSUER": "test", "HTTP_X_AUTH_USERNAME": "alice", "HTTP_X_AUTH_EMAIL": "alice@example.com", "HTTP_X_AUTH_NAME": "Alice Liddell", "HTTP_X_AUTH_GROUPS": "staff,editors", "HTTP_X_AUTH_ROLES": "admin"},
    "legacy-app": {"HTTP_X_AUTH_SUBJECT": "legacy-app", "HTTP_X_AUTH_ISSUER": "test", "HTTP_X_AUTH_SCOPE": "read"},
}


def judge(answer, kind, token):
    """None when the decision is the one that this kind of request must get, else what is wrong."""
    if kind == "good":
        if answer.status != 200:
            return f"good token refused: {answer.status} {answer.body[:200]}"
        identity = {name: value for name, value in answer.seen.items() if name in MANAGED}
        wanted = LEGITIMATE[claims_of(token)["sub"]]
        if identity != wanted:
            return f"identity {identity}, the token carries {wanted}"
        if "root" in str(answer.seen) or "forged" in str(answer.seen):
            return f"forged text arrived: {answer.seen}"
        return None
    wanted = {"expired": "token_expired", "foreign": "unknown_issuer", "tampered": "bad_signature", "missing": "missing_token", "garbage": "malformed_token"}[kind]
    if answer.status != 401 or answer.problem["reason"] != wanted:
        return f"{kind}: {answer.status} {answer.body[:200]}"
    return None


def test_ten_thousand_mixed_requests_while_keys_rotate_twice(tmp_path, app, foreign_idp):
    idp = Idp()
    gate = Gate(tmp_path, configuration(idp.issuer, app))
    mint = lambda: [idp.access_token(), idp.id_token("alice")]
    good, expired, foreign = mint(), idp.access_token("urn:example:short"), foreign_idp.access_token()
    wait_for(lambda: time.time() > claims_of(expired)["exp"], what="the expiry")
    wrong, counts, lock = [], {}, threading.Lock()
    left = [REQUESTS]

    def client_loop(seed):
        dice = random.Random(seed)
        with gate.connect() as client:
            while True:
                with lock:
                    if left[0] == 0:
                        return
                    left[0] -= 1
                kind = dice.choice(["good", "good", "good", "expired", "foreign", "tampered", "missing", "garbage"])
                base = dice.choice(good[-2:])
                token = {"good": base, "expired": expired, "foreign": foreign, "tampered": tampered(base), "missing": None, "garbage": "x" * dice.randint(1, 40)}[kind]
                problem = judge(client.get("/page", token, FORGED if dice.random() < 0.5 else ()), kind, token)
                with lock:
                    counts[kind] = counts.get(kind, 0) + 1
                    if problem:
                        wrong.append(problem)

    threads = [threading.Thread(target=client_loop, args=(seed,)) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for number in (1, 2):
        wait_for(lambda: left[0] < REQUESTS * (3 - number) // 3, seconds=120, what="its share of the requests")
        idp.command("publish")
        time.sleep(1.1)
        idp.command("promote")
        good.extend(mint())
        time.sleep(0.5)
        idp.command("retire")
    for thread in threads:
        thread.join()
    print(f"\nmixed requests: {sum(counts.values())} {dict(sorted(counts.items()))}, wrong: {len(wrong)}")
    assert not wrong, wrong[:5]
    assert sum(counts.values()) == REQUESTS
    gate.stop()
    idp.stop()
