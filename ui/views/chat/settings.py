"""Above the messages: who answers, whether the chat is kept, and its files."""

from typing import Any

import streamlit as st

from ui.markdown import plain
from ui.models import Model, Profile, Session
from ui.parts import reported
from ui.state import client, t
from ui.views.chat import files
from ui.views.chat.state import choices

NEW = "new"
STANDARD = ""
"""The choice that leaves it to the platform; Streamlit would let one clear a choice that is None."""
FIELDS = ("profile_id", "model")


def show(session: Session | None) -> None:
    """Draw what there is to choose; before the first question it is kept for the session that this will open."""
    models, profiles = choices()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if profiles:
            _assistant(session, profiles)
        if len(models) > 1:
            _model(session, models, profiles)
        if session is None:
            st.toggle(t("temporary"), key=_key("temporary", session), help=t("temporary_help"))
        elif session["temporary"]:
            st.badge(t("temporary"), icon=":material/visibility_off:", color="gray")
        else:
            st.empty()  # the toggle of the run before goes at once
        if session:
            files.show(session["id"])


def chosen() -> dict[str, Any]:
    """Return what a new session is opened with."""
    choice = {field: _chosen(field, None) or None for field in FIELDS}
    return {**choice, "temporary": st.session_state.get(_key("temporary", None), False)}


def _assistant(session: Session | None, profiles: list[Profile]) -> None:
    names = {STANDARD: t("assistant_default")} | {profile["id"]: profile["name"] for profile in profiles}
    about = {profile["id"]: profile["description"] for profile in profiles}
    _picker("profile_id", session, names, help=about.get(_chosen("profile_id", session)))


def _model(session: Session | None, models: list[Model], profiles: list[Profile]) -> None:
    labels = {model["name"]: model["label"] for model in models}
    profile_id = _chosen("profile_id", session)
    default = next(model["name"] for model in models if model["is_default"])
    of_profile = next((profile["model"] for profile in profiles if profile["id"] == profile_id), None)
    standard = of_profile if of_profile in labels else default
    names = {STANDARD: t("model_default", name=labels[standard])}
    names |= {model["name"]: _priced(model) for model in models}
    _picker("model", session, names, help=t("prices") if any(map(_costs, models)) else None)


def _priced(model: Model) -> str:
    price = f" · ${model['price_in']:g} / ${model['price_out']:g}"
    return f"{model['label']}{price if _costs(model) else ''}"


def _costs(model: Model) -> bool:
    return bool(model["price_in"] or model["price_out"])


def _picker(field: str, session: Session | None, names: dict[str, str], help: str | None) -> None:
    options, saved = list(names), _saved(field, session)
    st.selectbox(
        t(field),
        options,
        index=options.index(saved) if saved in names else 0,
        format_func=lambda option: names[option],
        key=_key(field, session),
        on_change=_change if session else None,
        args=(field, session["id"]) if session else None,
        help=plain(help) if help else None,
        width=260,
    )


def _change(field: str, session_id: str) -> None:
    with reported():
        client().change_session(session_id, **{field: st.session_state[f"{field}-{session_id}"] or None})


def _chosen(field: str, session: Session | None) -> str:
    chosen: str = st.session_state.get(_key(field, session), _saved(field, session))
    return chosen


def _saved(field: str, session: Session | None) -> str:
    saved = {"profile_id": session["profile_id"], "model": session["model"]} if session else {}
    return saved.get(field) or STANDARD


def _key(field: str, session: Session | None) -> str:
    return f"{field}-{session['id'] if session else NEW}"
