"""Answers of AWS that come in pieces: boto3 reads them on threads, and the loop can end them at any moment."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from contextvars import ContextVar
from functools import partial
from threading import RLock, Semaphore
from typing import Any, TypeVar

from urllib3 import HTTPConnectionPool

from src.infrastructure.outside.aws import AwsClient
from src.infrastructure.outside.faults import ServiceFault
from src.infrastructure.outside.places import AwsPlace

T = TypeVar("T")

AHEAD = 64
"""So many pieces a thread reads before they are taken; then it waits, and the service with it."""

_END = object()


class AwsStreams:
    """One service of AWS whose answers are streams, so many at once as there are `connections`.

    A connection may be silent for `silence` seconds, before the first piece and between two. Nothing is repeated.
    """

    def __init__(self, name: str, place: AwsPlace, *, connections: int, silence: float) -> None:
        self._client = AwsClient(
            name, place, connections=connections, silence=silence, prepare=_let_calls_hold_connections
        )
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix=f"{name}-stream")
        # Who starts a thread waits until it runs: two hundred at once held the loop up for 0.7 seconds.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-stream-starter")
        self._calls: set[_Call] = set()

    async def pieces(self, read: Callable[[Any], Generator[T, None, None]]) -> AsyncGenerator[T, None]:
        """Yield what `read(client)` yields; it runs on a thread, and its errors are raised here.

        When the iteration is closed or cancelled the connection is shut at once, and the thread goes free with
        it, even from a read that waits. Only a connection that is still being made runs into its own time limit;
        nothing is asked for on it then.
        """
        call = _Call()
        self._calls.add(call)
        start = partial(self._threads.submit, self._read, call, read)
        try:
            future = await asyncio.get_running_loop().run_in_executor(self._starter, start)
            future.add_done_callback(call.finish)
            while (piece := await call.take()) is not _END:
                yield piece
            future.result()
        finally:
            self._calls.discard(call)
            call.end()

    def close(self) -> None:
        """End all calls, and let the threads go."""
        for call in self._calls:
            call.end()
        self._starter.shutdown(wait=False)
        self._threads.shutdown(wait=False)
        self._client.close()

    def _read(self, call: "_Call", read: Callable[[Any], Generator[T, None, None]]) -> None:
        _current.set(call)
        call.must_go_on()
        with self._client.opened() as client, closing(read(client)) as pieces:
            for piece in pieces:
                call.hand_over(piece)


class _Call:
    """One call: its thread hands pieces over, the loop takes them and may end it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Queue[Any] = asyncio.Queue()
        self._room = Semaphore(AHEAD)
        self._lock = RLock()  # what is collected while it is held may let go of a connection
        self._ended = False
        self._connection: Any = None

    async def take(self) -> Any:
        piece = await self._arrived.get()
        self._room.release()
        return piece

    def end(self) -> None:
        """Shut the connection, wherever the thread is; whatever it does next fails."""
        with self._lock:
            self._ended = True
            if self._connection is not None:
                _shut(self._connection)
        self._room.release()

    def hand_over(self, piece: Any) -> None:
        self._room.acquire()
        self.must_go_on()
        self._loop.call_soon_threadsafe(self._arrived.put_nowait, piece)

    def finish(self, _future: "Future[None]") -> None:
        with suppress(RuntimeError):  # the loop is gone, and whoever waited with it
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, _END)

    def hold(self, connection: Any) -> None:
        with self._lock:
            self._connection = connection

    def let_go(self, connection: Any) -> None:
        with self._lock:
            if self._connection is connection:
                self._connection = None

    def must_go_on(self) -> None:
        with self._lock:
            if self._ended:
                raise ServiceFault("the call was ended", passing=True)


_current: ContextVar[_Call] = ContextVar("_current")


class _HeldConnections(HTTPConnectionPool):
    """Lets each call hold its own connection: urllib3 offers none to shut before there is a response."""

    def _get_conn(self, timeout: float | None = None) -> Any:
        connection: Any = super()._get_conn(timeout)
        connection.call = _current.get()
        connection.call.hold(connection)
        return connection

    def _validate_conn(self, conn: Any) -> None:
        super()._validate_conn(conn)
        if conn.is_closed:
            conn.connect()
        # What was ended while there was nothing to shut yet must not be sent.
        conn.call.must_go_on()

    def _put_conn(self, conn: Any) -> None:
        # Maybe on another thread: a response that broke off is put back when it is collected.
        if conn is not None:
            conn.call.let_go(conn)
        super()._put_conn(conn)


def _let_calls_hold_connections(client: Any) -> None:
    pools = client._endpoint.http_session._manager.pool_classes_by_scheme
    for scheme, pool in list(pools.items()):
        pools[scheme] = type(f"Held{pool.__name__}", (_HeldConnections, pool), {})


def _shut(connection: Any) -> None:
    sock: Any = getattr(connection, "sock", None)
    sock = getattr(sock, "socket", sock)  # of TLS within TLS, through a proxy
    if sock is not None:
        # Not close, which does not wake who reads; nor TLS's own shutdown, which takes the state from under them.
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
