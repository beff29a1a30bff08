"""A session with one MCP server, kept by a task of its own: what the SDK enters, the same task must leave."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import anyio
import structlog
from mcp import MCPError
from mcp.client.client import Client
from mcp.client.session import IncomingMessage
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.types import (
    CallToolResult,
    Implementation,
    TextContent,
    Tool,
    ToolListChangedNotification,
)

from src.domains.chat.services.ports import ToolFailed
from src.infrastructure.tools.listing import Listing, ServedTool, listing_of
from src.infrastructure.tools.mcp import McpLimits, McpServer
from src.infrastructure.tools.transports import LastWords, transport_to

log = structlog.get_logger(__name__)

# The SDK logs what servers send, line by line and with tracebacks. What matters of it is told here.
for name in ("mcp", "client"):
    logging.getLogger(name).setLevel(logging.CRITICAL)

_PAGES = 20
_REASON_CHARACTERS = 300
_CLIENT = Implementation(name="genai-chatbot-platform", version="1")


class Connection:
    """The session, made anew with growing delays when it ends; there are no `tools` while there is none."""

    def __init__(self, server: McpServer, limits: McpLimits) -> None:
        self.server = server
        self._listing = Listing()
        self._left_out: Mapping[str, str] = {}
        self._limits = limits
        self._client: Client | None = None
        self._is_up: bool | None = None
        self._closing = False
        self._look = asyncio.Event()
        self._calls = asyncio.Semaphore(limits.calls_at_once)
        self._scope = anyio.CancelScope()
        self._task = asyncio.create_task(self._keep(), name=f"mcp-{server.name}")

    @property
    def tools(self) -> Mapping[str, ServedTool]:
        return self._listing.tools if self._client else {}

    async def close(self) -> None:
        """Take leave of the server; one that will not let go is left, its process killed."""
        self._closing = True
        self._look.set()
        if self._client:
            await asyncio.wait({self._task}, timeout=self._limits.stop_seconds)
        # Not the task itself is cancelled: the SDK ends processes behind anyio's shield, which holds against this.
        self._scope.cancel()
        await asyncio.wait({self._task})

    async def call(self, tool: ServedTool, arguments: Mapping[str, Any]) -> str:
        """Return the result as text; raise `ToolFailed`. Its time is bounded from when it has its turn."""
        task = asyncio.create_task(self._call(tool, arguments))
        try:
            # Shielded: whoever gives a call up need not wait until the server was told.
            return await asyncio.shield(task)
        finally:
            task.cancel()

    async def _call(self, tool: ServedTool, arguments: Mapping[str, Any]) -> str:
        async with self._calls:
            if self._client is None:
                raise ToolFailed(f"{self.server.name} cannot be reached at present.")
            try:
                result = await self._client.call_tool(tool.name, dict(arguments))
            except MCPError as error:
                self._look.set()  # its tools may have changed, or it may be gone
                raise ToolFailed(f"{self.server.name}: {error.message}") from error
            except Exception as error:
                log.warning("tool_answer_refused", server=self.server.name, reason=_reason(error))
                raise ToolFailed(f"{self.server.name} gave an answer that is none.") from error
        if result.is_error:
            raise ToolFailed(_text(result) or "The tool failed and does not say why.")
        return _text(result)

    async def _keep(self) -> None:
        delay = self._limits.first_delay
        with self._scope:
            while not self._closing:
                since = time.monotonic()
                last_words = LastWords()
                try:
                    await self._hold_session(last_words)
                except Exception as error:  # whatever it is, the next try may go well
                    self._tell_down(error, last_words)
                if time.monotonic() - since > self._limits.longest_delay:
                    delay = self._limits.first_delay
                await asyncio.sleep(0 if self._closing else delay)
                delay = min(2 * delay, self._limits.longest_delay)

    async def _hold_session(self, last_words: LastWords) -> None:
        client = Client(
            transport_to(self.server, self._limits, last_words),
            read_timeout_seconds=self._limits.call_seconds,
            message_handler=self._hear,
            client_info=_CLIENT,
            cache=None,  # a list that is asked for shall be the present one
        )
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(self._limits.connect_seconds):
                await stack.enter_async_context(client)
                await self._list(client)
            self._client = client
            self._tell_up()
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._listen, client)
                    await self._stay(client)
                    group.cancel_scope.cancel()
            finally:
                self._client = None  # before the server is waited for, which may take its time to end

    async def _stay(self, client: Client) -> None:
        """List the tools again when they changed, and now and then: it fails when the server is gone."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._limits.check_seconds):
                    await self._look.wait()
            if self._closing:
                return
            self._look.clear()
            async with asyncio.timeout(self._limits.connect_seconds):
                await self._list(client)

    async def _list(self, client: Client) -> None:
        tools: list[Tool] = []
        cursor = None
        for _ in range(_PAGES):
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        self._listing = listing_of(self.server, tools)
        if self._listing.left_out != self._left_out:
            self._left_out = self._listing.left_out
            log.warning("tools_left_out", server=self.server.name, tools=self._left_out)

    async def _listen(self, client: Client) -> None:
        """Ask a server of the protocol 2026-07-28 to tell of changes; older ones tell unasked."""
        with suppress(ListenNotSupportedError, MCPError):  # then the list is looked at now and then
            while True:
                with suppress(SubscriptionLost, TimeoutError):
                    async with client.listen(tools_list_changed=True) as changes:
                        async for _ in changes:
                            self._look.set()
                self._look.set()
                await asyncio.sleep(self._limits.first_delay)

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self._look.set()

    def _tell_up(self) -> None:
        if not self._is_up:
            log.info("tool_server_up", server=self.server.name, tools=len(self.tools))
        self._is_up = True

    def _tell_down(self, error: Exception, last_words: LastWords) -> None:
        if self._is_up is not False:
            told = {"stderr": last_words.text} if last_words.text else {}
            log.warning("tool_server_down", server=self.server.name, reason=_reason(error), **told)
        self._is_up = False


def _text(result: CallToolResult) -> str:
    texts = [each.text if isinstance(each, TextContent) else f"[{each.type}]" for each in result.content]
    if result.structured_content is not None and not any(isinstance(e, TextContent) for e in result.content):
        texts.append(json.dumps(result.structured_content, ensure_ascii=False))
    return "\n".join(texts)


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"[:_REASON_CHARACTERS].removesuffix(": ")
