"""Health, request ids, headers, and errors that no domain raises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from src.infrastructure.settings import EventSettings, Settings
from tests.builders import UNKNOWN_ID, Person, Platform, platform_on, problem_of, samples_of
from tests.databases import execute, query
from tests.houses import until

ROOT = Path(__file__).parents[2]


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
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "strict-transport-security" not in headers


async def test_a_browser_that_came_by_tls_is_told_to_keep_to_it(platform: Platform) -> None:
    answer = await platform.client.get("https://platform.example/health")
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


async def test_scripts_of_other_pages_may_call_only_where_it_is_set(settings: Settings) -> None:
    """A page of a named origin is let in, without cookies; of any other, a browser hears nothing."""
    server = settings.server.model_copy(update={"cors_origins": ("https://wiki.example.com",)})
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    async with platform_on(settings.model_copy(update={"server": server})) as platform:
        answers = {
            origin: await platform.client.options("/api/v1/chat", headers={"Origin": origin, **asked})
            for origin in ("https://wiki.example.com", "https://evil.example")
        }
    allowed = answers["https://wiki.example.com"].headers
    assert allowed["access-control-allow-origin"] == "https://wiki.example.com"
    assert "access-control-allow-credentials" not in allowed
    assert "access-control-allow-origin" not in answers["https://evil.example"].headers


async def test_an_unexpected_error_shows_nothing_of_itself(settings: Settings) -> None:
    class BrokenLogin:
        async def sign_in(self, *_credentials: object) -> None:
            raise RuntimeError("secret detail")

    async with platform_on(settings, login=BrokenLogin()) as platform:
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


async def park_a_question(platform: Platform, settings: Settings) -> Person:
    """Ask while analytics has lost its table, so that it cannot take what it hears; then bring that back."""
    admin = await platform.sign_up()
    execute(settings, "ALTER TABLE analytics_turn RENAME TO analytics_lost")
    await admin.ask("Hello")
    await until(lambda: len(query(settings, "SELECT 1 FROM event_parked")) == 2)
    execute(settings, "ALTER TABLE analytics_lost RENAME TO analytics_turn")
    return admin


def impatient(settings: Settings) -> Settings:
    events = EventSettings(poll_seconds=0.05, gather_seconds=0, max_attempts=1)
    return settings.model_copy(update={"events": events})


async def test_an_admin_sees_parked_events_and_has_them_taken_again(settings: Settings) -> None:
    async with platform_on(impatient(settings)) as platform:
        admin = await park_a_question(platform, settings)
        page = await admin.get("/operations/events/parked", params={"limit": 1})
        assert page["items"][0]["subscription"] == "analytics.turns"
        assert page["items"][0]["name"] == "chat.message_received"
        assert "analytics_turn" in page["items"][0]["error"]
        following = await admin.get("/operations/events/parked", params={"cursor": page["next_cursor"]})
        assert [each["name"] for each in following["items"]] == ["chat.response_generated"]
        statuses = {each["name"]: each for each in (await admin.get("/operations/events"))["items"]}
        assert statuses["analytics.turns"]["parked"] == 2
        for parked in page["items"] + following["items"]:
            await admin.post(f"/operations/events/parked/{parked['id']}/retry")
        await until(lambda: not query(settings, "SELECT 1 FROM event_parked"))
        totals = (await admin.get("/analytics/dashboard"))["totals"]
        assert (totals["messages"], totals["answers"]) == (1, 1)


async def test_a_replay_makes_the_dashboard_anew_from_the_log(platform: Platform, settings: Settings) -> None:
    """The same rows as before, whatever happened to them."""
    admin = await platform.sign_up()
    group_id = await admin.create_group("Sales", admin)
    for number in range(5):
        answer = await admin.ask(f"Question {number}?")
        await admin.put(f"/chat/messages/{answer['message_id']}/feedback", {"rating": "up"})
    await platform.delivered("analytics.turns")
    tables = ("SELECT * FROM analytics_turn ORDER BY 1", "SELECT * FROM analytics_turn_group ORDER BY 1")
    before = [query(settings, table) for table in tables]
    assert [len(rows) for rows in before] == [5, 10], "each counts in the group, and for everybody"
    execute(settings, "UPDATE analytics_turn SET cost = 1000")
    execute(settings, "DELETE FROM analytics_turn_group")
    await admin.post("/operations/events/analytics.turns/replay")
    await until(lambda: [query(settings, table) for table in tables] == before)
    params = {"group_id": group_id}
    assert (await admin.get("/analytics/dashboard", params=params))["totals"]["feedback_up"] == 5


async def test_every_projection_can_be_replayed(platform: Platform) -> None:
    admin = await platform.sign_up()
    for subscription in (await admin.get("/operations/events"))["items"]:
        path = f"/operations/events/{subscription['name']}/replay"
        replayed = await admin.call("POST", path)
        expected = {"projection": 202, "reaction": 409, "local": 404}[subscription["kind"]]
        assert replayed.status_code == expected, subscription


async def test_only_administrators_look_after_events(platform: Platform) -> None:
    admin, person = await platform.sign_up("admin"), await platform.sign_up("person")
    for method, path in (
        ("GET", "/operations/events"),
        ("GET", "/operations/events/parked"),
        ("POST", f"/operations/events/parked/{UNKNOWN_ID}/retry"),
        ("POST", "/operations/events/analytics.turns/replay"),
    ):
        assert problem_of(await person.call(method, path)) == (403, "not_allowed")
    unknown = await admin.call("POST", f"/operations/events/parked/{UNKNOWN_ID}/retry")
    assert problem_of(unknown) == (404, "unknown_parked_event")


async def test_prometheus_reads_how_events_are_delivered(settings: Settings) -> None:
    async with platform_on(impatient(settings)) as platform:
        admin = await park_a_question(platform, settings)
        await admin.ask("Another?")
        await platform.delivered("analytics.turns")
        text = (await platform.client.get("/metrics")).text
    samples = {
        (sample.name, sample.labels.get("subscription", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["platform_events_parked", "analytics.turns"] == 2
    assert samples["platform_events_delivered_total", "analytics.turns"] == 2
    assert samples["platform_event_lag", "analytics.turns"] == 0
    assert samples["platform_event_log_position", ""] >= 5


def make_events(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `make events DO="..."` calls."""
    environment = {**os.environ, "DATABASE_URL": settings.resolved_database_url}
    command = [sys.executable, "-m", "src.commands.events", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


async def test_the_command_line_looks_after_events_beside_a_running_server(settings: Settings) -> None:
    async with platform_on(impatient(settings)) as platform:
        admin = await park_a_question(platform, settings)
        status = make_events(settings, "status").stdout
        assert re.search(r"^analytics\.turns +projection +\d+ +\d+ +0 +2$", status, re.MULTILINE), status
        parked = make_events(settings, "parked").stdout.splitlines()[1:]
        assert ["chat.message_received" in parked[0], "chat.response_generated" in parked[1]] == [True, True]
        for line in parked:
            assert make_events(settings, "retry", line.split()[0]).returncode == 0
        await until(lambda: not query(settings, "SELECT 1 FROM event_parked"))
        execute(settings, "DELETE FROM analytics_turn")
        assert make_events(settings, "replay", "analytics.turns").returncode == 0
        await until(lambda: query(settings, "SELECT 1 FROM analytics_turn WHERE outcome = 'completed'"))
        assert (await admin.get("/analytics/dashboard"))["totals"]["answers"] == 1
        refused = make_events(settings, "replay", "knowledge.ingestion")
        assert (refused.returncode, "Only a projection" in refused.stderr) == (1, True)


async def test_prometheus_reads_what_was_asked_and_what_it_took(settings: Settings) -> None:
    """Questions, answers, tokens, times and requests count once, by names that nobody outside can make up."""
    async with platform_on(settings) as platform:
        person = await platform.sign_up()
        answers = [await person.ask(f"Question {number}?") for number in range(3)]
        await platform.client.request("INVENTED", "/api/v1/chat/sessions/whatever")
        await platform.client.get("/api/v1/invented")
        text = (await platform.client.get("/metrics")).text
    model = (("model", "embedded"), ("worker", "1"))
    completed = (("model", "embedded"), ("outcome", "completed"), ("worker", "1"))
    assert samples_of(text, "platform_turns_total") == {completed: 3}
    assert samples_of(text, "platform_questions_total") == {(("channel", "chat"), ("worker", "1")): 3}
    assert samples_of(text, "platform_first_token_seconds_count") == {model: 3}
    assert samples_of(text, "platform_model_calls_total") == {model: 3}
    assert samples_of(text, "platform_model_errors_total") == {model: 0}
    tokens = samples_of(text, "platform_tokens_total")
    assert tokens[("direction", "out"), *model] == sum(each["usage"]["tokens_out"] for each in answers)
    requests = {
        tuple(value for _name, value in labels): count
        for labels, count in samples_of(text, "platform_requests_total").items()
    }
    assert requests["POST", "/api/v1/chat", "200", "1"] == 3
    assert requests["GET", "", "404", "1"] == 1
    assert {method for method, *_ in requests} == {"POST", "GET", "other"}
    queues = {dict(labels)["queue"] for labels in samples_of(text, "platform_queue_depth")}
    assert queues == {"answers", "database_reads", "database_writes", "files"}
