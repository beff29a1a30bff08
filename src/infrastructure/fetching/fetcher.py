"""The platform's one fetcher: what people name by its address is read through it, and nothing else is.

An address that somebody gives must not become a way into the company's own network. What protects it is in
`addresses` (where a connection may go) and in `transport` (that it goes there); bounds are here.
"""

import asyncio
import ssl
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO

import httpx

from src.domains.knowledge.services.ports import (
    Fetched,
    FetchedTooLarge,
    RefusedUrl,
    SlowUrl,
    UnreachableUrl,
    Validators,
)
from src.infrastructure.fetching.addresses import AddressPolicy
from src.infrastructure.fetching.naming import file_name
from src.infrastructure.fetching.transport import CheckedTransport, Resolver, port_of, resolve

USER_AGENT = "genai-chatbot-platform"
MAX_URL_CHARACTERS = 2000
CONNECT_SECONDS = 5.0
"""How long one address may take to answer before the next one is tried."""

_REDIRECTS = (301, 302, 303, 307, 308)
_GZIP = 31
"""zlib's number for a stream with gzip's header."""


@dataclass(frozen=True)
class FetchLimits:
    """`seconds` is for everything from the first look-up to the last byte, `bytes` is after decompression."""

    bytes: int
    seconds: float = 30.0
    redirects: int = 5
    ports: tuple[int, ...] = (80, 443)
    at_once: int = 4


