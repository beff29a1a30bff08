"""Connections that go to the very address that was checked."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

import httpx

from src.domains.knowledge.services.ports import RefusedUrl, UnreachableUrl
from src.infrastructure.fetching.addresses import Address, AddressPolicy, parsed

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host; raises `OSError` when it has none."""

MAX_ADDRESSES_TRIED = 4


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the operating system, which also reads an address's odd spellings (decimal, octal, hexadecimal)."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def port_of(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


class CheckedTransport(httpx.AsyncBaseTransport):
    """Resolves a request's host once, checks every address, and connects to those alone.

    The name is not looked up again, so it cannot come to mean another address in between. It stays in the
    Host header and is what the server's certificate has to prove.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, policy: AddressPolicy, resolver: Resolver) -> None:
        self._inner = inner
        self._policy = policy
        self._resolver = resolver

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        addresses = await self._checked_addresses(host, request.url)
        for address in addresses[:-1]:
            try:
                return await self._inner.handle_async_request(_addressed(request, host, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(_addressed(request, host, addresses[-1]))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _checked_addresses(self, host: str, url: httpx.URL) -> list[Address]:
        try:
            addresses = parsed(await self._resolver(host, port_of(url)))
        except (OSError, ValueError):
            addresses = []
        if not addresses:
            raise UnreachableUrl(f"There is no server of the name {host}. Check the address.")
        if not all(self._policy.permits(host, address) for address in addresses):
            raise RefusedUrl(
                f"{host} is within a private network, and pages of those are not read. If it shall be, an "
                "administrator of the server names it in FETCH__ALLOWED_PRIVATE_HOSTS; addresses that clouds "
                "serve credentials from stay refused."
            )
        return addresses[:MAX_ADDRESSES_TRIED]


def _addressed(request: httpx.Request, host: str, address: Address) -> httpx.Request:
    """Return the request as it goes to the address; its headers, Host among them, stay."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        extensions={**request.extensions, "sni_hostname": host.rstrip(".")},
    )
