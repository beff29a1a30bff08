"""Sessions in the sidebar and above the messages: found, changed, shared, put into the trash, given files."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.unit.ui.fake_api import FakeApi, answer, page, problem
from tests.unit.ui.parts import CITATION, MESSAGES, SESSION, badges, button, captions, message, model

FILES = "/knowledge/sessions/s1/documents"
SHARE = "/chat/sessions/s1/share"
PROFILE = {"id": "p1", "name": "HR *desk*", "description": "Leave and pay", "model": "big"}
MODELS = {"items": [model("embedded"), model("big", price_in=3, price_out=15)]}


def _document(status: str, **fields: Any) -> dict[str, Any]:
    read = {"reason": None, "version": 1, "pages_done": 0, "pages_total": None, "passage_count": 1}
    return {"id": "d1", "title": "plan.md", "status": status, "size_bytes": 9, **read, **fields}


def _open_menu(chat: AppTest) -> AppTest:
    chat.session_state["menu-s1-0"] = True
    return chat.run()


# The list


def test_a_session_is_opened(api: FakeApi, chat: AppTest) -> None:
    """A click shows its messages; pinned ones stand above the others."""
    api.on("GET", "/chat/sessions?pinned=true", page({**SESSION, "id": "s2", "title": "Pay"}))
    api.on("GET", MESSAGES, page(message("user", "Hello")))
    chat.session_state["session_id"] = None
    chat.run()
    assert [each.label for each in chat.button if (each.key or "").startswith("open-")] == [
        "Pay",
        "Annual leave",
    ]
    button(chat, "Annual leave").click().run()
    assert chat.chat_message[0].text[0].value == "Hello"


def test_a_session_that_is_gone_is_told(api: FakeApi, chat: AppTest) -> None:
    """A session deleted in another tab is reported, and a new chat stays possible."""
    api.on("GET", "/chat/sessions/s1", problem(404, "unknown_session", "There is no such session."))
    chat.run()
    assert "does not exist any more" in chat.error[0].value
    assert button(chat, "New chat")


def test_messages_are_searched(api: FakeApi, chat: AppTest) -> None:
    """Hits stand in the place of the list; one on another branch makes that branch the one that is shown."""
    hit = {"id": "user-2", "session_id": "s1", "session_title": "Annual leave", "excerpt": "연차 *휴가*"}
    api.on("GET", "/chat/search", page(hit))
    api.on("GET", MESSAGES, page(message("user", "Hello")))
    api.on("PUT", "/chat/sessions/s1/branch", SESSION)
    chat.session_state["session_id"] = None
    chat.run()
    chat.text_input(key="search").set_value("연차").run()
    assert "연차" in [request.url.params.get("q") for request in api.requests]
    assert r"연차 \*휴가\*" in captions(chat)
    chat.button(key="hit-user-2").click().run()
    assert chat.session_state["session_id"] == "s1"
    assert api.sent("PUT", "/chat/sessions/s1/branch") == [{"message_id": "user-2"}]


def test_a_hit_that_is_shown_already_changes_no_branch(api: FakeApi, chat: AppTest) -> None:
    """The branch that one was on stays."""
    hit = {"id": "user-1", "session_id": "s1", "session_title": "", "excerpt": "Hello"}
    api.on("GET", "/chat/search", page(hit))
    api.on("GET", MESSAGES, page(message("user", "Hello")))
    chat.run()
    chat.text_input(key="search").set_value("hello").run()
    button(chat, "Untitled chat").click().run()
    assert not api.sent("PUT", "/chat/sessions/s1/branch")


def test_a_search_without_hits_says_so(api: FakeApi, chat: AppTest) -> None:
    api.on("GET", "/chat/search", page())
    chat.run()
    chat.text_input(key="search").set_value("nothing").run()
    assert "No message holds" in captions(chat)


# The menu of a session


def test_a_menu_that_is_closed_asks_nothing(api: FakeApi, chat: AppTest) -> None:
    chat.run()
    assert not api.sent("GET", SHARE)


def test_a_session_is_renamed_and_pinned(api: FakeApi, chat: AppTest) -> None:
    """Each closes the menu; a blank title changes nothing."""
    api.on("PATCH", "/chat/sessions/s1", SESSION)
    _open_menu(chat)
    chat.text_input(key="title-s1").set_value("  ").run()
    chat.text_input(key="title-s1").set_value(" Leave ").run()
    chat.session_state["menu-s1-1"] = True
    chat.run()
    chat.button(key="pin-s1").click().run()
    assert api.sent("PATCH", "/chat/sessions/s1") == [{"title": "Leave"}, {"pinned": True}]
    assert not any(each.key == "pin-s1" for each in chat.button)


def test_a_session_is_deleted_and_brought_back(api: FakeApi, chat: AppTest) -> None:
    """It leaves the page at once; one click undoes that and opens it again."""
    api.on("DELETE", "/chat/sessions/s1", status=204)
    api.on("POST", "/chat/sessions/s1/restore", SESSION)
    _open_menu(chat)
    chat.button(key="delete-s1").click().run()
    assert api.sent("DELETE", "/chat/sessions/s1") == [None]
    assert chat.session_state["session_id"] is None
    assert "Deleted: Annual leave" in captions(chat)
    button(chat, "Undo").click().run()
    assert api.sent("POST", "/chat/sessions/s1/restore") == [None]
    assert chat.session_state["session_id"] == "s1"
    assert "Deleted:" not in captions(chat)


def test_the_trash_restores_and_erases(api: FakeApi, chat: AppTest) -> None:
    """It is looked up when it is opened."""
    api.on("GET", "/chat/sessions?deleted=true", page({**SESSION, "id": "s9", "title": "Old"}))
    api.on("DELETE", "/chat/sessions/s9", status=204)
    chat.run()
    assert not any(request.url.params.get("deleted") for request in api.requests)
    chat.session_state["trash"] = True
    chat.run()
    chat.button(key="delete-s9").click().run()
    assert api.sent("DELETE", "/chat/sessions/s9") == [None]
    chat.button(key="restore-s9").click().run()
    assert api.sent("POST", "/chat/sessions/s9/restore") == [None]


def test_a_session_is_shared_and_no_longer(api: FakeApi, chat: AppTest) -> None:
    """The link holds the token; it can be brought up to date, and revoked."""
    shared = {"token": "tok-en", "created_at": "2026-01-01T00:00:00Z"}
    api.on("GET", SHARE, problem(404, "not_shared", "No."), shared)
    api.on("POST", SHARE, shared, status=201)
    api.on("DELETE", SHARE, status=204)
    _open_menu(chat)
    assert not chat.code
    button(chat, "Share a link").click().run()
    assert chat.code[0].value.endswith("?shared=tok-en")
    button(chat, "Share up to now").click().run()
    button(chat, "Stop sharing").click().run()
    assert len(api.sent("POST", SHARE)) == 2
    assert len(api.sent("DELETE", SHARE)) == 1


def test_a_session_is_downloaded(api: FakeApi, chat: AppTest) -> None:
    """The file is called as the session is, and made when it is wanted."""
    _open_menu(chat)
    assert chat.download_button[0].label == "Download as Markdown"
    assert not api.sent("GET", "/chat/sessions/s1/export")


def test_a_shared_session_is_read(api: FakeApi, chat: AppTest) -> None:
    """Whoever has the link reads all its pages and changes nothing; a click leads back to one's own chats."""
    first = {
        "title": "Leave",
        "created_at": "2026-01-02T00:00:00Z",
        "messages": [message("user", "How many?")],
    }
    answered = message("assistant", "15 ![x](http://evil)", citations=[CITATION])
    api.on("GET", "/chat/shared/tok-en", {**first, "next_cursor": "user-1"})
    api.on("GET", "/chat/shared/tok-en?cursor=user-1", {**first, "messages": [answered], "next_cursor": None})
    chat.query_params["shared"] = "tok-en"
    chat.run()
    assert chat.header[0].value == "Leave"
    assert "2026-01-02" in captions(chat)
    assert chat.chat_message[1].markdown[0].value == "15 ![x]\u200b(http://evil)"
    assert chat.chat_message[1].expander[0].text[0].value == CITATION["text"]
    assert not chat.chat_input
    assert not chat.feedback
    button(chat, "To your chats").click().run()
    assert chat.chat_input


