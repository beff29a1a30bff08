"""Every route there is, and who may call it: a table that the OpenAPI document is held against.

A new route needs a line in `TABLE`, and a new kind of id a maker in `MAKERS`. The test says which.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import uuid4

import httpx
import pytest

from src.app import create_app
from src.infrastructure.database.checkpoints import ParkedEvent
from src.infrastructure.settings import AuthSettings, OpenIdProviderSettings, OpenIdSettings, Settings
from src.shared.events.base import utc_now
from src.shared.middleware.authentication import KeyScope
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on
from tests.conversations import database_of
from tests.routes import Route, routes_of
from tests.standins.mail_server import self_signed
from tests.standins.openid_issuer import CLIENT_ID, openid_issuer

Outcome = Literal["in", "401", "403", "404", "scope"]
"""Let in (whatever comes of it), not known, not allowed, answered like what never was, a key too narrow."""

Scope = KeyScope | Literal["any", "none"]
"""What an API key needs: a scope, nothing in particular, or something that no key has."""

PEOPLE = (
    "admin",
    "owner",  # a user, in the group, whose sessions and keys it is about
    "other",  # a user in no group
    "foreigner",  # a user in another group
    "editor",  # of the group
    "foreign editor",  # of another group
    "demoted",  # an administrator until after they signed in
)


@dataclass(frozen=True)
class Rule:
    """Who is let in; everybody else gets `others`. `by_role`: so they do when there is no such thing."""

    insiders: tuple[str, ...]
    others: Outcome = "404"
    unknown: Outcome = "404"
    by_role: bool = False
    exceptions: tuple[tuple[str, Outcome], ...] = ()
    is_open: bool = False

    def expects(self, person: str, *, is_known: bool) -> Outcome:
        if person in self.insiders:
            return "in" if is_known else self.unknown
        outcome = dict(self.exceptions).get(person, self.others)
        return outcome if is_known or (self.by_role and outcome == "403") else self.unknown


OPEN = Rule(PEOPLE, unknown="in", is_open=True)
OPEN_BY_NAME = Rule(PEOPLE, is_open=True)
SIGNED_IN = Rule(PEOPLE, unknown="in")
"""Everybody who is signed in, whatever id they tell: it leads to what is their own."""
NAMED = Rule(PEOPLE)
"""Everybody who is signed in, by a name or a link."""
OWN = Rule(("owner",))
MEMBERS = Rule(("admin", "owner", "editor"))
READERS = Rule(("owner", "editor"))
"""Members of the group. Administrators too read by their groups alone."""
ADMIN = Rule(("admin",), others="403", by_role=True)
ADMIN_OF_ANY = Rule(("admin",), others="403", unknown="in", by_role=True)
"""Chat does not know who there is: a budget may be set for any id."""
EDITORS = Rule(("admin", "editor"), others="403", by_role=True)
EDITED = Rule(("admin", "editor"), others="403", by_role=True, exceptions=(("foreign editor", "404"),))
EDITED_DOCUMENT = Rule(("admin", "editor"), exceptions=(("owner", "403"),))
"""Anybody may try, for it may be their own; who sees it is told that they may not."""

TABLE: dict[str, tuple[Rule, Scope]] = {
    "GET /health": (OPEN, "any"),
    "GET /health/ready": (OPEN, "any"),
    "GET /metrics": (OPEN, "any"),
    # auth
    "POST /auth/register": (OPEN, "any"),
    "POST /auth/login": (OPEN, "any"),
    "POST /auth/token": (OPEN, "any"),
    "POST /auth/refresh": (OPEN, "any"),
    "POST /auth/logout": (OPEN, "any"),
    "POST /auth/register/confirm": (OPEN, "any"),
    "POST /auth/login/second-factor": (OPEN, "any"),
    "POST /auth/password-reset": (OPEN, "any"),
    "POST /auth/password-reset/confirm": (OPEN, "any"),
    "POST /auth/invitations/accept": (OPEN, "any"),
    "GET /auth/oidc/providers": (OPEN, "any"),
    "GET /auth/oidc/{provider}/start": (OPEN_BY_NAME, "any"),
    "GET /auth/oidc/{provider}/callback": (OPEN, "any"),
    "POST /auth/oidc/redeem": (OPEN, "any"),
    "GET /auth/me": (SIGNED_IN, "any"),
    "PATCH /auth/me": (SIGNED_IN, "none"),
    "POST /auth/me/password": (SIGNED_IN, "none"),
    "GET /auth/sign-ins": (SIGNED_IN, "none"),
    "POST /auth/sign-ins/end-others": (SIGNED_IN, "none"),
    "DELETE /auth/sign-ins/{sign_in_id}": (OWN, "none"),
    "GET /auth/second-factor": (SIGNED_IN, "none"),
    "POST /auth/second-factor": (SIGNED_IN, "none"),
    "POST /auth/second-factor/confirm": (SIGNED_IN, "none"),
    "DELETE /auth/second-factor": (SIGNED_IN, "none"),
    "POST /auth/api-keys": (SIGNED_IN, "none"),
    "GET /auth/api-keys": (SIGNED_IN, "none"),
    "DELETE /auth/api-keys/{key_id}": (OWN, "none"),
    "GET /auth/users": (ADMIN, "admin"),
    "PATCH /auth/users/{user_id}": (ADMIN, "admin"),
    "GET /auth/users/{user_id}/api-keys": (ADMIN, "admin"),
    "DELETE /auth/users/{user_id}/api-keys/{key_id}": (ADMIN, "admin"),
    "POST /auth/groups": (ADMIN, "admin"),
    "GET /auth/groups": (ADMIN, "admin"),
    "PATCH /auth/groups/{group_id}": (ADMIN, "admin"),
    "DELETE /auth/groups/{group_id}": (ADMIN, "admin"),
    "GET /auth/groups/{group_id}/members": (ADMIN, "admin"),
    "PUT /auth/groups/{group_id}/members/{user_id}": (ADMIN, "admin"),
    "DELETE /auth/groups/{group_id}/members/{user_id}": (ADMIN, "admin"),
    "DELETE /auth/users/{user_id}/second-factor": (ADMIN, "admin"),
    "POST /auth/invitations": (ADMIN, "admin"),
    "GET /auth/invitations": (ADMIN, "admin"),
    "POST /auth/invitations/{invitation_id}/resend": (ADMIN, "admin"),
    "DELETE /auth/invitations/{invitation_id}": (ADMIN, "admin"),
    "GET /auth/audit": (ADMIN, "admin"),
    "GET /auth/audit/head": (ADMIN, "admin"),
    "GET /auth/audit/export.csv": (ADMIN, "admin"),
    # chat
    "POST /chat": (SIGNED_IN, "chat"),
    "POST /chat/sessions": (SIGNED_IN, "chat"),
    "GET /chat/sessions": (SIGNED_IN, "chat"),
    "GET /chat/sessions/{session_id}": (OWN, "chat"),
    "PATCH /chat/sessions/{session_id}": (OWN, "chat"),
    "DELETE /chat/sessions/{session_id}": (OWN, "chat"),
    "POST /chat/sessions/{session_id}/restore": (OWN, "chat"),
    "PUT /chat/sessions/{session_id}/branch": (OWN, "chat"),
    "GET /chat/sessions/{session_id}/export": (OWN, "chat"),
    "POST /chat/sessions/{session_id}/share": (OWN, "chat"),
    "GET /chat/sessions/{session_id}/share": (OWN, "chat"),
    "DELETE /chat/sessions/{session_id}/share": (OWN, "chat"),
    "GET /chat/shared/{token}": (NAMED, "chat"),
    "GET /chat/sessions/{session_id}/messages": (OWN, "chat"),
    "POST /chat/sessions/{session_id}/messages": (OWN, "chat"),
    "GET /chat/messages/{message_id}": (OWN, "chat"),
    "POST /chat/messages/{message_id}/edit": (OWN, "chat"),
    "POST /chat/messages/{message_id}/regenerate": (OWN, "chat"),
    "GET /chat/messages/{message_id}/stream": (OWN, "chat"),
    "POST /chat/messages/{message_id}/stop": (OWN, "chat"),
    "PUT /chat/messages/{message_id}/feedback": (OWN, "chat"),
    "DELETE /chat/messages/{message_id}/feedback": (OWN, "chat"),
    "GET /chat/search": (SIGNED_IN, "chat"),
    "POST /chat/profiles": (ADMIN, "admin"),
    "GET /chat/profiles": (SIGNED_IN, "chat"),
    "GET /chat/profiles/{profile_id}": (MEMBERS, "chat"),
    "PATCH /chat/profiles/{profile_id}": (ADMIN, "admin"),
    "DELETE /chat/profiles/{profile_id}": (ADMIN, "admin"),
    "GET /chat/models": (SIGNED_IN, "chat"),
    "GET /chat/tools": (SIGNED_IN, "chat"),
    "GET /chat/budgets/mine": (SIGNED_IN, "chat"),
    "GET /chat/budgets": (ADMIN, "admin"),
    "GET /chat/budgets/{scope}": (ADMIN_OF_ANY, "admin"),
    "PUT /chat/budgets/{scope}": (ADMIN_OF_ANY, "admin"),
    "DELETE /chat/budgets/{scope}": (ADMIN, "admin"),
    "GET /chat/budgets/{kind}/{subject_id}": (ADMIN, "admin"),
    "PUT /chat/budgets/{kind}/{subject_id}": (ADMIN_OF_ANY, "admin"),
    "DELETE /chat/budgets/{kind}/{subject_id}": (ADMIN_OF_ANY, "admin"),
    "GET /chat/guardrails/rules": (ADMIN, "admin"),
    "POST /chat/guardrails/rules": (ADMIN, "admin"),
    "PATCH /chat/guardrails/rules/{rule_id}": (ADMIN, "admin"),
    "DELETE /chat/guardrails/rules/{rule_id}": (ADMIN, "admin"),
    "POST /chat/guardrails/try": (ADMIN, "admin"),
    "GET /v1/models": (SIGNED_IN, "chat"),
    "GET /v1/models/{name}": (NAMED, "chat"),
    "POST /v1/chat/completions": (SIGNED_IN, "chat"),
    # knowledge
    "POST /knowledge/collections": (EDITORS, "knowledge:write"),
    "GET /knowledge/collections": (SIGNED_IN, "knowledge:read"),
    "GET /knowledge/collections/{collection_id}": (MEMBERS, "knowledge:read"),
    "PATCH /knowledge/collections/{collection_id}": (EDITED, "knowledge:write"),
    "DELETE /knowledge/collections/{collection_id}": (EDITED, "knowledge:write"),
    "GET /knowledge/collections/{collection_id}/documents": (MEMBERS, "knowledge:read"),
    "POST /knowledge/collections/{collection_id}/documents": (EDITED, "knowledge:write"),
    "POST /knowledge/collections/{collection_id}/urls": (EDITED, "knowledge:write"),
    "GET /knowledge/sessions/{session_id}/documents": (SIGNED_IN, "knowledge:read"),
    "POST /knowledge/sessions/{session_id}/documents": (SIGNED_IN, "knowledge:write"),
    "GET /knowledge/documents/{document_id}": (MEMBERS, "knowledge:read"),
    "GET /knowledge/documents/{document_id}/passages": (READERS, "knowledge:read"),
    "GET /knowledge/documents/{document_id}/content": (READERS, "knowledge:read"),
    "POST /knowledge/documents/{document_id}/retry": (EDITED_DOCUMENT, "knowledge:write"),
    "DELETE /knowledge/documents/{document_id}": (EDITED_DOCUMENT, "knowledge:write"),
    "POST /knowledge/search": (SIGNED_IN, "knowledge:read"),
    # analytics and operations
    "GET /analytics/dashboard": (ADMIN, "analytics:read"),
    "GET /analytics/usage": (ADMIN, "analytics:read"),
    "GET /analytics/feedback": (ADMIN, "analytics:read"),
    "GET /analytics/export.csv": (ADMIN, "analytics:read"),
    "GET /analytics/export.jsonl": (ADMIN, "analytics:read"),
    "GET /operations/events": (ADMIN, "admin"),
    "GET /operations/events/parked": (ADMIN, "admin"),
    "POST /operations/events/parked/{parked_id}/retry": (ADMIN, "admin"),
    "POST /operations/events/{name}/replay": (ADMIN, "admin"),
}
"""Who may call what, and the scope that an API key needs for it."""

SAID = {
    "url": "http://127.0.0.1:9/",
    "model": "assistant",
    "role": "user",
    "action": "auth.nothing",
    "code": "123456",
    "tool_choice": "auto",
}
"""What is told in fields that do not take any text."""

WRONG = {
    "challenge_expired",
    "invalid_refresh_token",
    "no_second_factor",
    "openid_attempt_expired",
    "wrong_code",
    "wrong_credentials",
    "wrong_password",
}
"""What is said of passwords and codes that do not fit, with the same statuses; whoever hears it was let in."""


@dataclass
class World:
    """A platform with people, and with things that are theirs or their group's."""

    platform: Platform
    people: dict[str, Person]
    disabled: Person
    group_id: str
    fixed: dict[str, str]

    @property
    def admin(self) -> Person:
        return self.people["admin"]

    @property
    def owner(self) -> Person:
        return self.people["owner"]


