"""Collections and their documents: everybody reads what they may, administrators change it."""

from functools import partial

import streamlit as st

from ui.markdown import plain
from ui.models import Collection, Document, Group, Listing, Match
from ui.parts import (
    FILE_TYPES,
    delete_button,
    group_badges,
    more_button,
    reported,
    shown,
    status_badge,
    take_in,
    unfinished,
)
from ui.state import client, is_admin, t

STEP = 50
REFRESH_SECONDS = 2


def show() -> None:
    st.title(t("documents"))
    collections, search = st.tabs([t("collections"), t("try_search")])
    with collections, reported():
        _collections()
    with search, reported():
        _search()


# Collections


def _collections() -> None:
    groups = client().groups().items if is_admin() else []
    listing = client().collections(shown("collections", STEP))
    if is_admin():
        _new_collection(groups)
    if not listing.items:
        st.info(t("no_collections_admin" if is_admin() else "no_collections"), icon=":material/folder_open:")
    for collection in listing.items:
        _collection(collection, groups)
    if listing.more:
        more_button("collections", STEP)


def _new_collection(groups: list[Group]) -> None:
    names = {group["id"]: group["name"] for group in groups}
    with (
        st.expander(t("new_collection"), icon=":material/create_new_folder:"),
        st.form("new-collection", border=False, clear_on_submit=True),
    ):
        name = st.text_input(t("name"), max_chars=200)
        description = st.text_area(t("description"), max_chars=2000, height=80)
        group_ids = st.multiselect(t("who_reads"), names, format_func=lambda group_id: names[group_id])
        if st.form_submit_button(t("create"), type="primary"):
            with reported():
                _open(client().create_collection(name, description, group_ids)["id"])
                st.rerun()


def _collection(collection: Collection, groups: list[Group]) -> None:
    is_open = collection["id"] == st.session_state.get("collection_id")
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(plain(collection["name"]), anchor=False)
            st.button(
                t("close" if is_open else "open"),
                key=f"open-{collection['id']}",
                icon=":material/expand_less:" if is_open else ":material/expand_more:",
                on_click=_open,
                args=(None if is_open else collection["id"],),
            )
        if collection["description"]:
            st.text(collection["description"])
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(t("document_count", count=collection["document_count"]), width="content")
            _readers(collection, groups)
        if is_open:
            _opened(collection["id"])


def _readers(collection: Collection, groups: list[Group]) -> None:
    if collection["group_ids"]:
        group_badges(collection["group_ids"], groups)
    else:
        st.badge(t("everyone"), icon=":material/public:", color="gray")


def _open(collection_id: str | None) -> None:
    st.session_state.collection_id = collection_id


def _opened(collection_id: str) -> None:
    if is_admin():
        _upload(collection_id)
    documents = client().documents(collection_id, shown("documents", STEP))
    refresh = REFRESH_SECONDS if unfinished(documents.items) else None
    st.fragment(_documents, run_every=refresh)(collection_id, documents)
    if documents.more:
        more_button("documents", STEP)
    if is_admin():
        remove = partial(client().delete_collection, collection_id)
        delete_button(collection_id, t("delete_collection_question"), remove, label=t("delete_collection"))


# Documents


def _upload(collection_id: str) -> None:
    with st.form("upload", clear_on_submit=True):
        files = st.file_uploader(t("choose_files"), type=FILE_TYPES, accept_multiple_files=True)
        url = st.text_input(t("web_address"), max_chars=2000, placeholder="https://")
        if st.form_submit_button(t("upload"), type="primary", icon=":material/add:"):
            for file in files:
                take_in(file.name, partial(client().upload, collection_id, file.name, file.getvalue()))
            if url:
                take_in(url, partial(client().take_in_url, collection_id, url))


def _documents(collection_id: str, documents: Listing[Document]) -> None:
    """Draw the documents; while one is not read yet, this runs again every few seconds."""
    with reported():
        if unfinished(documents.items):
            documents = client().documents(collection_id, shown("documents", STEP))
            if not unfinished(documents.items):
                st.rerun()
        if not documents.items:
            st.caption(t("no_documents"))
        with st.container(gap="xsmall"):
            for document in documents.items:
                _document(document)


def _document(document: Document) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(plain(document["title"]), width="stretch")
        if (document["version"] or 0) > 1:
            st.caption(t("version", number=document["version"]), width="content")
        if document["version"]:
            st.caption(t("passages", count=document["passage_count"]), width="content")
        st.caption(_size(document["size_bytes"]), width="content")
        status_badge(document)
        if is_admin():
            if document["status"] == "failed":
                _retry_button(document["id"])
            remove = partial(client().delete_document, document["id"])
            delete_button(document["id"], t("delete_document"), remove)
    if document["reason"]:
        st.caption(f":red[{plain(document['reason'])}]")
    if document["version"] and document["status"] != "ready":
        st.caption(t("version_stays", number=document["version"]))


def _retry_button(document_id: str) -> None:
    if st.button(
        "", icon=":material/refresh:", type="tertiary", help=t("try_again"), key=f"retry-{document_id}"
    ):
        with reported():
            client().retry_document(document_id)
            st.rerun()


def _size(size_bytes: int) -> str:
    kilobytes = size_bytes / 1024
    return f"{kilobytes / 1024:.1f} MB" if kilobytes >= 1024 else f"{kilobytes:.1f} KB"


# Search


def _search() -> None:
    st.caption(t("search_help"))
    with st.form("search"):
        query = st.text_input(t("query"), max_chars=2000)
        if not st.form_submit_button(t("search"), icon=":material/search:") or not query:
            return
    passages = client().search(query)
    if not passages:
        st.info(t("nothing_found"))
    for passage in passages:
        with st.container(border=True):
            where = " · ".join(filter(None, (passage["title"], passage["location"])))
            st.markdown(f"**{plain(where)}** :gray[{passage['score']:.1f}]")
            st.caption(" · ".join(_why(match) for match in passage["matches"]))
            st.text(passage["text"])


def _why(match: Match) -> str:
    if match["arm"] == "meaning":
        return t("found_by_meaning")
    return t("found_by_words", words=plain(", ".join(match["words"])))
