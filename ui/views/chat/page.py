"""The chat page, put together."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

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
    with _place_of_the_next(len(kept), len(said)):
        if wanted:
            answering.answer(wanted)
        elif len(kept) < len(said):
            messages.show(said[len(kept)])


def _before(said: list[Message], wanted: Wish | None) -> list[Message]:
    """Return the messages above the one that is written now: the one that is wanted, or is pending."""
    replaced = wanted and (wanted.edits or wanted.answers_again)
    ends = (at for at, each in enumerate(said) if each["status"] == "pending" or each["id"] == replaced)
    return said[: next(ends, len(said))]


def _place_of_the_next(kept: int, said: int) -> DeltaGenerator:
    """Make room for what is written now; what the run before drew below would stay there until its end."""
    place = st.container()
    for _leftover in range(st.session_state.get("drawn", 0) - kept):
        st.empty()
    st.session_state.drawn = said
    return place


def _welcome() -> None:
    signed_in = user()
    st.space("large")
    st.header(t("welcome", name=plain(signed_in["name"]) if signed_in else ""))
    st.caption(t("tagline"))
    for starter in STARTERS:
        st.button(t(starter), icon=":material/chat_bubble:", on_click=wish, args=(Wish(t(starter)),))
