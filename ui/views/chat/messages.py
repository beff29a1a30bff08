"""A message as it is kept, with what can be done about it."""

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.markdown import plain, safe_markdown
from ui.models import Message
from ui.parts import reported
from ui.state import client, t
from ui.views.chat import answering, rating
from ui.views.chat.parts import bubble, sources, tool_call, ungrounded_note
from ui.views.chat.state import Wish, model_label, session_id, wish

UNFINISHED: Final = {"failed": "answer_failed", "interrupted": "answer_interrupted"}
FAILED_BY_CODE: Final = {"context_too_long": "error_context", "prompt_refused": "error_refused"}


def show(message: Message) -> None:
    with bubble(message["role"]):
        if message["role"] == "user":
            _question(message)
        elif message["status"] == "pending":
            answering.follow(message["id"])
        else:
            _answer(message)


def _question(message: Message) -> None:
    with _row():
        st.text(message["content"], width="stretch")
        _edit(message)
        _branches(message)


def _answer(message: Message) -> None:
    for call in message["tool_calls"]:
        tool_call(call)
    st.markdown(safe_markdown(message["content"]))
    _notes(message)
    sources(message["citations"])
    with _row():
        if message["status"] in ("completed", "stopped"):
            rating.thumbs(message)
        st.button(
            "",
            icon=":material/refresh:",
            type="tertiary",
            help=t("regenerate"),
            key=f"again-{message['id']}",
            on_click=wish,
            args=(Wish(answers_again=message["id"]),),
        )
        _branches(message)
        st.caption(_about(message), width="content")
    rating.reasons(message)


def _row() -> DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", gap="small")


def _notes(message: Message) -> None:
    """Say what a reader should know of an answer that is not whole, or rests on nothing."""
    if message["status"] == "stopped":
        st.caption(f":material/stop_circle: {t('answer_stopped')}")
    elif message["status"] == "blocked":
        st.caption(f":material/shield: {t('answer_blocked')}")
    elif problem := UNFINISHED.get(message["status"]):
        st.warning(t(FAILED_BY_CODE.get(message["error_code"] or "", problem)), icon=":material/warning:")
    ungrounded_note(message)


def _about(message: Message) -> str:
    """Tell which model answered, instead of which, and what that took."""
    about = []
    if message["model"]:
        about.append(plain(model_label(message["model"])))
    if message["failed_models"]:
        failed = ", ".join(map(model_label, message["failed_models"]))
        about.append(t("instead_of", name=plain(failed)))
    if message["usage"] and message["usage"]["cost"] > 0:
        about.append(rf"\${message['usage']['cost']:.2g}")
    return " · ".join(about)


def _edit(message: Message) -> None:
    label, key = t("edit_question"), f"edit-{message['id']}"
    with (
        st.popover("", icon=":material/edit:", type="tertiary", help=label, key=key),
        st.form(f"form-{key}", border=False),
    ):
        content = st.text_area(label, message["content"], key=f"text-{key}", width=420)
        if st.form_submit_button(t("ask_instead"), type="primary") and content.strip():
            wish(Wish(content.strip(), edits=message["id"]))
            st.rerun()


def _branches(message: Message) -> None:
    """Offer the branches at this place, if there are several."""
    siblings = message["siblings"]
    if len(siblings) > 1:
        at = siblings.index(message["id"])
        _branch_button("chevron_left", "earlier_branch", siblings[at - 1] if at else None, message)
        st.caption(f"{at + 1}/{len(siblings)}", width="content")
        later = siblings[at + 1] if at + 1 < len(siblings) else None
        _branch_button("chevron_right", "later_branch", later, message)


def _branch_button(icon: str, label: str, leads_to: str | None, message: Message) -> None:
    st.button(
        "",
        icon=f":material/{icon}:",
        type="tertiary",
        help=t(label),
        key=f"{label}-{message['id']}",
        disabled=leads_to is None,
        on_click=_switch,
        args=(leads_to,),
    )


def _switch(message_id: str) -> None:
    opened = session_id()
    if opened:
        with reported():
            client().switch_branch(opened, message_id)
