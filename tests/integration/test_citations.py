"""Saved citations, through the API: shown as long as their reader may read the document, and erased with it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.ports import ModelChunk, Prompt, ToolCall, Usage
from src.domains.chat.services.trash import Trash, TrashPolicy
from src.infrastructure.settings import ChatSettings, ModelSettings, Settings
from src.shared.events.base import DomainRequest
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import DocumentDeleted, ReadableDocumentsRequested
from tests.builders import Person, Platform, platform_on
from tests.conversations import a_conversation, database_of
from tests.databases import execute, query
from tests.fakes import CitingModel

SECRET = b"The code of the safe is 4711."


class TappedBus(EventBus):
    """A bus that notes who asks for rights, and meets a fault then, or silence."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[ReadableDocumentsRequested] = []
        self.fault: Exception | None = None
        self.is_silent = False

    async def request(self, request: DomainRequest[Any], *, timeout: float) -> Any:
        if isinstance(request, ReadableDocumentsRequested):
            self.asked.append(request)
            if self.fault:
                raise self.fault
            if self.is_silent:
                async with asyncio.timeout(timeout):
                    await asyncio.Event().wait()
        return await super().request(request, timeout=timeout)


class SearchingModel(CitingModel):
    """A model that first calls the search as a tool."""

    async def stream(self, prompt: Prompt) -> AsyncIterator[ModelChunk]:
        if prompt.messages[-1].role == "user":
            call = ToolCall("1", "search_knowledge", '{"query": "the code of the safe"}')
            yield ModelChunk(tool_calls=(call,), usage=Usage(), finish_reason="tool_calls")
            return
        async for chunk in super().stream(prompt):
            yield chunk


async def an_answer_with_a_source(platform: Platform) -> tuple[Person, Person, dict[str, Any]]:
    """Return an administrator, a member of Sales, and an answer to them that cites what Sales may read."""
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    group_id = await admin.create_group("Sales", member)
    await admin.upload_and_wait(await admin.create_collection("Secret", [group_id]), "safe.txt", SECRET)
    answer = await member.ask("What is the code of the safe?")
    assert "4711" in answer["citations"][0]["text"]
    return admin, member, answer


async def looks_at(person: Person, answer: dict[str, Any]) -> dict[str, str]:
    """Return what a person is shown of the answer behind every door."""
    session, message = f"/chat/sessions/{answer['session_id']}", f"/chat/messages/{answer['message_id']}"
    token = (await person.post(f"{session}/share"))["token"]
    calls = {
        "list": person.call("GET", f"{session}/messages"),
        "one": person.call("GET", message),
        "stream": person.call("GET", f"{message}/stream", headers={"Last-Event-ID": "0"}),
        "stop": person.call("POST", f"{message}/stop"),
        "feedback": person.call("PUT", f"{message}/feedback", json={"rating": "up"}),
        "markdown": person.call("GET", f"{session}/export"),
        "json": person.call("GET", f"{session}/export", params={"format": "json"}),
        "share": person.call("GET", f"/chat/shared/{token}"),
    }
    return {name: (await call).raise_for_status().text for name, call in calls.items()}


def those_with(seen: dict[str, str], text: str) -> list[str]:
    return [name for name, shown in seen.items() if text in shown]


async def test_citations_are_shown_while_their_reader_may_read_the_document(settings: Settings) -> None:
    async with platform_on(settings, model=CitingModel()) as platform:
        admin, member, answer = await an_answer_with_a_source(platform)
        seen = await looks_at(member, answer)
        assert those_with(seen, "4711") == list(seen)
        groups = (await admin.get("/auth/groups"))["items"]
        await admin.patch(f"/auth/users/{member.id}", {"group_ids": []})
        seen = await looks_at(member, answer)
        assert those_with(seen, "4711") == those_with(seen, "safe.txt") == []
        await admin.patch(f"/auth/users/{member.id}", {"group_ids": [groups[0]["id"]]})
        seen = await looks_at(member, answer)
        assert those_with(seen, "4711") == list(seen)


async def test_what_a_tool_found_is_shown_as_citations_alone(settings: Settings) -> None:
    told = {"provider": "openai_compatible", "model": "searching", "base_url": "http://127.0.0.1:1/v1"}
    chat = ChatSettings(models=(ModelSettings(name="searching", **told),), model="searching")
    with_tools = settings.model_copy(update={"chat": chat})
    async with platform_on(with_tools, model=SearchingModel()) as platform:
        admin, member, answer = await an_answer_with_a_source(platform)
        [call] = (await member.get(f"/chat/messages/{answer['message_id']}"))["tool_calls"]
        assert (call["name"], call["status"]) == ("search_knowledge", "completed")
        await admin.patch(f"/auth/users/{member.id}", {"group_ids": []})
        assert those_with(await looks_at(member, answer), "4711") == []
        assert "4711" not in str(query(settings, "SELECT tool_calls FROM chat_message"))


