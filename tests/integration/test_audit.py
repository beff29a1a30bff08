"""The audit log: who did what to what, from where, in a chain in which a change or a cut shows."""

import csv
import io
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from src.domains.auth.repositories.audit import Link
from src.domains.auth.services import audit_log
from src.domains.auth.services.audit import Verdict, head_of, verify
from src.domains.auth.services.audit_log import AuditRetention
from src.infrastructure.settings import Settings
from src.shared.events.auth import GroupDeleted
from src.shared.events.base import origin
from src.shared.spreadsheets import csv_line
from tests.builders import Person, Platform, platform_on, problem_of
from tests.conversations import database_of
from tests.databases import execute

ROOT = Path(__file__).parents[2]
AUDIT = "/auth/audit"


async def entries(platform: Platform, admin: Person, **wanted: Any) -> list[dict[str, Any]]:
    """Return what the log says, oldest first."""
    await platform.delivered("auth.audit")
    page = await admin.get(AUDIT, params={"limit": 200, **wanted})
    return list(reversed(page["items"]))


async def eventful(platform: Platform) -> tuple[Person, Person, str]:
    """Have some things happen; return an administrator, somebody else, and a group's id."""
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    group_id = await admin.create_group("Sales", person)
    await admin.patch(f"/auth/groups/{group_id}", {"name": "Field sales"})
    await admin.patch(f"/auth/users/{person.id}", {"role": "editor"})
    collection_id = await person.create_collection("Offers", [group_id])
    await admin.patch(f"/knowledge/collections/{collection_id}", {"group_ids": []})
    await person.post("/auth/logout", {"refresh_token": person.tokens["refresh_token"]})
    return admin, person, group_id


async def test_it_says_who_did_what_to_what_and_what_was_before(platform: Platform) -> None:
    admin, person, group_id = await eventful(platform)
    told = [(each["action"], each["actor_id"], each["target"]) for each in await entries(platform, admin)]
    collection = next(target for action, _, target in told if action == "knowledge.collection_changed")
    assert [each for each in told if not each[0].startswith("auth.signed")] == [
        ("auth.user_registered", admin.id, f"user:{admin.id}"),
        ("auth.user_registered", person.id, f"user:{person.id}"),
        ("auth.group_created", admin.id, f"group:{group_id}"),
        ("auth.user_rights_changed", admin.id, f"user:{person.id}"),
        ("auth.group_renamed", admin.id, f"group:{group_id}"),
        ("auth.user_rights_changed", admin.id, f"user:{person.id}"),
        ("knowledge.collection_changed", person.id, collection),
        ("knowledge.collection_changed", admin.id, collection),
    ]
    assert told[-1][:2] == ("auth.signed_out", person.id)
    [joined, promoted] = await entries(platform, admin, action="auth.user_rights_changed")
    assert (joined["before"]["group_ids"], joined["details"]["group_ids"]) == ([], [group_id])
    assert (promoted["before"]["role"], promoted["details"]["role"]) == ("user", "editor")
    [_made, opened] = await entries(platform, admin, action="knowledge.collection_changed")
    assert opened["before"] == {"name": "Offers", "group_ids": [group_id]}
    assert opened["details"]["after"]["group_ids"] == []
    assert {each["actor_email"] for each in (joined, opened)} == {admin.email}


async def test_it_says_what_budgets_and_rules_were_before(platform: Platform) -> None:
    """But not which words a rule looks for."""
    admin = await platform.sign_up()
    for tokens in (100, 200):
        await admin.put("/chat/budgets/platform", {"day": {"tokens": tokens}})
    await admin.delete("/chat/budgets/platform")
    budgets = await entries(platform, admin)
    assert [each["before"] and each["before"]["day_tokens"] for each in budgets[-3:]] == [None, 100, 200]
    body = {"category": "term", "action": "flag", "directions": ["input"], "terms": ["Blaubeere"]}
    rule = await admin.post("/chat/guardrails/rules", body)
    await admin.patch(f"/chat/guardrails/rules/{rule['id']}", {"action": "block"})
    [_made, changed] = await entries(platform, admin, action="chat.guardrail_rules_changed")
    assert (changed["before"]["action"], changed["details"]["action"]) == ("flag", "block")
    assert "Blaubeere" not in str(changed)


