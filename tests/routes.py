"""Every route as the OpenAPI document describes it, and requests made from that."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

METHODS = ("get", "post", "put", "patch", "delete")
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"

Text = Callable[[str], str]
"""Gives the text for a field of this name."""


@dataclass(frozen=True)
class Route:
    """A method of a path; `path` is as it is called, `name` without `/api/v1`."""

    method: str
    path: str
    operation: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api/v1')}"

    @property
    def placeholders(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the path with these in the places of ids."""
        return self.path.format_map(values)

    def query(self, text: Text) -> dict[str, str]:
        """Return every text that may be sent behind the path."""
        parameters = [each for each in self.operation.get("parameters", ()) if each["in"] == "query"]
        made = {each["name"]: _made(each["schema"], each["name"], self.schemas, text) for each in parameters}
        return {name: value for name, value in made.items() if isinstance(value, str)}

    def body(
        self, text: Text, changes: Mapping[str, Any] | None = None, *, full: bool = False
    ) -> dict[str, Any]:
        """Return what httpx takes as a valid body: what is required of it, or all that may be told."""
        content = self.operation.get("requestBody", {}).get("content", {})
        for media_type, described in content.items():
            made = _made(described["schema"], "", self.schemas, text, full=full) | dict(changes or {})
            if media_type == MULTIPART:
                return {"files": {name: (f"{text('name')}.txt", text("content")) for name in made}}
            return {"data": made} if media_type == FORM else {"json": made}
        return {}


def routes_of(app: FastAPI) -> list[Route]:
    document = app.openapi()
    schemas = document["components"]["schemas"]
    return [
        Route(method.upper(), path, operation, schemas)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]


def _made(
    schema: Mapping[str, Any], name: str, schemas: Mapping[str, Any], text: Text, *, full: bool = False
) -> Any:
    """Make a value that fits the schema of a field; None for what has no value that everybody takes."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    if options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        real = next((each for each in options if each.get("type") != "null"), {})
        return _made(real, name, schemas, text, full=full)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            wanted = schema.get("properties", {}).items()
            required = schema.get("required", ())
            made = {
                key: _made(each, key, schemas, text, full=full)
                for key, each in wanted
                if full or key in required
            }
            return {key: value for key, value in made.items() if value is not None or key in required}
        case "array":
            count = max(schema.get("minItems", 0), int(full))
            made_item = _made(schema.get("items", {}), name, schemas, text, full=full)
            return [made_item] * count if made_item is not None else []
        case "integer" | "number":
            return schema.get("minimum", schema.get("default", 1))
        case "boolean":
            return schema.get("default", False)
        case "string" if schema.get("format") in (None, "password", "email", "binary"):
            return text(name)
    return None
