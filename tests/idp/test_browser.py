"""A real browser: a page with `fetch`, `EventSource` and `WebSocket` through the gate, its token in a cookie that no script can read."""

import shutil

import pytest

from conftest import configuration
from page import Page
from peers import Child, Gate, wait_for

CHROMIUM = shutil.which("chromium")
MORE = """token: {sources: [{cookie: id_token}]}
routes: [{path: /login, access: public}, {path: /*}]
"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: tests/gallery/run installs it")
def test_a_page_lives_through_the_gate(tmp_path, idp):
    page = Page(idp.id_token())
    gate = Gate(tmp_path, configuration(idp.issuer, page, MORE))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}/profile", f"http://127.0.0.1:{gate.port}/login"]
    with open(tmp_path / "chromium.log", "wb") as log:
        browser = Child([*command[:-1], "--remote-debugging-port=0", command[-1]], stdout=log, stderr=log)
    try:
        wait_for(lambda: page.reported, seconds=60, what="the page's report")
    finally:
        browser.stop()
    assert page.reported == {"fetch": "GET test", "post": "POST test", "events": ["0 test", "1 test", "2 test"], "socket": "hello test"}
    assert page.cookies == {"theme=dark"}
    gate.stop()
    page.stop()
