"""Files of a session: for its owner alone, and found by answers of this session alone."""

import time
from collections.abc import Sequence
from functools import partial

import streamlit as st
from streamlit.typing import UploadedFile

from ui.markdown import plain
from ui.models import Document
from ui.parts import reported, status_badge, take_in, unfinished
from ui.state import client, t

LOOK_SECONDS = 0.5
REFRESH_SECONDS = 2
LONGEST_READING_SECONDS = 120


def show(session_id: str) -> None:
    """Draw what is attached to the session, if anything is."""
    documents = client().attached(session_id)
    if documents:
        with st.popover(t("files", count=len(documents)), icon=":material/attach_file:"):
            st.caption(t("files_help"))
            refresh = REFRESH_SECONDS if unfinished(documents) else None
            st.fragment(_documents, run_every=refresh)(session_id, documents)


def _documents(session_id: str, documents: list[Document]) -> None:
    """Draw the files; while one is not read yet, this runs again every few seconds."""
    with reported():
        if unfinished(documents):
            documents = client().attached(session_id)
            if not unfinished(documents):
                st.rerun()
        for document in documents:
            _document(document)


def _document(document: Document) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(plain(document["title"]), width="stretch")
        status_badge(document)
        key = f"detach-{document['id']}"
        if st.button("", icon=":material/delete:", type="tertiary", help=t("delete"), key=key):
            client().delete_document(document["id"])
            st.rerun()
    if document["reason"]:
        st.caption(f":red[{plain(document['reason'])}]")


def attach(session_id: str, files: Sequence[UploadedFile]) -> bool:
    """Put files into the session and wait until they are read; tell whether an answer can rest on all of them."""
    ids: list[str] = []

    def send(file: UploadedFile) -> None:
        ids.append(client().attach(session_id, file.name, file.getvalue())["id"])

    with st.spinner(t("reading_files")):
        taken = [take_in(file.name, partial(send, file)) for file in files]
        return all(taken) and _are_read(session_id, ids)


def _are_read(session_id: str, ids: list[str]) -> bool:
    deadline = time.monotonic() + LONGEST_READING_SECONDS
    while True:
        documents = [each for each in client().attached(session_id) if each["id"] in ids]
        if not unfinished(documents):
            break
        if time.monotonic() > deadline:
            st.warning(t("files_slow"), icon=":material/schedule:")
            return False
        time.sleep(LOOK_SECONDS)
    failed = [each for each in documents if each["status"] == "failed"]
    for document in failed:
        st.error(
            f"**{plain(document['title'])}**: {plain(document['reason'] or '')}", icon=":material/error:"
        )
    return not failed
