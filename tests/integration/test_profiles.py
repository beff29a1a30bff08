"""Profiles and models, through the API: made by administrators, used by groups."""

import asyncio
import json
from typing import Any

import pytest

from src.infrastructure.settings import ChatSettings, ModelSettings, Settings
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of
from tests.databases import query

LAWYER = {
    "name": "Lawyer",
    "description": "Knows our contracts.",
    "system_prompt": "Answer like a lawyer.",
    "model": None,
    "temperature": 0.2,
    "collection_ids": [UNKNOWN_ID],
    "group_ids": [],
    "without_sources": "answer",
}


async def names(person: Person) -> list[str]:
    return [each["name"] for each in (await person.get("/chat/profiles"))["items"]]


async def create(admin: Person, **fields: object) -> str:
    return str((await admin.post("/chat/profiles", {"name": "Lawyer", **fields}))["id"])


async def test_a_profile_is_made_changed_and_deleted(platform: Platform) -> None:
    admin = await platform.sign_up()
    made = await admin.post("/chat/profiles", LAWYER)
    assert LAWYER.items() <= made.items()
    path = f"/chat/profiles/{made['id']}"
    changed = await admin.patch(path, {"model": "embedded", "temperature": None})
    assert changed == {**made, "model": "embedded", "temperature": None, "updated_at": changed["updated_at"]}
    assert await admin.get(path) == changed
    assert (await admin.patch(path, {"model": None, "name": "Lawyer"}))["model"] is None
    await admin.delete(path)
    assert problem_of(await admin.call("GET", path)) == (404, "unknown_profile")


async def test_people_see_and_use_the_profiles_of_their_groups(platform: Platform) -> None:
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    stranger = await platform.sign_up("stranger")
    group_id = await admin.create_group("Legal", member)
    mine = await create(admin, group_ids=[group_id], system_prompt="Be exact.")
    await create(admin, name="Everybody's")
    assert await names(admin) == await names(member) == ["Lawyer", "Everybody's"]
    assert await names(stranger) == ["Everybody's"]
    path = f"/chat/profiles/{mine}"
    assert (await admin.get(path))["system_prompt"] == "Be exact."
    assert (await member.get(path))["system_prompt"] is None
    never_was = await stranger.call("GET", f"/chat/profiles/{UNKNOWN_ID}")
    refused = await stranger.call("GET", path)
    assert problem_of(refused) == problem_of(never_was) == (404, "unknown_profile")
    assert refused.json()["detail"] == never_was.json()["detail"]
    session = await member.post("/chat/sessions", {"profile_id": mine})
    assert session["profile_id"] == mine
    taken = await stranger.call("POST", "/chat/sessions", json={"profile_id": mine})
    assert problem_of(taken) == (404, "unknown_profile")


async def test_a_profile_whose_only_group_is_deleted_is_for_nobody(platform: Platform) -> None:
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    group_id = await admin.create_group("Legal", member)
    await create(admin, group_ids=[group_id])
    assert await names(member) == ["Lawyer"]
    await admin.delete(f"/auth/groups/{group_id}")
    assert await names(member) == []
    assert await names(admin) == ["Lawyer"]


async def test_a_profile_whose_only_collection_is_deleted_finds_nothing(settings: Settings) -> None:
    """It must not come to search everything, as one without collections does."""
    async with platform_on(settings) as platform:
        admin = await platform.sign_up()
        await admin.upload_and_wait(await admin.create_collection("All"), "a.txt", b"The code is seven.")
        narrow = await admin.create_collection("Narrow")
        for collection_ids, grounded in (([], True), ([narrow], False)):
            profile_id = await create(admin, name=f"Of {len(collection_ids)}", collection_ids=collection_ids)
            await admin.call("DELETE", f"/knowledge/collections/{narrow}")
            session = await admin.post("/chat/sessions", {"profile_id": profile_id})
            assert (await admin.ask("What is the code?", session["id"]))["grounded"] is grounded


def with_a_dear_model(settings: Settings) -> Settings:
    dear = ModelSettings(
        name="dear",
        provider="null",
        label="Dear",
        context_tokens=4_000,
        max_output_tokens=500,
        price_in=2,
        price_out=8,
    )
    return settings.model_copy(update={"chat": ChatSettings(models=(dear,))})


async def test_a_session_answers_as_its_profile_until_that_is_deleted(settings: Settings) -> None:
    async with platform_on(with_a_dear_model(settings)) as platform:
        admin = await platform.sign_up()
        profile_id = await create(admin, model="dear")
        session = await admin.post("/chat/sessions", {"profile_id": profile_id})
        assert (await admin.ask("Hello", session["id"]))["model"] == "dear"
        await admin.delete(f"/chat/profiles/{profile_id}")
        assert (await admin.ask("Hello again", session["id"]))["model"] == "embedded"


