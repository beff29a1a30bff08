"""What Converse refuses beyond its form, in its own words."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

Message = dict[str, Any]


def broken_rule(body: dict[str, Any]) -> str | None:
    """Return why the service would not take these messages."""
    messages = body.get("messages") or []
    for rule in _RULES:
        if fault := next(rule(messages, body), None):
            return fault
    return None


def _turns(messages: list[Message], _body: dict[str, Any]) -> Iterator[str]:
    if not messages or messages[0]["role"] != "user":
        yield (
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )
    for before, after in pairwise(messages):
        if before["role"] == after["role"]:
            yield (
                'messages: roles must alternate between "user" and "assistant", '
                f'but found multiple "{after["role"]}" roles in a row'
            )


def _texts(messages: list[Message], _body: dict[str, Any]) -> Iterator[str]:
    for number, message in enumerate(messages):
        if not message["content"]:
            yield f"The content field in the Message object at messages.{number} is empty."
        for place, block in enumerate(message["content"]):
            results = block.get("toolResult", {}).get("content", [])
            if any(not each["text"].strip() for each in (block, *results) if "text" in each):
                where = f"messages.{number}.content.{place}"
                yield f"The text field in the ContentBlock object at {where} is blank. Add text, and try again."


def _tools(messages: list[Message], body: dict[str, Any]) -> Iterator[str]:
    blocks = [block for message in messages for block in message["content"]]
    if not body.get("toolConfig") and any({"toolUse", "toolResult"} & set(block) for block in blocks):
        yield "The toolConfig field must be defined when using toolUse and toolResult content blocks."
    for block in blocks:
        if not isinstance(block.get("toolUse", {}).get("input", {}), dict):
            yield "The format of the value at toolUse.input is invalid. Provide a json object for the field."


def _results(messages: list[Message], _body: dict[str, Any]) -> Iterator[str]:
    for number, (before, after) in enumerate(pairwise([{"content": []}, *messages])):
        used, told = _ids(before, "toolUse"), _ids(after, "toolResult")
        if told - used:
            yield (
                f"The number of toolResult blocks at messages.{number}.content "
                "exceeds the number of toolUse blocks of previous turn."
            )
        if after["role"] == "user" and used - told:
            yield (
                f"Expected toolResult blocks at messages.{number}.content for the following Ids: {used - told}"
            )


def _ids(message: Message, kind: str) -> set[str]:
    return {block[kind]["toolUseId"] for block in message["content"] if kind in block}


_RULES: tuple[Callable[[list[Message], dict[str, Any]], Iterator[str]], ...] = (
    _turns,
    _texts,
    _tools,
    _results,
)
