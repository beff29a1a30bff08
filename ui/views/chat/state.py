"""What a tab remembers of the chat: which session is open, and what is to be answered next."""

from dataclasses import dataclass

import streamlit as st
from streamlit.typing import UploadedFile

from ui.models import Model, Profile
from ui.state import client


@dataclass(frozen=True)
class Wish:
    """What is to be answered: a new question, one in the place of another, or a message once more."""

    content: str = ""
    files: tuple[UploadedFile, ...] = ()
    edits: str | None = None
    answers_again: str | None = None


def wish(wanted: Wish) -> None:
    """Let this be answered in the run that follows."""
    st.session_state.wish = wanted


def begin() -> Wish | None:
    """Return what is to be answered now, once."""
    wanted: Wish | None = st.session_state.pop("wish", None)
    return wanted


def session_id() -> str | None:
    """Return the open session; None for a chat that has none yet."""
    opened: str | None = st.session_state.get("session_id")
    return opened


def open_session(opened: str | None) -> None:
    st.session_state.session_id = opened
    for passing in ("choices", "deleted", "rated"):
        st.session_state.pop(passing, None)
    st.query_params.pop("shared", None)


def choices() -> tuple[list[Model], list[Profile]]:
    """Return the models and assistants to choose among, as they were when the chat was opened."""
    if "choices" not in st.session_state:
        st.session_state.choices = client().models(), client().profiles()
    models, profiles = st.session_state.choices
    return models, profiles


def model_label(name: str) -> str:
    models, _profiles = choices()
    return next((model["label"] for model in models if model["name"] == name), name)
