"""Tools that models may call, as the settings name their servers."""

from collections.abc import Mapping

from pydantic import SecretStr

from src.domains.chat.services.tools import ToolLimits
from src.infrastructure.settings import McpServerSettings, Settings
from src.infrastructure.tools.mcp import McpLimits, McpServer, McpTools


def tool_provider(settings: Settings) -> McpTools:
    """Return the tools of all MCP servers that are named."""
    tools = settings.tools
    limits = McpLimits(
        call_seconds=settings.chat.tool_seconds,
        calls_at_once=tools.calls_at_once,
        connect_seconds=tools.connect_seconds,
        check_seconds=tools.check_seconds,
    )
    return McpTools([_server(server) for server in tools.mcp_servers], limits)


def tool_limits(settings: Settings) -> ToolLimits:
    return ToolLimits(
        seconds=settings.chat.tool_seconds,
        characters=settings.tools.result_characters,
        passages=settings.chat.passages,
    )


def _server(server: McpServerSettings) -> McpServer:
    return McpServer(
        name=server.name,
        command=server.command,
        args=server.args,
        env=_shown(server.env),
        url=server.url,
        headers=_shown(server.headers),
        group_ids=server.group_ids,
        tools=server.tools,
    )


def _shown(secrets: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name: secret.get_secret_value() for name, secret in secrets.items()}
