"""Health, request ids, headers, and errors that no domain raises."""

import pytest

from src.infrastructure.settings import Settings
from tests.builders import Platform, platform_on, problem_of


async def test_the_server_is_alive_and_ready(platform: Platform) -> None:
    assert (await platform.client.get("/health")).json() == {"status": "ok"}
    ready = await platform.client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {"database": True, "migrations": True, "subscribers": True}
    assert "analytics.turns" in ready.json()["event_lag"]


async def test_the_server_is_not_ready_when_its_subscribers_have_ended(platform: Platform) -> None:
    await platform.app.state.subscriptions.stop()
    answer = await platform.client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["subscribers"] is False


@pytest.mark.parametrize(("sent", "kept"), [("abc-123", True), ("a\tb", False), ("x" * 65, False)])
async def test_a_harmless_request_id_is_kept_and_another_replaced(
    platform: Platform, sent: str, kept: bool
) -> None:
    answer = await platform.client.get("/health", headers={"X-Request-ID": sent})
    assert (answer.headers["x-request-id"] == sent) is kept


async def test_unknown_paths_and_methods_are_problem_documents(platform: Platform) -> None:
    assert problem_of(await platform.client.get("/api/v1/nothing")) == (404, "not_found")
    assert problem_of(await platform.client.put("/api/v1/auth/login")) == (405, "method_not_allowed")


async def test_every_answer_has_the_security_headers(platform: Platform) -> None:
    headers = (await platform.client.get("/api/v1/auth/me")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


async def test_an_unexpected_error_shows_nothing_of_itself(settings: Settings) -> None:
    class BrokenAccounts:
        async def sign_in(self, *_credentials: str) -> None:
            raise RuntimeError("secret detail")

    async with platform_on(settings, accounts=BrokenAccounts()) as platform:
        credentials = {"email": "a@example.com", "password": "whatever it is"}
        answer = await platform.client.post("/api/v1/auth/login", json=credentials)
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert answer.json()["code"] == "internal_error"


async def test_what_was_sent_is_not_repeated_in_a_validation_error(platform: Platform) -> None:
    account = {"email": "no address", "password": "canary", "name": "x", "extra": "canary"}
    answer = await platform.client.post("/api/v1/auth/register", json=account)
    assert problem_of(answer) == (422, "invalid_request")
    assert "canary" not in answer.text
    assert "password" in answer.json()["detail"]


async def test_a_body_that_grows_over_the_bound_is_refused_without_its_length(platform: Platform) -> None:
    async def endless() -> object:
        for _ in range(40):
            yield b"x" * 65_536

    headers = {"Content-Type": "application/json"}
    answer = await platform.client.post("/api/v1/auth/login", content=endless(), headers=headers)
    assert problem_of(answer) == (413, "too_large")


async def test_only_an_upload_may_be_large(platform: Platform) -> None:
    """Another content type does not lift the bound of a route that takes JSON."""
    admin = await platform.sign_up()
    large = await admin.call("POST", "/chat", files={"file": ("a.txt", b"x" * 2_000_000)})
    assert problem_of(large) == (413, "too_large")


async def test_secrets_appear_in_no_log(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    person = await platform.sign_up("logged")
    await person.ask("canary question")
    await platform.client.post(
        "/api/v1/auth/login", json={"email": person.email, "password": "canary password"}
    )
    await platform.client.get("/api/v1/nothing?token=canary", headers={"Authorization": "Bearer canary"})
    logs = "".join(capsys.readouterr())
    assert "/api/v1/chat" in logs
    for secret in ("canary", "correct horse", person.tokens["access_token"], person.tokens["refresh_token"]):
        assert secret not in logs