async def test_a_session_answers_as_its_profile_only_while_that_is_for_its_owner(settings: Settings) -> None:
    async with platform_on(with_a_dear_model(settings)) as platform:
        admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
        group_id = await admin.create_group("Legal", member)
        profile_id = await create(admin, model="dear", group_ids=[group_id])
        session = await member.post("/chat/sessions", {"profile_id": profile_id})
        assert (await member.ask("Hello", session["id"]))["model"] == "dear"
        await admin.patch(f"/auth/users/{member.id}", {"group_ids": []})
        assert (await member.ask("Hello again", session["id"]))["model"] == "embedded"


async def test_only_administrators_make_change_and_delete_profiles(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    path = f"/chat/profiles/{await create(admin)}"
    calls = [
        person.call("POST", "/chat/profiles", json={"name": "Mine"}),
        person.call("PATCH", path, json={"system_prompt": "Mine"}),
        person.call("DELETE", path),
    ]
    assert [problem_of(await call) for call in calls] == [(403, "not_allowed")] * 3


@pytest.mark.parametrize("name", ["Lawyer", "LAWYER", " lawyer ", "Embedded", "Assistant", "변호사"])
async def test_no_two_profiles_or_models_have_one_name(platform: Platform, name: str) -> None:
    """Case does not tell them apart, nor how their syllables are written down."""
    admin = await platform.sign_up()
    await create(admin)
    await create(admin, name="변호사")
    other = await create(admin, name="Other")
    for call in (
        admin.call("POST", "/chat/profiles", json={"name": name}),
        admin.call("PATCH", f"/chat/profiles/{other}", json={"name": name}),
    ):
        assert problem_of(await call) == (409, "profile_name_taken")


async def test_of_profiles_of_one_name_made_at_once_there_is_one(platform: Platform) -> None:
    admin = await platform.sign_up()
    made = [admin.call("POST", "/chat/profiles", json={"name": name}) for name in ("a", "A", "a", "A")]
    answers = await asyncio.gather(*made)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": " "}, (422, "invalid_request")),
        ({"name": None}, (422, "invalid_request")),
        ({"description": "x" * 2_001}, (422, "invalid_request")),
        ({"system_prompt": "x" * 20_001}, (422, "invalid_request")),
        ({"system_prompt": "a\0b"}, (422, "invalid_request")),
        ({"temperature": 2.1}, (422, "invalid_request")),
        ({"temperature": float("nan")}, (422, "invalid_request")),
        ({"group_ids": [UNKNOWN_ID] * 201}, (422, "invalid_request")),
        ({"collection_ids": ["all"]}, (422, "invalid_request")),
        ({"without_sources": "guess"}, (422, "invalid_request")),
        ({"model": "gpt-17"}, (422, "unknown_model")),
    ],
)
async def test_a_bad_profile_is_refused(
    platform: Platform, change: dict[str, Any], problem: tuple[int, str]
) -> None:
    admin = await platform.sign_up()
    path = f"/chat/profiles/{await create(admin, name='Good')}"
    headers = {"Content-Type": "application/json"}
    for method, where, body in (("POST", "/chat/profiles", LAWYER | change), ("PATCH", path, change)):
        answer = await admin.call(method, where, content=json.dumps(body), headers=headers)
        assert problem_of(answer) == problem
    assert await names(admin) == ["Good"]


async def test_whoever_changes_a_profile_stands_in_the_log(platform: Platform, settings: Settings) -> None:
    admin = await platform.sign_up()
    path = f"/chat/profiles/{await create(admin)}"
    await admin.patch(path, {"name": "Solicitor"})
    await admin.delete(path)
    logged = query(settings, "SELECT name, payload FROM event_log ORDER BY position")
    told = [json.loads(str(payload)) for name, payload in logged if str(name).startswith("chat.profile")]
    assert [(each["profile_name"], each.get("is_new")) for each in told] == [
        ("Lawyer", True),
        ("Solicitor", False),
        ("Solicitor", None),
    ]
    assert {each["user_id"] for each in told} == {admin.id}


async def test_the_models_that_one_may_choose_are_told_with_their_prices(settings: Settings) -> None:
    async with platform_on(with_a_dear_model(settings)) as platform:
        person = await platform.sign_up()
        models = {each.pop("name"): each for each in (await person.get("/chat/models"))["items"]}
    assert models["dear"] == {
        "label": "Dear",
        "context_tokens": 4_000,
        "max_output_tokens": 500,
        "price_in": 2,
        "price_out": 8,
        "is_default": False,
    }
    assert models["embedded"]["is_default"] is True
