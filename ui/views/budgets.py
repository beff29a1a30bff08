"""Budgets: for administrators all of them, for everybody a line in the sidebar about their own."""

from datetime import datetime
from functools import partial
from typing import Any

import streamlit as st

from ui.markdown import plain
from ui.models import Budget, Limits, Standing
from ui.parts import delete_button, more_button, reported, shown
from ui.state import client, t

STEP = 50
GENERAL = {"default": "budget_default", "platform": "budget_platform"}
PERIODS = {"day": "budget_day", "month": "budget_month"}


def show() -> None:
    st.title(t("budgets"))
    st.caption(t("budgets_help"))
    names = {each["id"]: each["name"] for each in client().groups().items}
    people = {each["id"]: f"{each['name']} ({each['email']})" for each in client().users(1000).items}
    holders = {name: t(label) for name, label in GENERAL.items()}
    holders |= {f"groups/{id}": name for id, name in names.items()}
    holders |= {f"users/{id}": name for id, name in people.items()}
    with reported():
        _form(holders)
        listing = client().budgets(shown("budgets", STEP))
        for budget in listing.items:
            _budget(budget, holders)
        if listing.more:
            more_button("budgets", STEP)


def own() -> None:
    """Draw how far the budget of which the least is left is used, if there is any."""
    standing = max(client().own_standings(), key=lambda each: each["share_used"], default=None)
    if standing:
        st.progress(min(standing["share_used"], 1.0), _said(standing))


def _said(standing: Standing) -> str:
    day = datetime.fromisoformat(standing["resets_at"]).date()
    label = t(PERIODS[standing["period"]])
    return t("budget_used", budget=label, share=f"{standing['share_used']:.0%}", day=day)


def _form(holders: dict[str, str]) -> None:
    with st.form("budget", clear_on_submit=True):
        holder = st.selectbox(t("budget_for"), list(holders), format_func=lambda key: holders[key])
        limits = {period: _limits(period, label) for period, label in PERIODS.items()}
        if st.form_submit_button(t("save"), type="primary"):
            client().set_budget(holder, **limits)
            st.rerun()


def _limits(period: str, label: str) -> Limits:
    tokens, cost = st.columns(2)
    many = tokens.number_input(
        t("budget_tokens", budget=t(label)), min_value=0, value=None, step=1000, key=f"{period}-tokens"
    )
    dear = cost.number_input(
        t("budget_cost", budget=t(label)), min_value=0.0, value=None, step=1.0, key=f"{period}-cost"
    )
    return {"tokens": many, "cost": dear}


def _budget(budget: Budget, holders: dict[str, str]) -> None:
    path = _path(budget)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.markdown(f"**{plain(holders.get(path, t('budget_holder_gone')))}**")
            for period, label in PERIODS.items():
                _line(t(label), budget, period)
        delete_button(budget["id"], t("delete_budget"), partial(client().delete_budget, path))


def _path(budget: Budget) -> str:
    scope = budget["scope"]
    return scope if scope in GENERAL else f"{scope}s/{budget['subject_id']}"


def _line(label: str, budget: Budget, period: str) -> None:
    """Write the limits, and what is used of them where one holder has it."""
    limits: Any = budget["day"] if period == "day" else budget["month"]
    standing = next((each for each in budget["standings"] if each["period"] == period), None)
    parts = []
    if limits["tokens"] is not None:
        parts.append(_of(standing and standing["tokens"]["used"], limits["tokens"], "{:,} tokens"))
    if limits["cost"] is not None:
        parts.append(_of(standing and standing["cost"]["used"], limits["cost"], "${:,.2f}"))
    st.caption(f"{label}: {plain(' · '.join(parts) or t('budget_none'))}")


def _of(used: float | None, limit: float, form: str) -> str:
    return form.format(limit) if used is None else f"{form.format(used)} / {form.format(limit)}"
