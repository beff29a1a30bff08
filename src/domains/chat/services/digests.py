"""Titles and summaries, written after an answer, so that nobody waits for them."""

from src.domains.chat.services.turn import Turn


class DigestWriter:
    def write_later(self, turn: Turn) -> None:
        pass