Maker = Callable[[World], Awaitable[str]]


async def a_session(world: World) -> str:
    """One that is shared."""
    answer = await world.owner.ask("And who else?")
    await world.owner.post(f"/chat/sessions/{answer['session_id']}/share")
    return str(answer["session_id"])


async def an_answer(world: World) -> str:
    """One that was judged."""
    answer = await world.owner.ask("Who may do what?")
    await world.owner.put(f"/chat/messages/{answer['message_id']}/feedback", {"rating": "up"})
    return str(answer["message_id"])


async def a_key(world: World) -> str:
    return str((await world.owner.post("/auth/api-keys", {"name": "Robot"}))["id"])


async def a_group(world: World) -> str:
    return await world.admin.create_group(f"Group {uuid4()}")


async def a_collection(world: World) -> str:
    return await world.admin.create_collection(f"Collection {uuid4()}", [world.group_id])


async def a_document(world: World) -> str:
    collection_id = world.fixed.get("collection_id") or await a_collection(world)
    return await world.admin.upload(collection_id, f"{uuid4()}.txt", b"The code is seven.")


async def a_profile(world: World) -> str:
    body = {"name": f"Profile {uuid4()}", "group_ids": [world.group_id]}
    return str((await world.admin.post("/chat/profiles", body))["id"])


