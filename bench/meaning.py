"""What the vectors of questions cost a server: turns without them, with them, and with questions asked before."""

import sqlite3
import time
from contextlib import closing
from typing import Any

from bench import texts
from bench.load import Requests
from bench.report import show_table
from bench.seed import SeededHouse, post
from bench.server import serving

CONNECTIONS = (1, 16, 64)
LONGEST_EMBEDDING = 3_600
FEW = 256
"""Questions that are asked again and again: their vectors are kept."""


def run(seeded: SeededHouse, seconds: int) -> list[dict[str, Any]]:
    """Measure turns on passages that all have vectors (some seven are embedded a second: use few passages)."""
    token = seeded.people[0][0]
    repeated = [post("/api/v1/chat", token, {"message": text}) for text in texts.questions(FEW)]
    forms = {
        "words alone": ({"KNOWLEDGE__EMBEDDINGS": "none"}, seeded.json_turns()),
        "with vectors": ({"KNOWLEDGE__EMBEDDINGS": "embedded"}, seeded.json_turns()),
        "asked before": (
            {"KNOWLEDGE__EMBEDDINGS": "embedded"},
            Requests(repeated, seeded.house.folder.with_suffix(".repeated")),
        ),
        "with vectors for all": (
            {"KNOWLEDGE__EMBEDDINGS": "embedded", "KNOWLEDGE__VECTORS_WAITING": "1000"},
            seeded.json_turns(),
        ),
    }
    _embed(seeded)
    figures = []
    for name, (settings, requests) in forms.items():
        with serving(seeded.house, **settings) as server:
            requests.send(server.url, 16, 1)
            for connections in CONNECTIONS:
                load = requests.send(server.url, connections, seconds)
                figures.append(
                    {
                        "turns": name,
                        "at once": connections,
                        "turns/s": load.per_second,
                        "p50": load.milliseconds(50),
                        "p95": load.milliseconds(95),
                        "errors": load.errors,
                    }
                )
    show_table(
        "Turns and the vectors of their questions", list(figures[0]), [list(row.values()) for row in figures]
    )
    return figures


def _embed(seeded: SeededHouse) -> None:
    """Let a server make the vectors of all passages."""
    deadline = time.monotonic() + LONGEST_EMBEDDING
    with serving(seeded.house, KNOWLEDGE__EMBEDDINGS="embedded"):
        while _without_vectors(seeded):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all passages have vectors after {LONGEST_EMBEDDING} s")
            time.sleep(1)


def _without_vectors(seeded: SeededHouse) -> int:
    with closing(sqlite3.connect(seeded.house.folder / "platform.db")) as connection:
        query = "SELECT count(*) FROM knowledge_document_version WHERE embedded_by IS NULL"
        count: int = connection.execute(query).fetchone()[0]
        return count