def test_a_link_that_holds_no_longer_is_told(api: FakeApi, chat: AppTest) -> None:
    chat.query_params["shared"] = "gone"
    chat.run()
    assert "does not exist any more" in chat.error[0].value


# Who answers


def test_without_a_choice_nothing_is_offered(chat: AppTest) -> None:
    """One model and no assistant: there is nothing to choose."""
    chat.run()
    assert not chat.selectbox


def test_model_and_assistant_are_chosen_for_a_new_chat(api: FakeApi, chat: AppTest) -> None:
    """They are sent with the session that the first question opens, and so is that it is temporary."""
    api.on("GET", "/chat/models", MODELS)
    api.on("GET", "/chat/profiles", page(PROFILE))
    api.on("POST", "/chat/sessions", {**SESSION, "temporary": True}, status=201)
    api.on("GET", "/chat/sessions/s1", {**SESSION, "temporary": True})
    api.on("POST", MESSAGES, answer())
    chat.session_state["session_id"] = None
    chat.run()
    assert chat.selectbox(key="model-new").options == [
        "Standard model (Embedded)",
        "Embedded",
        "Big · $3 / $15",
    ]
    chat.selectbox(key="profile_id-new").set_value("p1").run()
    assert chat.selectbox(key="model-new").options[0] == "Standard model (Big)"
    chat.selectbox(key="model-new").set_value("embedded")
    chat.toggle[0].set_value(True)
    chat.chat_input[0].set_value("Hello").run()
    expected = {"profile_id": "p1", "model": "embedded", "temporary": True}
    assert api.sent("POST", "/chat/sessions") == [expected]
    assert "Temporary chat" in badges(chat)


