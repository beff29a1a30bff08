"""Tools in the whole platform: named in settings, offered by groups, ended with it."""

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from src.domains.chat.services.ports import Asker, ToolCall
from src.domains.chat.services.tools import ToolScope
from src.infrastructure.settings import McpServerSettings, Settings, ToolSettings
from tests.builders import Person, Platform, platform_on, problem_of

OWN = ["search_knowledge", "current_time"]
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.only("sqlite")


def process(name: str, **options: Any) -> McpServerSettings:
    return McpServerSettings(
        name=name,
        command=sys.executable,
        args=("-m", "tests.standins.mcp_server"),
        env={"PYTHONPATH": str(ROOT)},
        tools={"add"},
        **options,
    )


def with_servers(settings: Settings, *servers: McpServerSettings) -> Settings:
    return settings.model_copy(update={"tools": ToolSettings(mcp_servers=servers)})


async def names(person: Person) -> list[str]:
    return [tool["name"] for tool in (await person.get("/chat/tools"))["items"]]


async def names_once_there_are(count: int, person: Person) -> list[str]:
    async with asyncio.timeout(30):
        while len(found := await names(person)) < count:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.05)
    return found


async def test_the_platforms_own_tools_are_offered_to_who_is_signed_in(platform: Platform) -> None:
    person = await platform.sign_up()
    [search, clock] = (await person.get("/chat/tools"))["items"]
    assert [search["name"], clock["name"]] == OWN
    assert search["description"].startswith("Search the company's documents.")
    assert problem_of(await platform.client.get("/api/v1/chat/tools")) == (401, "not_authenticated")


async def test_a_servers_tools_are_offered_by_group_and_called_until_the_platform_stops(
    settings: Settings,
) -> None:
    """One that cannot be reached keeps nothing from starting."""
    async with platform_on(settings) as platform:
        admin, seller = await platform.sign_up(), await platform.sign_up("seller")
        group_id = await admin.create_group("Sales", seller)
    servers = (
        process("crm", group_ids={group_id}),
        process("open"),
        McpServerSettings(name="gone", url="http://127.0.0.1:9/mcp"),
    )
    async with platform_on(with_servers(settings, *servers)) as platform:
        for person in (admin, seller):
            person._platform = platform
        assert await names_once_there_are(4, seller) == [*OWN, "crm__add", "open__add"]
        assert await names(admin) == [*OWN, "open__add"]
        asker = Asker(UUID(seller.id), (UUID(group_id),))
        toolbox = platform.app.state.toolbox
        call = ToolCall("1", "crm__add", '{"a": 1, "b": 2}')
        assert (await toolbox.run(call, ToolScope(asker), 1)).text == "3"
    assert len(toolbox.offered(asker)) == len(OWN)


async def test_a_model_searches_what_its_asker_may_read(platform: Platform) -> None:
    admin, other = await platform.sign_up(), await platform.sign_up("other")
    group_id = await admin.create_group("Managers", admin)
    collection_id = await admin.create_collection(group_ids=[group_id])
    await admin.upload_and_wait(collection_id, "rules.md", b"# Leave\n\nAnnual leave is fifteen days.")
    call = ToolCall("1", "search_knowledge", '{"query": "annual leave"}')
    for person, group_ids, found in ((admin, (UUID(group_id),), True), (other, (), False)):
        scope = ToolScope(Asker(UUID(person.id), group_ids))
        result = await platform.app.state.toolbox.run(call, scope, 3)
        assert result.text.startswith("[3] ") == found
        assert bool(result.passages) == found
