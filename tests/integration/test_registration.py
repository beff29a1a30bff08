"""Who gets an account: by signing up, by confirming an address, by an invitation."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from src.infrastructure.settings import AuthSettings, Settings
from tests.builders import PASSWORD, UNKNOWN_ID, Platform, platform_on, problem_of
from tests.databases import execute, query
from tests.mails import PAST, mails_to, token_to


def with_auth(settings: Settings, **auth: Any) -> Settings:
    return settings.model_copy(update={"auth": AuthSettings(**auth)})


async def post(platform: Platform, path: str, **body: Any) -> httpx.Response:
    return await platform.client.post(f"/api/v1/auth{path}", json=body)


async def register(platform: Platform, email: str, **more: Any) -> httpx.Response:
    return await post(platform, "/register", email=email, **{"password": PASSWORD, "name": "New", **more})


async def test_without_sign_up_only_the_first_account_can_be_made(settings: Settings) -> None:
    async with platform_on(with_auth(settings, enable_signup=False)) as platform:
        assert (await register(platform, "first@example.com")).json()["role"] == "admin"
        for email in ("first@example.com", "second@example.com"):
            assert problem_of(await register(platform, email)) == (403, "sign_up_disabled")


async def test_only_addresses_of_the_named_domains_can_sign_up(settings: Settings) -> None:
    async with platform_on(with_auth(settings, mail_domains=("Corp.example",))) as platform:
        assert (await register(platform, "first@elsewhere.example")).status_code == 201
        assert (await register(platform, "second@CORP.example")).status_code == 201
        for email in ("third@elsewhere.example", "third@sub.corp.example", "third@evilcorp.example"):
            assert problem_of(await register(platform, email)) == (403, "mail_domain_not_allowed")


async def test_a_pending_account_sees_itself_until_it_is_let_in(settings: Settings) -> None:
    async with platform_on(with_auth(settings, newcomer_role="pending")) as platform:
        admin, newcomer = await platform.sign_up("admin"), await platform.sign_up("newcomer")
        assert (admin.user["role"], newcomer.user["role"]) == ("admin", "pending")
        assert (await newcomer.get("/auth/me"))["role"] == "pending"
        for path in ("/chat/sessions", "/knowledge/collections", "/auth/users"):
            answer = await newcomer.call("GET", path)
            assert problem_of(answer) == (403, "account_pending")
        await admin.patch(f"/auth/users/{newcomer.id}", {"role": "editor"})
        assert (await newcomer.get("/chat/sessions"))["items"] == []


@pytest.mark.only("sqlite")
async def test_a_pending_account_reaches_no_route_but_its_own_account(settings: Settings) -> None:
    """Every route that knows who asks, as the API describes itself."""
    async with platform_on(with_auth(settings, newcomer_role="pending")) as platform:
        await platform.sign_up("admin")
        newcomer = await platform.sign_up("newcomer")
        described = (await platform.client.get("/api/openapi.json")).json()["paths"]
        reached = set()
        for path, methods in described.items():
            for method in methods:
                url = path.replace("{name}", "x")
                for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
                    url = url.replace(f"{{{name}}}", UNKNOWN_ID)
                headers = {"Authorization": f"Bearer {newcomer.tokens['access_token']}"}
                answer = await platform.client.request(method, url, headers=headers)
                if answer.status_code != 403:
                    reached.add(f"{method.upper()} {path}")
    public = {"POST /api/v1/auth/" + name for name in PUBLIC} | {
        "GET /health",
        "GET /health/ready",
        "GET /metrics",
    }
    public |= {f"GET /api/v1/auth/oidc/{name}" for name in OPENID}
    own = r"\w+ /api/v1/auth/(me|sign-ins|second-factor|api-keys)\b"
    assert [each for each in sorted(reached - public) if not re.match(own, each)] == []


OPENID = ("providers", "{provider}/start", "{provider}/callback")
PUBLIC = {
    "register",
    "register/confirm",
    "login",
    "login/second-factor",
    "token",
    "refresh",
    "logout",
    "password-reset",
    "password-reset/confirm",
    "invitations/accept",
    "oidc/redeem",
}


async def test_a_confirmed_address_becomes_an_account(settings: Settings) -> None:
    async with platform_on(with_auth(settings, confirm_addresses=True)) as platform:
        assert (await register(platform, "first@example.com")).json()["is_active"]
        account = (await register(platform, "New@example.com", language="ko")).json()
        assert (account["email"], account["is_active"]) == ("new@example.com", False)
        login = {"email": "new@example.com", "password": PASSWORD}
        assert problem_of(await post(platform, "/login", **login)) == (401, "wrong_credentials")
        token = await token_to(platform, settings, "new@example.com", "confirm")
        assert (await mails_to(platform, settings, "new@example.com"))[0]["Subject"] == "가입 확인"
        refused = await post(platform, "/register/confirm", token=token, password="not the password")
        assert problem_of(refused) == (403, "wrong_password")
        confirmed = await post(platform, "/register/confirm", token=token, password=PASSWORD)
        assert (confirmed.json()["role"], confirmed.json()["is_active"]) == ("user", True)
        again = await post(platform, "/register/confirm", token=token, password=PASSWORD)
        assert problem_of(again) == (422, "invalid_link")
        assert await platform.sign_in("new@example.com")


async def test_registering_tells_nobody_whether_an_address_is_known(settings: Settings) -> None:
    """The same answer and the same work; what differs stands in a mail to the address's owner."""
    async with platform_on(with_auth(settings, confirm_addresses=True)) as platform:
        await register(platform, "known@example.com")
        bodies = []
        for email in ("known@example.com", "new@example.com"):
            answer = await register(platform, email)
            assert answer.status_code == 201
            body = answer.json()
            assert body.pop("email") == email
            bodies.append({name: value for name, value in body.items() if name not in ("id", "created_at")})
        assert bodies[0] == bodies[1]
        [told] = await mails_to(platform, settings, "known@example.com")
        assert "You have an account already" in told["Subject"]
        assert query(settings, "SELECT count(*) FROM auth_user") == [(1,)]


