"""What the OpenAPI document says of errors and of who may call, beyond what FastAPI knows by itself."""

from typing import Any

from fastapi import FastAPI

_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail", "code", "request_id"],
}
_OPENAI_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}


def _refusals(media_type: str, schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": schema}}
    return {
        "4XX": {"description": "Refused; `code` and `detail` say why and what to do.", "content": content},
        503: {"description": "Not now; the same request may succeed later.", "content": content},
    }


PROBLEMS = _refusals("application/problem+json", _PROBLEM)
"""Errors by RFC 9457, as every route under `/api/v1` answers them."""
OPENAI_ERRORS = _refusals("application/json", _OPENAI_ERROR)
"""Errors as OpenAI's clients know them, as every route under `/v1` answers them."""

PUBLIC: dict[str, Any] = {"security": []}
"""For the routes that nobody has to sign in for (`openapi_extra=PUBLIC`); all others want a bearer token."""


def describe(app: FastAPI) -> None:
    """Have the document name the bearer token, and that it is wanted."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        bearer = {"type": "http", "scheme": "bearer", "description": "An access token or an API key."}
        document["components"]["securitySchemes"] = {"bearer": bearer}
        document["security"] = [{"bearer": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
