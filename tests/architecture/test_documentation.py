"""The documentation is true where it can be checked."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from src.infrastructure.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


def settings_table(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield a row for each setting, as docs/operations.md has them."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings_table(field.annotation, f"{name.upper()}__")
        else:
            yield f"| `{prefix}{name.upper()}` | `{field.default}` | {field.description} |"


def test_every_setting_is_documented_with_its_default() -> None:
    documented = (DOCS / "operations.md").read_text().split("## Settings")[1].strip().splitlines()[4:]
    assert documented == list(settings_table(Settings))


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((DOCS / "adr").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
