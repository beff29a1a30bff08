"""Accounts, sign-ins, people and groups, through the API."""

import asyncio
import unicodedata
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
from pydantic import SecretStr

from src.domains.auth.services.tokens import AccessTokens
from src.infrastructure.settings import AuthSettings, Settings
from tests.builders import PASSWORD, UNKNOWN_ID, Platform, platform_on, problem_of


async def test_the_first_person_is_the_administrator_and_the_next_is_not(platform: Platform) -> None:
    first, second = await platform.sign_up("first"), await platform.sign_up("second")
    assert (first.user["role"], second.user["role"]) == ("admin", "user")
    assert await first.get("/auth/me") == first.user


async def test_fifty_who_register_at_once_make_one_administrator(settings: Settings) -> None:
    async with platform_on(settings) as platform:
        accounts = [{"email": f"p{i}@example.com", "password": PASSWORD, "name": "P"} for i in range(50)]
        answers = await asyncio.gather(
            *(platform.client.post("/api/v1/auth/register", json=account) for account in accounts)
        )
    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json()["role"] for answer in answers].count("admin") == 1


async def test_an_address_registers_once_however_it_is_written(platform: Platform) -> None:
    await platform.sign_up("someone")
    again = {"email": "SomeOne@Example.com", "password": PASSWORD, "name": "S"}
    answer = await platform.client.post("/api/v1/auth/register", json=again)
    assert problem_of(answer) == (409, "email_taken")


async def test_a_wrong_password_and_an_unknown_address_answer_alike(platform: Platform) -> None:
    await platform.sign_up("known")
    details = []
    for email in ("known@example.com", "unknown@example.com"):
        wrong = {"email": email, "password": "not the password"}
        answer = await platform.client.post("/api/v1/auth/login", json=wrong)
        assert problem_of(answer) == (401, "wrong_credentials")
        details.append(answer.json()["detail"])
    assert details[0] == details[1]


async def test_the_oauth2_form_signs_in_as_well(platform: Platform) -> None:
    await platform.sign_up("form")
    form = {"username": "form@example.com", "password": PASSWORD}
    answer = await platform.client.post("/api/v1/auth/token", data=form)
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == 900