class HttpFetcher:
    """Implements `Fetcher` over HTTP/1.1, without cookies, credentials or the environment's proxies."""

    def __init__(
        self,
        policy: AddressPolicy,
        limits: FetchLimits,
        resolver: Resolver = resolve,
        connections: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self._policy = policy
        self._limits = limits
        self._resolver = resolver
        self._connections = connections or _connections
        self._turns = asyncio.Semaphore(limits.at_once)

    async def fetch(self, url: str) -> Fetched:
        """Return what is served at the address."""
        fetched = await self.fetch_changed(url, Validators())
        assert fetched  # noqa: S101  # "not changed" is no answer where nothing is known
        return fetched

    async def fetch_changed(self, url: str, known: Validators) -> Fetched | None:
        """Return what is served at the address, or None when it is still the version that is known."""
        try:
            async with asyncio.timeout(self._limits.seconds), self._turns, self._transport() as transport:
                return await self._follow(transport, self._checked(url), known)
        except (TimeoutError, httpx.TimeoutException):
            raise SlowUrl(
                f"The page was not there within {self._limits.seconds:g} seconds. Try it again later."
            ) from None
        except httpx.TransportError as error:
            raise UnreachableUrl(_trouble(error)) from error

    @asynccontextmanager
    async def _transport(self) -> AsyncIterator[CheckedTransport]:
        """Give connections that are this fetch's alone: none is kept for another name."""
        transport = CheckedTransport(self._connections(), self._policy, self._resolver)
        try:
            yield transport
        finally:
            await transport.aclose()

    async def _follow(self, transport: CheckedTransport, url: httpx.URL, known: Validators) -> Fetched | None:
        for _ in range(self._limits.redirects + 1):
            response = await transport.handle_async_request(_request(url, known))
            try:
                if response.status_code in _REDIRECTS:
                    url = self._redirected(url, response)
                    continue
                if response.status_code == 304 and known != Validators():
                    return None
                return await self._received(url, response)
            finally:
                await response.aclose()
        raise RefusedUrl(f"The address leads on more than {self._limits.redirects} times. Give its last one.")

    def _checked(self, text: str) -> httpx.URL:
        try:
            url = httpx.URL(text.strip()) if len(text) <= MAX_URL_CHARACTERS else None
        except (httpx.InvalidURL, ValueError):
            url = None
        if url is None or not url.is_absolute_url:
            raise RefusedUrl("This is not the address of a page. Give one such as https://example.com/page.")
        if url.scheme not in ("http", "https"):
            raise RefusedUrl("Only addresses with http or https are read.")
        if url.userinfo:
            raise RefusedUrl("The address holds a name or a password. Leave them out.")
        if port_of(url) not in self._limits.ports:
            raise RefusedUrl(
                f"The port {port_of(url)} is not read from. If it shall be, an administrator of the server "
                "adds it to FETCH__ALLOWED_PORTS."
            )
        return url.copy_with(fragment=None)

    def _redirected(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        try:
            target = self._checked(str(url.join(response.headers.get("location", ""))))
        except (httpx.InvalidURL, ValueError):
            raise RefusedUrl("The address leads on to something that is no address.") from None
        if url.scheme == "https" and target.scheme == "http":
            raise RefusedUrl("The address leads from https to http, where anybody could change the page.")
        return target

    async def _received(self, url: httpx.URL, response: httpx.Response) -> Fetched:
        if response.status_code != 200:
            raise UnreachableUrl(_refusal(response.status_code))
        name = file_name(url, response.headers)
        content: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            size = 0
            async for piece in self._pieces(response):
                size += len(piece)
                content.write(piece)
            content.seek(0)
        except BaseException:
            content.close()
            raise
        validators = Validators(response.headers.get("etag"), response.headers.get("last-modified"))
        return Fetched(str(url), name, content, size, validators)

    async def _pieces(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """Yield the content, decompressed, and stop as soon as it is too much in either form."""
        unpacking = _unpacking(response.headers.get("content-encoding", ""))
        limit = self._limits.bytes
        if int(response.headers.get("content-length", 0)) > limit:
            raise self._too_large()
        received = size = 0
        async for piece in response.aiter_raw():
            received += len(piece)
            if unpacking:
                piece = _unpacked(unpacking, piece, limit - size + 1)
            size += len(piece)
            if max(received, size) > limit:
                raise self._too_large()
            yield piece
        if unpacking and not unpacking.eof:
            raise UnreachableUrl("The server broke off in the middle. Try it again later.")

    def _too_large(self) -> FetchedTooLarge:
        return FetchedTooLarge(f"The page is larger than {self._limits.bytes // 1_048_576} MiB.")


@cache
def _certificates() -> ssl.SSLContext:
    # The environment may name them (SSL_CERT_FILE), but never a proxy: that one would do the looking-up.
    return httpx.create_ssl_context()


def _connections() -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(_certificates(), limits=httpx.Limits(max_keepalive_connections=0))


def _request(url: httpx.URL, known: Validators) -> httpx.Request:
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "close"}
    if known.etag:
        headers["If-None-Match"] = known.etag
    if known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return httpx.Request("GET", url, headers=headers, extensions={"timeout": {"connect": CONNECT_SECONDS}})


def _unpacking(encoding: str) -> "zlib._Decompress | None":
    if encoding.strip().lower() in ("", "identity"):
        return None
    if encoding.strip().lower() in ("gzip", "x-gzip"):
        return zlib.decompressobj(_GZIP)
    raise UnreachableUrl("The server packs its answer in a way that it was not asked for.")


def _unpacked(unpacking: "zlib._Decompress", piece: bytes, most: int) -> bytes:
    try:
        return unpacking.decompress(piece, most)
    except zlib.error:
        raise UnreachableUrl("The server sent an answer that is damaged. Try it again later.") from None


def _refusal(status: int) -> str:
    if status in (401, 403):
        return f"The server does not show the page to everyone (it answered {status}). Upload it as a file."
    if status in (404, 410):
        return f"There is no page at this address (the server answered {status}). Check the address."
    return f"The server answered {status} instead of the page. Try it again later."


def _trouble(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLError):
            return "The server cannot prove that it is the one of this name: its certificate does not hold."
        cause = cause.__cause__ or cause.__context__
    return "The server cannot be reached, or does not answer as a web server does. Check the address."