@pytest.mark.parametrize("fault", ["error", "silence"])
async def test_without_an_answer_about_rights_no_citation_is_shown(settings: Settings, fault: str) -> None:
    bus = TappedBus()
    hasty = settings.model_copy(update={"chat": ChatSettings(passages_timeout_seconds=1)})
    async with platform_on(hasty, model=CitingModel(), bus=bus) as platform:
        _admin, member, answer = await an_answer_with_a_source(platform)
        bus.fault, bus.is_silent = (OSError("no disk"), False) if fault == "error" else (None, True)
        [_question, message] = (await member.get(f"/chat/sessions/{answer['session_id']}/messages"))["items"]
        assert message["citations"] == []
        assert message["content"] == answer["answer"]


async def test_a_page_asks_for_rights_once_and_for_each_document_once(settings: Settings) -> None:
    bus = TappedBus()
    async with platform_on(settings, bus=bus) as platform:
        admin = await platform.sign_up()
        cites = [uuid4(), uuid4()]
        session_id, _ids = await a_conversation(platform, admin, ["Hi"] * 50, cites=cites)
        await admin.get(f"/chat/sessions/{session_id}/messages")
        [asked] = bus.asked
        assert sorted(asked.document_ids) == sorted(cites)
        assert asked.user_id == UUID(admin.id)
        quiet_id, _ids = await a_conversation(platform, admin, ["Hi"] * 50)
        await admin.get(f"/chat/sessions/{quiet_id}/messages")
        assert len(bus.asked) == 1


async def delete_document(platform: Platform, document_id: UUID) -> None:
    event = DocumentDeleted(document_id=document_id, collection_id=uuid4())
    await database_of(platform).write(lambda uow: uow.record(event))
    await platform.delivered("chat.citations")


async def test_a_deleted_document_is_erased_from_the_answers_that_cite_it(settings: Settings) -> None:
    async with platform_on(settings, model=CitingModel()) as platform:
        admin, _member, answer = await an_answer_with_a_source(platform)
        assert "4711" in str(query(settings, "SELECT citations FROM chat_message"))
        [(document_id,)] = query(settings, "SELECT document_id FROM chat_cited_document")
        await admin.delete(f"/knowledge/documents/{document_id}")
        await platform.delivered("chat.citations")
        assert "4711" not in str(query(settings, "SELECT citations FROM chat_message"))
        assert query(settings, "SELECT * FROM chat_cited_document") == []
        assert answer["answer"] in str(query(settings, "SELECT content FROM chat_message"))


async def test_what_a_thousand_answers_cite_is_erased_and_other_citations_stay(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up()
    gone, kept = uuid4(), uuid4()
    await a_conversation(platform, admin, ["Hi"] * 2_400, cites=[gone, kept])
    for _ in range(2):  # it may be told twice
        await delete_document(platform, gone)
    left = query(settings, "SELECT citations FROM chat_message WHERE role = 'assistant'")
    assert len(left) == 1_200
    assert all(str(kept) in str(row) and str(gone) not in str(row) for row in left)
    assert len(query(settings, "SELECT * FROM chat_cited_document")) == 1_200


async def test_an_answer_that_was_written_meanwhile_is_cleaned_later(
    platform: Platform, settings: Settings
) -> None:
    """It kept the passages that it began with, and is saved after the document was deleted."""
    admin = await platform.sign_up()
    gone = uuid4()
    await delete_document(platform, gone)
    await a_conversation(platform, admin, ["Hi", "Hello"], cites=[gone])
    database = database_of(platform)
    policy = TrashPolicy(timedelta(days=30), timedelta(minutes=60), timedelta(days=30))
    await Trash(database, DeletedDocuments(database), policy).empty()
    assert str(gone) not in str(query(settings, "SELECT citations FROM chat_message"))
    assert len(query(settings, "SELECT * FROM chat_deleted_document")) == 1
    execute(settings, "UPDATE chat_deleted_document SET noted_at = '2026-01-01 00:00:00.000000+00:00'")
    await Trash(database, DeletedDocuments(database), policy).empty()
    assert query(settings, "SELECT * FROM chat_deleted_document") == []
