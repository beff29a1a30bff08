"""The clients that people use against a server that runs: the official one, and LangChain's."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from tests.doors import WEATHER
from tests.e2e.callers import Caller
from tests.e2e.conftest import Server
from tests.standins.chat_completions import ChatCompletionsStandIn, Script, called, refusal, said
from tests.standins.serving import serving

SECONDS = 30.0
"""How long a client waits for anything."""
HELLO: Any = [{"role": "user", "content": "Hello?"}]
TOOLS: Any = [WEATHER]
CALLS_WEATHER = Script(called("weather", '{"city": ', '"Seoul"}'), finish_reason="tool_calls")


@pytest.fixture(scope="module")
def upstream() -> ChatCompletionsStandIn:
    return ChatCompletionsStandIn()


def with_model(url: str) -> dict[str, object]:
    """Return the settings of a platform with the model of this server; no fault makes it leave that alone."""
    model = {
        "name": "small",
        "provider": "openai_compatible",
        "model": "smollm2",
        "base_url": f"{url}/v1",
        "api_key": "none",
        "context_tokens": 4_096,
        "max_output_tokens": 512,
    }
    return {
        "SERVER__PAGE": "false",
        "CHAT__MODELS": json.dumps([model]),
        "CHAT__MODEL": "small",
        "CHAT__BREAKER_FAILURES": 1_000,
    }


@pytest.fixture(scope="module")
def server(upstream: ChatCompletionsStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(upstream.door) as url:
        server = Server(tmp_path_factory.mktemp("door"), **with_model(url))
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def caller(server: Server) -> Caller:
    """The administrator, at the platform's own API."""
    caller = Caller(server.url)
    caller.sign_in()
    return caller


def a_key(caller: Caller) -> str:
    return str(caller.post("/auth/api-keys", {"name": "Robot"})["key"])


@pytest.fixture(scope="module")
def key(caller: Caller) -> str:
    return a_key(caller)


@pytest.fixture
def client(server: Server, key: str) -> Iterator[openai.OpenAI]:
    address = f"{server.url}/v1"
    with openai.OpenAI(base_url=address, api_key=key, timeout=SECONDS, max_retries=0) as client:
        yield client


@pytest.fixture
def chain(server: Server, key: str) -> ChatOpenAI:
    return ChatOpenAI(
        base_url=f"{server.url}/v1", api_key=lambda: key, model="small", timeout=SECONDS, max_retries=0
    )


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def saved_text(caller: Caller, answer: ChatCompletion | ChatCompletionChunk) -> str:
    return str(caller.get(f"/chat/messages/{answer.id.removeprefix('chatcmpl-')}")["content"])


