"""How the chat shows messages, has them answered, and takes what people think of them."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.unit.ui.fake_api import FakeApi, answer, events, page, problem
from tests.unit.ui.parts import CITATION, MESSAGES, SESSION, badges, button, captions, message, model
from ui import wire

STREAM = "/chat/messages/assistant-1/stream"
FEEDBACK = "/chat/messages/assistant-1/feedback"
TOOL = {
    "id": "c1",
    "name": "search_knowledge",
    "arguments": '{"query": "연차"}',
    "status": "completed",
    "result": "[1] leave.md\n15 days",
    "milliseconds": 120,
}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client comes back to a broken stream at once."""
    monkeypatch.setattr(wire, "PAUSES", (0,))


# A message as it is kept


def test_an_answer_shows_its_sources(api: FakeApi, chat: AppTest) -> None:
    """Each citation is an expander under the answer; a document's text is plain text."""
    answered = message("assistant", "15 days [1].", citations=[CITATION])
    api.on("GET", MESSAGES, page(message("user", "How *many* days?"), answered))
    chat.run()
    assert [each.name for each in chat.chat_message] == ["user", "assistant"]
    assert chat.chat_message[0].text[0].value == "How *many* days?"
    assert chat.chat_message[1].markdown[0].value == "15 days [1]."
    source = next(expander for expander in chat.expander if "leave" in expander.label)
    assert source.label == r"\[1\] leave\.md · Annual leave"
    assert source.text[0].value == CITATION["text"]


def test_an_ungrounded_answer_is_marked(api: FakeApi, chat: AppTest) -> None:
    """An answer that rests on no document says so."""
    api.on("GET", MESSAGES, page(message("assistant", "I think so.", grounded=False)))
    chat.run()
    assert "Not based on your documents" in badges(chat)


@pytest.mark.parametrize(
    ("status", "code", "notice"),
    [
        ("failed", "model_failed", "could not be finished"),
        ("failed", "context_too_long", "too long for the model"),
        ("interrupted", "interrupted", "was cut short"),
    ],
)
def test_an_unfinished_answer_is_marked(
    api: FakeApi, chat: AppTest, status: str, code: str, notice: str
) -> None:
    """An answer that failed or was cut short says why. It cannot be rated, but asked for again."""
    api.on("GET", MESSAGES, page(message("assistant", "It is", status=status, error_code=code)))
    chat.run()
    assert notice in chat.warning[0].value
    assert not chat.feedback
    assert chat.button(key="again-assistant-1")


def test_an_answer_tells_who_gave_it_and_what_it_cost(api: FakeApi, chat: AppTest) -> None:
    """The model by its label, those that failed before it, and the price, if there is one."""
    api.on("GET", "/chat/models", {"items": [model("embedded"), model("big", label="Big *One*")]})
    usage = {"tokens_in": 900, "tokens_out": 80, "cost": 0.00123}
    answered = message("assistant", "15", model="big", failed_models=["embedded", "gone"], usage=usage)
    api.on("GET", MESSAGES, page(answered))
    chat.run()
    assert r"Big \*One\* · instead of Embedded, gone · \$0.0012" in captions(chat)


def test_calls_of_tools_are_shown(api: FakeApi, chat: AppTest) -> None:
    """Each with its arguments, its result and its time; one that failed says so."""
    failed = {**TOOL, "status": "failed", "arguments": "{not json", "result": "The tool failed."}
    api.on("GET", MESSAGES, page(message("assistant", "15", tool_calls=[TOOL, failed])))
    chat.run()
    good, bad = chat.status
    assert (good.label, good.state) == (r"Tool: search\_knowledge :gray[0.1 s]", "complete")
    assert [code.value for code in good.code] == ['{\n  "query": "연차"\n}', "[1] leave.md\n15 days"]
    assert bad.state == "error"
    assert bad.label.startswith("Tool failed: ")
    assert bad.code[0].value == "{not json"


# Asking


def test_a_question_is_answered(api: FakeApi, chat: AppTest) -> None:
    """The question is sent to the open session; afterwards the saved answer is shown."""
    stream = answer(
        ("tool", {"number": 0, **TOOL, "status": "running", "result": "", "milliseconds": None}),
        ("tool", {"number": 0, **TOOL}),
        ("delta", {"text": "15 "}),
        ("reset", {"text": "20 "}),
        ("delta", {"text": "days."}),
    )
    api.on("POST", MESSAGES, stream)
    saved = page(message("user", "How many?"), message("assistant", "20 days."))
    api.on("GET", MESSAGES, page(), page(), saved)
    chat.run()
    chat.chat_input[0].set_value("How many?").run()
    assert api.sent("POST", MESSAGES) == [{"content": "How many?", "stream": True}]
    assert chat.chat_message[1].markdown[0].value == "20 days."


