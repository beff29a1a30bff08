"""Tools of MCP servers that are named in settings (https://modelcontextprotocol.io)."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from src.domains.chat.services.ports import Asker, ToolFailed, ToolSpec

if TYPE_CHECKING:
    from src.infrastructure.tools.connection import Connection

MOST_TOOLS = 100
"""Of one server, and offered to one person: providers take 128 at the most, and models choose badly among many."""


@dataclass(frozen=True)
class McpServer:
    """One server: a `command` that is run here, or a `url` of streamable HTTP.

    Without `group_ids` everybody may use it; `tools` are those of its tools that are offered, all by default.
    """

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    group_ids: frozenset[UUID] = frozenset()
    tools: frozenset[str] | None = None

    def is_for(self, asker: Asker) -> bool:
        return not self.group_ids or not self.group_ids.isdisjoint(asker.group_ids)


@dataclass(frozen=True)
class McpLimits:
    """Bounds for each server; delays between tries to reach it grow twofold."""

    call_seconds: float = 20.0
    calls_at_once: int = 8
    connect_seconds: float = 20.0
    check_seconds: float = 30.0
    first_delay: float = 1.0
    longest_delay: float = 60.0
    stop_seconds: float = 3.0
    answer_bytes: int = 4_000_000


class McpTools:
    """Implements `ToolProvider`: keeps a session with each server, whatever becomes of it."""

    def __init__(self, servers: Sequence[McpServer], limits: McpLimits) -> None:
        self._servers = servers
        self._limits = limits
        self._connections: Sequence[Connection] = ()

    async def start(self) -> None:
        """Set off the sessions; a server that is not there holds up nothing."""
        if self._servers:
            # The SDK takes half a second to load, and 18 MB.
            from src.infrastructure.tools.connection import Connection

            self._connections = [Connection(server, self._limits) for server in self._servers]

    async def stop(self) -> None:
        """End the sessions, and the processes that are servers."""
        await asyncio.gather(*(each.close() for each in self._connections))

    def offered(self, asker: Asker) -> Sequence[ToolSpec]:
        """Return the tools of the servers that are up, by server in the order of the settings."""
        offered = (tool.spec for each in self._allowed(asker) for tool in each.tools.values())
        return list(islice(offered, MOST_TOOLS))

    async def call(self, name: str, arguments: Mapping[str, Any], asker: Asker) -> str:
        """Return the result as text; raise `ToolFailed`."""
        for each in self._allowed(asker):
            if name in each.tools:
                return await each.call(each.tools[name], arguments)
        raise ToolFailed(f"There is no tool {name} at present.")

    def _allowed(self, asker: Asker) -> "Iterator[Connection]":
        return (each for each in self._connections if each.server.is_for(asker))