def test_models_are_found(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["assistant", "small"]
    assert client.models.retrieve("small").owned_by == "platform"


def test_an_answer_whole_and_in_pieces(client: openai.OpenAI, caller: Caller) -> None:
    answer = client.chat.completions.create(model="small", messages=HELLO)
    [choice] = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("Hello there.", "stop")
    assert answer.usage
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        12,
        3,
        15,
    )
    assert saved_text(caller, answer) == "Hello there."
    chunks = list(
        client.chat.completions.create(
            model="small", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    assert text_of(chunks) == saved_text(caller, chunks[0]) == "Hello there."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage == answer.usage


async def test_many_at_once_by_the_asynchronous_client(server: Server, key: str, caller: Caller) -> None:
    async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key=key, timeout=SECONDS) as client:

        async def stream() -> list[ChatCompletionChunk]:
            chunks = await client.chat.completions.create(model="small", messages=HELLO, stream=True)
            return [chunk async for chunk in chunks]

        async def whole() -> ChatCompletion:
            return await client.chat.completions.create(model="small", messages=HELLO)

        streams = await asyncio.gather(*(stream() for _ in range(8)))
        answers = await asyncio.gather(*(whole() for _ in range(8)))
    ids = {chunks[0].id for chunks in streams} | {answer.id for answer in answers}
    assert len(ids) == 16
    assert {text_of(chunks) for chunks in streams} == {"Hello there."}
    assert {saved_text(caller, answer) for answer in answers} == {"Hello there."}


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_answered(
    client: openai.OpenAI, upstream: ChatCompletionsStandIn, stream: bool
) -> None:
    """The model asks for it, the program calls it, and the model hears its result."""
    upstream.scripts += [CALLS_WEATHER, Script(said("Sunny."))]
    messages: Any = [{"role": "user", "content": "How is the weather?"}]
    options: Any = {"model": "small", "tools": TOOLS, "tool_choice": "auto"}
    if stream:
        # The library puts the pieces together.
        with client.chat.completions.stream(messages=messages, **options) as events:
            asked = events.get_final_completion()
    else:
        asked = client.chat.completions.create(messages=messages, **options)
    [choice] = asked.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None or not choice.message.content
    [call] = choice.message.tool_calls or []
    assert call.type == "function"
    assert json.loads(call.function.arguments) == {"city": "Seoul"}
    messages.append(choice.message.model_dump(exclude_none=True))
    messages.append({"role": "tool", "tool_call_id": call.id, "content": "It is sunny."})
    final = client.chat.completions.create(messages=messages, **options)
    assert final.choices[0].message.content == "Sunny."
    told = upstream.asked[-1]
    assert told["tools"][0]["function"]["parameters"] == WEATHER["function"]["parameters"]  # type: ignore[index]
    assert [each["role"] for each in told["messages"]] == ["user", "assistant", "tool"]
    assert told["messages"][-1]["content"] == "It is sunny."


def test_a_profile_answers_from_its_documents(
    client: openai.OpenAI, caller: Caller, upstream: ChatCompletionsStandIn, tmp_path: Path
) -> None:
    paper = tmp_path / "leave.md"
    paper.write_text("# Leave\n\nAnnual leave is 25 days a year.")
    collection = caller.post(
        "/knowledge/collections", {"name": "Handbook", "description": "", "group_ids": []}
    )
    caller.upload(collection["id"], paper)
    caller.post("/chat/profiles", {"name": "인사 도우미", "system_prompt": "You know all about leave."})
    upstream.scripts.append(Script(said("It is 25 days ", "[1].")))
    answer = client.chat.completions.create(
        model="인사 도우미",
        messages=[{"role": "user", "content": "How many days of annual leave are there?"}],
    )
    message = answer.choices[0].message
    assert message.content == "It is 25 days [1]."
    assert message.model_extra
    assert [each["title"] for each in message.model_extra["citations"]] == ["leave.md"]
    system = upstream.asked[-1]["messages"][0]["content"]
    assert "You know all about leave." in system
    assert "25 days" in system
    assert client.models.retrieve("인사 도우미").owned_by == "assistant"


def test_errors_are_those_that_clients_know(
    client: openai.OpenAI, server: Server, upstream: ChatCompletionsStandIn
) -> None:
    create = client.chat.completions.create
    stranger = client.with_options(api_key="gcb_nobody")
    with pytest.raises(openai.AuthenticationError) as refused:
        stranger.chat.completions.create(model="small", messages=HELLO)
    assert refused.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError) as unknown:
        create(model="gpt-0", messages=HELLO)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as unsupported:
        create(model="small", messages=HELLO, n=2)
    assert (unsupported.value.code, unsupported.value.param) == ("unsupported_value", "n")
    with pytest.raises(openai.BadRequestError) as long:
        create(model="small", messages=[{"role": "user", "content": "word " * 20_000}])
    assert long.value.code == "context_length_exceeded"
    upstream.door.fail(400, refusal("maximum context length is 2048 tokens", "context_length_exceeded"))
    with pytest.raises(openai.BadRequestError) as longer:
        create(model="small", messages=HELLO, stream=True)
    assert longer.value.code == "context_length_exceeded"
    upstream.door.fail(503, "", {"retry-after": "9"})
    with pytest.raises(openai.InternalServerError) as down:
        create(model="small", messages=HELLO)
    assert (down.value.status_code, down.value.response.headers["retry-after"]) == (503, "9")
    assert down.value.type == "server_error"


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_tries_again_what_may_pass(
    client: openai.OpenAI, upstream: ChatCompletionsStandIn, stream: bool
) -> None:
    """The platform has tried twice by then."""
    upstream.door.fail(500, times=2)
    patient = client.with_options(max_retries=1)
    answer: Any = patient.chat.completions.create(model="small", messages=HELLO, stream=stream)
    assert "Hello" in (text_of(list(answer)) if stream else answer.choices[0].message.content)


def test_a_model_that_breaks_off_breaks_the_stream(
    client: openai.OpenAI, upstream: ChatCompletionsStandIn
) -> None:
    upstream.scripts.append(Script(said("Half ", "an ", "answer"), cut_after=3, hold_after=[3]))
    stream = client.chat.completions.create(model="small", messages=HELLO, stream=True)
    chunks = [next(stream)]
    while not text_of(chunks):
        chunks.append(next(stream))
    assert upstream.held.acquire(timeout=SECONDS)
    upstream.release()
    with pytest.raises(openai.APIError) as broken:
        chunks += stream
    assert broken.value.code == "model_failed"
    assert text_of(chunks) == "Half an "


