"""The page, as a person uses it: a real server, a real browser."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.e2e.conftest import Server

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
SECONDS = 1000

FILES = [
    {
        "name": "휴가 규정.md",
        "mimeType": "text/markdown",
        "buffer": """# 휴가 규정

## 연차 휴가

1년 이상 근무한 직원에게는 매년 15일의 연차 휴가를 준다. 연차 휴가는 3일 전까지 신청한다.

## 경조 휴가

본인이 결혼하는 경우 5일의 경조 휴가를 준다.
""".encode(),
    },
    {
        "name": "travel-expenses.html",
        "mimeType": "text/html",
        "buffer": (
            b"<h1>Travel expenses</h1><p>Employees claim travel expenses within 30 days after the trip. "
            b"A hotel is paid up to 180 dollars per night. Receipts are required for every claim.</p>"
            b"<!-- " + b"as large as real files are " * 120_000 + b"-->"
        ),
    },
]


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser window of an English-speaking person."""
    if not CHROMIUM:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(
            locale="en-US", viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
        )
        page.set_default_timeout(30 * SECONDS)
        yield page
        screenshot(page, "last.png")  # tells why, when a test failed
        browser.close()


def test_from_signing_up_to_the_dashboard(server: Server, page: Page) -> None:
    """The first person signs up, uploads documents, asks in two languages, and sees sources and counts."""
    expect.set_options(timeout=30 * SECONDS)
    page.goto(server.url)
    sign_up(page)
    upload_documents(page)
    ask_in_two_languages(page)
    see_the_dashboard(page)


def sign_up(page: Page) -> None:
    page.get_by_role("tab", name="Sign up").click()
    form = page.get_by_role("tabpanel", name="Sign up")
    form.get_by_role("textbox", name="Name").fill("Kim Minji")
    form.get_by_role("textbox", name="Email").fill("minji@example.com")
    form.get_by_role("textbox", name="Password").fill("correct horse battery")
    form.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Hello, Kim Minji")).to_be_visible()


def upload_documents(page: Page) -> None:
    page.get_by_role("link", name="Documents").click()
    page.get_by_text("New collection").click()
    page.get_by_role("textbox", name="Name").fill("HR")
    page.get_by_role("textbox", name="Description").fill("Rules for everybody")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("heading", name="HR")).to_be_visible()
    page.locator("input[type=file]").set_input_files(FILES)
    for file in FILES:
        expect(page.get_by_test_id("stFileUploader")).to_contain_text(str(file["name"]))
    page.get_by_role("button", name="Add to collection").click()
    expect(page.locator(".stMarkdownBadge", has_text="Ready")).to_have_count(len(FILES))


def ask_in_two_languages(page: Page) -> None:
    page.get_by_role("link", name="Chat").click()
    answer = ask(page, "연차 휴가는 며칠인가요?", 1)
    expect(answer).to_contain_text("15일")
    expect(source(answer)).to_contain_text("휴가 규정.md")
    answer = ask(page, "How much is paid for a hotel per night?", 2)
    expect(answer).to_contain_text("180 dollars")
    expect(source(answer)).to_contain_text("travel-expenses.html")
    source(answer).click()
    text = answer.get_by_test_id("stText")
    expect(text).to_contain_text("Receipts are required for every claim")
    expect(text).to_be_in_viewport(ratio=1)  # the source has opened all the way
    screenshot(page, "chat.png")


def ask(page: Page, question: str, turn: int) -> Locator:
    """Ask, and return the answer once it is complete: then it can be rated."""
    field = page.get_by_test_id("stChatInputTextArea")
    field.fill(question)
    field.press("Enter")
    answers = page.get_by_test_id("stChatMessage").filter(has=page.get_by_test_id("stFeedback"))
    expect(answers).to_have_count(turn)
    return answers.last


def source(answer: Locator) -> Locator:
    """The first source of an answer."""
    return answer.get_by_test_id("stExpander").first.locator("summary")


def see_the_dashboard(page: Page) -> None:
    """The counts follow the chat within a moment: look again until they have."""
    tile = page.get_by_test_id("stMetric").filter(has_text="Messages")
    for patience in (2, 2, 2, 30):
        page.get_by_role("link", name="Dashboard").click()
        with suppress(AssertionError):
            expect(tile).to_contain_text("2", timeout=patience * SECONDS)
            break
    expect(tile).to_contain_text("2", timeout=SECONDS)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    screenshot(page, "dashboard.png")


def screenshot(page: Page, name: str) -> None:
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / name)
