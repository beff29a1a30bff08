"""The door for programs that speak OpenAI's API, as tests go through it."""

import json
from typing import Any

import httpx

from src.domains.chat.services.ports import ToolCall
from src.infrastructure.settings import ChatSettings, ModelSettings, Settings
from tests.builders import Person, Platform

COMPLETIONS = "/v1/chat/completions"

SMALL = ModelSettings(
    name="small",
    provider="openai_compatible",
    model="small",
    base_url="http://127.0.0.1:9/v1",
    context_tokens=4_096,
    max_output_tokens=512,
)
"""What is known of the model that a test puts in this one's place."""
WORDLESS = ModelSettings(name="acme/wordless", provider="null", tools=False)

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


CALL = ToolCall("call_1", "weather", '{"city": "Seoul"}')
ASKED = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Seoul"}'},
}
"""The same call as programs see it."""
CALLING = {"role": "assistant", "content": None, "tool_calls": [ASKED]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."}


def with_models(settings: Settings, **chat: Any) -> Settings:
    """Return the settings with two models on offer: one that takes everything, and one that takes no tools."""
    told = ChatSettings(models=(SMALL, WORDLESS), model="small", **chat)
    return settings.model_copy(update={"chat": told})


async def look(person: Person, path: str) -> httpx.Response:
    return await _call(person._platform, "GET", path, person.tokens["access_token"])


async def ask(
    person: Person, *messages: Any, key: str | None = None, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """Ask for a completion; a message that is a text is the user's. `key` signs instead of the person's token."""
    told = {"model": "small", "messages": [_message(each) for each in messages or ("Hello?",)], **body}
    token = key or person.tokens["access_token"]
    sent = {"content-type": "application/json", **(headers or {})}
    return await _call(person._platform, "POST", COMPLETIONS, token, content=json.dumps(told), headers=sent)


async def answered(person: Person, *messages: Any, **body: Any) -> dict[str, Any]:
    response = await ask(person, *messages, **body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def streamed(person: Person, *messages: Any, **body: Any) -> list[dict[str, Any]]:
    """Return the chunks of a stream, having seen that it ends as it should."""
    response = await ask(person, *messages, stream=True, **body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    *events, done, nothing = response.text.split("\n\n")
    assert (done, nothing) == ("data: [DONE]", "")
    return [chunk_of(event) for event in events]


def chunk_of(event: str) -> dict[str, Any]:
    chunk: dict[str, Any] = json.loads(event.removeprefix("data: "))
    return chunk


def text_of(chunks: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def refusal_of(response: httpx.Response) -> tuple[int, str, str | None]:
    """Return status, code and param of an error, having checked that it has OpenAI's form."""
    assert response.headers["content-type"] == "application/json", response.text
    body = response.json()
    assert body.keys() == {"error"}
    error = body["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["message"]
    is_ours = response.status_code >= 500
    assert error["type"] == ("server_error" if is_ours else "invalid_request_error")
    return response.status_code, error["code"], error["param"]


def _message(message: Any) -> Any:
    return {"role": "user", "content": message} if isinstance(message, str) else message


async def _call(platform: Platform, method: str, path: str, token: str, **arguments: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", **arguments.pop("headers", {})}
    return await platform.client.request(method, path, headers=headers, **arguments)
