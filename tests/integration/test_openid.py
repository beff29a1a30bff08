"""Signing in by an OpenID provider: a real one, by authlib's own server, over TLS."""

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey

from src.infrastructure.settings import AuthSettings, OpenIdProviderSettings, OpenIdSettings, Settings
from tests.builders import Person, Platform, platform_on, problem_of
from tests.databases import query
from tests.standins.mail_server import self_signed
from tests.standins.openid_issuer import CLIENT_ID, CLIENT_SECRET, Issuer, openid_issuer

CALLBACK = "http://127.0.0.1:8000/api/v1/auth/oidc/corp/callback"
KIM = {
    "sub": "k-1",
    "email": "Kim@example.com",
    "email_verified": True,
    "name": "김민수",
    "realm_access": {"roles": ["staff", "sales"]},
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("certificate") / "issuer.pem")


@pytest.fixture(scope="module")
def served(certificate: Path) -> Iterator[Issuer]:
    with openid_issuer(CALLBACK, certificate) as issuer:
        yield issuer


@pytest.fixture
def issuer(served: Issuer) -> Issuer:
    """The provider with Kim signed in, as honest as on the first day."""
    served.user = dict(KIM)
    for told in (served.forge, served.metadata, served.userinfo):
        told.clear()
    served.door.recover()
    return served


@dataclass
class Browser:
    """Follows what the platform and the provider tell it, and keeps cookies."""

    platform: Platform
    certificate: Path

    async def start(self) -> str:
        """Return the address at the provider that the platform leads to."""
        answer = await self.platform.client.get("/api/v1/auth/oidc/corp/start")
        assert answer.status_code == 303, answer.text
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "Path=/api/v1/auth/oidc" in cookie
        return answer.headers["location"]

    async def authorize(self, url: str) -> str:
        """Sign in at the provider; return the address at the platform that it leads back to."""
        trusted = ssl.create_default_context(cafile=self.certificate)
        async with httpx.AsyncClient(verify=trusted) as client:
            answer = await client.get(url)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def come_back(self, url: str) -> str:
        """Return the ticket, or why there is none."""
        parts = urlsplit(url)
        answer = await self.platform.client.get(f"{parts.path}?{parts.query}")
        assert answer.status_code == 303, answer.text
        refused = parse_qs(urlsplit(answer.headers["location"]).query).get("refused")
        return refused[0] if refused else str(answer.cookies["openid_ticket"])

    async def ticket(self) -> str:
        return await self.come_back(await self.authorize(await self.start()))

    async def sign_in(self) -> Person:
        answer = await self.redeem(await self.ticket())
        assert answer.status_code == 200, answer.text
        person = Person(self.platform, "", answer.json(), {})
        person.user = await person.get("/auth/me")
        return person

    async def redeem(self, ticket: str) -> httpx.Response:
        return await self.platform.client.post("/api/v1/auth/oidc/redeem", json={"ticket": ticket})


@asynccontextmanager
async def house(settings: Settings, issuer: Issuer, certificate: Path, **more: Any) -> AsyncIterator[Browser]:
    provider = OpenIdProviderSettings(
        name="corp",
        label="Corp",
        issuer=issuer.url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        claim="realm_access.roles",
        ca_file=certificate,
        **more,
    )
    update = {"openid": OpenIdSettings(providers=(provider,)), "auth": AuthSettings(newcomer_role="pending")}
    async with platform_on(settings.model_copy(update=update)) as platform:
        yield Browser(platform, certificate)


async def test_somebody_unknown_gets_an_account_and_is_known_from_then_on(
    settings: Settings, issuer: Issuer, certificate: Path
) -> None:
    """By issuer and subject: whatever becomes of address and name there."""
    async with house(settings, issuer, certificate) as browser:
        await browser.platform.sign_up("admin")
        kim = await browser.sign_in()
        assert (kim.user["email"], kim.user["name"]) == ("kim@example.com", "김민수")
        assert kim.user["role"] == "pending"
        issuer.user |= {"email": "moved@example.com"}
        assert (await browser.sign_in()).id == kim.id
        listed = await browser.platform.client.get("/api/v1/auth/oidc/providers")
        assert listed.json() == {"items": [{"name": "corp", "label": "Corp"}]}
    events = [str(name) for (name,) in query(settings, "SELECT name FROM event_log")]
    assert events.count("auth.foreign_identity_linked") == 1
    assert events.count("auth.signed_in") == 3


