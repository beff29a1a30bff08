"""Signing in with a second factor."""

import asyncio
from typing import Any

import httpx
import pyotp
import pytest

from src.infrastructure.settings import AuthSettings, Settings
from tests.builders import PASSWORD, Person, Platform, platform_on, problem_of
from tests.databases import execute, query


async def enrolled(person: Person, settings: Settings) -> tuple[pyotp.TOTP, list[str]]:
    """Add a second factor; return the app, and the recovery codes."""
    enrolment = await person.post("/auth/second-factor", {"password": PASSWORD})
    app = pyotp.TOTP(enrolment["secret"])
    assert pyotp.parse_uri(enrolment["otpauth_uri"]).secret == app.secret
    codes = (await person.post("/auth/second-factor/confirm", {"code": app.now()}))["recovery_codes"]
    forget_steps(settings)
    return app, codes


def forget_steps(settings: Settings) -> None:
    """Let the code of this half minute hold once more, so that no test has to wait for the next."""
    execute(settings, "UPDATE auth_second_factor SET last_step = 0")


async def challenge_of(platform: Platform, email: str) -> str:
    answer = await platform.client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 401
    assert answer.json()["code"] == "second_factor_required"
    return str(answer.json()["challenge"])


async def redeem(platform: Platform, challenge: str, code: str) -> httpx.Response:
    body = {"challenge": challenge, "code": code}
    return await platform.client.post("/api/v1/auth/login/second-factor", json=body)


async def test_a_sign_in_takes_a_code_that_holds_once(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up("person")
    app, _codes = await enrolled(person, settings)
    challenge = await challenge_of(platform, person.email)
    wrong = f"{(int(app.now()) + 1) % 1_000_000:06}"
    assert problem_of(await redeem(platform, challenge, wrong)) == (401, "wrong_second_factor")
    answers = await asyncio.gather(*(redeem(platform, challenge, app.now()) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    person.tokens = next(answer.json() for answer in answers if answer.status_code == 200)
    assert (await person.get("/auth/second-factor")) == {"enabled": True, "recovery_codes_left": 10}
    form = {"username": person.email, "password": PASSWORD}
    oauth = await platform.client.post("/api/v1/auth/token", data=form)
    assert oauth.json()["code"] == "second_factor_required"


async def test_a_code_that_confirmed_the_factor_does_not_sign_in(platform: Platform) -> None:
    person = await platform.sign_up("person")
    enrolment = await person.post("/auth/second-factor", {"password": PASSWORD})
    code = pyotp.TOTP(enrolment["secret"]).now()
    await person.post("/auth/second-factor/confirm", {"code": code})
    assert (await redeem(platform, await challenge_of(platform, person.email), code)).status_code == 401


async def test_a_recovery_code_stands_in_once(platform: Platform, settings: Settings) -> None:
    person = await platform.sign_up("person")
    _app, codes = await enrolled(person, settings)
    assert len(set(codes)) == 10
    challenge = await challenge_of(platform, person.email)
    answers = await asyncio.gather(*(redeem(platform, challenge, codes[0].lower()) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    assert (await person.get("/auth/second-factor"))["recovery_codes_left"] == 9
    assert codes[1].replace("-", "") not in str(query(settings, "SELECT * FROM auth_recovery_code"))


async def test_guessing_codes_is_slowed_down_over_all_challenges(
    platform: Platform, settings: Settings
) -> None:
    person = await platform.sign_up("person")
    app, _codes = await enrolled(person, settings)
    for _ in range(6):
        challenge = await challenge_of(platform, person.email)
        assert (await redeem(platform, challenge, "00000x")).status_code == 401
    answer = await redeem(platform, await challenge_of(platform, person.email), app.now())
    assert problem_of(answer) == (429, "too_many_attempts")


async def test_a_challenge_is_for_the_password_that_it_was_given_for(
    platform: Platform, settings: Settings
) -> None:
    person = await platform.sign_up("person")
    app, _codes = await enrolled(person, settings)
    challenge = await challenge_of(platform, person.email)
    change = {"current_password": PASSWORD, "new_password": "a much better password"}
    await person.post("/auth/me/password", change)
    for each in (challenge, challenge[:-2] + "xx", person.tokens["device_token"], "x"):
        assert problem_of(await redeem(platform, each, app.now())) == (401, "challenge_expired")


async def test_a_second_factor_is_removed_by_its_owner_with_password_and_code(
    platform: Platform, settings: Settings
) -> None:
    person = await platform.sign_up("person")
    app, codes = await enrolled(person, settings)

    async def remove(**body: Any) -> tuple[int, str]:
        answer = await person.call("DELETE", "/auth/second-factor", json=body)
        return (204, "") if answer.status_code == 204 else problem_of(answer)

    assert await remove(password="not the password", code=app.now()) == (403, "wrong_password")
    assert await remove(password=PASSWORD, code="00000x") == (403, "wrong_code")
    present = await person.call("POST", "/auth/second-factor", json={"password": PASSWORD})
    assert problem_of(present) == (409, "second_factor_present")
    assert await remove(password=PASSWORD, code=codes[3]) == (204, "")
    assert await platform.sign_in(person.email)
    await enrolled(person, settings)


async def test_an_administrator_removes_a_lost_second_factor(platform: Platform, settings: Settings) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    await enrolled(person, settings)
    path = f"/auth/users/{person.id}/second-factor"
    assert problem_of(await person.call("DELETE", path)) == (403, "not_allowed")
    await admin.delete(path)
    assert problem_of(await admin.call("DELETE", path)) == (404, "no_second_factor")
    assert await platform.sign_in(person.email)


@pytest.mark.only("sqlite")
async def test_a_secret_of_another_house_is_told_as_such(settings: Settings) -> None:
    """It is kept encrypted: who has the database alone makes no codes, and neither does a new house secret."""
    async with platform_on(settings) as platform:
        person = await platform.sign_up("person")
        app, codes = await enrolled(person, settings)
    assert app.secret not in str(query(settings, "SELECT secret FROM auth_second_factor"))
    changed = settings.model_copy(update={"auth": AuthSettings(token_secret="s" * 48)})
    async with platform_on(changed) as platform:
        challenge = await challenge_of(platform, person.email)
        answer = await redeem(platform, challenge, app.now())
        assert problem_of(answer) == (409, "second_factor_unreadable")
        assert (await redeem(platform, challenge, codes[0])).status_code == 200
