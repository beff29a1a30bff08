"""A web server of a few lines, on this machine, that says exactly what a test tells it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "certificates" / "wiki.example.pem"
"""A made one for the name wiki.example, with its key, that proves nothing but to these tests."""

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class WebServer:
    """Answers by path; what it was asked is in `requests`, each the head of a request."""

    answers: dict[str, Answer]
    port: int = 0
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            answer = self.answers.get(head.split(" ")[1], http(404))
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client had enough
        finally:
            writer.close()


def http(status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """Write an answer down; without other headers it is an HTML page."""
    told = {"Content-Type": "text/html", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302) -> bytes:
    return http(status, headers={"Location": location})


@asynccontextmanager
async def web_server(
    answers: dict[str, Answer] | None = None, host: str = "127.0.0.1", port: int = 0, tls: bool = False
) -> AsyncIterator[WebServer]:
    web = WebServer(answers or {})
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(web.serve, host, port, ssl=context)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        server.close()