async def test_groups_and_role_follow_the_claims(
    settings: Settings, issuer: Issuer, certificate: Path
) -> None:
    """What the mapping names comes and goes with each sign-in; other groups stay."""
    mapping: dict[str, Any] = {
        "groups": {"sales": "Sales", "law": "Legal", "none": "No such group"},
        "roles": {"boss": "admin", "writers": "editor", "staff": "user"},
    }
    async with house(settings, issuer, certificate, **mapping) as browser:
        admin = await browser.platform.sign_up("admin")
        sales, legal, own = [await admin.create_group(name) for name in ("Sales", "Legal", "Own")]
        kim = await browser.sign_in()
        assert (kim.user["role"], kim.user["group_ids"]) == ("user", [sales])
        await admin.patch(f"/auth/users/{kim.id}", {"group_ids": [sales, own]})
        issuer.user |= {"realm_access": {"roles": ["law", "writers", "boss"]}}
        again = await browser.sign_in()
        assert again.user["role"] == "admin"
        assert sorted(again.user["group_ids"]) == sorted([legal, own])
        await kim.get("/auth/users")  # the sign-in of before has the rights of now
        issuer.user |= {"realm_access": {}}
        last = await browser.sign_in()
        assert (last.user["role"], last.user["group_ids"]) == ("user", [own])


async def test_the_first_of_all_is_the_administrator_and_the_last_one_stays(
    settings: Settings, issuer: Issuer, certificate: Path
) -> None:
    async with house(settings, issuer, certificate, roles={"boss": "admin"}) as browser:
        for _ in range(2):
            assert (await browser.sign_in()).user["role"] == "admin"


@pytest.mark.parametrize(
    ("told", "rules", "refusal"),
    [
        ({}, {}, "openid_account_exists"),
        ({"email_verified": False}, {"link_by_email": True}, "openid_email_not_verified"),
        ({"email": "new@example.com"}, {"create_accounts": False}, "openid_no_account"),
        ({"email": "new@example.com", "email_verified": "yes"}, {}, "openid_email_not_verified"),
        ({"email": "new@example.com\nBcc: a@example.com"}, {}, "openid_email_not_verified"),
    ],
)
async def test_nobody_gets_an_account_that_the_rules_do_not_give(
    settings: Settings,
    issuer: Issuer,
    certificate: Path,
    told: dict[str, Any],
    rules: dict[str, Any],
    refusal: str,
) -> None:
    issuer.user |= told
    async with house(settings, issuer, certificate, **rules) as browser:
        await browser.platform.sign_up("kim")
        assert await browser.ticket() == refusal
    assert query(settings, "SELECT count(*) FROM auth_foreign_identity") == [(0,)]


async def test_a_verified_address_is_linked_where_that_is_allowed(
    settings: Settings, issuer: Issuer, certificate: Path
) -> None:
    async with house(settings, issuer, certificate, link_by_email=True) as browser:
        admin, kim = await browser.platform.sign_up("admin"), await browser.platform.sign_up("kim")
        assert (await browser.sign_in()).id == kim.id
        ticket = await browser.ticket()
        await admin.patch(f"/auth/users/{kim.id}", {"is_active": False})
        assert problem_of(await browser.redeem(ticket)) == (403, "openid_account_closed")
        assert await browser.ticket() == "openid_account_closed"


async def test_who_has_no_password_can_set_one_by_mail_alone(
    settings: Settings, issuer: Issuer, certificate: Path
) -> None:
    async with house(settings, issuer, certificate) as browser:
        kim = await browser.sign_in()
        login = {"email": "kim@example.com", "password": "None"}
        answer = await browser.platform.client.post("/api/v1/auth/login", json=login)
        assert problem_of(answer) == (401, "wrong_credentials")
        change = {"current_password": "", "new_password": "a much better password"}
        answer = await kim.call("POST", "/auth/me/password", json=change)
        assert problem_of(answer) == (409, "no_password")


# What does not hold


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    "forgery",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": ["somebody-else"]},
        {"aud": [CLIENT_ID, "somebody-else"]},  # without saying whom it is for (azp)
        {"exp": 1},
        {"nonce": "another"},
        {"at_hash": "wrong"},
        {"sub": None},
    ],
)
async def test_an_id_token_that_does_not_hold_is_refused(
    settings: Settings, issuer: Issuer, certificate: Path, forgery: dict[str, Any]
) -> None:
    issuer.forge |= forgery
    async with house(settings, issuer, certificate) as browser:
        assert await browser.ticket() == "openid_refused"


