from collections.abc import Callable
from pathlib import Path

import pytest

from src.domains.knowledge.services.ports import PassageDraft
from src.infrastructure.documents.reader import FileDocumentReader

Read = Callable[..., list[PassageDraft]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read bytes or text as a file of that name."""

    def read_file(name: str, content: bytes | str, **options: int) -> list[PassageDraft]:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return FileDocumentReader(**options).read(path, name)

    return read_file