async def a_parked_event(world: World) -> str:
    parked = ParkedEvent(
        subscription="analytics.turns",
        position=1,
        event_id=uuid4(),
        name="auth.user_registered",
        attempts=1,
        error="",
        parked_at=utc_now(),
    )
    await database_of(world.platform).write(lambda uow: uow.session.add(parked))
    return str(parked.id)


async def the_owner(world: World) -> str:
    return world.owner.id


async def a_sign_in(world: World) -> str:
    await world.platform.sign_in(world.owner.email)
    return str((await world.owner.get("/auth/sign-ins"))["items"][-1]["id"])


async def an_invitation(world: World) -> str:
    body = {"email": f"{uuid4()}@example.com"}
    return str((await world.admin.post("/auth/invitations", body))["id"])


async def a_budget(world: World) -> str:
    await world.admin.put(f"/chat/budgets/users/{world.owner.id}", PLENTY)
    return world.owner.id


async def the_default_budget(world: World) -> str:
    await world.admin.put("/chat/budgets/default", PLENTY)
    return "default"


async def budgets_of_people(_world: World) -> str:
    return "users"


async def a_provider(_world: World) -> str:
    return PROVIDER


async def a_rule(world: World) -> str:
    body = {"category": "term", "action": "flag", "directions": ["input"], "terms": [str(uuid4())]}
    return str((await world.admin.post("/chat/guardrails/rules", body))["id"])


