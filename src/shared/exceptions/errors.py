"""The errors that reach a caller. Each service keeps its own beside it, derived from one of these."""

from collections.abc import Mapping
from typing import Any


class PlatformError(Exception):
    """A refusal that the caller can understand; rendered as an RFC 9457 problem document.

    `detail` is shown to people: it says what happened and what to do, and holds no secret.
    `retry_after` (seconds) becomes the header of that name. `param` names the field of the request that is
    at fault, for the clients that are told one. `members` are further members of the document.
    """

    status = 500
    code = "internal_error"

    def __init__(
        self,
        detail: str = "",
        *,
        retry_after: int | None = None,
        param: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.param = param
        self.members: Mapping[str, Any] = members or {}


class InvalidRequest(PlatformError):
    status = 422
    code = "invalid_request"


class NotAuthenticated(PlatformError):
    status = 401
    code = "not_authenticated"


class NotAllowed(PlatformError):
    status = 403
    code = "not_allowed"


class NotFound(PlatformError):
    status = 404
    code = "not_found"


class Conflict(PlatformError):
    status = 409
    code = "conflict"


class TooLarge(PlatformError):
    status = 413
    code = "too_large"


class TooManyRequests(PlatformError):
    status = 429
    code = "too_many_requests"


class Unavailable(PlatformError):
    """The platform cannot serve this now; the same request may succeed later."""

    status = 503
    code = "unavailable"
