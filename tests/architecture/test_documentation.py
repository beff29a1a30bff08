"""The documentation is true where it can be checked."""

import re
from collections.abc import Iterator
from pathlib import Path

from fastapi.routing import iter_route_contexts
from pydantic import BaseModel

from src.app import create_app
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


def routes_of(prefix: str, settings: Settings) -> set[str]:
    """Return the method and path of every route below a prefix."""
    return {
        f"{method} {path.removeprefix('/api/v1')}"
        for route in iter_route_contexts(create_app(settings).routes)
        if (path := route.path or "").startswith(prefix)
        for method in route.methods or ()
    }


def test_every_route_that_could_show_text_of_documents_is_named_with_its_guard(settings: Settings) -> None:
    section = (DOCS / "architecture.md").read_text().split("## Where text of documents can leave")[1]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = re.findall(r"`([A-Z]+ [^`]+)`", " ".join(rows))
    prefixes = ("/api/v1/knowledge", "/api/v1/chat", "/v1/")
    assert sorted(named) == sorted(set().union(*(routes_of(prefix, settings) for prefix in prefixes)))