def test_a_connection_that_stays_broken_keeps_what_came_and_tells_it(api: FakeApi, chat: AppTest) -> None:
    """What came of the answer stays, made safe, with what its tools did above and the error below it."""
    ids = {"session_id": "s1", "message_id": "assistant-1", "user_message_id": "user-1"}
    tool = {"number": 0, **TOOL}
    running = ("tool", {**tool, "status": "running", "milliseconds": None})
    text = ("delta", {"text": "See ![x](http://evil)"})
    api.on("POST", MESSAGES, events(("message", ids), running, ("tool", tool), text))
    api.on("GET", STREAM, problem(503, "unavailable"))
    chat.run()
    chat.chat_input[0].set_value("How many?").run()
    written = chat.chat_message[1]
    assert written.markdown[0].value == "See ![x]\u200b(http://evil)"
    assert [status.state for status in written.status] == ["complete"]
    assert "went wrong on the server" in chat.error[0].value


def test_a_refused_question_is_told(api: FakeApi, chat: AppTest) -> None:
    """The question stays to be read, with the reason below."""
    api.on("POST", MESSAGES, problem(422, "message_too_long", "Shorten it."))
    chat.run()
    chat.chat_input[0].set_value("How many?").run()
    assert chat.chat_message[0].text[0].value == "How many?"
    assert "Shorten it" in chat.error[0].value


def test_an_answer_that_is_still_written_is_followed(api: FakeApi, chat: AppTest) -> None:
    """Whoever comes back to a running answer sees it grow, and then as it was saved."""
    pending = page(message("user", "How many?"), message("assistant", "", status="pending"))
    api.on("GET", MESSAGES, pending, page(message("assistant", "15 days.")))
    api.on("GET", STREAM, answer(("delta", {"text": "15 days."})))
    chat.run()
    assert api.sent("GET", STREAM) == [None]
    assert chat.chat_message[0].markdown[0].value == "15 days."


def test_an_answer_is_stopped(api: FakeApi, chat: AppTest) -> None:
    """A click stops the answer that is being written; what there is of it stays, and says that."""
    ids = {"session_id": "s1", "message_id": "assistant-1", "user_message_id": "user-1"}
    pending = page(message("assistant", "", status="pending"))
    api.on("GET", MESSAGES, pending, page(message("assistant", "It is", status="stopped")))
    api.on("GET", STREAM, events(("message", ids), ("delta", {"text": "It is"})))
    api.on("POST", "/chat/messages/assistant-1/stop", {})
    chat.run()
    assert chat.chat_input[0].disabled
    button(chat, "Stop answering").click().run()
    assert api.sent("POST", "/chat/messages/assistant-1/stop") == [None]
    assert "You stopped this answer" in captions(chat)
    assert chat.chat_message[0].markdown[0].value == "It is"
    assert not chat.chat_input[0].disabled


def test_a_starter_opens_a_session_and_asks(api: FakeApi, signed_in: AppTest) -> None:
    """On an empty chat one click asks a question; the session is made then, not before."""
    api.on("POST", "/chat/sessions", SESSION, status=201)
    api.on("GET", "/chat/sessions/s1", SESSION)
    api.on("GET", "/knowledge/sessions/s1/documents", page())
    api.on("POST", MESSAGES, answer(("delta", {"text": "Like this."})))
    api.on("GET", MESSAGES, page(message("assistant", "Like this.")))
    signed_in.run()
    assert not api.sent("POST", "/chat/sessions")
    button(signed_in, "How do I claim travel expenses?").click().run()
    assert api.sent("POST", MESSAGES)[0]["content"] == "How do I claim travel expenses?"
    assert signed_in.session_state["session_id"] == "s1"


