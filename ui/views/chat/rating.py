"""What a person thinks of an answer: a thumb, and why it points down."""

from typing import Final

import streamlit as st

from ui.markdown import plain
from ui.models import Feedback, Message, Rating
from ui.parts import reported
from ui.state import client, t

THUMBS: Final = {"down": 0, "up": 1}
REASONS: Final = {
    "incorrect": "reason_incorrect",
    "incomplete": "reason_incomplete",
    "off_topic": "reason_off_topic",
    "wrong_sources": "reason_wrong_sources",
    "outdated": "reason_outdated",
    "unclear": "reason_unclear",
}


def thumbs(message: Message) -> None:
    """Draw the thumbs; the one that was chosen takes itself back."""
    key = f"thumbs-{message['id']}"
    given = THUMBS.get(message["feedback"] or "")
    st.feedback("thumbs", key=key, default=given, on_change=_rate, args=(message["id"], key))


def _rate(message_id: str, key: str) -> None:
    chosen = st.session_state[key]
    with reported():
        if chosen is None:
            client().withdraw_rating(message_id)
        else:
            rating: Rating = "up" if chosen == THUMBS["up"] else "down"
            client().rate(message_id, Feedback(rating=rating, reasons=[], comment=""))
    st.session_state.rated = message_id if chosen == THUMBS["down"] else None


def reasons(message: Message) -> None:
    """Ask why a thumb has just been turned down; show what was told of one."""
    if message["feedback"] != "down":
        return
    if st.session_state.get("rated") == message["id"]:
        _ask_why(message["id"])
    elif told := _told(message):
        st.caption(f":material/thumb_down: {plain(told)}")


def _ask_why(message_id: str) -> None:
    with st.form(f"why-{message_id}"):
        chosen = st.pills(
            t("why_down"),
            list(REASONS),
            selection_mode="multi",
            format_func=lambda reason: t(REASONS[reason]),
        )
        comment = st.text_input(t("comment"), max_chars=2000)
        if st.form_submit_button(t("send")):
            with reported():
                client().rate(message_id, Feedback(rating="down", reasons=chosen, comment=comment))
                st.session_state.rated = None
                st.rerun()


def _told(message: Message) -> str:
    """Return reasons and comment on one line; reasons of other programs as they are."""
    named = [t(REASONS[reason]) if reason in REASONS else reason for reason in message["feedback_reasons"]]
    return " · ".join(filter(None, [*named, message["feedback_comment"]]))
