"""Encrypted ID tokens of a real provider (a signed token inside an encrypted one), and both kinds of keys rotated under load."""

import base64
import json
import threading
import time

import pytest

from conftest import configuration
from peers import CLIENT_ID, ENCRYPTED_CLIENTS, Gate, Idp, tampered, wait_for


def header_of(token):
    """The first part of a token, decoded."""
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class House:
    """A provider whose clients decrypt, and a gate with their private keys in a file."""

    def __init__(self, directory, app):
        self.idp = Idp()
        self.file = directory / "decrypt.jwks"
        self.write_keys()
        audiences = ", ".join([CLIENT_ID, *ENCRYPTED_CLIENTS])
        text = configuration(self.idp.issuer, app, f"    decryption: {{keys_file: {self.file}}}\n")
        self.gate = Gate(directory, text.replace(f"audiences: [{CLIENT_ID},", f"audiences: [{audiences},"))

    def write_keys(self):
        """The private keys as they are now take the place of the file at once, as in a mounted secret."""
        keys = self.idp.stats()["decryption"]
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(keys))
        new.rename(self.file)
        return [key["kid"] for key in keys["keys"]]

    def gate_has(self, kids):
        """Whether the gate decrypts with exactly these keys."""
        page = json.loads(self.gate.ask_admin("/issuers")[1])
        return [key["kid"] for key in page["issuers"][0]["decryption"]["keys"]] == kids

    def stop(self):
        """Ends both."""
        self.gate.stop()
        self.idp.stop()


@pytest.fixture
def house(tmp_path, app):
    """A fresh one."""
    peers = House(tmp_path, app)
    yield peers
    peers.stop()


@pytest.mark.parametrize("client", ENCRYPTED_CLIENTS)
def test_an_encrypted_id_token_becomes_identity_headers(house, client):
    token = house.idp.id_token("alice", client)
    header = header_of(token)
    assert token.count(".") == 4
    assert (header["alg"], header["enc"]) == ENCRYPTED_CLIENTS[client]
    for _ in range(2):  # the second time from the cache
        seen = house.gate.get("/", token).seen
        assert seen["HTTP_X_AUTH_SUBJECT"] == "alice"
        assert seen["HTTP_X_AUTH_NAME"] == "Alice Liddell"
        assert "HTTP_AUTHORIZATION" not in seen
    signed = house.idp.access_token()
    assert house.gate.get("/", signed).status == 200, "what is only signed is accepted too"
    # The log is written beside the answers.
    wait_for(lambda: len(house.gate.access_lines()) >= 3)
    lines = house.gate.access_lines()
    assert {line["jwt.kid"] for line in lines} == {house.idp.stats()["kids"][0]} == {header_of(signed)["kid"]}
    assert {line["jwt.alg"] for line in lines} == {"RS256"}
    assert not any(part in house.gate.log.read_text() for part in token.split(".") if len(part) > 20)


@pytest.mark.parametrize("client", ENCRYPTED_CLIENTS)
def test_every_failure_is_one_answer(house, client):
    token = house.idp.id_token("alice", client)
    header, key, iv, text, tag = token.split(".")
    stranger = Idp()
    other = stranger.id_token("alice", client)
    stranger.stop()
    changed = ("A" if text[0] != "A" else "B") + text[1:]
    bad = [
        other,
        f"{header}.{key}.{iv}.{changed}.{tag}",
        f"{header}.{key}.{iv}.{text}.{tag[::-1]}",
        f"{header}.{key}.{iv}.{text}.{tag[:-2]}",
        f"{other.split('.')[0]}.{key}.{iv}.{text}.{tag}",
        "a.b.c.d.e",
    ]
    answers = {(answer.status, answer.body, answer.headers["WWW-Authenticate"]) for answer in (house.gate.get("/", token) for token in bad)}
    assert len(answers) == 1, answers
    status, body, _ = answers.pop()
    assert (status, json.loads(body)["reason"]) == (401, "decryption_failed")
    assert house.gate.get("/", tampered(house.idp.access_token())).problem["reason"] == "bad_signature"
    assert house.gate.get("/", token).status == 200


def test_signing_and_decryption_keys_rotate_under_load_without_a_false_refusal(house):
    """Each rotation in its documented order. The file of private keys is noticed by the gate itself, without a signal."""
    idp, gate = house.idp, house.gate
    wrong, asked, done = [], [0], threading.Event()

    def fresh():
        return [idp.id_token("alice", client) for client in ENCRYPTED_CLIENTS]

    tokens = {"now": fresh()}

    def hammer(number):
        with gate.connect() as client:
            while not done.is_set():
                answer = client.get("/", tokens["now"][number % 2])
                asked[0] += 1
                if answer.status != 200:
                    wrong.append((answer.status, answer.body))

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        # The signing key: published, a second later used, then the old one is taken away.
        idp.command("publish")
        time.sleep(1.1)
        idp.command("promote")
        tokens["now"] = fresh()
        time.sleep(0.3)
        idp.command("retire")

        # The decryption keys: the gate has the new ones before the provider encrypts to them.
        old = fresh()
        idp.command("new-decryption-keys")
        kids = house.write_keys()
        assert len(kids) == 4
        wait_for(lambda: house.gate_has(kids), seconds=30, what="the new keys in the gate")
        assert all(gate.get("/", token).status == 200 for token in old)
        idp.command("encrypt-to-new-keys")
        tokens["now"] = fresh()
        assert {header_of(token)["kid"] for token in tokens["now"]} == set(kids[:2])
        time.sleep(0.3)
        idp.command("retire-decryption-keys")
        kids = house.write_keys()
        assert len(kids) == 2
        wait_for(lambda: house.gate_has(kids), seconds=30, what="the old keys gone from the gate")
        # Remembered or not, what was encrypted to a key that is gone is refused.
        for token in old:
            assert gate.get("/", token).problem["reason"] == "decryption_failed"
        time.sleep(0.3)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong[:3]
    assert asked[0] > 100