PLENTY = {"day": {"tokens": 1_000_000_000}}

MAKERS: dict[str, Maker] = {
    "session_id": a_session,
    "message_id": an_answer,
    "key_id": a_key,
    "user_id": the_owner,
    "group_id": a_group,
    "collection_id": a_collection,
    "document_id": a_document,
    "profile_id": a_profile,
    "parked_id": a_parked_event,
    "sign_in_id": a_sign_in,
    "invitation_id": an_invitation,
    "subject_id": a_budget,
    "scope": the_default_budget,
    "kind": budgets_of_people,
    "rule_id": a_rule,
    "provider": a_provider,
}
"""What stands for an id in a path: something of the owner, or for the owner's group."""

WORDS = {"kind": "users", "scope": "default"}
"""Placeholders that no id stands for."""

PROVIDER = "corp"

NAMES = {"GET /v1/models/{name}": "assistant", "POST /operations/events/{name}/replay": "analytics.turns"}
"""What stands for `{name}`."""


async def a_world(platform: Platform) -> World:
    people = {name: await platform.sign_up(name.replace(" ", "-")) for name in (*PEOPLE, "disabled")}
    admin = people["admin"]
    ours = await admin.create_group("Ours", people["owner"], people["editor"])
    await admin.create_group("Theirs", people["foreigner"], people["foreign editor"])
    for name, change in {
        "editor": {"role": "editor"},
        "foreign editor": {"role": "editor"},
        "demoted": {"role": "admin"},
    }.items():
        await admin.patch(f"/auth/users/{people[name].id}", change)
    people["demoted"].tokens = await platform.sign_in(people["demoted"].email)
    await admin.patch(f"/auth/users/{people['demoted'].id}", {"role": "user"})
    disabled = people.pop("disabled")
    await admin.patch(f"/auth/users/{disabled.id}", {"is_active": False})
    world = World(platform, people, disabled, ours, {})
    for name, make in MAKERS.items():
        world.fixed[name] = await make(world)
    answer = await world.owner.ask("And who else?")
    world.fixed |= {"session_id": answer["session_id"], "message_id": answer["message_id"]}
    share = await world.owner.post(f"/chat/sessions/{answer['session_id']}/share")
    world.fixed["token"] = share["token"]
    await admin.read_to_its_end(world.fixed["document_id"])
    return world


