"""Whether the time of an answer tells if an address has an account: `python -m bench.alike` (two minutes).

Signing in with a wrong password, signing up and asking for a new password are each tried with addresses that have
an account and with such that have none, in random order on one connection. Printed is how often an answer for a
known address takes longer than one for an unknown address (0.50: a coin), and the difference of the medians, each
with the interval that holds 95 % of bootstrap samples. An interval that has 0.50, or 0, in it shows no difference.
"""

import random
import sqlite3
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import httpx

from bench.report import show_table
from bench.server import House, serving

SAMPLES = int(sys.argv[1]) if len(sys.argv) > 1 else 200
RESAMPLES = 1_000
WARM_UP = 10
PASSWORD = "correct horse battery"  # noqa: S105  # of people who do not exist
KNOWN = [f"known{number:02}@example.com" for number in range(20)]
UNKNOWN = [f"other{number:02}@example.com" for number in range(20)]


def main() -> None:
    random.seed(20261124)
    with tempfile.TemporaryDirectory(dir="build") as folder:
        house = House(Path(folder).resolve() / "house")
        with serving(house) as server, httpx.Client(base_url=f"{server.url}/api/v1") as client:
            for email in KNOWN:
                account = {"email": email, "password": PASSWORD, "name": "Known"}
                client.post("/auth/register", json=account).raise_for_status()
        with (
            serving(house, AUTH__CONFIRM_ADDRESSES="true") as server,
            httpx.Client(base_url=f"{server.url}/api/v1") as client,
            sqlite3.connect(house.folder / "platform.db", timeout=10, isolation_level=None) as beside,
        ):
            rows = [_row(name, body, client, beside) for name, body in DOORS.items()]
    columns = ("door", "median ms", "known takes longer", "95 % of it", "difference ms", "95 % of it")
    show_table(f"{SAMPLES} answers each for known and unknown addresses", columns, rows)


def _login(email: str) -> tuple[str, dict[str, str]]:
    return "/auth/login", {"email": email, "password": "a wrong password"}


def _register(email: str) -> tuple[str, dict[str, str]]:
    return "/auth/register", {"email": email, "password": PASSWORD, "name": "Somebody"}


def _reset(email: str) -> tuple[str, dict[str, str]]:
    return "/auth/password-reset", {"email": email}


Door = Callable[[str], tuple[str, dict[str, str]]]
DOORS: dict[str, Door] = {"login": _login, "register": _register, "password-reset": _reset}


def _row(name: str, door: Door, client: httpx.Client, beside: sqlite3.Connection) -> tuple[object, ...]:
    times: dict[bool, list[float]] = {True: [], False: []}
    order = [True, False] * (SAMPLES + WARM_UP)
    random.shuffle(order)
    for at, known in enumerate(order):
        path, body = door(random.choice(KNOWN if known else UNKNOWN))
        beside.execute("DELETE FROM auth_attempt_count")  # one guesser would be held back long before
        started = time.perf_counter()
        answer = client.post(path, json=body)
        taken = (time.perf_counter() - started) * 1000
        expected = {"login": 401, "register": 201, "password-reset": 202}[name]
        if answer.status_code != expected:
            raise RuntimeError(f"{name} answered {answer.status_code}: {answer.text}")
        if at >= 2 * WARM_UP:
            times[known].append(taken)
    pairs = [
        (random.choices(times[True], k=SAMPLES), random.choices(times[False], k=SAMPLES))
        for _ in range(RESAMPLES)
    ]
    longer = _longer(times[True], times[False])
    difference = median(times[True]) - median(times[False])
    return (
        name,
        median(times[True] + times[False]),
        f"{longer:.3f}",
        _interval([_longer(*pair) for pair in pairs]),
        f"{difference:+.3f}",
        _interval([median(known) - median(unknown) for known, unknown in pairs]),
    )


def _longer(known: Sequence[float], unknown: Sequence[float]) -> float:
    """Return the chance that a known address takes longer (Mann and Whitney's U as a share of all pairs)."""
    ordered = sorted(unknown)
    wins = sum(bisect_left(ordered, each) + bisect_right(ordered, each) for each in known)
    return wins / 2 / len(known) / len(unknown)


def _interval(values: Sequence[float]) -> str:
    ordered = sorted(values)
    low, high = ordered[len(ordered) * 25 // 1000], ordered[len(ordered) * 975 // 1000]
    return f"{low:+.3f} to {high:+.3f}"


if __name__ == "__main__":
    main()
