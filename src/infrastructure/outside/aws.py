"""Calls to AWS: boto3 blocks, so each service has a few threads; its retries are off, for there is one loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

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

# What comes of an answer that has not the service's form: boto3 does not look before it leaps.
_MALFORMED = (ResponseParserError, LookupError, TypeError, ValueError, AttributeError)


class AwsService:
    """One service of AWS. Credentials are found as AWS's own tools find them, at the first call.

    A call may take `seconds` in all, with waiting for a thread and with repetitions.
    """

    def __init__(self, name: str, place: AwsPlace, *, threads: int, seconds: float) -> None:
        self._name = name
        self._place = place
        self._threads = threads
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._opening = Lock()
        self._client: Any = None

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
            return work(self._opened())
        except ClientError as error:
            raise _refusal(error) from error
        except BotoCoreError as error:
            # Connections that fail, break or take too long; the rest is wrong in itself: no credentials, say.
            raise ServiceFault(str(error), passing=isinstance(error, HTTPClientError)) from error
        except _MALFORMED as error:
            raise malformed(repr(error)) from error

    def _opened(self) -> Any:
        with self._opening:
            if self._client is None:
                # A session of our own: boto3's common one is not safe in threads.
                self._client = boto3.session.Session().client(
                    self._name,
                    region_name=self._place.region,
                    endpoint_url=self._place.endpoint_url,
                    config=Config(
                        retries={"total_max_attempts": 1, "mode": "standard"},
                        connect_timeout=min(_CONNECT_SECONDS, self._seconds),
                        read_timeout=min(_ANSWER_SECONDS, self._seconds),
                        max_pool_connections=self._threads,
                    ),
                )
            return self._client


def _refusal(error: ClientError) -> ServiceFault:
    answer = error.response["ResponseMetadata"]
    status, headers = answer.get("HTTPStatusCode", 0), answer.get("HTTPHeaders", {})
    passing = error.response["Error"].get("Code") in _PASSING or status == 429 or status >= 500
    return ServiceFault(str(error), passing=passing, retry_after=retry_after(headers.get("retry-after")))
