"""The chat: sessions in the sidebar, their messages, and the next question."""

import time
from collections.abc import Iterator
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.markdown import plain, safe_markdown
from ui.models import Citation, Message, Session, StreamEvent
from ui.parts import delete_button, more_button, reported, shown
from ui.state import client, t, user

SESSIONS_STEP = 30
RETRY_SECONDS = 2
REDRAW_SECONDS = 0.05
STARTERS = ("starter_policies", "starter_expenses", "starter_security")
FEEDBACK = {"down": 0, "up": 1}
AVATARS = {"user": ":material/person:", "assistant": ":material/forum:"}
UNFINISHED = {"failed": "answer_failed", "interrupted": "answer_interrupted"}


def show() -> None:
    _sessions()
    messages = client().messages(st.session_state.session_id) if st.session_state.get("session_id") else []
    typed = st.chat_input(t("ask"), submit_mode="disable")
    question = typed or st.session_state.pop("starter", None)
    if not messages and not question:
        _welcome()
    for message in messages:
        _message(message)
    if question:
        _ask(question)


# Sessions


def _sessions() -> None:
    with st.sidebar:
        st.button(
            t("new_chat"),
            icon=":material/add:",
            type="primary",
            width="stretch",
            on_click=_open,
            args=(None,),
        )
        st.caption(t("your_chats"))
        with reported():
            listing = client().sessions(shown("sessions", SESSIONS_STEP))
            with st.container(key="chats", gap=None):
                for session in listing.items:
                    _session(session)
            if listing.more:
                more_button("sessions", SESSIONS_STEP)


def _session(session: Session) -> None:
    is_open = session["id"] == st.session_state.get("session_id")
    with st.container(horizontal=True, wrap=False, gap=None, vertical_alignment="center"):
        st.button(
            plain(session["title"]) or t("untitled"),
            key=f"open-{session['id']}",
            type="secondary" if is_open else "tertiary",
            width="stretch",
            wrap=False,
            on_click=_open,
            args=(session["id"],),
        )
        delete_button(session["id"], t("delete_chat"), partial(_delete, session["id"]))


def _open(session_id: str | None) -> None:
    st.session_state.session_id = session_id


def _delete(session_id: str) -> None:
    client().delete_session(session_id)
    if session_id == st.session_state.get("session_id"):
        _open(None)


# Messages


def _welcome() -> None:
    signed_in = user()
    st.space("large")
    st.header(t("welcome", name=plain(signed_in["name"]) if signed_in else ""))
    st.caption(t("tagline"))
    for starter in STARTERS:
        st.button(t(starter), icon=":material/chat_bubble:", on_click=_start, args=(t(starter),))


def _start(question: str) -> None:
    st.session_state.starter = question


def _message(message: Message) -> None:
    with _bubble(message["role"]):
        if message["role"] == "user":
            st.text(message["content"])
        elif message["status"] == "pending":
            _await_answer(message)
        else:
            _answer(message)


def _bubble(role: str) -> DeltaGenerator:
    return st.chat_message(role, avatar=AVATARS[role])


def _answer(message: Message) -> None:
    st.markdown(safe_markdown(message["content"]))
    if problem := UNFINISHED.get(message["status"]):
        st.warning(t(problem), icon=":material/warning:")
    elif message["grounded"] is False:
        st.badge(t("ungrounded"), icon=":material/warning:", color="orange")
    _sources(message["citations"])
    if message["status"] == "completed":
        key = f"feedback-{message['id']}"
        given = FEEDBACK.get(message["feedback"] or "")
        st.feedback("thumbs", key=key, default=given, on_change=_rate, args=(message["id"], key))


def _sources(citations: list[Citation]) -> None:
    if citations:
        st.caption(t("sources"))
    for citation in citations:
        where = f"[{citation['index']}] " + " · ".join(
            filter(None, (citation["title"], citation["location"]))
        )
        with st.expander(plain(where), icon=":material/description:"):
            st.text(citation["text"])


def _rate(message_id: str, key: str) -> None:
    chosen = st.session_state[key]
    if chosen is not None:
        with reported():
            client().rate(message_id, "up" if chosen == FEEDBACK["up"] else "down")


@st.fragment(run_every=RETRY_SECONDS)
def _await_answer(message: Message) -> None:
    """Look now and then for an answer that is being written elsewhere: in another tab, or by an earlier run."""
    st.markdown(safe_markdown(message["content"]))
    st.caption(t("writing"))
    with reported():
        messages = client().messages(st.session_state.session_id)
        if all(other["status"] != "pending" for other in messages if other["id"] == message["id"]):
            st.rerun()


# Asking


def _ask(question: str) -> None:
    with _bubble("user"):
        st.text(question)
    with _bubble("assistant"), reported():
        place = st.empty()
        place.caption(t("searching"))
        if not st.session_state.get("session_id"):
            _open(client().create_session()["id"])
        for answer in _growing(client().stream(st.session_state.session_id, question)):
            place.markdown(safe_markdown(answer))
        st.rerun()


def _growing(events: Iterator[StreamEvent]) -> Iterator[str]:
    """Yield the answer as far as it has come, as often as an eye can follow.

    `st.write_stream` would show each piece before it is safe: an image is loaded as soon as it is drawn.
    """
    answer, drawn_at = "", 0.0
    for event in events:
        if event.name == "reset":
            answer = event.data["text"]
        elif event.name == "delta":
            answer += event.data["text"]
        if answer and time.monotonic() - drawn_at > REDRAW_SECONDS:
            drawn_at = time.monotonic()
            yield answer
    yield answer
