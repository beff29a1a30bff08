"""Programs of the benchmark, each a process with children of its own; what they use is read from Linux's /proc."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LOOK_EVERY = 0.02
LONGEST_WAIT = 120
IDLE_CPU = 0.15
"""Processor seconds in a second that a server at rest stays below; it looks at its log now and then."""


@dataclass(frozen=True)
class Program:
    """A program that answers HTTP. `ready_after` is how many seconds it took to do so."""

    url: str
    pid: int
    ready_after: float

    def cpu_seconds(self) -> float:
        """Return the processor time that it and its processes have used, those that ended included."""
        return sum(_cpu_ticks(fields) for fields in _stats_of_tree(self.pid).values()) / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """Return the memory of all its processes; what they share counts for each."""
        return sum(int(fields[21]) for fields in _stats_of_tree(self.pid).values()) * PAGE_BYTES

    def wait_until_idle(self) -> None:
        """Wait for what goes on after the first process is ready: another may still build its index."""
        deadline = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < deadline:
            before = self.cpu_seconds()
            time.sleep(1)
            if self.cpu_seconds() - before < IDLE_CPU:
                return
        raise RuntimeError(f"{self.url} has not come to rest after {LONGEST_WAIT} s")


@contextmanager
def program(
    command: Sequence[str], url: str, ready_path: str, environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[Program]:
    """Start a program, wait until it answers `ready_path`, and stop it in the end."""
    started = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_ready(process, f"{url}{ready_path}", log)
        yield Program(url, process.pid, time.perf_counter() - started)
    finally:
        _stop(process)


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + LONGEST_WAIT
    with httpx.Client(timeout=10) as client:
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            try:
                # A stand-in may not know the path; the platform knows it, and says 503 until it is ready.
                if not client.get(url).is_server_error:
                    return
            except httpx.TransportError:
                pass
            time.sleep(LOOK_EVERY)
    raise RuntimeError(f"{url} does not get ready; the end of its log:\n{log.read_text()[-3000:]}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _stats_of_tree(root: int) -> dict[int, list[str]]:
    """Return the fields of /proc/PID/stat after the name, for a process and all that descend from it."""
    stats = dict(_stats())
    tree = {root} & stats.keys()
    while children := {pid for pid, fields in stats.items() if int(fields[1]) in tree} - tree:
        tree |= children
    return {pid: stats[pid] for pid in tree}


def _stats() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:  # it has just ended
            continue
        # The name stands in brackets and may hold anything, brackets too.
        yield int(folder.name), stat.rpartition(")")[2].split()


def _cpu_ticks(fields: Sequence[str]) -> int:
    return sum(int(each) for each in fields[11:15])
