"""The sidebar of the chat: a new one, a search, and all sessions."""

from functools import partial

import streamlit as st

from ui.markdown import plain
from ui.models import Hit, Session
from ui.parts import delete_button, more_button, reported, shown
from ui.state import client, t
from ui.views import budgets
from ui.views.chat import menu
from ui.views.chat.state import open_session, session_id

STEP = 30


def show() -> None:
    with st.sidebar:
        st.button(
            t("new_chat"),
            icon=":material/add:",
            type="primary",
            width="stretch",
            on_click=open_session,
            args=(None,),
        )
        query = st.text_input(
            t("search_chats"),
            placeholder=t("search_chats"),
            icon=":material/search:",
            max_chars=200,
            key="search",
            label_visibility="collapsed",
        )
        _undo()
        with reported():
            budgets.own()
            if query.strip():
                _hits(client().find_messages(query))
            else:
                _sessions()


# The search


def _hits(hits: list[Hit]) -> None:
    if not hits:
        st.caption(t("no_hits"))
    with st.container(key="hits", gap=None):
        for hit in hits:
            st.button(
                plain(hit["session_title"]) or t("untitled"),
                key=f"hit-{hit['id']}",
                type="tertiary",
                width="stretch",
                wrap=False,
                on_click=_open_hit,
                args=(hit,),
            )
            st.caption(plain(hit["excerpt"]))


def _open_hit(hit: Hit) -> None:
    """Open the session where the message stands, on a branch that shows it."""
    open_session(hit["session_id"])
    with reported():
        if all(message["id"] != hit["id"] for message in client().messages(hit["session_id"])):
            client().switch_branch(hit["session_id"], hit["id"])


# The list


def _sessions() -> None:
    pinned = client().sessions(pinned=True).items
    listing = client().sessions(shown("sessions", STEP), pinned=False)
    if pinned:
        st.caption(t("pinned"))
        _list("pinned", pinned)
    st.caption(t("your_chats"))
    _list("chats", listing.items)
    if listing.more:
        more_button("sessions", STEP)
    _trash()


def _list(key: str, sessions: list[Session]) -> None:
    with st.container(key=key, gap=None):
        for session in sessions:
            _session(session)


def _session(session: Session) -> None:
    with st.container(horizontal=True, wrap=False, gap=None, vertical_alignment="center"):
        st.button(
            plain(session["title"]) or t("untitled"),
            key=f"open-{session['id']}",
            type="secondary" if session["id"] == session_id() else "tertiary",
            width="stretch",
            wrap=False,
            on_click=open_session,
            args=(session["id"],),
        )
        menu.show(session)


def _undo() -> None:
    """Offer to take the last deletion back."""
    deleted: Session | None = st.session_state.get("deleted")
    if deleted:
        with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
            st.caption(t("chat_deleted", title=plain(deleted["title"]) or t("untitled")), width="stretch")
            st.button(
                t("undo"),
                icon=":material/undo:",
                type="tertiary",
                key="undo",
                on_click=_restore,
                args=(deleted["id"],),
            )


def _trash() -> None:
    trash = st.expander(t("trash"), icon=":material/delete:", type="compact", on_change="rerun", key="trash")
    if not trash.open:
        return
    with trash:
        sessions = client().sessions(shown("trash", STEP), deleted=True)
        st.caption(t("trash_help" if sessions.items else "trash_empty"))
        for session in sessions.items:
            with st.container(horizontal=True, wrap=False, gap=None, vertical_alignment="center"):
                st.markdown(plain(session["title"]) or t("untitled"), width="stretch")
                st.button(
                    "",
                    icon=":material/undo:",
                    type="tertiary",
                    help=t("restore"),
                    key=f"restore-{session['id']}",
                    on_click=_restore,
                    args=(session["id"],),
                )
                erase = partial(client().delete_session, session["id"])
                delete_button(session["id"], t("erase_chat"), erase)
        if sessions.more:
            more_button("trash", STEP)


def _restore(restored: str) -> None:
    with reported():
        client().restore_session(restored)
        open_session(restored)
