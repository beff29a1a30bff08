"""Errors in the form that OpenAI's clients know: https://platform.openai.com/docs/guides/error-codes."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

PREFIX = "/v1/"
"""The paths on which errors have this form."""

CODES = {
    "budget_exceeded": "insufficient_quota",
    "context_too_long": "context_length_exceeded",
    "too_many_requests": "rate_limit_exceeded",
}
"""What OpenAI calls otherwise; any 401 is an `invalid_api_key` there."""


def status_of(status: int) -> int:
    """Return the status that stands for this one: OpenAI has no 422."""
    return HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status


def body(status: int, code: str, detail: str, param: str | None) -> dict[str, Any]:
    """Return the body of an answer, which is an event in the middle of a stream."""
    kind = "invalid_request_error"
    if status == HTTPStatus.UNAUTHORIZED:
        code = "invalid_api_key"
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = "rate_limit_error"
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = "server_error"
    return {"error": {"message": detail, "type": kind, "param": param, "code": CODES.get(code, code)}}


def param_of(location: Sequence[int | str]) -> str | None:
    """Return where in a request something is, as in `messages[0].content`; None when it is no field."""
    _where, *steps = location
    if not steps or isinstance(steps[0], int):
        return None
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
