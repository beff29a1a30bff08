"""People, their roles and their groups, for administrators."""

from functools import partial

import streamlit as st

from ui.markdown import plain
from ui.models import Group, User
from ui.parts import delete_button, group_badges, more_button, reported, shown
from ui.state import client, t

STEP = 50
ROLES = {"pending": "role_pending", "user": "role_user", "editor": "role_editor", "admin": "role_admin"}


def show() -> None:
    st.title(t("people"))
    groups = client().groups().items
    people, group_list = st.tabs([t("people"), t("groups")])
    with people, reported():
        _people(groups)
    with group_list:
        _groups(groups)


# People


def _people(groups: list[Group]) -> None:
    listing = client().users(shown("people", STEP))
    for person in listing.items:
        _person(person, groups)
    if listing.more:
        more_button("people", STEP)


def _person(person: User, groups: list[Group]) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{plain(person['name'])}**")
            st.caption(plain(person["email"]))
        if not person["is_active"]:
            st.badge(t("inactive"), icon=":material/block:", color="red")
        st.badge(t(ROLES[person["role"]]), color="violet" if person["role"] == "admin" else "blue")
        group_badges(person["group_ids"], groups)
        st.button(
            t("edit"),
            key=f"edit-{person['id']}",
            icon=":material/edit:",
            on_click=_choose,
            args=(person["id"],),
        )
    if st.session_state.get("edited_id") == person["id"]:
        st.dialog(plain(person["name"]), on_dismiss=_choose)(_edit)(person, groups)


def _choose(person_id: str | None = None) -> None:
    st.session_state.edited_id = person_id


def _edit(person: User, groups: list[Group]) -> None:
    names = {group["id"]: group["name"] for group in groups}
    known = [group_id for group_id in person["group_ids"] if group_id in names]
    with st.form(f"person-{person['id']}", border=False):
        role = st.selectbox(
            t("role"), list(ROLES), index=list(ROLES).index(person["role"]), format_func=lambda r: t(ROLES[r])
        )
        group_ids = st.multiselect(t("groups"), names, default=known, format_func=lambda g: names[g])
        is_active = st.toggle(t("active"), value=person["is_active"])
        if st.form_submit_button(t("save"), type="primary"):
            with reported():
                client().change_user(person["id"], role=role, group_ids=group_ids, is_active=is_active)
                _choose()
                st.rerun()


# Groups


def _groups(groups: list[Group]) -> None:
    with st.form("new-group", clear_on_submit=True):
        name = st.text_input(t("new_group"), max_chars=200)
        if st.form_submit_button(t("create"), type="primary"):
            with reported():
                client().create_group(name)
                st.rerun()
    if not groups:
        st.info(t("no_groups"), icon=":material/group:")
    for group in groups:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(plain(group["name"]), width="stretch")
            delete_button(group["id"], t("delete_group"), partial(client().delete_group, group["id"]))
