"""The reading process: it has every converter loaded, and forks itself for each file.

`processes.py` starts it as `python -m src.infrastructure.documents.worker SOCKET` and sends it three descriptors
for a file: where to answer, the file, and a lifeline. When the lifeline is closed, by whomever, the file's process
is killed: also when the server was killed, so that no reader is left behind.
"""

import ctypes
import gc
import json
import os
import resource
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from src.domains.knowledge.services.ports import Progress, UnreadableDocument
from src.infrastructure.documents.reading import passages
from src.infrastructure.documents.sections import Limits, Source

_NEEDS_MEMORY = "Reading the file needs more memory than {:,} MB. Split it and upload the parts."
_DESCRIPTORS = 3
_NICENESS = 10
_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 64


def main(server: socket.socket) -> None:
    """Take files until the server is gone."""
    gc.freeze()  # what is loaded stays as it is, and so the pages of memory that the forks share
    running: dict[int, int] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fd in running:
                    selector.unregister(key.fd)
                    _end(key.fd, running.pop(key.fd))
                    continue
                data, descriptors, *_ = socket.recv_fds(server, 1, _DESCRIPTORS)
                if not data:
                    for lifeline, process in running.items():
                        _end(lifeline, process)
                    return
                answers, file, lifeline = descriptors
                running[lifeline] = _fork(server, answers, file, [lifeline, *running])
                selector.register(lifeline, selectors.EVENT_READ)


def _fork(server: socket.socket, answers: int, file: int, lifelines: list[int]) -> int:
    worker = os.getpid()
    process = os.fork()
    if not process:
        try:
            _die_with(worker)
            _become_reader(server, lifelines)
            with socket.socket(fileno=answers) as stream, open(file, "rb") as opened:
                _answer(stream, opened)
        finally:
            os._exit(0)  # never back into the loop
    with suppress(OSError):  # it may have done so itself, and be gone already
        os.setpgid(process, process)
    os.close(answers)
    os.close(file)
    return process


def _become_reader(server: socket.socket, lifelines: list[int]) -> None:
    os.setpgid(0, 0)  # with whatever it starts
    server.close()
    for lifeline in lifelines:
        os.close(lifeline)
    os.nice(_NICENESS)


def _die_with(worker: int) -> None:
    """Be killed when the worker is, so that nobody would watch the lifeline any more."""
    with suppress(AttributeError, OSError):  # where it is not Linux
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != worker:  # it was killed before that
        os._exit(0)


def _end(lifeline: int, process: int) -> None:
    os.close(lifeline)
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)


def _answer(stream: socket.socket, file: BinaryIO) -> None:
    """Read the request, a line of JSON, and answer with lines of JSON: progress, passages, and how it ended."""
    with stream.makefile("rb") as requests, stream.makefile("w", encoding="utf-8") as answers:

        def send(kind: str, *values: object) -> None:
            answers.write(json.dumps({kind: values}) + "\n")
            answers.flush()

        request = json.loads(requests.readline())
        limits = Limits(**request["limits"])
        _limit_resources(limits, os.fstat(file.fileno()).st_size)
        try:
            file.seek(0)
            tell = partial(_tell, send)
            for passage in passages(Source(file.read(), limits, tell), request["ending"]):
                send("passage", passage.text, passage.location)
        except UnreadableDocument as error:
            send("refused", str(error), repr(error.__cause__) if error.__cause__ else None)
        except MemoryError as error:
            error.__traceback__ = None  # and all that it holds
            send("refused", _NEEDS_MEMORY.format(limits.memory_mb), None)
        else:
            send("done")


def _tell(send: Callable[..., None], progress: Progress) -> None:
    send("progress", progress.pages, progress.total)


def _limit_resources(limits: Limits, file_bytes: int) -> None:
    seconds = int(limits.seconds) + 1
    for kind, limit in (
        (resource.RLIMIT_AS, _mapped_bytes() + limits.memory_mb * 1_048_576),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, file_bytes),  # a copy in memory that a library wants as a file
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(kind, (limit, limit))
    with suppress(OSError):  # when memory ends, this process goes first, not the server
        Path("/proc/self/oom_score_adj").write_text("1000")


def _mapped_bytes() -> int:
    """Return what is mapped already, most of it shared with the other readers."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return 0


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