async def test_it_says_from_where(platform: Platform) -> None:
    """The address, and by which door: the page, a program that signed in, or an API key."""
    admin = await platform.sign_up()
    key = await admin.post("/auth/api-keys", {"name": "Robot", "scopes": ["admin"]})
    robot = Person(platform, admin.email, {"access_token": key["key"]}, admin.user)
    await admin.call("POST", "/auth/groups", json={"name": "A"}, headers={"User-Agent": "genai-chatbot-page"})
    answer = await admin.call("POST", "/auth/groups", json={"name": "B"})
    await robot.post("/auth/groups", {"name": "C"})
    made = await entries(platform, admin, action="auth.group_created")
    assert [each["channel"] for each in made] == ["page", "api", "api_key"]
    assert [each["api_key_id"] for each in made] == [None, None, key["id"]]
    assert {(each["actor_id"], each["address"]) for each in made} == {(admin.id, "127.0.0.1")}
    assert made[1]["request_id"] == answer.headers["x-request-id"]


async def test_it_is_read_in_pages_and_by_time_actor_and_action(platform: Platform) -> None:
    admin, person, _group = await eventful(platform)
    everything = await entries(platform, admin)
    assert [each["number"] for each in everything] == list(range(1, len(everything) + 1))
    first = await admin.get(AUDIT, params={"limit": 4})
    second = await admin.get(AUDIT, params={"limit": 200, "cursor": first["next_cursor"]})
    assert list(reversed(first["items"] + second["items"])) == everything
    own = await entries(platform, admin, actor=person.id)
    assert own == [each for each in everything if each["actor_id"] == person.id]
    middle = everything[3]["occurred_at"]
    after, before = (
        await entries(platform, admin, **{"from": middle}),
        await entries(platform, admin, to=middle),
    )
    assert before + after == everything
    assert after[0] == everything[3]
    assert await entries(platform, admin, action="auth.nothing") == []
    assert problem_of(await admin.call("GET", AUDIT, params={"actor": "me"}))[0] == 422


async def test_an_export_has_everything_harmlessly_and_is_itself_told(platform: Platform) -> None:
    admin, _person, _group = await eventful(platform)
    told = await entries(platform, admin)
    answer = await admin.call("GET", f"{AUDIT}/export.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    columns = ("action", "target", "actor_email", "hash")
    assert [[row[each] for each in columns] for row in rows] == [
        [row[each] for each in columns] for row in told
    ]
    assert (await entries(platform, admin))[-1]["action"] == "auth.audit_exported"
    some = await admin.call("GET", f"{AUDIT}/export.csv", params={"action": "auth.group_created"})
    assert len(list(csv.DictReader(io.StringIO(some.text)))) == 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])  # noqa: RUF001
def test_no_cell_is_a_formula(text: str) -> None:
    [[cell, number, quoted]] = csv.reader(io.StringIO(csv_line([text, -1, 'a "b", c'])))
    assert cell == f"'{text}"
    assert (number, quoted) == ("-1", 'a "b", c')


TAMPERINGS = {
    "UPDATE auth_audit_entry SET address = '10.0.0.1' WHERE number = 3": "entry 3 was changed",
    "UPDATE auth_audit_entry SET hash = previous_hash WHERE number = 3": "entry 3 was changed",
    "DELETE FROM auth_audit_entry WHERE number IN (3, 4)": "entries 3 to 4 are missing",
    "DELETE FROM auth_audit_entry WHERE number < 3": "entries 1 to 2 are missing",
    "DELETE FROM auth_audit_entry WHERE number > 5": "entries 6 to 11 were cut off",
    "DELETE FROM auth_audit_entry": "entries 1 to 11 were cut off",
}


@pytest.mark.parametrize("statement", TAMPERINGS)
async def test_changes_and_cuts_are_refused_and_show_where_they_were_made_all_the_same(
    settings: Settings, statement: str
) -> None:
    async with platform_on(settings) as platform:
        admin, _person, _group = await eventful(platform)
        assert len(await entries(platform, admin)) == 11
        head = await admin.get(f"{AUDIT}/head")
        kept = Link(head["number"], bytes.fromhex(head["hash"]))
        database = database_of(platform)
        assert await database.read(lambda uow: verify(uow, kept)) == Verdict(11, kept)
        with pytest.raises(DBAPIError, match="append-only"):
            execute(settings, statement)
        take_guard_away(settings)
        execute(settings, statement)
        verdict = await database.read(lambda uow: verify(uow, kept))
        assert verdict.fault
        assert verdict.fault.startswith(TAMPERINGS[statement])


