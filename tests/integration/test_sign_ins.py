"""Sign-ins: refresh tokens as a family, one's devices, and delays for whoever guesses."""

import asyncio
from typing import Any

import httpx

from src.infrastructure.settings import Settings
from tests.builders import PASSWORD, Platform, platform_on, problem_of
from tests.databases import execute, query
from tests.mails import PAST, token_to

LONG_AGO = f"UPDATE auth_sign_in SET refreshed_at = '{PAST}'"


async def refresh(platform: Platform, tokens: dict[str, Any]) -> httpx.Response:
    body = {"refresh_token": tokens["refresh_token"]}
    return await platform.client.post("/api/v1/auth/refresh", json=body)


async def test_a_refresh_token_gives_the_next_and_a_reused_one_ends_the_family(
    platform: Platform, settings: Settings
) -> None:
    person = await platform.sign_up()
    first = person.tokens
    person.tokens = second = (await refresh(platform, first)).json()
    assert (await person.get("/auth/me"))["id"] == person.id
    third = (await refresh(platform, second)).json()
    # Two rotations ago: no grace, however soon.
    assert problem_of(await refresh(platform, first)) == (401, "invalid_refresh_token")
    assert problem_of(await refresh(platform, third)) == (401, "invalid_refresh_token")
    assert problem_of(await person.call("GET", "/auth/me")) == (401, "sign_in_ended")
    [(payload,)] = query(settings, "SELECT payload FROM event_log WHERE name = 'auth.signed_out'")
    assert '"reason":"token_reused"' in str(payload)


async def test_the_directly_previous_token_has_a_grace_of_seconds(
    platform: Platform, settings: Settings
) -> None:
    person = await platform.sign_up()
    first = person.tokens
    second = (await refresh(platform, first)).json()
    again = (await refresh(platform, first)).json()
    assert again["refresh_token"] == second["refresh_token"]
    execute(settings, LONG_AGO)
    assert problem_of(await refresh(platform, first)) == (401, "invalid_refresh_token")
    assert problem_of(await refresh(platform, second)) == (401, "invalid_refresh_token")


async def test_clients_that_race_with_one_token_all_go_on(settings: Settings) -> None:
    """Ten at once: whoever comes second is given what the first one got, and nobody is signed out."""
    async with platform_on(settings) as platform:
        person = await platform.sign_up()
        for _ in range(3):
            answers = await asyncio.gather(*(refresh(platform, person.tokens) for _ in range(10)))
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.json()["refresh_token"] for answer in answers}) == 1
            person.tokens = answers[-1].json()
            execute(settings, LONG_AGO)
        assert (await person.get("/auth/me"))["id"] == person.id


async def test_a_sign_in_ends_however_often_it_is_refreshed(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up()
    before = query(settings, "SELECT expires_at FROM auth_sign_in")
    tokens = (await refresh(platform, person.tokens)).json()
    assert query(settings, "SELECT expires_at FROM auth_sign_in") == before
    execute(settings, f"UPDATE auth_sign_in SET expires_at = '{PAST}'")
    assert problem_of(await refresh(platform, tokens)) == (401, "invalid_refresh_token")


async def test_one_sees_ones_devices_and_signs_them_out(platform: Platform) -> None:
    person, stranger = await platform.sign_up("person"), await platform.sign_up("stranger")
    login = {"email": person.email, "password": PASSWORD}
    headers = {"User-Agent": "Phone " + "x" * 1000}
    phone = (await platform.client.post("/api/v1/auth/login", json=login, headers=headers)).json()
    laptop = await platform.sign_in(person.email)
    own, phone_entry, laptop_entry = (await person.get("/auth/sign-ins"))["items"]
    assert (own["is_current"], phone_entry["is_current"]) == (True, False)
    assert phone_entry["user_agent"].startswith("Phone x")
    assert phone_entry["address"] == "127.0.0.1"
    path = f"/auth/sign-ins/{phone_entry['id']}"
    assert problem_of(await stranger.call("DELETE", path)) == (404, "unknown_sign_in")
    await person.delete(path)
    assert problem_of(await person.call("DELETE", path)) == (404, "unknown_sign_in")
    assert problem_of(await refresh(platform, phone)) == (401, "invalid_refresh_token")
    await person.post("/auth/sign-ins/end-others")
    assert [each["id"] for each in (await person.get("/auth/sign-ins"))["items"]] == [own["id"]]
    assert laptop_entry["id"] != own["id"]
    assert problem_of(await refresh(platform, laptop)) == (401, "invalid_refresh_token")
    person.tokens = phone
    assert problem_of(await person.call("GET", "/auth/me")) == (401, "sign_in_ended")


async def test_the_oldest_sign_in_gives_way_and_old_ones_are_forgotten(
    platform: Platform, settings: Settings
) -> None:
    person = await platform.sign_up()
    for _ in range(51):
        await platform.sign_in(person.email)
    assert problem_of(await person.call("GET", "/auth/me")) == (401, "sign_in_ended")
    execute(settings, f"UPDATE auth_sign_in SET ended_at = '{PAST}' WHERE ended_at IS NOT NULL")
    await platform.sign_in(person.email)
    assert query(settings, "SELECT count(*) FROM auth_sign_in WHERE ended_at IS NULL") == [(50,)]
    assert query(settings, "SELECT count(*) FROM auth_sign_in") == [(51,)]


# Guessing


async def guess(platform: Platform, email: str, **more: Any) -> httpx.Response:
    body = {"email": email, "password": "not the password", **more}
    return await platform.client.post("/api/v1/auth/login", json=body)


async def test_guesses_are_slowed_down_also_when_they_come_at_once(platform: Platform) -> None:
    """Of fifty that come together six are looked at; an address without an account answers the same."""
    await platform.sign_up("known")
    for email in ("known@example.com", "unknown@example.com"):
        answers = await asyncio.gather(*(guess(platform, email) for _ in range(50)))
        problems = [problem_of(answer) for answer in answers]
        assert problems.count((401, "wrong_credentials")) == 6
        assert problems.count((429, "too_many_attempts")) == 44
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["retry-after"]) >= 1


