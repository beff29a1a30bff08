"""What goes wrong with servers that speak OpenAI's API, told as faults."""

import aiohttp
import httpx2
import openai

from src.infrastructure.outside.faults import ServiceFault, malformed, retry_after

# The last ones come of answers that have not the API's form: the library does not check them.
OPENAI_ERRORS = (
    openai.OpenAIError,
    httpx2.HTTPError,
    aiohttp.ClientError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)

# Money that is used up is told with the status of haste, too.
_NO_MONEY = "insufficient_quota"


def fault_of(error: Exception, where: str) -> ServiceFault:
    """Return the fault that one of `OPENAI_ERRORS` is, of a server at the address `where`."""
    match error:
        case openai.APIStatusError():
            passing = error.status_code in (408, 409, 429) or error.status_code >= 500
            return ServiceFault(
                str(error),
                passing=passing and error.code != _NO_MONEY,
                retry_after=retry_after(error.response.headers.get("retry-after")),
            )
        case openai.APIConnectionError() | httpx2.HTTPError() | aiohttp.ClientError():
            return ServiceFault(f"{where}: {error.__cause__ or error!r}", passing=True)
        case openai.APIResponseValidationError():
            return malformed(str(error))
        case openai.APIError():  # told within a stream
            return ServiceFault(f"{error} (code {error.code})", passing=error.code != _NO_MONEY)
        case _:
            return malformed(repr(error))
