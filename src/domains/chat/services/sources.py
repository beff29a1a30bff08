"""How text of documents is written into a prompt: as data that cannot pass for instructions.

Every line of it stands behind "> ", whatever it holds, so that no document can write a line that looks like
the end of the sources, another source or a rule. Marks by which models tell who is speaking are broken up.
"""

import re
from collections.abc import Sequence

from src.shared.events.knowledge import Passage

_LONGEST_NAME = 200

# <|im_start|>, <s>, [INST], <start_of_turn>, <<SYS>>: servers that read them in any text would change the speaker.
_SPEAKER = re.compile(r"<(?=[|\uff5c]|/?s>|/?(?:start|end)_of_|</?SYS>>)|\[(?=/?(?:INST|[A-Z]+_[A-Z_]+)\])")
# Control characters, and the letters without a glyph by which people cannot see what a model reads.
_UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\U000e0000-\U000e007f]")


def sources_text(passages: Sequence[Passage], first_number: int = 1) -> str:
    """Write passages as numbered sources: a line `[1] title — location`, then the text in quoted lines."""
    return "\n\n".join(
        f"[{number}] {_name(passage)}\n{quoted(passage.text)}"
        for number, passage in enumerate(passages, start=first_number)
    )


def quoted(text: str) -> str:
    """Return the text with every line behind "> "."""
    return "\n".join(f"> {line}" for line in _harmless(text).splitlines() or [""])


def _name(passage: Passage) -> str:
    names = [passage.title, passage.location]
    return " — ".join(_harmless(" ".join(name.split()))[:_LONGEST_NAME] for name in names if name.strip())


def _harmless(text: str) -> str:
    return _SPEAKER.sub(r"\g<0> ", _UNSEEN.sub("", text))
