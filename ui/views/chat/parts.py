"""Parts of a message, as it is written and as it is kept."""

import json
from typing import Final, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.markdown import plain
from ui.models import Citation, SharedMessage, ToolCall
from ui.state import t

AVATARS = {"user": ":material/person:", "assistant": ":material/forum:"}
TOOL_STATES: Final[dict[str, Literal["running", "complete", "error"]]] = {
    "running": "running",
    "completed": "complete",
    "failed": "error",
}


def bubble(role: str) -> DeltaGenerator:
    return st.chat_message(role, avatar=AVATARS[role])


def tool_call(call: ToolCall) -> None:
    """Draw a call of a tool: which, with what, what came of it, and how long it took."""
    label = t("tool_failed" if call["status"] == "failed" else "tool", name=plain(call["name"]))
    if call["milliseconds"] is not None:
        label += f" :gray[{call['milliseconds'] / 1000:.1f} s]"
    with st.status(label, state=TOOL_STATES[call["status"]], type="compact"):
        st.caption(t("tool_arguments"))
        st.code(_readable(call["arguments"]), language="json", wrap_lines=True)
        if call["result"]:
            st.caption(t("tool_result"))
            st.code(call["result"], language=None, wrap_lines=True)


def _readable(arguments: str) -> str:
    """Return JSON as people read it; what the model wrote may be none."""
    try:
        return json.dumps(json.loads(arguments), ensure_ascii=False, indent=2)
    except ValueError:
        return arguments


def sources(citations: list[Citation]) -> None:
    if citations:
        st.caption(t("sources"))
    for citation in citations:
        where = f"[{citation['index']}] " + " · ".join(
            filter(None, (citation["title"], citation["location"]))
        )
        with st.expander(plain(where), icon=":material/description:"):
            st.text(citation["text"])


def ungrounded_note(message: SharedMessage) -> None:
    """Say of a whole answer that it rests on no document."""
    if message["status"] == "completed" and message["grounded"] is False:
        st.badge(t("ungrounded"), icon=":material/warning:", color="orange")