async def test_the_wait_grows_and_the_right_password_ends_it(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up("person")
    waits = []
    for _ in range(9):
        await guess(platform, person.email)
        answer = await guess(platform, person.email)
        if answer.status_code == 429:
            waits.append(int(answer.headers["retry-after"]))
            execute(settings, f"UPDATE auth_attempt_count SET closed_until = '{PAST}'")
    assert waits == sorted(waits)
    assert waits[-1] >= 16
    await platform.sign_in(person.email)
    for _ in range(5):
        assert (await guess(platform, person.email)).status_code == 401


async def test_others_guesses_do_not_lock_a_known_device_out(platform: Platform) -> None:
    person, other = await platform.sign_up("person"), await platform.sign_up("other")
    while (await guess(platform, person.email)).status_code != 429:
        pass
    right = {"email": person.email, "password": PASSWORD}
    stranger = await platform.client.post("/api/v1/auth/login", json=right)
    assert problem_of(stranger) == (429, "too_many_attempts")
    known = right | {"device_token": person.tokens["device_token"]}
    answer = await platform.client.post("/api/v1/auth/login", json=known)
    assert answer.json()["device_token"]
    # A device of somebody else's, or a made-up one, is no help.
    for token in (other.tokens["device_token"], person.tokens["device_token"][:-2] + "xx", "x"):
        assert (await guess(platform, person.email, device_token=token)).status_code == 429
    # And a known one is held back by its own guesses.
    own = [await guess(platform, person.email, device_token=known["device_token"]) for _ in range(8)]
    assert own[-1].status_code == 429


async def test_whoever_reads_the_mail_gets_in_again(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up("person")
    while (await guess(platform, person.email)).status_code != 429:
        pass
    await platform.client.post("/api/v1/auth/password-reset", json={"email": person.email})
    token = await token_to(platform, settings, person.email, "reset")
    body = {"token": token, "new_password": "a much better password"}
    await platform.client.post("/api/v1/auth/password-reset/confirm", json=body)
    assert await platform.sign_in(person.email, "a much better password")


async def test_who_tries_many_accounts_from_one_address_is_slowed_down(platform: Platform) -> None:
    answers = [await guess(platform, f"person{number}@example.com") for number in range(53)]
    assert [answer.status_code for answer in answers[:51]] == [401] * 51
    assert problem_of(answers[-1]) == (429, "too_many_attempts")


async def test_what_is_counted_is_forgotten(platform: Platform, settings: Settings) -> None:
    """The table is bounded by the guesses of a day."""
    for number in range(5):
        await guess(platform, f"person{number}@example.com")
    execute(settings, f"UPDATE auth_attempt_count SET forgotten_at = '{PAST}'")
    await guess(platform, "last@example.com")
    assert query(settings, "SELECT count(*) FROM auth_attempt_count") == [(2,)]
