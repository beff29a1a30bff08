"""What can be done with a session."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from ui.models import Session
from ui.parts import reported
from ui.state import client, t
from ui.views.chat.state import open_session, session_id


def show(session: Session) -> None:
    """Draw the session's menu; what is in it is looked up when it is opened."""
    menu = st.popover("", icon=":material/more_vert:", type="tertiary", key=_key(session), on_change="rerun")
    if menu.open:
        with menu, reported():
            _rename(session)
            _item(session, "unpin" if session["pinned"] else "pin", "keep", partial(_pin, session))
            _share(session)
            st.download_button(
                t("export"),
                data=partial(client().export, session["id"]),
                file_name=f"{session['title'] or t('untitled')}.md",
                mime="text/markdown",
                icon=":material/download:",
                type="tertiary",
                key=f"export-{session['id']}",
                on_click="ignore",
            )
            _item(session, "delete", "delete", partial(_delete, session))


def _key(session: Session) -> str:
    return f"menu-{session['id']}-{st.session_state.get('menus_closed', 0)}"


def _close() -> None:
    """Close the menu, by another key: one that is only told to close may open again where it moves to."""
    st.session_state.menus_closed = st.session_state.get("menus_closed", 0) + 1


def _item(session: Session, label: str, icon: str, do: Callable[[], object]) -> None:
    key = f"{label}-{session['id']}"
    st.button(t(label), icon=f":material/{icon}:", type="tertiary", key=key, on_click=_do, args=(do,))


def _do(do: Callable[[], object]) -> None:
    with reported():
        do()


def _rename(session: Session) -> None:
    key = f"title-{session['id']}"
    retitle = partial(_retitle, session, key)
    st.text_input(t("title"), session["title"], max_chars=200, key=key, on_change=_do, args=(retitle,))


def _retitle(session: Session, key: str) -> None:
    if title := st.session_state[key].strip():
        client().change_session(session["id"], title=title)
        _close()


def _pin(session: Session) -> None:
    client().change_session(session["id"], pinned=not session["pinned"])
    _close()


def _share(session: Session) -> None:
    token = client().share_of(session["id"])
    if token is None:
        _item(session, "share", "share", partial(client().share, session["id"]))
        return
    st.caption(t("share_help"))
    st.code(f"{st.context.url or ''}?shared={token}", language=None, wrap_lines=True)
    _item(session, "share_again", "sync", partial(client().share, session["id"]))
    _item(session, "unshare", "link_off", partial(client().revoke_share, session["id"]))


def _delete(session: Session) -> None:
    client().delete_session(session["id"])
    _close()
    if session["id"] == session_id():
        open_session(None)
    st.session_state.deleted = session
