"""Calls to AWS: boto3 blocks, so each service has a few threads; its retries are off, for there is one loop."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    EventStreamError,
    HTTPClientError,
    NoCredentialsError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from src.infrastructure.outside.faults import ServiceFault, malformed, retried, retry_after
from src.infrastructure.outside.places import AwsPlace

T = TypeVar("T")

_PASSING = frozenset(
    {
        "BadGatewayException",
        "ConflictException",
        "DependencyFailedException",
        "InternalServerException",
        "ModelErrorException",
        "ModelNotReadyException",
        "ModelTimeoutException",
        "ServiceUnavailableException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_CONNECT_SECONDS = 3.0
# A thread that waits longer holds up its successors, and the end of the process.
_ANSWER_SECONDS = 15.0

AWS_FAULTS = (
    ClientError,
    BotoCoreError,
    # While a stream is read, boto3 lets through what is under it.
    HTTPError,
    ParserError,
    # What comes of an answer that has not the service's form: boto3 does not look before it leaps.
    ResponseParserError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)


class AwsClient:
    """A client of one service, opened at the first call and kept.

    Credentials are found as AWS's own tools find them; where there were none, the next call looks again.
    A connection may be silent for `silence` seconds. `prepare` is given the client when it is new.
    """

    def __init__(
        self,
        name: str,
        place: AwsPlace,
        *,
        connections: int,
        silence: float,
        prepare: Callable[[Any], None] = lambda _client: None,
    ) -> None:
        self._name = name
        self._place = place
        self._connections = connections
        self._silence = silence
        self._prepare = prepare
        self._opening = Lock()
        self._client: Any = None

    @contextmanager
    def opened(self) -> Iterator[Any]:
        try:
            yield self._kept()
        except NoCredentialsError:
            self._client = None
            raise

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._opening:
            if self._client is not None:
                self._client.close()

    def _kept(self) -> Any:
        with self._opening:
            if self._client is None:
                # A session of our own: boto3's common one is not safe in threads.
                client = boto3.session.Session().client(
                    self._name,
                    region_name=self._place.region,
                    endpoint_url=self._place.endpoint_url,
                    config=Config(
                        retries={"total_max_attempts": 1, "mode": "standard"},
                        connect_timeout=min(_CONNECT_SECONDS, self._silence),
                        read_timeout=self._silence,
                        max_pool_connections=self._connections,
                    ),
                )
                self._prepare(client)
                self._client = client
            return self._client


class AwsService:
    """One service of AWS.

    A call may take `seconds` in all, with waiting for a thread and with repetitions.
    """

    def __init__(self, name: str, place: AwsPlace, *, threads: int, seconds: float) -> None:
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._client = AwsClient(name, place, connections=threads, silence=min(_ANSWER_SECONDS, seconds))

    async def run(self, work: Callable[[Any], T]) -> T:
        """Return what `work(client)` returns; it runs on a thread, again after a passing fault.

        It reads the answer too: where that has not the service's form, what this raises is told as a fault.
        Raises `ServiceFault`.
        """
        return await retried(partial(self._on_a_thread, work), seconds=self._seconds)

    def close(self) -> None:
        """Let the threads go; what still runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _on_a_thread(self, work: Callable[[Any], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._try, work)

    def _try(self, work: Callable[[Any], T]) -> T:
        try:
            with self._client.opened() as client:
                return work(client)
        except AWS_FAULTS as error:
            raise service_fault(error) from error


def service_fault(error: Exception) -> ServiceFault:
    """Return what one of the `AWS_FAULTS` comes to."""
    if isinstance(error, ClientError):
        return _refusal(error)
    if isinstance(error, ConnectionError | HTTPClientError | HTTPError | ParserError):
        return ServiceFault(repr(error), passing=True)
    if isinstance(error, BotoCoreError):
        return ServiceFault(str(error), passing=False)
    return malformed(repr(error))


def error_code(error: ClientError) -> str:
    """Return the service's name for an error; within a stream it is written with a small letter."""
    code = str(error.response["Error"].get("Code", ""))
    return code[:1].upper() + code[1:]


def _refusal(error: ClientError) -> ServiceFault:
    code = error_code(error)
    if isinstance(error, EventStreamError):
        # The request was taken, and the answer begun.
        return ServiceFault(str(error), passing=code != "ValidationException")
    answer = error.response["ResponseMetadata"]
    status, headers = answer.get("HTTPStatusCode", 0), answer.get("HTTPHeaders", {})
    passing = code in _PASSING or status == 429 or status >= 500
    return ServiceFault(str(error), passing=passing, retry_after=retry_after(headers.get("retry-after")))
