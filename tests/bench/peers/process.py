"""A process with its children: started on its cores, asked for its CPU time and memory, ended."""

import atexit
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Who is started inside has these cores. (A function between fork and exec would cost the start some milliseconds.)"""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


class Running:
    """One peer, or the application."""

    def __init__(
        self, command: list[str], cores: frozenset[int], log: Path, stdin: int = subprocess.DEVNULL, stdout: int | IO[bytes] = subprocess.DEVNULL
    ) -> None:
        self.command = command
        self.log = log
        self.began = time.monotonic()
        with log.open("wb") as errors:
            with on(cores):
                self.process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=errors)
        atexit.register(self.end)

    def cpu_ns(self) -> int:
        """What all its threads have run, in nanoseconds, as the scheduler counts (proc_pid_schedstat: the first field)."""
        total = 0
        for pid in self._family(self.process.pid):
            for task in _entries(Path(f"/proc/{pid}/task")):
                total += int((_read(task / "schedstat") or "0").split()[0])
        return total

    def resident_kib(self) -> int:
        """The resident memory of the process and its children: VmRSS."""
        total = 0
        for pid in self._family(self.process.pid):
            lines = (_read(Path(f"/proc/{pid}/status")) or "").splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        return total

    def threads(self) -> int:
        """How many threads there are."""
        return sum(len(list(_entries(Path(f"/proc/{pid}/task")))) for pid in self._family(self.process.pid))

    def gone(self) -> bool:
        """Whether it has ended by itself."""
        return self.process.poll() is not None

    def said(self) -> str:
        """Its exit status, if it has ended, and the end of what it wrote to its error output."""
        return f"[{self.process.poll()}] {self.log.read_text(errors='replace')[-2000:]}"

    def end(self) -> None:
        """TERM, and KILL to whom that does not impress. Happens at our own end at the latest."""
        atexit.unregister(self.end)
        family = list(self._family(self.process.pid))
        if not self.gone():
            self.process.terminate()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            for pid in family:
                _kill(pid)
            self.process.wait()

    def _family(self, pid: int) -> Iterator[int]:
        yield pid
        for task in _entries(Path(f"/proc/{pid}/task")):
            for child in (_read(task / "children") or "").split():
                yield from self._family(int(child))


def eventually(what: str, condition: Callable[[], bool], seconds: float = 10.0, pause: float = 0.005) -> None:
    """Waits until `condition()` is true; says what was missed if it does not come."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(what)
        time.sleep(pause)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError:
        return


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
