"""The server's side of the reading process: one for this process, started with the first file."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

_PROJECT = Path(__file__).parents[3]
_LONGEST_LINE = 4_194_304
# The rest of the environment holds secrets, which are no business of what reads strangers' files.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX")
_ENVIRONMENT_OF_COVERAGE = "COV"


class ReadingProcess:
    """Starts a process for each file, limited in all that it can take, and ends it for certain."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @asynccontextmanager
    async def reading(
        self, file: BinaryIO
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Give the streams from and to a process that reads `file`; it is killed at the end, if it still runs."""
        ours, lifeline = await asyncio.to_thread(self._start, file)
        with lifeline:
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_LONGEST_LINE)
            try:
                yield reader, writer
            finally:
                writer.close()

    def _start(self, file: BinaryIO) -> tuple[socket.socket, socket.socket]:
        ours, theirs = socket.socketpair()
        lifeline, watched = socket.socketpair()
        with theirs, watched, self._starting:
            descriptors = [theirs.fileno(), file.fileno(), watched.fileno()]
            try:
                socket.send_fds(self._running(), [b"r"], descriptors)
            except OSError:  # it was killed: by the system, for want of memory
                self._socket = None
                socket.send_fds(self._running(), [b"r"], descriptors)
        return ours, lifeline

    def _running(self) -> socket.socket:
        """Return the socket of the process, starting it if there is none: it then loads the converters."""
        if self._socket is None:
            self._socket, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603  # nothing of a file is in the command
                    [sys.executable, "-m", f"{__package__}.worker", str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=_PROJECT,
                    env=_environment(),
                    start_new_session=True,  # Ctrl-C is the server's; it goes with the server
                )
        return self._socket


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_OF_COVERAGE)
    }
