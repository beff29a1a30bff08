"""Tools that a model may call: the platform's own, and those of servers outside."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from jsonschema.validators import create
from pydantic import BaseModel, ConfigDict

from src.domains.chat.services.ports import Asker, ToolCall, ToolFailed, ToolProvider, ToolSpec
from src.domains.chat.services.sources import sources_text
from src.shared.events.base import utc_now
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import Passage, PassagesRequested

log = structlog.get_logger(__name__)

MOST_PASSAGES = 10
NAME_CHARACTERS = 64
SHOWN_CHARACTERS = 1_000
"""How much of a call's arguments, and of its result, is saved and shown."""

SEARCH = ToolSpec(
    "search_knowledge",
    "Search the company's documents. Returns numbered passages, best first; cite them by their numbers, as [1]. "
    "Use it when the sources at hand do not answer the question.",
    {
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": 2_000,
                "description": "What to look for, in full words; it must be understood without the conversation.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MOST_PASSAGES,
                "description": "How many passages at the most.",
            },
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)
CLOCK = ToolSpec(
    "current_time",
    "Tell today's date, the day of the week and the time.",
    {
        "type": "object",
        "properties": {
            "time_zone": {
                "type": "string",
                "maxLength": 64,
                "description": "An IANA name such as Asia/Seoul; by default the company's own.",
            }
        },
        "additionalProperties": False,
    },
)

_CHECKED = (
    "type",
    "enum",
    "const",
    "required",
    "properties",
    "items",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "allOf",
    "anyOf",
    "oneOf",
)
# A schema may come from outside. What could take for ever in it (patterns, references) or is written for another
# dialect is left to the tool, which looks at its arguments itself.
_ArgumentsValidator = create(
    Draft202012Validator.META_SCHEMA,
    {keyword: Draft202012Validator.VALIDATORS[keyword] for keyword in _CHECKED},
    type_checker=Draft202012Validator.TYPE_CHECKER,
)


@dataclass(frozen=True)
class ToolLimits:
    """Bounds of a call: its time, how long its result is in characters, and how many passages a search gives."""

    seconds: float
    characters: int
    passages: int


@dataclass(frozen=True)
class ToolScope:
    """In whose name tools are called, and where a search looks: `collection_ids` are the profile's.

    `admit` says which of the passages that were found a model may be told, and how they read.
    """

    asker: Asker
    session_id: UUID | None = None
    collection_ids: tuple[UUID, ...] | None = None
    admit: Callable[[Sequence[Passage]], Sequence[Passage]] = tuple


@dataclass(frozen=True)
class ToolResult:
    """What a model is told of its call. `passages` stand in the text as sources, numbered in their order."""

    text: str
    passages: tuple[Passage, ...] = ()
    failed: bool = False


