"""The page, as a person uses it: a real server, a real browser."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.builders import PASSWORD
from tests.e2e.callers import Caller
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
HANDBOOK = Path(__file__).parents[1] / "documents" / "handbook-ko.md"
COLLEAGUE = "lee@example.com"

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


PLAN = {
    "name": "plan.md",
    "mimeType": "text/markdown",
    "buffer": b"# Project Heron\n\nProject Heron is launched on the third of March in Busan.",
}
LAUNCH = "Where is Project Heron launched?"


@pytest.fixture
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("chromium is not installed")
    expect.set_options(timeout=30 * SECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = window(browser)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    yield page
    screenshot(page, "last.png")  # tells why, when a test failed
    assert not [line for line in told if "Content Security Policy" in line]


def window(browser: Browser) -> Page:
    """Open a window of an English-speaking person."""
    page = browser.new_page(locale="en-US", viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page.set_default_timeout(30 * SECONDS)
    return page


@pytest.mark.only("sqlite")
def test_from_signing_up_to_the_dashboard(server: Server, page: Page) -> None:
    """The first person signs up, uploads documents, asks in two languages, and sees sources and counts."""
    page.goto(server.url)
    sign_up(page)
    upload_documents(page)
    ask_in_two_languages(page)
    see_the_dashboard(page)


@pytest.mark.only("sqlite")
def test_a_conversation_and_what_can_be_done_with_it(server: Server, browser: Browser, page: Page) -> None:
    """It is answered again, rated, renamed, found, given a file of one's own, and read by a colleague."""
    admin = Caller(server.url)
    admin.sign_in()
    collection = admin.post("/knowledge/collections", {"name": "HR"})["id"]
    admin.upload(collection, HANDBOOK)
    admin.post("/auth/register", {"email": COLLEAGUE, "password": PASSWORD, "name": "Lee"})

    page.goto(server.url)
    sign_in(page, "admin@example.com")
    ask(page, "연차휴가는 며칠 전에 신청하나요?", 1)
    answer_again(page)
    rate(page)
    rename(page)
    link = share(page)
    attach(page)
    find(page)
    colleague = window(browser)
    colleague.goto(link)
    read_what_is_shared(colleague)
    find_no_file_of_others(colleague)


def sign_in(page: Page, email: str) -> None:
    form = page.get_by_role("tabpanel", name="Sign in")
    form.get_by_role("textbox", name="Email").fill(email)
    form.get_by_role("textbox", name="Password").fill(PASSWORD)
    form.get_by_role("button", name="Sign in").click()


def press(where: Page | Locator, name: str) -> None:
    """Press a button by its key: an icon alone has no name, and is there once more for narrow windows."""
    where.locator(f"[class*=st-key-{name}-] button").filter(visible=True).click()


def answer_again(page: Page) -> None:
    """The second answer is a branch beside the first."""
    answer = page.get_by_test_id("stChatMessage").last
    press(answer, "again")
    expect(answer).to_contain_text("2/2")
    press(answer, "earlier_branch")
    expect(answer).to_contain_text("1/2")
    expect(source(answer)).to_contain_text(HANDBOOK.name)


def rate(page: Page) -> None:
    """A thumb down, with why; it is there when the chat is opened again."""
    page.get_by_test_id("stFeedback").locator("button").nth(1).click()
    page.get_by_role("button", name="Out of date").click()
    page.get_by_role("textbox", name="Anything else?").fill("That was in 2019")
    page.get_by_role("button", name="Send", exact=True).click()
    told = page.get_by_text("Out of date · That was in 2019")
    expect(told).to_be_visible()
    page.get_by_role("button", name="New chat").click()
    expect(told).to_be_hidden()
    press(page, "open")
    expect(told).to_be_visible()


def rename(page: Page) -> None:
    press(page, "menu")
    title = page.get_by_role("textbox", name="Title")
    title.fill("Leave in Korean")
    title.press("Enter")
    expect(page.get_by_role("button", name="Leave in Korean")).to_be_visible()


def settled(page: Page) -> None:
    """Wait until the page's script has run: a menu that opens before is closed by what it draws."""
    running = page.get_by_test_id("stApp")
    expect(running).to_have_attribute("data-test-script-state", "notRunning")


def share(page: Page) -> str:
    settled(page)
    press(page, "menu")
    settled(page)
    page.get_by_role("button", name="Share a link").click()
    link = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode")
    expect(link).to_contain_text("?shared=")
    address = link.inner_text().strip()
    page.keyboard.press("Escape")
    return address


def attach(page: Page) -> None:
    """A file of one's own: the question that comes with it is answered from it."""
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_role("heading", name="Hello, Admin")).to_be_visible()
    page.get_by_test_id("stChatInput").locator("input[type=file]").set_input_files(PLAN)
    expect(page.get_by_test_id("stChatInput")).to_contain_text("plan.md")
    answer = ask(page, LAUNCH, 1)
    expect(answer).to_contain_text("Busan")
    expect(source(answer)).to_contain_text("plan.md")
    page.get_by_role("button", name="Files: 1").click()
    expect(page.get_by_test_id("stPopoverBody")).to_contain_text("Ready")
    page.keyboard.press("Escape")


def find(page: Page) -> None:
    """A word of the first question leads back to it."""
    search = page.get_by_role("textbox", name="Search your chats")
    search.fill("며칠 전에")
    search.press("Enter")
    press(page, "hit")
    expect(page.get_by_test_id("stChatMessage").first).to_contain_text("연차휴가는 며칠 전에")


def read_what_is_shared(page: Page) -> None:
    """The link leads through the sign-in to the conversation, which cannot be gone on with."""
    sign_in(page, COLLEAGUE)
    expect(page.get_by_role("heading", name="Leave in Korean")).to_be_visible()
    expect(source(page.get_by_test_id("stChatMessage").last)).to_contain_text(HANDBOOK.name)
    expect(page.get_by_test_id("stChatInput")).to_have_count(0)


def find_no_file_of_others(page: Page) -> None:
    page.get_by_role("button", name="To your chats").click()
    answer = ask(page, LAUNCH, 1)
    expect(answer).not_to_contain_text("Busan")
    expect(answer).to_contain_text("Not based on your documents")


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
    page.get_by_test_id("stChatInputTextArea").fill(question)
    # Not Enter, which does nothing while a file is still on its way; the button waits until it can be pressed.
    page.get_by_test_id("stChatInputSubmitButton").click()
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