async def call(world: World, route: Route, asker: Person | str | None, values: Mapping[str, str]) -> Outcome:
    """Call a route as somebody, by a key, or as nobody; return what came of it."""
    token = asker.tokens["access_token"] if isinstance(asker, Person) else asker
    changes: dict[str, Any] = {}
    if route.name == "PUT /chat/sessions/{session_id}/branch":
        changes = {"message_id": world.fixed["message_id"]}
    if route.name == "POST /knowledge/collections":
        changes = {"group_ids": [world.group_id]}
    if route.name.startswith("PUT /chat/budgets"):
        changes = PLENTY
    answer = await world.platform.client.request(
        route.method,
        route.filled(values),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        params=route.query(said),
        **route.body(said, changes),
    )
    return outcome_of(answer)


def said(field: str) -> str:
    """Return a valid text for a field."""
    if field in ("email", "username"):
        return f"{uuid4()}@example.com"
    return SAID.get(field) or f"A-{field}-{uuid4()}"


def outcome_of(answer: httpx.Response) -> Outcome:
    assert answer.status_code < 500, answer.text
    if answer.status_code not in (401, 403, 404):
        assert answer.status_code not in (400, 422) or code_of(answer) != "invalid_request", answer.text
        return "in"
    code = code_of(answer)
    if code in ("missing_scope", "sign_in_required"):
        return "scope"
    return "in" if code in WRONG else str(answer.status_code)  # type: ignore[return-value]


def code_of(answer: httpx.Response) -> str:
    problem = answer.json()
    return str(problem.get("code") or problem["error"]["code"])