async def test_a_chain_that_was_made_anew_is_not_the_one_that_was_noted(platform: Platform) -> None:
    """Whoever can compute hashes can make another chain, but not one that ends in a hash of before."""
    admin, _person, _group = await eventful(platform)
    await entries(platform, admin)
    head = await database_of(platform).read(head_of)
    for number in (head.number, 4):
        noted = Link(number, bytes(32))
        verdict = await database_of(platform).read(lambda uow, noted=noted: verify(uow, noted))
        assert verdict.fault == f"entry {number} is not the one that was noted"


def take_guard_away(settings: Settings) -> None:
    """What somebody can do who has all rights in the database."""
    if settings.resolved_database_url.startswith("sqlite"):
        execute(settings, "DROP TRIGGER auth_audit_entry_stays")
        execute(settings, "DROP TRIGGER auth_audit_entry_is_kept")
    else:
        execute(settings, "DROP TRIGGER auth_audit_entry_stays ON auth_audit_entry")


@pytest.mark.only("sqlite")
async def test_the_command_line_tells_whether_the_chain_holds(settings: Settings) -> None:
    def verified(*arguments: str) -> tuple[int, str]:
        """Run what `make audit-verify` runs."""
        places = {"DATABASE_URL": settings.resolved_database_url, "DATA_DIR": str(settings.data_dir)}
        command = [sys.executable, "-m", "src.commands.audit", *arguments]
        run = subprocess.run(
            command, cwd=ROOT, env=os.environ | places, capture_output=True, text=True, check=False
        )
        return run.returncode, run.stdout + run.stderr

    async with platform_on(settings) as platform:
        admin, _person, _group = await eventful(platform)
        await entries(platform, admin)
        head = await admin.get(f"{AUDIT}/head")
    noted = f"{head['number']}:{head['hash']}"
    assert verified() == (0, f"11 entries hold. The head is {noted}\n")
    take_guard_away(settings)
    execute(settings, "DELETE FROM auth_audit_entry WHERE number > 5")
    assert verified()[0] == 0  # by itself the chain does not tell how long it was
    status, said = verified("--head", noted)
    assert (status, "entries 6 to 11 were cut off" in said) == (1, True)
    assert verified("--head", "rubbish")[0] == 2


async def test_a_replay_makes_the_same_chain(platform: Platform) -> None:
    admin, _person, _group = await eventful(platform)
    told = await entries(platform, admin)
    head = await admin.get(f"{AUDIT}/head")
    await admin.post("/operations/events/auth.audit/replay")
    await admin.create_group("Later")  # the replay begins before this is delivered
    *again, later = await entries(platform, admin)
    assert again == told
    assert later["number"] == head["number"] + 1


async def test_what_is_old_is_cut_and_the_chain_goes_on(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head that was noted before the cut still shows whether what came after is whole."""
    admin, person, _group = await eventful(platform)
    told = await entries(platform, admin)
    retention, day = AuditRetention(database_of(platform), None, chunk=2), timedelta(days=1)
    young = datetime.fromisoformat(told[5]["occurred_at"])
    monkeypatch.setattr(audit_log, "utc_now", lambda: young + day)
    await retention.cut(day)
    assert await entries(platform, admin) == told[5:]
    await admin.patch(f"/auth/users/{person.id}", {"role": "user"})
    following = (await entries(platform, admin))[-1]
    assert following["number"] == told[-1]["number"] + 1
    monkeypatch.setattr(audit_log, "utc_now", lambda: young + 2 * day)
    await retention.cut(day)
    assert await entries(platform, admin) == []
    noted = Link(following["number"], bytes.fromhex(following["hash"]))
    assert await database_of(platform).read(head_of) == noted
    await admin.create_group("Later")
    [last] = await entries(platform, admin)
    assert last["number"] == noted.number + 1
    verdict = await database_of(platform).read(lambda uow: verify(uow, noted))
    assert (verdict.entries, verdict.fault) == (1, None)


async def test_events_of_before_there_were_origins_are_told_as_far_as_they_go(
    platform: Platform,
) -> None:
    """Those that were recorded before, and what the platform does by itself."""
    admin = await platform.sign_up()
    old = f'{{"event_id": "{uuid4()}", "occurred_at": "2026-11-23T12:00:00Z", "correlation_id": "c", '
    old += f'"group_id": "{uuid4()}"}}'
    origin.set(None)  # requests of a test run in its own context
    event = GroupDeleted.model_validate_json(old)
    await database_of(platform).write(lambda uow: uow.record(event))
    [told] = await entries(platform, admin, action="auth.group_deleted")
    assert (told["actor_id"], told["channel"], told["address"], told["before"]) == (None, "", "", None)
    assert told["target"] == f"group:{event.group_id}"
