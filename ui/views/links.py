"""What the links in mails lead to: `?reset=`, `?confirm=` and `?invitation=` with a token."""

import streamlit as st

from ui.parts import reported
from ui.state import client, language, t

LINKS = {"reset": "link_reset", "confirm": "link_confirm", "invitation": "link_invitation"}


def show() -> bool:
    """Show the form of the link that led here; tell whether there is one."""
    kind = next((kind for kind in LINKS if kind in st.query_params), None)
    if kind is None:
        return False
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title(":material/forum: GenAI Chatbot")
        _form(kind, st.query_params[kind])
    return True


def _form(kind: str, token: str) -> None:
    with st.form("link"):
        st.caption(t(LINKS[kind]))
        name = st.text_input(t("name"), autocomplete="name") if kind == "invitation" else "-"
        known = kind == "confirm"
        password = st.text_input(
            t("password" if known else "new_password"),
            type="password",
            autocomplete="current-password" if known else "new-password",
            help=None if known else t("password_help"),
        )
        if not st.form_submit_button(t("go_on"), type="primary", width="stretch"):
            return
    if not (name and password):
        st.warning(t("fill_in"))
        return
    with reported():
        _redeem(kind, token, name, password)
        st.query_params.clear()
        st.session_state.notice = "link_done"
        st.rerun()


def _redeem(kind: str, token: str, name: str, password: str) -> None:
    match kind:
        case "reset":
            client().reset_password(token, password)
        case "confirm":
            client().confirm(token, password)
        case _:
            client().accept_invitation(token, name, password, language())
