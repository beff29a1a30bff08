"""Passwords: what is taken for one, how it is changed, and how a forgotten one is set anew."""

import unicodedata

import pytest

from src.infrastructure.settings import Settings
from tests.builders import PASSWORD, Platform, problem_of
from tests.databases import execute, query
from tests.mails import PAST, mails_to, token_to

NEW = "a much better password"


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("1234567", "invalid_request"),
        ("각" * 7, "invalid_request"),
        (unicodedata.normalize("NFD", "각" * 7), "weak_password"),  # 21 code points as it is sent
        ("x" * 129, "weak_password"),
        ("Password1", "weak_password"),
        ("QWERTYUIOP", "weak_password"),
        ("Someone@example.com", "weak_password"),
        ("Kim Minsu", "weak_password"),
    ],
)
@pytest.mark.only("sqlite")
async def test_weak_passwords_are_refused(platform: Platform, password: str, why: str) -> None:
    account = {"email": "someone@example.com", "password": password, "name": "Kim Minsu"}
    answer = await platform.client.post("/api/v1/auth/register", json=account)
    assert problem_of(answer) == (422, why)


@pytest.mark.only("sqlite")
async def test_a_password_counts_to_its_last_character_in_whatever_form_it_is_sent(
    platform: Platform,
) -> None:
    password = "비밀번호" * 32
    account = {"email": "a@example.com", "password": password, "name": "A"}
    assert (await platform.client.post("/api/v1/auth/register", json=account)).status_code == 201
    assert await platform.sign_in("a@example.com", unicodedata.normalize("NFD", password))
    shorter = {"email": "a@example.com", "password": password[:-1]}
    assert problem_of(await platform.client.post("/api/v1/auth/login", json=shorter))[0] == 401


async def test_a_changed_password_ends_the_other_sign_ins(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up("person")
    other = await platform.sign_in(person.email)
    wrong = {"current_password": "not the password", "new_password": NEW}
    assert problem_of(await person.call("POST", "/auth/me/password", json=wrong)) == (403, "wrong_password")
    await person.post("/auth/me/password", {"current_password": PASSWORD, "new_password": NEW})
    assert (await person.get("/auth/me"))["id"] == person.id
    person.tokens = other
    assert problem_of(await person.call("GET", "/auth/me")) == (401, "sign_in_ended")
    assert await platform.sign_in(person.email, NEW)
    mails = await mails_to(platform, settings, person.email)
    assert [mail["Subject"] for mail in mails] == ["비밀번호가 바뀌었습니다 / Your password was changed"]


async def test_an_api_key_cannot_change_the_password(platform: Platform) -> None:
    person = await platform.sign_up()
    key = (await person.post("/auth/api-keys", {"name": "robot"}))["key"]
    person.tokens = {"access_token": key}
    change = {"current_password": PASSWORD, "new_password": NEW}
    answer = await person.call("POST", "/auth/me/password", json=change)
    assert problem_of(answer) == (403, "sign_in_required")


async def ask_reset(platform: Platform, email: str) -> None:
    answer = await platform.client.post("/api/v1/auth/password-reset", json={"email": email})
    assert (answer.status_code, answer.text) == (202, "null")


async def reset(platform: Platform, token: str, password: str = NEW) -> tuple[int, str]:
    body = {"token": token, "new_password": password}
    answer = await platform.client.post("/api/v1/auth/password-reset/confirm", json=body)
    return (204, "") if answer.status_code == 204 else problem_of(answer)


async def test_a_forgotten_password_is_set_anew_by_a_link_that_works_once(
    platform: Platform, settings: Settings
) -> None:
    person = await platform.sign_up("person")
    await person.patch("/auth/me", {"language": "en"})
    await ask_reset(platform, "Person@Example.com")
    token = await token_to(platform, settings, person.email, "reset")
    assert (await mails_to(platform, settings, person.email))[0]["Subject"] == "Set a new password"
    assert await reset(platform, token, "password1") == (422, "weak_password")
    assert await reset(platform, token) == (204, "")
    assert await reset(platform, token) == (422, "invalid_link")
    assert problem_of(await person.call("GET", "/auth/me")) == (401, "sign_in_ended")
    assert await platform.sign_in(person.email, NEW)


async def test_a_link_for_a_new_password_expires(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up("person")
    await ask_reset(platform, person.email)
    token = await token_to(platform, settings, person.email, "reset")
    execute(settings, f"UPDATE auth_password_reset SET expires_at = '{PAST}'")
    assert await reset(platform, token) == (422, "invalid_link")


async def test_who_asks_for_a_reset_learns_nothing_and_the_log_holds_no_token(
    platform: Platform, settings: Settings
) -> None:
    person = await platform.sign_up("person")
    for email in (person.email, "nobody@example.com"):
        await ask_reset(platform, email)
    assert not await mails_to(platform, settings, "nobody@example.com")
    token = await token_to(platform, settings, person.email, "reset")
    log = str(query(settings, "SELECT payload FROM event_log"))
    assert "auth.password_reset_asked" in str(query(settings, "SELECT name FROM event_log"))
    assert token not in log
    assert person.email not in log


async def test_strangers_cannot_fill_somebodys_mailbox(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up("person")
    for _ in range(10):
        await ask_reset(platform, person.email)
    assert len(await mails_to(platform, settings, person.email)) == 4
    assert await reset(platform, await token_to(platform, settings, person.email, "reset")) == (204, "")
