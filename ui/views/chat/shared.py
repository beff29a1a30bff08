"""A session that a colleague shares, to be read."""

import streamlit as st

from ui.markdown import plain, safe_markdown
from ui.models import SharedMessage
from ui.state import client, t
from ui.views.chat.parts import bubble, sources, ungrounded_note
from ui.views.chat.state import open_session, session_id


def show(token: str) -> None:
    """Draw what the link shows, with the sources that its reader may see."""
    st.button(t("to_your_chats"), icon=":material/arrow_back:", on_click=open_session, args=(session_id(),))
    shared = client().shared(token)
    st.header(plain(shared["title"]) or t("untitled"), anchor=False)
    st.caption(f":material/visibility: {t('shared_help', day=shared['created_at'][:10])}")
    for message in shared["messages"]:
        _message(message)


def _message(message: SharedMessage) -> None:
    with bubble(message["role"]):
        if message["role"] == "user":
            st.text(message["content"])
        else:
            st.markdown(safe_markdown(message["content"]))
            ungrounded_note(message)
            sources(message["citations"])