class ToolCallRecord(BaseModel):
    """A call as it is saved with its answer and shown; of long arguments and results the beginning.

    One that is `asked` is for the program that brought the tool to make: it is kept whole.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    arguments: str
    status: Literal["running", "completed", "failed", "asked"] = "running"
    result: str = ""
    milliseconds: int | None = None

    @classmethod
    def of(cls, call: ToolCall) -> Self:
        """Return the record of a call that has just begun."""
        name, arguments = _cut(call.name, NAME_CHARACTERS), _cut(call.arguments, SHOWN_CHARACTERS)
        return cls(id=_cut(call.id, SHOWN_CHARACTERS), name=name, arguments=arguments)

    @classmethod
    def asked(cls, call: ToolCall) -> Self:
        """Return the record of a call that a program is to make."""
        return cls(
            id=_storable(call.id),
            name=_storable(call.name),
            arguments=_storable(call.arguments),
            status="asked",
        )

    def ended(self, result: ToolResult, milliseconds: int) -> Self:
        """Return the record of the call as it ended; of passages their number, for their text has its readers."""
        told = f"{len(result.passages)} passages" if result.passages else result.text
        return self.model_copy(
            update={
                "status": "failed" if result.failed else "completed",
                "result": _cut(told, SHOWN_CHARACTERS),
                "milliseconds": milliseconds,
            }
        )


class Toolbox:
    """What a turn's tools are, and their running; whatever a tool does wrong becomes a failed result."""

    def __init__(
        self,
        bus: EventBus,
        provider: ToolProvider,
        limits: ToolLimits,
        time_zone: ZoneInfo,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._bus = bus
        self._provider = provider
        self._limits = limits
        self._time_zone = time_zone
        self._now = now

    def offered(self, asker: Asker) -> tuple[ToolSpec, ...]:
        """Return the tools that this person's model may call now."""
        return (SEARCH, CLOCK, *self._provider.offered(asker))

    async def run(self, call: ToolCall, scope: ToolScope, first_source: int) -> ToolResult:
        """Carry out a call. Passages that it finds are numbered from `first_source`."""
        try:
            arguments = self._arguments(call, scope.asker)
            async with asyncio.timeout(self._limits.seconds):
                result = await self._run(call.name, arguments, scope, first_source)
        except ToolFailed as failure:
            result = ToolResult(str(failure), failed=True)
        except TimeoutError:
            result = ToolResult(f"The tool took longer than {self._limits.seconds:g} seconds.", failed=True)
        except Exception:
            log.exception("tool_failed", tool=_cut(call.name, NAME_CHARACTERS))
            result = ToolResult("The tool failed.", failed=True)
        return ToolResult(_cut(result.text, self._limits.characters), result.passages, result.failed)

    def _arguments(self, call: ToolCall, asker: Asker) -> dict[str, Any]:
        offered = {spec.name: spec for spec in self.offered(asker)}
        if call.name not in offered:
            name = _cut(call.name, NAME_CHARACTERS)
            raise ToolFailed(f"There is no tool {name!r}. There are: {', '.join(offered)}.")
        arguments = _parsed(call.arguments)
        if error := best_match(_ArgumentsValidator(offered[call.name].parameters).iter_errors(arguments)):
            raise ToolFailed(f"The arguments do not fit: {error.json_path}: {error.message}")
        return arguments

    async def _run(
        self, name: str, arguments: Mapping[str, Any], scope: ToolScope, first_source: int
    ) -> ToolResult:
        if name == SEARCH.name:
            return await self._search(arguments, scope, first_source)
        if name == CLOCK.name:
            return ToolResult(self._time(arguments.get("time_zone")))
        return ToolResult(await self._provider.call(name, arguments, scope.asker))

    async def _search(self, arguments: Mapping[str, Any], scope: ToolScope, first_source: int) -> ToolResult:
        request = PassagesRequested(
            query=arguments["query"],
            group_ids=scope.asker.group_ids,
            limit=int(arguments.get("limit", self._limits.passages)),
            collection_ids=scope.collection_ids,
            user_id=scope.asker.user_id,
            session_id=scope.session_id,
        )
        try:
            found = await self._bus.request(request, timeout=self._limits.seconds)
        except Exception as error:
            log.exception("passages_unavailable")
            raise ToolFailed("The documents cannot be searched right now.") from error
        return _sources(scope.admit(found.passages), first_source, self._limits.characters)

    def _time(self, name: str | None) -> str:
        try:
            zone = ZoneInfo(name) if name else self._time_zone
        except (KeyError, ValueError, OSError):
            raise ToolFailed(
                f"There is no time zone {name!r}. Give an IANA name such as Asia/Seoul."
            ) from None
        now = self._now().astimezone(zone)
        return f"{now:%Y-%m-%d}, {now:%A}, {now:%H:%M} ({zone.key}, UTC{now:%z})"


def _parsed(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text or "{}")
        # What JSON cannot say (NaN, half a character) would break the line to a server for everybody.
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise ToolFailed(f"The arguments are not valid JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise ToolFailed("The arguments are not a JSON object.")
    return arguments


def _sources(passages: Sequence[Passage], first: int, characters: int) -> ToolResult:
    """Write out as many passages as have room, as the sources of a prompt are."""
    texts: list[str] = []
    for number, passage in enumerate(passages, first):
        text = sources_text([passage], number)
        characters -= len(text) + 2
        if texts and characters < 0:
            break
        texts.append(text)
    if not texts:
        return ToolResult("No passage was found.")
    return ToolResult("\n\n".join(texts), tuple(passages[: len(texts)]))


def _storable(text: str) -> str:
    """Take out what a database or a line of JSON cannot hold."""
    return text.encode(errors="replace").decode().replace("\0", "")


def _cut(text: str, characters: int) -> str:
    """Bound a text, and make it storable."""
    whole = _storable(text)
    if len(whole) <= characters:
        return whole
    return f"{whole[:characters]}\n[cut: {len(whole):,} characters in all]"
