"""An answer as it is written: set off, followed, stopped."""

import time
from collections import defaultdict
from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.markdown import plain, safe_markdown
from ui.models import StreamEvent
from ui.parts import reported
from ui.state import client, t
from ui.views.chat import files, settings
from ui.views.chat.parts import bubble, tool_call
from ui.views.chat.state import Wish, session_id

REDRAW_SECONDS = 0.05


def answer(wanted: Wish) -> None:
    """Draw what is asked, and its answer as it is written; what is kept is drawn by the run after it."""
    if not wanted.answers_again:
        with bubble("user"):
            st.text(wanted.content)
            for file in wanted.files:
                st.caption(f":material/attach_file: {plain(file.name)}")
    with bubble("assistant"), reported():
        opened = session_id() or _open()
        if wanted.files and not files.attach(opened, wanted.files):
            return
        if wanted.content or wanted.answers_again:
            _watch(_events(opened, wanted))
        st.rerun()


def follow(message_id: str) -> None:
    """Draw an answer that is being written, from its first word on."""
    with reported():
        _watch(client().follow(message_id))
        st.rerun()


def _open() -> str:
    opened = client().create_session(**settings.chosen())["id"]
    st.session_state.session_id = opened
    return opened


def _events(opened: str, wanted: Wish) -> Iterator[StreamEvent]:
    if wanted.answers_again:
        return client().regenerate(wanted.answers_again)
    if wanted.edits:
        return client().edit(wanted.edits, wanted.content)
    return client().ask(opened, wanted.content)


def _watch(events: Iterator[StreamEvent]) -> None:
    """Draw an answer as far as it has come, as often as an eye can follow.

    `st.write_stream` would show each piece before it is safe: an image is loaded as soon as it is drawn.
    """
    st.session_state.answer_id = None
    tools = defaultdict[int, DeltaGenerator](st.container().empty)
    place = st.empty()
    place.caption(t("searching"))
    st.button(t("stop"), icon=":material/stop_circle:", key="stop", on_click=_stop)
    text, drawn_at = "", 0.0
    for event in events:
        if event.name == "message":
            st.session_state.answer_id = event.data["message_id"]
        elif event.name == "tool":
            with tools[event.data["number"]].container():
                tool_call(event.data)
        elif event.name in ("delta", "reset"):
            text = event.data["text"] if event.name == "reset" else text + event.data["text"]
        if text and time.monotonic() - drawn_at > REDRAW_SECONDS:
            drawn_at = time.monotonic()
            place.markdown(safe_markdown(text))
    place.markdown(safe_markdown(text))


def _stop() -> None:
    """Stop the answer that was being written when this was clicked; what there is of it stays."""
    if st.session_state.answer_id:
        with reported():
            client().stop(st.session_state.answer_id)
