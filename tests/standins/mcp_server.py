"""MCP servers, made with the SDK's own server side: over standard streams as a program, or behind a door.

    python mcp_server.py [older | fails | deaf | stubborn]

`older` speaks the protocol as it was before 2026-07-28, `fails` says why and ends, `deaf` never answers,
`stubborn` does not end with its input.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any

import anyio
from mcp.server import Server, ServerRequestContext
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.runner import serve_loop
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, ListToolsResult, PaginatedRequestParams, Tool

from tests.standins.serving import Door


class StandIn:
    """The tools that a server may have, and what goes wrong with them."""

    def __init__(self, *, older: bool = False) -> None:
        self.server = MCPServer("stand-in", log_level="CRITICAL")
        self._older = older
        self._at_once = self._most_at_once = 0
        self.server.tool(name="find customers!")(self.add)
        for tool in (self.add, self.refuse, self.protest, self.hang, self.die, self.huge, self.record):
            self.server.tool()(tool)
        for tool in (self.grow, self.crowd, self.leave_child, self.surroundings):
            self.server.tool()(tool)
        self.server.tool(structured_output=False)(self.picture)

    def add(self, a: int, b: int) -> str:
        """Add two numbers."""
        return str(a + b)

    def refuse(self, why: str) -> str:
        raise ToolError(why)

    def protest(self) -> str:
        raise MCPError(-32000, "not today")

    async def hang(self) -> str:
        await asyncio.Event().wait()
        return "never"

    def die(self) -> str:
        os._exit(3)

    def huge(self, characters: int) -> str:
        return "x" * characters

    def picture(self) -> list[Any]:
        return ["Look:", Image(data=b"\x89PNG", format="png")]

    def record(self) -> CallToolResult:
        return CallToolResult(content=[], structured_content={"days": 15})

    async def grow(self, context: Context[Any]) -> str:
        self.server.add_tool(self.add, name="grown")
        if self._older:
            await context.session.send_tool_list_changed()
        else:
            await context.notify_tools_changed()
        return "grown"

    async def crowd(self) -> int:
        """Tell how many of these calls have been running at once."""
        self._at_once += 1
        self._most_at_once = max(self._most_at_once, self._at_once)
        await asyncio.sleep(0.02)
        self._at_once -= 1
        return self._most_at_once

    def leave_child(self) -> int:
        """Start a process of one's own; tell its number."""
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid

    def surroundings(self) -> str:
        return json.dumps({"pid": os.getpid(), **os.environ})

    def door(self, **options: Any) -> Door:
        """Return what stands before the server in the web."""
        return Door(self.server.streamable_http_app(**options))

    def run(self) -> None:
        """Serve by standard streams, until they end."""
        if self._older:
            anyio.run(self._serve_older)
        else:
            self.server.run("stdio")

    async def _serve_older(self) -> None:
        lowlevel = self.server._lowlevel_server
        async with lowlevel.lifespan(lowlevel) as state, stdio_server() as (reading, writing):
            options = lowlevel.create_initialization_options()
            await serve_loop(lowlevel, reading, writing, lifespan_state=state, init_options=options)


def door_to_pages(*pages: list[Tool]) -> Door:
    """Return a server that lists these pages of tools."""

    async def list_tools(
        _context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        at = int(params.cursor) if params and params.cursor else 0
        return ListToolsResult(tools=pages[at], next_cursor=str(at + 1) if at + 1 < len(pages) else None)

    return Door(Server("pages", on_list_tools=list_tools).streamable_http_app())


if __name__ == "__main__":
    kind = sys.argv[1] if len(sys.argv) > 1 else ""
    if kind == "fails":
        sys.exit("no token for the wiki")
    if kind != "deaf":
        StandIn(older=kind == "older").run()
    if kind in ("deaf", "stubborn"):
        time.sleep(600)
