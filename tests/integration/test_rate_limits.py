"""How often somebody may ask, through the API: by person, by key, by address, and what the answers say of it."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from src.infrastructure.settings import LimitSettings, Settings
from tests.builders import PASSWORD, UNKNOWN_ID, Platform, platform_on, problem_of
from tests.doors import ask, with_models
from ui.wire import connect

pytestmark = pytest.mark.only("sqlite")

Limited = Callable[..., AbstractAsyncContextManager[Platform]]


@pytest.fixture
def limited(settings: Settings) -> Limited:
    """Starts platforms with these limits alone."""

    @asynccontextmanager
    async def start(*, page: bool = False, **limits: int) -> AsyncIterator[Platform]:
        names = ("user", "api_key", "questions", "address", "sign_in")
        told = LimitSettings(**(dict.fromkeys(names, 0) | limits))
        server = settings.server.model_copy(update={"page": page})
        changes = {"limits": told, "server": server}
        changed = with_models(settings, helper_model="acme/wordless").model_copy(update=changes)
        async with platform_on(changed) as platform:
            yield platform

    return start


def at(platform: Platform, address: str) -> httpx.AsyncClient:
    """Return somebody who calls from another address."""
    transport = httpx.ASGITransport(platform.app, raise_app_exceptions=False, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://platform")


async def statuses(requests: int, call: Callable[[], Any]) -> list[int]:
    return [(await call()).status_code for _ in range(requests)]


async def test_a_person_is_limited_wherever_they_ask_from_and_nobody_else_with_them(limited: Limited) -> None:
    async with limited(user=4) as platform:
        kim, lee = await platform.sign_up("kim"), await platform.sign_up("lee")
        token = {"Authorization": f"Bearer {kim.tokens['access_token']}"}
        first = await kim.call("GET", "/auth/me")
        assert first.headers["RateLimit-Policy"] == '"user";q=4;w=60'
        name, remaining, reset = first.headers["RateLimit"].split(";")
        assert (name, remaining, reset[:2]) == ('"user"', "r=3", "t=")
        async with at(platform, "192.0.2.1") as elsewhere:
            assert await statuses(3, lambda: elsewhere.get("/api/v1/auth/me", headers=token)) == [200] * 3
        refused = await kim.call("GET", "/chat/models")
        assert problem_of(refused) == (429, "too_many_requests")
        assert refused.headers["RateLimit"] == f'"user";r=0;t={refused.headers["Retry-After"]}'
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert (await lee.call("GET", "/auth/me")).status_code == 200
        for path in ("/health", "/metrics"):
            free = await platform.client.get(path, headers=token)
            assert (free.status_code, "RateLimit" in free.headers) == (200, False)
        assert 'platform_requests_refused_total{limit="user",worker="1"} 1.0' in free.text


async def test_questions_have_a_limit_of_their_own_for_a_person_with_all_their_keys(limited: Limited) -> None:
    async with limited(user=100, api_key=100, questions=4) as platform:
        kim = await platform.sign_up("kim")
        keys = [(await kim.post("/auth/api-keys", {"name": name}))["key"] for name in "ab"]
        asked = await kim.call("POST", "/chat", json={"message": " "})
        assert asked.headers["RateLimit-Policy"] == '"user";q=100;w=60, "questions";q=4;w=60'
        assert '"questions";r=3' in asked.headers["RateLimit"]
        for path in (f"/chat/messages/{UNKNOWN_ID}/edit", f"/chat/messages/{UNKNOWN_ID}/regenerate"):
            assert (await kim.call("POST", path, json={"content": "?"})).status_code in (404, 422)
        by_key = await ask(kim, " ", key=keys[0])
        assert (by_key.status_code, by_key.headers["RateLimit-Policy"]) == (
            400,
            '"api-key";q=100;w=60, "questions";q=4;w=60',
        )
        refused = await ask(kim, key=keys[1])
        assert (refused.status_code, refused.headers["content-type"]) == (429, "application/json")
        error = refused.json()["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
        assert int(refused.headers["Retry-After"]) >= 1
        path = f"/chat/sessions/{UNKNOWN_ID}/messages"
        assert problem_of(await kim.call("POST", path, json={"content": "?"}))[0] == 429
        assert (await kim.call("GET", "/chat/sessions")).status_code == 200


async def test_each_api_key_has_its_own_limit(limited: Limited) -> None:
    async with limited(api_key=2) as platform:
        kim = await platform.sign_up("kim")
        keys = [(await kim.post("/auth/api-keys", {"name": name}))["key"] for name in "ab"]
        for key in keys:
            headers = {"Authorization": f"Bearer {key}"}
            told = await statuses(3, lambda h=headers: platform.client.get("/v1/models", headers=h))  # type: ignore[misc]
            assert told == [200, 200, 429]
        assert (await kim.call("GET", "/auth/me")).status_code == 200


async def test_whoever_shows_no_credential_is_limited_by_address(limited: Limited) -> None:
    """An IPv6 address counts as its network, for one customer has all of that."""
    async with limited(address=3) as platform:
        kim = await platform.sign_up("kim")
        for here, also_here in (("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::ffff:2")):
            async with at(platform, here) as one, at(platform, also_here) as two:
                assert await statuses(2, lambda c=one: c.get("/api/v1/auth/me")) == [401, 401]  # type: ignore[misc]
                assert await statuses(2, lambda c=two: c.get("/v1/models")) == [401, 429]  # type: ignore[misc]
                token = {"Authorization": f"Bearer {kim.tokens['access_token']}"}
                signed_in = await one.get("/api/v1/auth/me", headers=token)
                assert (signed_in.status_code, "RateLimit" in signed_in.headers) == (200, False)
        async with at(platform, "2001:db8:0:1::1") as neighbour:
            assert (await neighbour.get("/api/v1/auth/me")).status_code == 401


async def test_refused_credentials_are_no_way_around_the_limit_of_an_address(limited: Limited) -> None:
    async with limited(address=3) as platform:
        await platform.sign_up("kim")
        async with at(platform, "192.0.2.1") as guessing:
            told = [
                (await guessing.get("/api/v1/auth/me", headers={"Authorization": f"Bearer gcb_{n}"}))
                for n in range(5)
            ]
        assert [each.status_code for each in told] == [401, 401, 401, 429, 429]
        assert told[0].headers["RateLimit"].startswith('"refused";r=2;')


@pytest.mark.parametrize("signed_in", [False, True])
async def test_signing_in_is_limited_by_address_whatever_credential_is_sent(
    limited: Limited, *, signed_in: bool
) -> None:
    async with limited(sign_in=5) as platform:
        kim = await platform.sign_up("kim")
        headers = {"Authorization": f"Bearer {kim.tokens['access_token']}"} if signed_in else {}
        wrong = {"email": kim.email, "password": "wrong password"}
        form = {"username": kim.email, "password": "wrong password"}
        account = {"email": "lee@example.com", "password": PASSWORD, "name": "Lee"}
        async with at(platform, "192.0.2.1") as guessing:
            for _ in range(2):
                await guessing.post("/api/v1/auth/login", json=wrong, headers=headers)
                await guessing.post("/api/v1/auth/token", data=form, headers=headers)
            await guessing.post("/api/v1/auth/register", json=account, headers=headers)
            refused = await guessing.post("/api/v1/auth/login", json=wrong, headers=headers)
            assert problem_of(refused) == (429, "too_many_requests")
            renewed = {"refresh_token": kim.tokens["refresh_token"]}
            assert (await guessing.post("/api/v1/auth/refresh", json=renewed)).status_code == 200
        assert (await platform.client.post("/api/v1/auth/login", json=wrong)).status_code == 401


async def test_the_page_is_believed_for_whom_it_asks_and_nobody_else(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page calls from the server's own address, as a proxy there would that passes on what it is told."""
    monkeypatch.setenv("PAGE_KEY", "")
    monkeypatch.setenv("API_URL", "")
    async with limited(sign_in=1, page=True) as platform:
        shown = connect("http://platform", page_key=os.environ["PAGE_KEY"]).headers

        async def sign_in(address: str, headers: Mapping[str, str]) -> int:
            wrong = {"email": "nobody@example.com", "password": "wrong password"}
            told = {**headers, "X-Forwarded-For": address}
            return (await platform.client.post("/api/v1/auth/login", json=wrong, headers=told)).status_code

        assert [await sign_in(f"192.0.2.{host}", shown) for host in (1, 2, 1)] == [401, 401, 429]
        guessed = {"X-Page-Key": "guessed"}
        assert [await sign_in(f"192.0.2.{host}", guessed) for host in (3, 4)] == [401, 429]


async def test_every_route_of_the_api_is_limited(limited: Limited) -> None:
    """For whoever is signed in, and for whoever is not."""
    async with limited(user=10_000, address=10_000, sign_in=10_000) as platform:
        kim = await platform.sign_up("kim")
        looked_at = 0
        for route in iter_route_contexts(platform.app.routes):
            path = route.path or ""
            if not path.startswith(("/api/v1/", "/v1/")):
                continue
            for method in route.methods or ():
                looked_at += 1
                for limit, token in (("address", ""), ("user", f"Bearer {kim.tokens['access_token']}")):
                    if (limit, path) == ("user", "/api/v1/auth/logout"):
                        continue
                    answer = await platform.client.request(
                        method, path.replace("{", "").replace("}", ""), headers={"Authorization": token}
                    )
                    policy = answer.headers["RateLimit-Policy"]
                    assert f'"{limit}"' in policy or '"sign-in"' in policy, (method, path)
        assert looked_at > 50
