"""What surrounds every page: the menu's entries, the language, and the account."""

from collections.abc import Callable

import streamlit as st

from ui.markdown import plain
from ui.state import language, sign_out, t, user
from ui.texts import LANGUAGES


def page(show: Callable[[], None], name: str, icon: str, default: bool = False) -> st.Page:
    return st.Page(show, title=t(name), icon=f":material/{icon}:", url_path=name, default=default)


def choose_language() -> None:
    """Fix this tab's language: the browser's, until the person chooses another."""
    st.session_state.language = language()


def account() -> None:
    """Draw who is signed in, and the way out."""
    signed_in = user()
    with st.sidebar, st.container(horizontal=True, vertical_alignment="center"):
        if signed_in:
            with st.popover(plain(signed_in["name"]), icon=":material/person:", width="stretch", wrap=False):
                st.text(signed_in["email"])
                st.button(t("sign_out"), icon=":material/logout:", on_click=sign_out)
        language_switch()


def language_switch() -> None:
    st.segmented_control(
        t("language"),
        list(LANGUAGES),
        format_func=lambda choice: LANGUAGES[choice],
        key="language",
        required=True,
        label_visibility="collapsed",
    )
