"""Signing in and signing up."""

import streamlit as st

from ui.frame import language_switch
from ui.parts import reported
from ui.state import client, sign_in, t


def show() -> None:
    with st.sidebar:
        language_switch()
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title(":material/forum: GenAI Chatbot")
        st.caption(t("tagline"))
        if notice := st.session_state.pop("notice", None):
            st.info(t(notice))
        signing_in, signing_up = st.tabs([t("sign_in"), t("sign_up")])
        with signing_in:
            _sign_in_form()
        with signing_up:
            _sign_up_form()


def _sign_in_form() -> None:
    with st.form("sign-in"):
        email = st.text_input(t("email"), autocomplete="email")
        password = st.text_input(t("password"), type="password", autocomplete="current-password")
        if st.form_submit_button(t("sign_in"), type="primary", width="stretch"):
            _enter(email, password)


def _sign_up_form() -> None:
    with st.form("sign-up"):
        name = st.text_input(t("name"), autocomplete="name")
        email = st.text_input(t("email"), autocomplete="email")
        password = st.text_input(
            t("password"), type="password", autocomplete="new-password", help=t("password_help")
        )
        st.caption(t("first_user"))
        if st.form_submit_button(t("sign_up"), type="primary", width="stretch"):
            _enter(email, password, name)


def _enter(email: str, password: str, new_name: str | None = None) -> None:
    """Sign in, after signing up when there is a new name."""
    if not (email and password and new_name != ""):
        st.warning(t("fill_in"))
        return
    with reported():
        if new_name is not None:
            client().register(email, password, new_name)
        sign_in(email, password)
        st.rerun()
