"""`slowhttptest` against the gate: slow heads, slow bodies and slow readers leave good clients served."""

import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(shutil.which("slowhttptest") is None, reason="slowhttptest is not installed")
CONNECTIONS = 500
SECONDS = 25


@pytest.mark.parametrize(("what", "options"), [("heads", ["-H", "-i", "2"]), ("bodies", ["-B", "-i", "2", "-s", "8192"]), ("readers", ["-X", "-w", "1", "-y", "8", "-n", "5", "-z", "1"])])
def test_d01_d02_slow_clients_hold_up_nobody(gate, idp, what, options):
    token, address = idp.access_token(), f"http://127.0.0.1:{gate.port}/"
    command = ["slowhttptest", *options, "-c", str(CONNECTIONS), "-r", "200", "-l", str(SECONDS), "-u", address, "-p", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as attack:
        answers = 0
        while attack.poll() is None and answers < 2000:
            assert gate.get("/", token).status == 200
            answers += 1
        report, _ = attack.communicate(timeout=SECONDS + 60)
    assert answers > 50, what
    plain = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", report)
    assert set(re.findall(r"service available:\s+(\w+)", plain)) == {"YES"}, plain[-2000:]
    assert gate.get("/", token).status == 200
