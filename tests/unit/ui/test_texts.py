"""The page speaks English and Korean, completely."""

import ast
import string
from pathlib import Path

import pytest

from ui.texts import LANGUAGES, TEXTS, language_of, text

UI = Path(__file__).parents[3] / "ui"


def _strings_of_the_page() -> set[str]:
    trees = [ast.parse(path.read_text()) for path in UI.rglob("*.py") if path.name != "texts.py"]
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _placeholders(template: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(template)} - {None}


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_is_there_in_every_language(key: str) -> None:
    """No text lacks a language, and translations take the same values."""
    translations = TEXTS[key]
    assert set(translations) == set(LANGUAGES)
    assert all(translations.values())
    assert _placeholders(translations["en"]) == _placeholders(translations["ko"])


def test_every_text_is_used() -> None:
    """A text that no page shows any more is deleted."""
    assert set(TEXTS) - _strings_of_the_page() == set()


def test_texts_take_values() -> None:
    """Placeholders are filled in, in either language."""
    assert text("document_count", "en", count=3) == "Documents: 3"
    assert text("document_count", "ko", count=3) == "문서 3개"


@pytest.mark.parametrize(
    ("locale", "language"), [("ko-KR", "ko"), ("KO", "ko"), ("en-US", "en"), (None, "en")]
)
def test_the_language_is_the_browsers(locale: str | None, language: str) -> None:
    """A Korean browser gets Korean, every other one English."""
    assert language_of(locale) == language