async def test_text_that_is_no_unicode_is_refused(platform: Platform) -> None:
    form = b'--x\r\nContent-Disposition: form-data; name="username"\r\nContent-Type: text/plain; charset=utf-7\r\n'
    form += (
        b'\r\n+2AA-\r\n--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nlong enough\r\n--x--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await platform.client.post("/api/v1/auth/token", content=form, headers=headers)
    assert problem_of(answer)[0] in (401, 422)


async def test_an_address_signs_in_however_it_is_written(platform: Platform) -> None:
    await platform.sign_up("renée")
    for written in (" RENÉE@example.com ", unicodedata.normalize("NFD", "renée@example.com")):
        assert (await platform.sign_in(written))["access_token"]


async def test_signing_out_ends_the_access_token_at_once(platform: Platform) -> None:
    person = await platform.sign_up()
    await person.get("/auth/me")  # the token is known by now
    await person.post("/auth/logout", {"refresh_token": person.tokens["refresh_token"]})
    assert problem_of(await person.call("GET", "/auth/me")) == (401, "sign_in_ended")
    answer = await platform.client.post(
        "/api/v1/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]}
    )
    assert problem_of(answer) == (401, "invalid_refresh_token")


async def test_the_token_carries_the_groups_that_held_when_it_was_issued(platform: Platform) -> None:
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    group_id = await admin.create_group("Sales", member)
    tokens = await platform.sign_in(member.email)
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["group_ids"] == [group_id]
    assert (await member.get("/auth/me"))["group_ids"] == [group_id]


@pytest.mark.parametrize(
    "forgery", ["another_secret", "expired", "none_algorithm", "rubbish", "unknown_user"]
)
async def test_a_token_that_is_not_ours_or_no_longer_holds_is_refused(
    settings: Settings, forgery: str
) -> None:
    secret = SecretStr("s" * 48)
    settings = settings.model_copy(update={"auth": AuthSettings(token_secret=secret)})
    async with platform_on(settings) as platform:
        person = await platform.sign_up()
        ours = jwt.decode(person.tokens["access_token"], options={"verify_signature": False})
        minute = timedelta(minutes=1)
        user_id, sign_in_id = ours["sub"], ours["sid"]
        person.tokens["access_token"] = {
            "another_secret": AccessTokens(SecretStr("x" * 48), minute).issue(
                user_id, sign_in_id, "admin", []
            ),
            "expired": AccessTokens(secret, -minute).issue(user_id, sign_in_id, "admin", []),
            "none_algorithm": jwt.encode(ours, None, algorithm="none"),
            "rubbish": "a.b.c",
            "unknown_user": AccessTokens(secret, minute).issue(uuid4(), sign_in_id, "admin", []),
        }[forgery]
        status, _code = problem_of(await person.call("GET", "/auth/me"))
    assert status == 401


async def test_no_token_is_told_how_to_send_one(platform: Platform) -> None:
    answer = await platform.client.get("/api/v1/auth/me")
    assert problem_of(answer) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_disabled_account_ends_with_the_next_request(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    await person.get("/auth/me")  # the token is known by now
    await admin.patch(f"/auth/users/{person.id}", {"is_active": False})
    assert problem_of(await person.call("GET", "/auth/me")) == (401, "account_closed")
    login = {"email": person.email, "password": PASSWORD}
    assert problem_of(await platform.client.post("/api/v1/auth/login", json=login))[0] == 401
    refresh = {"refresh_token": person.tokens["refresh_token"]}
    assert problem_of(await platform.client.post("/api/v1/auth/refresh", json=refresh))[0] == 401


async def test_a_new_administrator_is_one_with_the_next_request(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    assert problem_of(await person.call("GET", "/auth/users")) == (403, "not_allowed")
    await admin.patch(f"/auth/users/{person.id}", {"role": "admin"})
    assert len((await person.get("/auth/users"))["items"]) == 2


async def test_the_last_administrator_stays(platform: Platform) -> None:
    admin = await platform.sign_up()
    for change in ({"role": "user"}, {"is_active": False}):
        answer = await admin.call("PATCH", f"/auth/users/{admin.id}", json=change)
        assert problem_of(answer) == (409, "last_admin")
    assert await admin.get("/auth/me") == admin.user


async def test_rights_hold_after_a_restart(settings: Settings) -> None:
    """The directory is made anew from the accounts, and ended sign-ins stay ended."""
    async with platform_on(settings) as platform:
        admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
        await admin.create_group("Sales", person)
        await person.post("/auth/logout", {"refresh_token": person.tokens["refresh_token"]})
    async with platform_on(settings) as platform:
        admin._platform = person._platform = platform
        assert (await admin.get("/auth/me"))["role"] == "admin"
        assert problem_of(await person.call("GET", "/auth/me")) == (401, "sign_in_ended")


async def test_groups_are_made_renamed_listed_in_pages_and_deleted(platform: Platform) -> None:
    admin = await platform.sign_up()
    ids = [await admin.create_group(name) for name in ("One", "Two", "Three")]
    await admin.patch(f"/auth/groups/{ids[0]}", {"name": "First"})
    page = await admin.get("/auth/groups", params={"limit": 2})
    rest = await admin.get("/auth/groups", params={"limit": 2, "cursor": page["next_cursor"]})
    assert [group["name"] for group in page["items"] + rest["items"]] == ["First", "Two", "Three"]
    assert rest["next_cursor"] is None
    taken = await admin.call("PATCH", f"/auth/groups/{ids[0]}", json={"name": "Two"})
    assert problem_of(taken) == (409, "group_name_taken")
    await admin.delete(f"/auth/groups/{ids[1]}")
    assert problem_of(await admin.call("DELETE", f"/auth/groups/{ids[1]}")) == (404, "unknown_group")


async def test_a_deleted_group_leaves_its_members(platform: Platform) -> None:
    admin, member = await platform.sign_up("admin"), await platform.sign_up("member")
    group_id = await admin.create_group("Sales", member)
    await admin.delete(f"/auth/groups/{group_id}")
    assert (await member.get("/auth/me"))["group_ids"] == []


async def test_unknown_people_and_groups_are_told_as_such(platform: Platform) -> None:
    admin = await platform.sign_up()
    unknown_user = await admin.call("PATCH", f"/auth/users/{UNKNOWN_ID}", json={})
    assert problem_of(unknown_user) == (404, "unknown_user")
    unknown_group = await admin.call("PATCH", f"/auth/users/{admin.id}", json={"group_ids": [UNKNOWN_ID]})
    assert problem_of(unknown_group) == (422, "unknown_groups")


async def test_one_can_change_ones_name_but_not_ones_rights(platform: Platform) -> None:
    await platform.sign_up("admin")
    person = await platform.sign_up("person")
    assert (await person.patch("/auth/me", {"name": "김민수"}))["name"] == "김민수"
    for change in ({"role": "admin"}, {"name": "x", "group_ids": []}):
        assert problem_of(await person.call("PATCH", "/auth/me", json=change))[0] == 422