def test_an_answer_is_given_again(api: FakeApi, chat: AppTest) -> None:
    """While it is written, what it replaces is not shown; then its branch is."""
    first, second = message("assistant", "15."), message("assistant", "20.", 2)
    said = [message("user", "How many?"), first, message("user", "Why?", 2), second]
    new = message("assistant", "16.", 3, siblings=["assistant-1", "assistant-3"])
    api.on("GET", MESSAGES, page(*said), page(*said), page(said[0], new))
    api.on("POST", "/chat/messages/assistant-1/regenerate", answer(("delta", {"text": "16."})))
    chat.run()
    chat.button(key="again-assistant-1").click().run()
    assert api.sent("POST", "/chat/messages/assistant-1/regenerate") == [{"stream": True}]
    assert [each.markdown[0].value for each in chat.chat_message if each.name == "assistant"] == ["16."]
    assert "2/2" in captions(chat)


def test_a_question_is_edited(api: FakeApi, chat: AppTest) -> None:
    """The new question stands in the place of the old one."""
    said = [message("user", "How many?"), message("assistant", "15.")]
    new = message("user", "How few?", 2, siblings=["user-1", "user-2"])
    api.on("GET", MESSAGES, page(*said), page(*said), page(new))
    api.on("POST", "/chat/messages/user-1/edit", answer(("delta", {"text": "0."})))
    chat.run()
    chat.text_area(key="text-edit-user-1").set_value(" How few? ")
    button(chat, "Ask this instead").click().run()
    assert api.sent("POST", "/chat/messages/user-1/edit") == [{"content": "How few?", "stream": True}]
    assert chat.chat_message[0].text[0].value == "How few?"


def test_branches_are_switched(api: FakeApi, chat: AppTest) -> None:
    """From the second of three one goes to the first or to the third; a message alone has no branches."""
    middle = message("assistant", "15.", 2, siblings=["assistant-1", "assistant-2", "assistant-3"])
    api.on("GET", MESSAGES, page(message("user", "How many?"), middle))
    api.on("PUT", "/chat/sessions/s1/branch", SESSION)
    chat.run()
    assert "2/3" in captions(chat)
    chat.button(key="earlier_branch-assistant-2").click().run()
    chat.button(key="later_branch-assistant-2").click().run()
    switched = api.sent("PUT", "/chat/sessions/s1/branch")
    assert switched == [{"message_id": "assistant-1"}, {"message_id": "assistant-3"}]
    assert "user-1" not in "".join(each.key or "" for each in chat.button if "branch" in (each.key or ""))


# What people think of an answer


def test_a_thumb_up_is_sent_and_taken_back(api: FakeApi, chat: AppTest) -> None:
    """The same thumb once more takes it back."""
    api.on("GET", MESSAGES, page(message("assistant", "15 days.")))
    api.on("PUT", FEEDBACK, {})
    api.on("DELETE", FEEDBACK, status=204)
    chat.run()
    chat.feedback[0].set_value(1).run()
    chat.feedback[0].set_value(None).run()
    assert api.sent("PUT", FEEDBACK) == [{"rating": "up", "reasons": [], "comment": ""}]
    assert api.sent("DELETE", FEEDBACK) == [None]
    assert not chat.pills


def test_a_thumb_down_asks_why(api: FakeApi, chat: AppTest) -> None:
    """The thumb counts at once; reasons and a comment follow if one likes, and are shown then."""
    rated = message("assistant", "15 days.", feedback="down")
    told = {**rated, "feedback_reasons": ["outdated", "of another program"], "feedback_comment": "From 2019"}
    api.on("GET", MESSAGES, page(message("assistant", "15 days.")), page(rated), page(rated), page(told))
    api.on("PUT", FEEDBACK, {})
    chat.run()
    chat.feedback[0].set_value(0).run()
    chat.pills[0].set_value(["outdated"])
    next(each for each in chat.text_input if each.label == "Anything else?").set_value("From 2019")
    button(chat, "Send").click().run()
    assert [each["reasons"] for each in api.sent("PUT", FEEDBACK)] == [[], ["outdated"]]
    assert api.sent("PUT", FEEDBACK)[1]["comment"] == "From 2019"
    assert not chat.pills
    assert "Out of date · of another program · From 2019" in captions(chat)


def test_an_old_thumb_down_asks_nothing(api: FakeApi, chat: AppTest) -> None:
    """Only whoever has just turned the thumb down is asked why."""
    api.on("GET", MESSAGES, page(message("assistant", "15 days.", feedback="down")))
    chat.run()
    assert chat.feedback[0].value == 0
    assert not chat.pills
