"""The chat page, put together."""

import streamlit as st

from ui.markdown import plain
from ui.models import Message
from ui.parts import FILE_TYPES
from ui.state import client, t, user
from ui.views.chat import answering, messages, settings, shared, sidebar
from ui.views.chat.state import Wish, begin, session_id, wish

STARTERS = ("starter_policies", "starter_expenses", "starter_security")


def show() -> None:
    sidebar.show()
    if token := st.query_params.get("shared"):
        shared.show(token)
    else:
        _session()


def _session() -> None:
    opened = session_id()
    session = client().session(opened) if opened else None
    said = client().messages(opened) if opened else []
    wanted = begin()
    settings.show(session)
    typed = st.chat_input(
        t("ask"),
        key="question",
        accept_file="multiple",
        file_type=FILE_TYPES,
        submit_mode="disable",
        disabled=wanted is not None or any(message["status"] == "pending" for message in said),
    )
    if typed:
        wanted = Wish(typed.text.strip(), files=tuple(typed.files))
    welcome = st.empty()
    if not said and not wanted:
        with welcome.container():
            _welcome()
    kept = _before(said, wanted)
    for message in kept:
        messages.show(message)
    if wanted:
        place = st.container()
        for _replaced in said[len(kept) :]:
            st.empty()  # what the run before drew here would show below the answer until that is whole
        with place:
            answering.answer(wanted)


def _before(said: list[Message], wanted: Wish | None) -> list[Message]:
    """Return the messages that stay above what is wanted: all, or those before the one that it replaces."""
    replaced = wanted and (wanted.edits or wanted.answers_again)
    ids = [message["id"] for message in said]
    return said[: ids.index(replaced)] if replaced in ids else said


def _welcome() -> None:
    signed_in = user()
    st.space("large")
    st.header(t("welcome", name=plain(signed_in["name"]) if signed_in else ""))
    st.caption(t("tagline"))
    for starter in STARTERS:
        st.button(t(starter), icon=":material/chat_bubble:", on_click=wish, args=(Wish(t(starter)),))