async def test_a_registration_that_nobody_confirms_is_forgotten(settings: Settings) -> None:
    async with platform_on(with_auth(settings, confirm_addresses=True)) as platform:
        await register(platform, "first@example.com")
        await register(platform, "new@example.com")
        token = await token_to(platform, settings, "new@example.com", "confirm")
        execute(settings, f"UPDATE auth_registration SET expires_at = '{PAST}'")
        late = await post(platform, "/register/confirm", token=token, password=PASSWORD)
        assert problem_of(late) == (422, "invalid_link")
        await register(platform, "other@example.com")
        assert query(settings, "SELECT email FROM auth_registration") == [("other@example.com",)]


async def test_fifty_first_registrations_make_one_administrator_where_addresses_are_confirmed(
    settings: Settings,
) -> None:
    async with platform_on(with_auth(settings, confirm_addresses=True)) as platform:
        answers = await asyncio.gather(
            *(register(platform, f"p{number}@example.com") for number in range(50))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert query(settings, "SELECT role FROM auth_user") == [("admin",)]


# Invitations


async def test_an_invitation_gives_an_account_with_its_rights_once(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up("admin")
    kept, deleted = await admin.create_group("Sales"), await admin.create_group("Gone")
    wanted = {"email": "New@example.com", "role": "editor", "group_ids": [kept, deleted]}
    invitation = await admin.post("/auth/invitations", wanted)
    assert invitation["email"] == "new@example.com"
    assert (await admin.get("/auth/invitations"))["items"] == [invitation]
    await admin.delete(f"/auth/groups/{deleted}")
    token = await token_to(platform, settings, "new@example.com", "invitation")
    accept = {"token": token, "name": "New", "password": PASSWORD}
    answers = await asyncio.gather(*(post(platform, "/invitations/accept", **accept) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422, 422, 422]
    tokens = await platform.sign_in("new@example.com")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    me = (await platform.client.get("/api/v1/auth/me", headers=headers)).json()
    assert (me["role"], me["group_ids"]) == ("editor", [kept])
    assert (await admin.get("/auth/invitations"))["items"] == []
    taken = await admin.call("POST", "/auth/invitations", json={"email": "new@example.com"})
    assert problem_of(taken) == (409, "email_taken")


async def test_an_invitation_is_sent_again_withdrawn_and_expires(
    platform: Platform, settings: Settings
) -> None:
    admin = await platform.sign_up("admin")
    path = f"/auth/invitations/{(await admin.post('/auth/invitations', {'email': 'a@example.com'}))['id']}"
    twice = await admin.call("POST", "/auth/invitations", json={"email": "a@example.com"})
    assert problem_of(twice) == (409, "already_invited")
    first = await token_to(platform, settings, "a@example.com", "invitation")
    await admin.post(f"{path}/resend")
    second = await token_to(platform, settings, "a@example.com", "invitation")
    accept = {"name": "A", "password": PASSWORD}
    assert problem_of(await post(platform, "/invitations/accept", token=first, **accept))[1] == "invalid_link"
    execute(settings, f"UPDATE auth_invitation SET expires_at = '{PAST}'")
    late = await post(platform, "/invitations/accept", token=second, **accept)
    assert problem_of(late) == (422, "invalid_link")
    await admin.delete(path)
    assert problem_of(await admin.call("DELETE", path)) == (404, "unknown_invitation")


async def test_only_administrators_invite(platform: Platform) -> None:
    admin = await platform.sign_up("admin")
    person = await platform.sign_up("person")
    answer = await person.call("POST", "/auth/invitations", json={"email": "a@example.com"})
    assert problem_of(answer) == (403, "not_allowed")
    unknown = {"email": "a@example.com", "group_ids": [UNKNOWN_ID]}
    answer = await admin.call("POST", "/auth/invitations", json=unknown)
    assert problem_of(answer) == (422, "unknown_groups")
