"""Secrets and what people say of themselves, put through every route, are found nowhere they do not belong."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from src.infrastructure.settings import AuthSettings, Settings
from tests.builders import Person, Platform, platform_on
from tests.databases import query
from tests.integration.test_route_rights import World, a_world, ids_for, said
from tests.routes import Route, routes_of

PASSWORD = "kanarienvogel-im-bergwerk-77"
TOKEN = "kanarien-token-4f1d9a0c7be2-and-43-characters"
KEY = "gcb_kanarien-key-0c7be24f1d9a"
NUMBER = "900101-1234568"
"""A resident registration number: what a message may hold, and no log, event or audit entry."""

PLAIN = frozenset(
    (
        "name",
        "email",
        "username",
        "model",
        "role",
        "url",
        "action",
        "type",
        "tool_choice",
        "time_zone",
        "grant_type",
    )
)
"""Fields that name things: what stands in them is told in events and errors on purpose."""


CHANGES = {
    "POST /v1/chat/completions": {"messages": [{"role": "user", "content": NUMBER}], "tools": []},
    "POST /chat/guardrails/rules": {
        "category": "term",
        "directions": ["input"],
        "terms": [NUMBER],
        "profile_id": None,
    },
}
"""What a body must be beside what its schema says."""

REFUSING = frozenset(
    (
        "POST /auth/login",
        "POST /auth/token",
        "POST /auth/refresh",
        "POST /auth/logout",
        "POST /auth/login/second-factor",
        "POST /auth/invitations/accept",
        "POST /auth/password-reset/confirm",
        "POST /auth/register/confirm",
        "POST /auth/second-factor/confirm",
        "DELETE /auth/second-factor",
        "DELETE /auth/users/{user_id}/second-factor",
        "GET /auth/oidc/{provider}/start",
        "GET /auth/oidc/{provider}/callback",
        "POST /auth/oidc/redeem",
        "POST /chat/messages/{message_id}/edit",
        "PUT /chat/sessions/{session_id}/branch",
        "GET /chat/shared/{token}",
        "GET /v1/models/{name}",
        "POST /knowledge/collections/{collection_id}/urls",
        "POST /knowledge/documents/{document_id}/retry",
        "POST /operations/events/{name}/replay",
    )
)
"""Routes that take no canary. Any other one must let some through, or nothing would be tried."""


def canary(field: str) -> str:
    """Return what is put into a field."""
    if "password" in field or "secret" in field:
        return PASSWORD
    if "token" in field or "code" in field:
        return TOKEN
    if field == "model":
        return "embedded"
    return said(field) if field in PLAIN else f"My number is {NUMBER}."


async def put_through(world: World, route: Route, token: str) -> list[httpx.Response]:
    """Call a route with canaries in all that it takes, well formed and not."""
    values = await ids_for(world, route, is_used_up=True)
    values |= {name: canary(name) for name in route.placeholders if name in ("token", "name")}
    told = route.body(canary, CHANGES.get(route.name), full=True)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return [
        await world.platform.client.request(
            route.method,
            route.filled(values),
            headers={**headers, "Content-Type": "application/json"} if "content" in body else headers,
            params=route.query(canary),
            **body,
        )
        for body in (told, *malformed(told))
    ]


def malformed(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield bodies that are refused: of other types, with more fields than there are, and none at all."""
    everything = [PASSWORD, TOKEN, KEY, NUMBER]
    for kind in ("json", "data"):
        if isinstance(told.get(kind), dict):
            yield {"json": dict.fromkeys(told[kind], everything)}
            yield {"json": {**told[kind], "more": everything}}
            yield {"content": " ".join(everything)}


def kept_events(settings: Settings) -> Iterator[str]:
    """Yield what the log holds, but for people's own text, which is emptied with its session."""
    for (payload,) in query(settings, "SELECT payload FROM event_log"):
        yield str(payload)


async def a_secretive_person(platform: Platform) -> tuple[Person, list[str]]:
    """Return somebody whose password is the canary, and what else they have that nobody may know."""
    email = "secretive@example.com"
    account = {"email": email, "password": PASSWORD, "name": "Secretive"}
    user = (await platform.client.post("/api/v1/auth/register", json=account)).json()
    person = Person(platform, email, await platform.sign_in(email, PASSWORD), user)
    key = (await person.post("/auth/api-keys", {"name": "Robot"}))["key"]
    tokens = [person.tokens["access_token"], person.tokens["refresh_token"], key]
    refreshed = await person.post("/auth/refresh", {"refresh_token": tokens[1]})
    await person.post("/auth/logout", {"refresh_token": refreshed["refresh_token"]})
    person.tokens = await platform.sign_in(email, PASSWORD)
    factor = await person.post("/auth/second-factor", {"password": PASSWORD})
    tokens += [refreshed["access_token"], refreshed["refresh_token"], *person.tokens.values()]
    return person, [each for each in (*tokens, factor["secret"]) if isinstance(each, str)]


@pytest.mark.only("sqlite")
async def test_canaries_are_in_no_log_event_audit_entry_or_error(
    settings: Settings, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="httpx")  # that is the caller
    many_keys = settings.model_copy(update={"auth": AuthSettings(api_keys=1_000)})
    errors: dict[str, str] = {}
    accepted: set[str] = set()
    async with platform_on(many_keys) as platform:
        world = await a_world(platform)
        world.fixed["user_id"] = world.people["other"].id  # who has their account closed here
        person, secrets = await a_secretive_person(platform)
        tokens = [each.tokens["access_token"] for each in (world.admin, world.owner, person)]
        for route in routes_of(platform.app):
            for token in (*tokens, "", KEY, TOKEN):
                for answer in await put_through(world, route, token):
                    assert answer.status_code < 500, answer.text
                    accepted |= {route.name} if answer.is_success else set()
                    if answer.is_error:
                        errors[route.name] = errors.get(route.name, "") + answer.text
        for subscription in ("auth.audit", "analytics.turns"):
            await platform.delivered(subscription)
    refused = {route.name for route in routes_of(platform.app)} - accepted
    assert sorted(refused - REFUSING) == []
    output = capsys.readouterr()
    places = {
        "log": output.out + output.err + caplog.text,
        "event": "\n".join(kept_events(settings)),
        "audit": str(query(settings, "SELECT * FROM auth_audit_entry")),
        **errors,
    }
    assert all(len(places[name]) > 10_000 for name in ("log", "event", "audit"))
    canaries = [PASSWORD, TOKEN, KEY, NUMBER, *secrets]
    found = [(place, each) for place, text in places.items() for each in canaries if each in text]
    assert found == []