@pytest.mark.only("sqlite")
async def test_a_new_key_of_the_provider_is_learnt_and_a_foreign_one_refused(
    settings: Settings, issuer: Issuer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("src.infrastructure.openid.provider.LOOK_AGAIN_SECONDS", 0)
    signing, published = issuer.signing, issuer.published
    async with house(settings, issuer, certificate) as browser:
        await browser.sign_in()
        try:
            issuer.signing = ECKey.generate_key("P-256", {"kid": "new", "use": "sig"})
            assert await browser.ticket() == "openid_refused"
            issuer.published = [*published, issuer.signing]
            await browser.sign_in()
        finally:
            issuer.signing, issuer.published = signing, published


@pytest.mark.only("sqlite")
async def test_the_end_belongs_to_the_beginning(
    settings: Settings, issuer: Issuer, certificate: Path
) -> None:
    """A code is of no use in another browser, with another state, from another provider, or twice."""
    async with house(settings, issuer, certificate) as browser:
        back = await browser.authorize(await browser.start())
        cookies = browser.platform.client.cookies
        kept = cookies["openid_attempt"]
        cookies.clear()
        assert await browser.come_back(back) == "openid_attempt_expired"
        for url in (back.replace("state=", "state=x"), f"{back}&iss=https://elsewhere.example"):
            cookies.set("openid_attempt", kept)
            assert await browser.come_back(url) in ("openid_attempt_expired", "openid_refused")
        cookies.clear()
        await browser.start()  # which begins another attempt
        assert await browser.come_back(back) == "openid_attempt_expired"
        cookies.clear()
        cookies.set("openid_attempt", kept)
        ticket = await browser.come_back(f"{back}&iss={issuer.url}")
        assert (await browser.redeem(ticket)).status_code == 200
        cookies.set("openid_attempt", kept)
        assert await browser.come_back(back) == "openid_refused"
        for forged in (f"{ticket[:-2]}xx", kept, "x"):
            assert problem_of(await browser.redeem(forged)) == (401, "openid_attempt_expired")


@pytest.mark.only("sqlite")
async def test_who_is_refused_there_comes_back_with_nothing(
    settings: Settings, issuer: Issuer, certificate: Path
) -> None:
    async with house(settings, issuer, certificate) as browser:
        state = parse_qs(urlsplit(await browser.start()).query)["state"][0]
        assert await browser.come_back(f"{CALLBACK}?error=access_denied&state={state}") == "openid_refused"
        unknown = await browser.platform.client.get("/api/v1/auth/oidc/other/start")
        assert problem_of(unknown) == (404, "unknown_provider")


@pytest.mark.only("sqlite")
async def test_userinfo_tells_what_the_id_token_leaves_out(
    settings: Settings, issuer: Issuer, certificate: Path
) -> None:
    address = {name: issuer.user.pop(name) for name in ("email", "email_verified")}
    async with house(settings, issuer, certificate) as browser:
        issuer.userinfo |= {"sub": "somebody else", **address}
        assert await browser.ticket() == "openid_refused"
        issuer.userinfo |= {"sub": KIM["sub"]}
        assert (await browser.sign_in()).user["email"] == "kim@example.com"


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(
    ("metadata", "answer"),
    [
        ({"issuer": "https://elsewhere.example"}, (401, "openid_refused")),
        ({"token_endpoint": "http://127.0.0.1/token"}, (401, "openid_refused")),
        ({"padding": "x" * 2_000_000}, (503, "openid_unavailable")),
    ],
)
async def test_a_provider_that_is_not_what_it_should_be_is_not_gone_to(
    settings: Settings,
    issuer: Issuer,
    certificate: Path,
    metadata: dict[str, str],
    answer: tuple[int, str],
) -> None:
    issuer.metadata |= metadata
    async with house(settings, issuer, certificate) as browser:
        start = await browser.platform.client.get("/api/v1/auth/oidc/corp/start")
    assert problem_of(start) == answer


@pytest.mark.only("sqlite")
async def test_a_provider_that_is_down_is_told_and_nothing_else_fails(
    settings: Settings, issuer: Issuer, certificate: Path, tmp_path: Path
) -> None:
    other = self_signed(tmp_path / "other.pem")
    async with house(settings, issuer, other) as browser:  # who it is cannot be proved
        answer = await browser.platform.client.get("/api/v1/auth/oidc/corp/start")
        assert problem_of(answer) == (503, "openid_unavailable")
    async with house(settings, issuer, certificate) as browser:
        back = await browser.authorize(await browser.start())
        issuer.door.fail(502)
        assert await browser.come_back(back) == "openid_unavailable"
        await browser.sign_in()
