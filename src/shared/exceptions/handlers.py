"""The one place where errors become responses: RFC 9457 problem documents, or what OpenAI's clients expect."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from src.shared.exceptions import openai
from src.shared.exceptions.errors import (
    Conflict,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    PlatformError,
    TooLarge,
    Unavailable,
)

log = structlog.get_logger(__name__)

CODES = {
    error.status: error.code
    for error in (InvalidRequest, NotAuthenticated, NotAllowed, NotFound, Conflict, TooLarge, Unavailable)
}
"""The codes of errors that the framework raises."""


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(PlatformError, _platform_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(UnicodeEncodeError, _not_unicode)
    app.add_exception_handler(TimeoutError, _too_slow)
    app.add_exception_handler(Exception, _unexpected_error)


def problem_response(request: Request, error: PlatformError) -> Response:
    """Return the document of an error that the platform raised on purpose."""
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return _problem(request, error.status, error.code, error.detail, headers, error.param, error.members)


def _platform_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlatformError)  # noqa: S101  # registered for it alone
    return problem_response(request, error)


def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for it alone
    # Only where and why: the value that was sent may be a secret.
    faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    param = openai.param_of(error.errors()[0]["loc"])
    return _problem(request, 422, "invalid_request", "; ".join(faults[:10]), param=param)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it alone
    code = CODES.get(error.status_code) or HTTPStatus(error.status_code).name.lower()
    return _problem(request, error.status_code, code, str(error.detail), dict(error.headers or {}))


def _not_unicode(request: Request, _error: Exception) -> Response:
    detail = "The request holds text that is not valid Unicode (half of a surrogate pair)."
    return problem_response(request, InvalidRequest(detail))


def _too_slow(request: Request, error: Exception) -> Response:
    log.error("too_slow", exc_info=error)
    detail = "This takes longer than it should. Look in a moment whether it is done before you repeat it."
    return problem_response(request, Unavailable(detail, retry_after=5))


def _unexpected_error(request: Request, error: Exception) -> Response:
    log.error("unexpected_error", exc_info=error)
    return _problem(
        request,
        500,
        "internal_error",
        "Something went wrong here. Try again; if it stays, tell your administrator.",
    )


def _problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: dict[str, str] | None = None,
    param: str | None = None,
    members: Mapping[str, str] | None = None,
) -> JSONResponse:
    if request.scope["path"].startswith(openai.PREFIX):
        return JSONResponse(openai.body(status, code, detail, param), openai.status_of(status), headers)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": getattr(request.state, "request_id", ""),
        **(members or {}),
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")
