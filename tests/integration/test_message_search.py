"""The search over one's own messages, through the API, in Korean and other scripts."""

import unicodedata

import pytest

from src.infrastructure.settings import Settings
from tests.builders import Person, Platform, problem_of
from tests.conversations import a_conversation
from tests.databases import execute


async def found(person: Person, q: str, **params: object) -> list[str]:
    hits = (await person.get("/chat/search", params={"q": q, **params}))["items"]
    return [hit["excerpt"] for hit in hits]


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("연차를 신청하는 방법은?", "연차"),
        ("연차를 신청하는 방법은?", "신청 연차"),
        ("연차를 신청하는 방법은?", unicodedata.normalize("NFD", "연차")),
        (unicodedata.normalize("NFD", "연차를 신청하는 방법은?"), "연차"),
        ("The VPN is down", "vpn"),
        ("The vpn is down", "VPN DOWN"),
        ("Über die Straße", "über"),
        ("ÜBER DIE STRASSE", "über"),
        ("Où est l'ÉCOLE ?", "école"),
        (unicodedata.normalize("NFD", "Où est l'école ?"), "ÉCOLE"),
        ("ОТПУСК В МАЕ", "отпуск"),  # noqa: RUF001
        ("Άδεια ΟΔΟΣ", "οδος"),
        ("50% of a_b\\c", "50% a_b\\c"),
        ("日本語の休暇", "休暇"),
        ("two\nlines", "two lines"),
    ],
)
async def test_a_message_is_found_by_pieces_of_its_words(platform: Platform, text: str, q: str) -> None:
    admin = await platform.sign_up()
    await a_conversation(platform, admin, [text])
    assert len(await found(admin, q)) == 1


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("The VPN is down", "vpn up"),
        ("500 of aXb", "50%"),
        ("500 of aXb", "a_b"),
        ("Ecole", "école"),
        ("ОТПУСК", "отпуcк"),  # noqa: RUF001  # with a Latin c
        ("각하", unicodedata.normalize("NFD", "가")),
        ("연차", "연가"),
    ],
)
async def test_what_does_not_hold_every_word_is_not_found(platform: Platform, text: str, q: str) -> None:
    admin = await platform.sign_up()
    await a_conversation(platform, admin, [text])
    assert await found(admin, q) == []


async def test_hits_are_of_all_branches_newest_first_and_come_in_pages(platform: Platform) -> None:
    admin = await platform.sign_up()
    session_id = (await admin.post("/chat/sessions", {"title": "Toys"}))["id"]
    await admin.ask("xylophone 1", session_id)
    first = (await admin.get(f"/chat/sessions/{session_id}/messages"))["items"][0]
    await admin.post(f"/chat/messages/{first['id']}/edit", {"content": "xylophone 2"})
    await a_conversation(platform, admin, ["xylophone 3", "A xylophone it is."], title="Music")
    page = await admin.get("/chat/search", params={"q": "Xylophone", "limit": 3})
    assert [hit["excerpt"] for hit in page["items"]] == ["A xylophone it is.", "xylophone 3", "xylophone 2"]
    assert [hit["role"] for hit in page["items"]] == ["assistant", "user", "user"]
    assert [hit["session_title"] for hit in page["items"]] == ["Music", "Music", "Toys"]
    [last] = (await admin.get("/chat/search", params={"q": "xylophone", "cursor": page["next_cursor"]}))[
        "items"
    ]
    assert (last["id"], last["session_id"]) == (first["id"], session_id)


async def test_a_search_looks_on_until_it_has_a_page(platform: Platform) -> None:
    """Many messages look like hits to the database, to which 가 taken apart is a piece of 각, and are none."""
    admin = await platform.sign_up()
    await a_conversation(platform, admin, ["가"])
    await a_conversation(platform, admin, [unicodedata.normalize("NFD", "각")] * 450)
    await a_conversation(platform, admin, ["가나"])
    assert await found(admin, "가", limit=2) == ["가나", "가"]


async def test_nothing_of_others_and_nothing_deleted_is_found(platform: Platform, settings: Settings) -> None:
    owner, other = await platform.sign_up("owner"), await platform.sign_up("other")
    session_id, _ids = await a_conversation(platform, owner, ["xylophone"])
    await a_conversation(platform, owner, ["xylophone"], is_temporary=True)
    await a_conversation(platform, owner, ["xylophone"], channel="openai")
    assert len(await found(owner, "xylophone")) == 1
    assert await found(other, "xylophone") == []
    await owner.delete(f"/chat/sessions/{session_id}")
    assert await found(owner, "xylophone") == []
    execute(settings, "UPDATE chat_session SET deleted_at = NULL")
    assert len(await found(owner, "xylophone")) == 1


async def test_an_excerpt_is_short_and_holds_the_hit(platform: Platform) -> None:
    admin = await platform.sign_up()
    many = "word " * 300
    for text in (f"{many}xylophone {many}", f"xylophone {many}", f"{many}xylophone"):
        await a_conversation(platform, admin, [text])
    excerpts = await found(admin, "xylophone")
    assert len(excerpts) == 3
    assert all("xylophone" in excerpt and len(excerpt) <= 162 for excerpt in excerpts)
    assert [(each[0] == "…", each[-1] == "…") for each in excerpts] == [
        (True, False),
        (False, True),
        (True, True),
    ]


@pytest.mark.parametrize(
    ("q", "code"),
    [
        ("", "invalid_request"),
        ("x" * 201, "invalid_request"),
        ("a\0b", "invalid_request"),
        (" ", "bad_search"),
        (" ".join(f"w{number}" for number in range(21)), "bad_search"),
    ],
)
async def test_a_bad_search_is_refused(platform: Platform, q: str, code: str) -> None:
    admin = await platform.sign_up()
    assert problem_of(await admin.call("GET", "/chat/search", params={"q": q})) == (422, code)
