"""Passages for tests that need no index."""

from uuid import UUID, uuid5

from src.shared.events.knowledge import Passage

HOUSE = UUID(int=7)


def passage(text: str, title: str = "Handbook", location: str = "Leave") -> Passage:
    return Passage(
        passage_id=uuid5(HOUSE, text),
        document_id=uuid5(HOUSE, title),
        collection_id=HOUSE,
        title=title,
        location=location,
        text=text,
        score=1.0,
    )


def passages(count: int) -> list[Passage]:
    return [passage(f"Passage {number}.") for number in range(1, count + 1)]
