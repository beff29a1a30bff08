"""Signing in and signing up."""

import html

import streamlit as st

from ui.frame import language_switch
from ui.parts import reported
from ui.state import client, language, sign_in, sign_in_by_code, sign_in_by_ticket, t
from ui.wire import ApiError

TICKET = "openid_ticket"
REFUSALS = {
    "openid_account_exists": "refused_account_exists",
    "openid_no_account": "refused_no_account",
    "openid_email_not_verified": "refused_not_verified",
}


def show() -> None:
    _try_ticket()
    with st.sidebar:
        language_switch()
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        st.title(":material/forum: GenAI Chatbot")
        st.caption(t("tagline"))
        if notice := st.session_state.pop("notice", None):
            st.info(t(notice))
        if challenge := st.session_state.get("challenge"):
            _code_form(challenge)
            return
        if refused := st.query_params.get("refused"):
            st.error(t(REFUSALS.get(refused, "refused_otherwise")))
        signing_in, signing_up, forgotten = st.tabs([t("sign_in"), t("sign_up"), t("forgot_password")])
        with signing_in:
            _sign_in_form()
            with reported():
                _providers()
        with signing_up:
            _sign_up_form()
        with forgotten:
            _reset_form()


def _sign_in_form() -> None:
    with st.form("sign-in"):
        email = st.text_input(t("email"), autocomplete="email")
        password = st.text_input(t("password"), type="password", autocomplete="current-password")
        if st.form_submit_button(t("sign_in"), type="primary", width="stretch"):
            _enter(email, password)


def _try_ticket() -> None:
    """Sign in whom a provider has just sent back; once, for the cookie stays for a minute."""
    ticket = st.context.cookies.get(TICKET)
    if not ticket or ticket == st.session_state.get("tried_ticket"):
        return
    st.session_state.tried_ticket = ticket
    try:
        sign_in_by_ticket(ticket)
    except ApiError:
        return  # too old: the page was reloaded, and shows how to sign in
    st.rerun()


def _providers() -> None:
    for provider in client().providers():
        label, name = html.escape(t("sign_in_by", label=provider["label"])), provider["name"]
        # Not a link of Streamlit's: those open another tab.
        st.html(f'<a class="provider" href="/api/v1/auth/oidc/{name}/start">{label}</a>')


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


def _reset_form() -> None:
    with st.form("forgotten"):
        email = st.text_input(t("email"), autocomplete="email")
        st.caption(t("forgot_help"))
        if st.form_submit_button(t("send_link"), type="primary", width="stretch") and email:
            with reported():
                client().ask_reset(email)
                st.success(t("link_sent"))


def _code_form(challenge: str) -> None:
    with st.form("second-factor"):
        st.caption(t("second_factor"))
        code = st.text_input(t("code"), autocomplete="one-time-code")
        if st.form_submit_button(t("sign_in"), type="primary", width="stretch"):
            with reported():
                try:
                    sign_in_by_code(challenge, code)
                except ApiError as error:
                    if error.code == "challenge_expired":
                        del st.session_state.challenge
                    raise
                del st.session_state.challenge
                st.rerun()


def _enter(email: str, password: str, new_name: str | None = None) -> None:
    """Sign in, after signing up when there is a new name."""
    if not (email and password and new_name != ""):
        st.warning(t("fill_in"))
        return
    with reported():
        if new_name is not None and not client().register(email, password, new_name, language())["is_active"]:
            st.success(t("confirm_mail"))
            return
        try:
            sign_in(email, password)
        except ApiError as error:
            if not error.challenge:
                raise
            st.session_state.challenge = error.challenge
        st.rerun()
