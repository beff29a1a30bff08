"""The administrators' dashboard: how much is asked, how well it is answered, what it costs."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import altair as alt
import streamlit as st

from ui.models import Dashboard, Point, Quantiles, Totals
from ui.state import client, t

RANGES = {"last_day": 1, "last_week": 7, "last_month": 30, "last_quarter": 90}
CUSTOM = "custom_range"
QUANTILES = ("p50", "p95", "p99")


def show() -> None:
    st.title(t("dashboard"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        span = _range()
        group_id = _group()
    if not span:
        st.info(t("choose_dates"))
        return
    dashboard = client().dashboard(*span, group_id)
    _tiles(dashboard)
    _charts(dashboard)


# Choosing


def _range() -> tuple[datetime, datetime] | None:
    choice = st.segmented_control(
        t("range"), [*RANGES, CUSTOM], format_func=t, default="last_week", required=True, key="range"
    )
    now = datetime.now(UTC)
    if choice in RANGES:
        return now - timedelta(days=RANGES[choice]), now
    days = st.date_input(t(CUSTOM), value=(now.date() - timedelta(days=6), now.date()), width=260)
    if not isinstance(days, tuple) or len(days) != 2:
        return None
    zone = ZoneInfo(st.context.timezone or "UTC")
    first, last = (datetime.combine(day, time.min, zone) for day in days)
    return first, last + timedelta(days=1)


def _group() -> str | None:
    names = {group["id"]: group["name"] for group in client().groups().items}
    chosen: str | None = st.selectbox(
        t("group"),
        [None, *names],
        format_func=lambda group_id: names.get(group_id or "", t("everyone")),
        width=220,
    )
    return chosen


# Tiles


def _tiles(dashboard: Dashboard) -> None:
    totals, latency = dashboard["totals"], dashboard["latency_ms"]
    st.subheader(t("usage"), anchor=False)
    with st.grid(6, min_column_width=150):
        for key in ("messages", "answers", "sessions", "active_users", "tokens_in", "tokens_out"):
            _count(totals, key)
    st.subheader(t("quality"), anchor=False)
    with st.grid(6, min_column_width=150):
        st.metric(t("grounded_rate"), _percent(totals["grounded_rate"]), border=True)
        for key in ("feedback_up", "feedback_down", "blocked", "failed"):
            _count(totals, key)
        st.metric(t("cost"), f"{totals['cost']:,.4f}", border=True)
    st.subheader(t("speed"), anchor=False)
    with st.grid(6, min_column_width=150):
        _quantiles(t("first_token"), latency["first_token"])
        _quantiles(t("whole_answer"), latency["total"])


def _count(totals: Totals, key: str) -> None:
    counts: dict[str, object] = {**totals}
    st.metric(t(key), f"{counts[key]:,}", border=True)


def _quantiles(label: str, quantiles: Quantiles) -> None:
    milliseconds: dict[str, float | None] = {**quantiles}  # type: ignore[dict-item]
    for name in QUANTILES:
        st.metric(f"{label} · {name}", _seconds(milliseconds[name]), border=True)


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.0%}"


def _seconds(milliseconds: float | None) -> str:
    return "–" if milliseconds is None else f"{milliseconds / 1000:.2f}"


# Charts


def _charts(dashboard: Dashboard) -> None:
    series = dashboard["series"]
    st.space("small")
    if not any(point["messages"] or point["answers"] for point in series):
        st.info(t("no_activity"), icon=":material/monitoring:")
        return
    days = _days(dashboard)
    left, right = st.columns(2)
    with left:
        _chart(series, days, ["messages", "answers"])
    with right:
        _chart(series, days, ["active_users"])
    if dashboard["totals"]["cost"]:
        _chart(series, days, ["cost"], whole=False)


def _days(dashboard: Dashboard) -> list[str]:
    """Every day of the range, also those on which nothing happened."""
    named = [
        dashboard["range"]["from"],
        dashboard["range"]["to"],
        *(point["at"] for point in dashboard["series"]),
    ]
    first, last = (date.fromisoformat(choose(named)[:10]) for choose in (min, max))
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def _chart(series: list[Point], days: list[str], keys: list[str], whole: bool = True) -> None:
    """Draw bars, one group a day; `whole` amounts get whole numbers on the axis."""
    rows = [
        {"day": point["at"][:10], "kind": t(key), "amount": amount}
        for point in series
        for key, amount in point.items()
        if key in keys
    ]
    day_axis = alt.Axis(labelExpr="slice(datum.value, 5)", labelOverlap=True, labelAngle=0)
    amount_axis = alt.Axis(tickCount=5, tickMinStep=1 if whole else 0, format="d" if whole else "$.4f")
    chart = (
        alt.Chart({"values": rows})
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=alt.X("day:O", title=None, scale=alt.Scale(domain=days), axis=day_axis),
            y=alt.Y("amount:Q", title=None, axis=amount_axis),
            xOffset=alt.XOffset("kind:N", sort=None),
            color=alt.Color("kind:N", title=None, sort=None, legend=alt.Legend(orient="top")),
            tooltip=[
                alt.Tooltip("day:O", title=t("day")),
                alt.Tooltip("kind:N", title=" "),
                alt.Tooltip("amount:Q", title=" "),
            ],
        )
        .properties(height=260)
    )
    st.altair_chart(chart)