def test_the_model_of_a_session_is_changed(api: FakeApi, chat: AppTest) -> None:
    """Also back to the standard one."""
    api.on("GET", "/chat/models", MODELS)
    api.on("GET", "/chat/sessions/s1", {**SESSION, "model": "big"})
    api.on("PATCH", "/chat/sessions/s1", SESSION)
    chat.run()
    assert chat.selectbox(key="model-s1").value == "big"
    chat.selectbox(key="model-s1").set_value("embedded").run()
    chat.selectbox(key="model-s1").set_value("").run()
    assert api.sent("PATCH", "/chat/sessions/s1") == [{"model": "embedded"}, {"model": None}]


# Files


def test_a_file_is_read_before_the_question_is_asked(api: FakeApi, chat: AppTest) -> None:
    """It is put into the session and waited for; then the answer can rest on it."""
    api.on("POST", FILES, {"id": "d1", "status": "pending", "outcome": "new"}, status=202)
    api.on("GET", FILES, page(), page(), page(_document("processing")), page(_document("ready")))
    api.on("POST", MESSAGES, answer(("delta", {"text": "In March."})))
    chat.run()
    chat.chat_input[0].upload("plan.md", b"# Plan").set_value("When?").run()
    sent = [(each.method, each.url.path.removeprefix("/api/v1")) for each in api.requests]
    assert sent.index(("POST", FILES)) < sent.index(("POST", MESSAGES))
    assert b"# Plan" in api.requests[sent.index(("POST", FILES))].content
    assert "Ready" in badges(chat)


@pytest.mark.parametrize(
    ("upload", "document", "told"),
    [
        (problem(409, "too_many_files", "At most 20."), "ready", "no room for another file"),
        ({"id": "d1"}, "failed", "It is damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_and_nothing_asked(
    api: FakeApi, chat: AppTest, upload: dict[str, Any], document: str, told: str
) -> None:
    """An answer without the file would mislead."""
    api.on("POST", FILES, upload)
    api.on("GET", FILES, page(), page(), page(_document(document, reason="It is damaged.")))
    chat.run()
    chat.chat_input[0].upload("plan.md", b"# Plan").set_value("When?").run()
    assert told in chat.error[0].value
    assert r"plan\.md" in chat.error[0].value
    assert not api.sent("POST", MESSAGES)


def test_a_file_without_a_question_is_kept(api: FakeApi, chat: AppTest) -> None:
    """Nothing is asked; the file is there for what is asked later, until it is deleted."""
    api.on("POST", FILES, {"id": "d1"})
    api.on("GET", FILES, page(_document("ready")))
    api.on("DELETE", "/knowledge/documents/d1", status=204)
    chat.run()
    chat.chat_input[0].upload("plan.md", b"# Plan").run()
    assert not api.sent("POST", MESSAGES)
    chat.button(key="detach-d1").click().run()
    assert api.sent("DELETE", "/knowledge/documents/d1") == [None]