def test_a_client_that_has_heard_enough_ends_the_call_of_the_model(
    client: openai.OpenAI, upstream: ChatCompletionsStandIn, caller: Caller
) -> None:
    upstream.scripts.append(Script(said("Once ", "upon ", "a time"), hold_after=[3]))
    stream = client.chat.completions.create(model="small", messages=HELLO, stream=True)
    first = next(stream)
    assert upstream.held.acquire(timeout=SECONDS)
    stream.close()
    assert upstream.hung_up.acquire(timeout=SECONDS)
    upstream.release()
    stopped = caller.post(f"/chat/messages/{first.id.removeprefix('chatcmpl-')}/stop")
    assert stopped["status"] == "stopped"


def test_a_server_that_stops_tells_who_reads(tmp_path: Path) -> None:
    upstream = ChatCompletionsStandIn(usual=Script(said("Once ", "upon ", "a time"), hold_after=[3]))
    with serving(upstream.door) as url:
        server = Server(tmp_path, **with_model(url))
        server.start()
        caller = Caller(server.url)
        caller.sign_in()
        client = openai.OpenAI(
            base_url=f"{server.url}/v1", api_key=a_key(caller), timeout=SECONDS, max_retries=0
        )
        chunks: list[ChatCompletionChunk] = []
        with client, client.chat.completions.create(model="small", messages=HELLO, stream=True) as stream:
            while text_of(chunks) != "Once upon ":
                chunks.append(next(stream))
            server.send(signal.SIGTERM)
            with pytest.raises(openai.APIError) as told:
                chunks += stream
        assert told.value.code == "stopping"
        assert text_of(chunks) == "Once upon "
        server.stop()
        upstream.release()


def test_langchain_invokes_and_streams(chain: ChatOpenAI, upstream: ChatCompletionsStandIn) -> None:
    messages = [SystemMessage("You are terse."), HumanMessage("Hello?")]
    answer = chain.invoke(messages)
    assert answer.content == "Hello there."
    assert answer.usage_metadata
    assert answer.usage_metadata["total_tokens"] == 15
    assert [each["role"] for each in upstream.asked[-1]["messages"]] == ["system", "user"]
    chunks = list(chain.stream(messages, stream_usage=True))
    assert "".join(str(chunk.content) for chunk in chunks) == "Hello there."
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.usage_metadata
    assert whole.usage_metadata["total_tokens"] == 15
    assert whole.response_metadata["finish_reason"] == "stop"


async def test_langchain_waits_asynchronously(chain: ChatOpenAI) -> None:
    assert (await chain.ainvoke("Hello?")).content == "Hello there."
    assert "".join([str(chunk.content) async for chunk in chain.astream("Hello?")]) == "Hello there."


@tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"It is sunny in {city}."


class Report(BaseModel):
    """A report on the weather."""

    city: str
    is_sunny: bool


@pytest.mark.parametrize("stream", [False, True])
def test_langchain_calls_tools(chain: ChatOpenAI, upstream: ChatCompletionsStandIn, stream: bool) -> None:
    upstream.scripts += [CALLS_WEATHER, Script(said("Sunny."))]
    bound, asked = chain.bind_tools([weather]), [HumanMessage("How is the weather in Seoul?")]
    if stream:
        first, *rest = list(bound.stream(asked))
        wish: Any = first
        for chunk in rest:
            wish += chunk
    else:
        wish = bound.invoke(asked)
    assert isinstance(wish, AIMessage)
    [call] = wish.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Seoul"})
    result = weather.invoke(call)
    assert isinstance(result, ToolMessage)
    assert bound.invoke([*asked, wish, result]).content == "Sunny."
    assert upstream.asked[-1]["messages"][-1]["content"] == "It is sunny in Seoul."


def test_langchain_gets_a_form_of_its_own_by_a_tool(
    chain: ChatOpenAI, upstream: ChatCompletionsStandIn
) -> None:
    """The other way, `response_format`, is refused in words that say so."""
    upstream.scripts.append(Script(called("Report", '{"city": "Seoul", "is_sunny": true}'), "tool_calls"))
    by_tool = chain.with_structured_output(Report, method="function_calling")
    assert by_tool.invoke("How is the weather?") == Report(city="Seoul", is_sunny=True)
    with pytest.raises(openai.BadRequestError, match="let a tool be called"):
        chain.with_structured_output(Report, method="json_schema").invoke("How is the weather?")
