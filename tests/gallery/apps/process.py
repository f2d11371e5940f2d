"""What every application of the gallery is: a server of its own on loopback, with a folder and a file of records."""

import atexit
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

SERVED = pathlib.Path(__file__).parent.parent / "served"
START_SECONDS = 60.0
# Nothing of the runner's environment: a CGI script would show it as if it came with the request.
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    """Whether something accepts on this port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Application:
    """A legacy server with the project's page in it. Subclasses say what it is called and how it is started."""

    name = ""
    """What it is, for the table."""
    reads_chunked = True
    """Whether it knows where a chunked request body ends, as RFC 9112 §6.1 wants it to. Without that the gate has to say `chunked: refuse`."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        # Servers drop their privileges.
        folder.chmod(0o777)
        self.port = free_port()
        self.records_file = folder / "records.jsonl"
        self.records_file.touch()
        self.records_file.chmod(0o666)
        self.environment = PATH | {"GALLERY_RECORDS": str(self.records_file)}
        self._children: list[subprocess.Popen[bytes]] = []
        self._read = 0

    @staticmethod
    def version() -> str:
        """The version that is installed, as its package says."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts the server and waits for its port."""
        self.launch()
        end = time.monotonic() + START_SECONDS
        while not listens(self.port):
            if time.monotonic() > end or any(child.poll() is not None for child in self._children):
                raise RuntimeError(f"{self.name} did not start: see {self.folder / 'log'}")
            time.sleep(0.05)

    def launch(self) -> None:
        """Writes the configuration and starts the processes."""
        raise NotImplementedError

    def spawn(self, *command: str | pathlib.Path, **environment: str) -> None:
        """A process that ends with the application, in a group of its own."""
        log = open(self.folder / "log", "ab")
        child = subprocess.Popen(list(map(str, command)), env=self.environment | environment, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        atexit.register(end_group, child)
        self._children.append(child)

    def stop(self) -> None:
        """Ends the processes and their children."""
        for child in self._children:
            end_group(child)

    def new_records(self) -> list[dict]:
        """What the application wrote down since the last call."""
        with open(self.records_file, "rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def end_group(child: "subprocess.Popen[bytes]") -> None:
    """Ends a process that leads a group, and the group."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def package_version(package: str) -> str:
    """The upstream part of a Debian package's version."""
    text = subprocess.run(["dpkg-query", "--show", "--showformat", "${Version}", package], capture_output=True, text=True, check=True).stdout
    return text.split(":")[-1].split("-")[0].split("+")[0]
