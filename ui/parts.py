"""Parts that several pages are made of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal

import streamlit as st

from ui.markdown import plain
from ui.models import Document, DocumentStatus, Group
from ui.state import forget_user, t, user
from ui.wire import ApiError

FILE_TYPES = ["pdf", "docx", "pptx", "xlsx", "csv", "hwp", "hwpx", "html", "htm", "md", "txt", "epub", "eml"]
Color = Literal["gray", "blue", "green", "red"]
STATUS_BADGES: Final[dict[DocumentStatus, tuple[str, str, Color]]] = {
    "pending": ("status_pending", ":material/schedule:", "gray"),
    "processing": ("status_processing", ":material/sync:", "blue"),
    "ready": ("status_ready", ":material/check:", "green"),
    "failed": ("status_failed", ":material/error:", "red"),
}
ERRORS_BY_CODE: Final = {
    "wrong_credentials": "error_wrong_credentials",
    "wrong_second_factor": "error_wrong_code",
    "challenge_expired": "error_challenge_expired",
    "email_taken": "error_email_taken",
    "weak_password": "error_weak_password",
    "wrong_password": "error_wrong_password",
    "invalid_link": "error_invalid_link",
    "sign_up_disabled": "error_sign_up_disabled",
    "mail_domain_not_allowed": "error_mail_domain",
    "collection_name_taken": "error_name_taken",
    "group_name_taken": "error_name_taken",
    "last_admin": "error_last_admin",
    "model_failed": "error_model",
    "broken_off": "error_broke_off",
    "too_many_files": "error_too_many_files",
    "budget_exceeded": "error_budget",
    "context_too_long": "error_context",
}
ERRORS_BY_STATUS: Final = {
    0: "error_connection",
    401: "error_unauthorized",
    403: "error_forbidden",
    404: "error_not_found",
    409: "error_conflict",
    413: "error_too_large",
    422: "error_invalid",
    429: "error_too_many",
}


@contextmanager
def reported() -> Iterator[None]:
    """Tell the person about an ApiError; a sign-in that has ended leads to the sign-in page."""
    try:
        yield
    except ApiError as error:
        if error.status == 401 and user():
            forget_user()
            st.session_state.notice = "signed_out"
            st.rerun()
        show_error(error)


def show_error(error: ApiError, about: str = "") -> None:
    """Say what happened and what to do, with the server's own words and the request id below."""
    known = ERRORS_BY_CODE.get(error.code)
    lines = [t(known or ERRORS_BY_STATUS.get(error.status, "error_server"))]
    if about:
        lines[0] = f"**{plain(about)}**: {lines[0]}"
    if error.detail and error.status and not known:
        lines.append(plain(error.detail))
    if error.request_id:
        lines.append(f":small[{t('request_id')}: {plain(error.request_id)}]")
    st.error("\n\n".join(lines), icon=":material/error:")


def take_in(name: str, send: Callable[[], object]) -> bool:
    """Send one source; that it is refused is told, and keeps no other from being sent."""
    try:
        send()
    except ApiError as error:
        show_error(error, about=name)
        return False
    return True


def status_badge(document: Document) -> None:
    """Show what a document's newest version is at, and how far its reading has come."""
    label, icon, color = STATUS_BADGES[document["status"]]
    st.badge(" · ".join(filter(None, (t(label), _progress(document)))), icon=icon, color=color)


def _progress(document: Document) -> str:
    done, total = document["pages_done"], document["pages_total"]
    if document["status"] != "processing" or not done:
        return ""
    return t("page_of", done=done, total=total) if total else t("page_done", done=done)


def unfinished(documents: list[Document]) -> bool:
    """Tell whether any is still to be read."""
    return any(document["status"] in {"pending", "processing"} for document in documents)


def delete_button(key: str, question: str, delete: Callable[[], None], label: str = "") -> None:
    """Draw a bin that asks before it deletes."""
    with st.popover(label, icon=":material/delete:", type="tertiary", help=t("delete"), key=f"bin-{key}"):
        st.write(question)
        if st.button(t("delete"), type="primary", key=f"delete-{key}"):
            with reported():
                delete()
                st.rerun()


def more_button(key: str, step: int) -> None:
    """Offer the next part of a list; `shown(key, step)` tells how many items to ask for."""
    if st.button(t("more"), key=f"more-{key}", type="tertiary"):
        st.session_state[f"shown-{key}"] = shown(key, step) + step
        st.rerun()


def shown(key: str, step: int) -> int:
    count: int = st.session_state.get(f"shown-{key}", step)
    return count


def group_badges(group_ids: list[str], groups: list[Group]) -> None:
    """Show groups by name; to people who may not list groups, how many."""
    names = {group["id"]: plain(group["name"]) for group in groups}
    if group_ids and not names:
        _group_badge(t("group_count", count=len(group_ids)))
    for group_id in group_ids if names else []:
        _group_badge(names.get(group_id, t("unknown_group")))


def _group_badge(label: str) -> None:
    """`st.badge` would escape brackets a second time."""
    st.markdown(f":gray-badge[:material/group: {label}]", width="content")
