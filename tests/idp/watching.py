"""Watching a process while a test goes on."""

import contextlib
import threading
import time

# What the gate's memory may grow by while something large passes.
GROWTH_KIB = 2048


def resident_kib(pid):
    """VmRSS (proc_pid_status(5))."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


@contextlib.contextmanager
def flat_memory(gate, what):
    """More growth of the gate's memory than allowed fails."""
    before = resident_kib(gate.process.pid)
    most, over = [before], threading.Event()

    def watch():
        while not over.wait(0.02):
            most.append(resident_kib(gate.process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    grown = max(most) - before
    print(f"\n{what}: {time.monotonic() - began:.1f} s, memory {before} KiB, grew by {grown} KiB at most")
    assert grown < GROWTH_KIB
