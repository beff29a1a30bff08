"""What the door for programs refuses, and how it says so: in the form that OpenAI's clients know."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from src.domains.chat.services.ports import (
    ContextTooLong,
    ModelFailed,
    PromptRefused,
)
from src.infrastructure.settings import Settings
from tests.builders import Person, platform_on
from tests.doors import (
    CALLING,
    COMPLETIONS,
    RESULT,
    WEATHER,
    answered,
    ask,
    refusal_of,
    with_models,
)
from tests.fakes import ScriptedModel


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel(["It is ", "sunny."])


@pytest.fixture
async def person(settings: Settings, model: ScriptedModel) -> AsyncIterator[Person]:
    """An administrator of a platform with the models of `with_models`."""
    async with platform_on(with_models(settings), model=model) as platform:
        yield await platform.sign_up()


@pytest.mark.only("sqlite")
async def test_what_clients_send_beyond_what_is_known_is_let_be(person: Person) -> None:
    await answered(
        person,
        {"role": "user", "content": "Hi", "name": "kim", "weight": 1},
        n=1,
        user="kim",
        seed=7,
        metadata={"a": "b"},
        store=False,
        service_tier="auto",
        reasoning_effort="low",
        presence_penalty=0.5,
        frequency_penalty=0.5,
        response_format={"type": "text"},
        logprobs=False,
        top_logprobs=None,
        modalities=["text"],
        logit_bias={},
        parallel_tool_calls=True,
        tools=None,
        tool_choice=None,
        stop=None,
        stream=None,
        stream_options=None,
        temperature=None,
        of_next_year={"x": 1},
    )


IMAGE = {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {}}]}
DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"properties": DEEP}

REFUSED: list[tuple[list[Any], dict[str, Any], str, str | None]] = [
    ([IMAGE], {}, "unsupported_value", "messages[0].content[1]"),
    (["Hi"], {"n": 2}, "unsupported_value", "n"),
    (["Hi"], {"response_format": {"type": "json_object"}}, "unsupported_value", "response_format"),
    (["Hi"], {"logprobs": True}, "unsupported_value", "logprobs"),
    (["Hi"], {"top_logprobs": 3}, "unsupported_value", "top_logprobs"),
    (["Hi"], {"logit_bias": {"50256": -100}}, "unsupported_value", "logit_bias"),
    (["Hi"], {"modalities": ["text", "audio"]}, "unsupported_value", "modalities"),
    (["Hi"], {"audio": {"voice": "alloy"}}, "unsupported_value", "audio"),
    (["Hi"], {"functions": [WEATHER["function"]]}, "unsupported_value", "functions"),
    (["Hi"], {"web_search_options": {}}, "unsupported_value", "web_search_options"),
    (["Hi"], {"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "unsupported_value", "tools[0].type"),
    (["Hi"], {"tools": [WEATHER], "model": "acme/wordless"}, "unsupported_value", "tools"),
    (["Hi"], {"tools": [{"type": "function"}]}, "invalid_value", "tools[0].function"),
    (["Hi"], {"tools": [WEATHER, WEATHER]}, "invalid_value", "tools"),
    (["Hi"], {"tool_choice": "required"}, "invalid_value", "tool_choice"),
    (["Hi"], {"tools": [WEATHER], "tool_choice": "search_knowledge"}, "invalid_value", "tool_choice"),
    (["Hi"], {"tool_choice": {"type": "allowed_tools"}}, "invalid_request", "tool_choice"),
    ([{"role": "system", "content": "x"}], {}, "invalid_value", "messages"),
    (["Hi", {"role": "assistant", "content": "x"}], {}, "invalid_value", "messages"),
    (["Hi", RESULT], {}, "invalid_value", "messages"),
    (["Hi", CALLING], {}, "invalid_value", "messages"),
    (["Hi", CALLING, "And?"], {}, "invalid_value", "messages"),
    ([" \n"], {}, "empty_message", None),
    (["word " * 40_000], {}, "context_length_exceeded", None),
    ([*["word " * 2_000] * 5, "Hi"], {}, "context_length_exceeded", None),
    (["Hi"], {"messages": []}, "invalid_request", "messages"),
    (["Hi"], {"messages": ["Hi"] * 2_001}, "invalid_request", "messages"),
    (["Hi"], {"messages": None}, "invalid_request", "messages"),
    ([{"role": "king", "content": "Hi"}], {}, "invalid_request", "messages[0].role"),
    ([{"role": "user", "content": 7}], {}, "invalid_request", "messages[0].content"),
    (["\0"], {}, "invalid_request", "messages[0].content[0].text"),
    (["\ud800"], {}, "invalid_request", None),
    (["Hi"], {"model": None}, "invalid_request", "model"),
    (["Hi"], {"temperature": 2.1}, "invalid_request", "temperature"),
    (["Hi"], {"temperature": float("nan")}, "invalid_request", "temperature"),
    (["Hi"], {"top_p": -1}, "invalid_request", "top_p"),
    (["Hi"], {"max_tokens": 0}, "invalid_request", "max_tokens"),
    (["Hi"], {"stop": ["a", "b", "c", "d", "e"]}, "invalid_request", "stop"),
    (["Hi"], {"tools": [WEATHER] * 129}, "invalid_request", "tools"),
    (
        ["Hi"],
        {"tools": [{"type": "function", "function": {"name": "a b"}}]},
        "invalid_request",
        "tools[0].function.name",
    ),
    (
        ["Hi"],
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": DEEP}}]},
        "invalid_request",
        "tools[0].function.parameters",
    ),
]


@pytest.mark.only("sqlite")
async def test_what_cannot_be_done_is_refused_and_never_reaches_a_model(
    person: Person, model: ScriptedModel
) -> None:
    for stream in (False, True):
        for messages, body, code, param in REFUSED:
            refused = await ask(person, *messages, **{"stream": stream, **body})
            assert refusal_of(refused) == (400, code, param), refused.text
    assert model.prompts == []


@pytest.mark.only("sqlite")
async def test_errors_have_one_form_wherever_they_come_from(settings: Settings) -> None:
    async with platform_on(with_models(settings), model=ScriptedModel()) as platform:
        admin = await platform.sign_up()
        client, signed = platform.client, {"Authorization": f"Bearer {admin.tokens['access_token']}"}
        for headers in ({}, {"Authorization": "Bearer gcb_nobody"}, {"Authorization": "Bearer x.y.z"}):
            for call in (
                client.get("/v1/models", headers=headers),
                client.post(COMPLETIONS, headers=headers),
            ):
                refused = await call
                assert refusal_of(refused) == (401, "invalid_api_key", None)
                assert refused.headers["www-authenticate"] == "Bearer"
        assert refusal_of(await client.post("/v1/embeddings", headers=signed)) == (404, "not_found", None)
        wrong_method = await client.get(COMPLETIONS, headers=signed)
        assert refusal_of(wrong_method) == (405, "method_not_allowed", None)
        broken = await client.post(COMPLETIONS, headers=signed, content=b"{")
        assert refusal_of(broken) == (400, "invalid_request", None)
        large = await client.post(COMPLETIONS, headers=signed, content=b" " * 2_000_000)
        assert refusal_of(large) == (413, "too_large", None)


async def test_a_key_holds_as_long_as_its_owner_does(person: Person) -> None:
    member = await person._platform.sign_up("member")
    key = (await member.post("/auth/api-keys", {"name": "Robot"}))["key"]
    assert (await ask(member, key=key)).status_code == 200
    await person.patch(f"/auth/users/{member.id}", {"is_active": False})
    assert refusal_of(await ask(member, key=key)) == (401, "invalid_api_key", None)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (ModelFailed("Down.", retry_after=7), (503, "model_failed", None)),
        (ContextTooLong("Too long."), (400, "context_length_exceeded", None)),
        (PromptRefused("No."), (400, "prompt_refused", None)),
    ],
)
@pytest.mark.only("sqlite")
async def test_what_fails_before_a_word_has_its_status_in_a_stream_too(
    person: Person, model: ScriptedModel, fault: Exception, told: tuple[int, str, None]
) -> None:
    model.pieces = [fault]
    for stream in (False, True):
        failed = await ask(person, stream=stream)
        assert refusal_of(failed) == told
        assert failed.headers.get("retry-after") == ("7" if told[0] == 503 else None)
