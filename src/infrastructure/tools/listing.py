"""What a server says of its tools, made fit for models: names, lengths and schemas are not to be trusted."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from jsonschema.validators import validator_for
from mcp.types import Tool

from src.domains.chat.services.ports import ToolSpec
from src.infrastructure.tools.mcp import MOST_TOOLS, McpServer

_NAME_CHARACTERS = 64
_DESCRIPTION_CHARACTERS = 1_024
_SCHEMA_CHARACTERS = 16_000
_REASON_CHARACTERS = 200


@dataclass(frozen=True)
class ServedTool:
    """A tool as models are told of it, and what its server calls it."""

    spec: ToolSpec
    name: str


@dataclass(frozen=True)
class Listing:
    """The tools that are offered, by the names that models call them; and why others are not."""

    tools: Mapping[str, ServedTool] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


class UnusableTool(Exception):
    """A tool that no model is offered: one of them would make a provider refuse every prompt."""


def listing_of(server: McpServer, tools: Iterable[Tool]) -> Listing:
    """Return what of a server's tools can be offered."""
    wanted = [tool for tool in tools if server.tools is None or tool.name in server.tools]
    found: dict[str, ServedTool] = {}
    left_out: dict[str, str] = {}
    for tool in wanted[:MOST_TOOLS]:
        try:
            spec = ToolSpec(_name(server.name, tool.name), _description(tool), _schema(tool))
            found.setdefault(spec.name, ServedTool(spec, tool.name))
        except UnusableTool as error:
            left_out[tool.name[:_NAME_CHARACTERS]] = str(error)[:_REASON_CHARACTERS]
    if len(wanted) > MOST_TOOLS:
        left_out["..."] = f"there are {len(wanted):,} tools, and {MOST_TOOLS} are taken"
    return Listing(found, left_out)


def _name(server: str, tool: str) -> str:
    """Return a name of letters, digits, `_` and `-`: a tool's own where it can be, else one that keeps it apart.

    Names of servers hold no `__`, so no two servers have a name in common.
    """
    plain = f"{server}__{tool}"
    fit = re.sub(r"[^a-zA-Z0-9_-]", "_", plain)
    if fit == plain and len(fit) <= _NAME_CHARACTERS:
        return fit
    mark = sha256(tool.encode()).hexdigest()[:8]
    return f"{fit[: _NAME_CHARACTERS - len(mark) - 1]}_{mark}"


def _description(tool: Tool) -> str:
    return (tool.description or tool.title or tool.name).strip()[:_DESCRIPTION_CHARACTERS]


def _schema(tool: Tool) -> Mapping[str, Any]:
    schema = tool.input_schema
    try:
        size = len(json.dumps(schema))
        validator_for(schema).check_schema(schema)
    except Exception as error:  # nested without end, a dialect that nobody knows, no schema at all
        raise UnusableTool(f"its arguments have no valid schema: {error}") from error
    if size > _SCHEMA_CHARACTERS:
        raise UnusableTool(f"the schema of its arguments is longer than {_SCHEMA_CHARACTERS:,} characters")
    return schema