async def looked_at(world: World, route: Route, rule: Rule, scope: Scope) -> list[str]:
    """Call a route in every way there is; return what is not as the table says."""
    found: list[str] = []

    async def expect(who: str, asker: Person | str | None, expected: Outcome, *, known: bool = True) -> None:
        values = await ids_for(world, route, is_used_up=expected == "in") if known else unknown_ids(route)
        outcome = await call(world, route, asker, values)
        if outcome != expected:
            thing = "" if not route.placeholders else ", an id that is there" if known else ", an unknown id"
            found.append(f"{route.name}: {who}{thing}: {outcome}, and not {expected}")

    for known in (True, False) if route.placeholders else (True,):
        for name, person in world.people.items():
            await expect(name, person, rule.expects(name, is_known=known), known=known)
        await expect("disabled", world.disabled, "401", known=known)
        await expect("anonymous", None, _anonymous(rule, known), known=known)
    holder = world.owner if "owner" in rule.insiders else world.admin
    narrow, right = await keys_for(holder, scope)
    if narrow:
        await expect("a key without the scope", narrow, "scope")
    if right:
        await expect("a key with the scope alone", right, "in")
    return found


def _anonymous(rule: Rule, is_known: bool) -> Outcome:
    if not rule.is_open:
        return "401"
    return "in" if is_known else rule.unknown


async def keys_for(holder: Person, scope: Scope) -> tuple[str | None, str | None]:
    """Return a key of somebody that has all but this scope, and one that has nothing else."""

    async def key(scopes: list[str]) -> str:
        return str((await holder.post("/auth/api-keys", {"name": "R", "scopes": scopes}))["key"])

    everything = list(get_args(KeyScope))
    if scope == "any":
        return None, await key(everything[:1])
    if scope == "none":
        return await key(everything), None
    return await key([each for each in everything if each != scope]), await key([scope])


async def ids_for(world: World, route: Route, *, is_used_up: bool) -> dict[str, str]:
    """Return ids of things that are there; new ones for a call that may delete them."""
    values = world.fixed | {"name": NAMES.get(route.name, "")}
    if route.method == "DELETE" and is_used_up:
        values |= {name: await MAKERS[name](world) for name in route.placeholders}
    return values


def unknown_ids(route: Route) -> dict[str, str]:
    return dict.fromkeys(route.placeholders, UNKNOWN_ID) | WORDS


@pytest.mark.only("sqlite")
def test_every_route_is_in_the_table(settings: Settings) -> None:
    routes = routes_of(create_app(settings))
    names = {route.name for route in routes}
    missing = [
        f'{name} is not in the table. Add: "{name}": (RULE, "scope that an API key needs")'
        for name in sorted(names - TABLE.keys())
    ]
    gone = [f"{name} is in the table, but there is no such route." for name in sorted(TABLE.keys() - names)]
    ids = {name for route in routes for name in route.placeholders} - {*MAKERS, "name", "token"}
    unmade = [
        f"No maker for {{{name}}}. Add one to MAKERS: something of the owner's." for name in sorted(ids)
    ]
    public = [
        f"{route.name}: the document says otherwise than the table whether anybody may call it (PUBLIC)."
        for route in routes
        if route.name in TABLE and (route.operation.get("security") == []) != TABLE[route.name][0].is_open
    ]
    found = missing + gone + unmade + public
    assert not found, "\n" + "\n".join(found)


@pytest.mark.only("sqlite")
async def test_every_route_lets_in_whom_the_table_says(settings: Settings, tmp_path: Path) -> None:
    """With an id that is there, and with one that never was."""
    certificate = self_signed(tmp_path / "issuer.pem")
    with openid_issuer("http://127.0.0.1", certificate) as issuer:
        provider = OpenIdProviderSettings(
            name=PROVIDER, issuer=issuer.url, client_id=CLIENT_ID, ca_file=certificate
        )
        update = {"auth": AuthSettings(api_keys=1_000), "openid": OpenIdSettings(providers=(provider,))}
        found = await all_looked_at(settings.model_copy(update=update))
    assert not found, "\n" + "\n".join(found)


async def all_looked_at(settings: Settings) -> list[str]:
    async with platform_on(settings) as platform:
        world = await a_world(platform)
        found: list[str] = []
        for route in routes_of(platform.app):
            if route.name in TABLE:  # the other test tells which are not
                found += await looked_at(world, route, *TABLE[route.name])
    return found
