from collections.abc import Callable
from pathlib import PurePath

import pytest

from src.domains.knowledge.services.ports import PassageDraft, Progress
from src.infrastructure.documents.reading import passages
from src.infrastructure.documents.sections import Limits, Source

Read = Callable[..., list[PassageDraft]]


@pytest.fixture
def progress() -> list[Progress]:
    """What `read` tells of its progress."""
    return []


@pytest.fixture
def read(progress: list[Progress]) -> Read:
    """Read bytes or text as a file of that name, in this process: what the reading process does."""

    def read_file(name: str, content: bytes | str, **limits: int) -> list[PassageDraft]:
        data = content.encode() if isinstance(content, str) else content
        return list(passages(Source(data, Limits(**limits), progress.append), PurePath(name).suffix))

    return read_file
