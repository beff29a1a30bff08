"""What people are told of a call that failed; the service's own words are for the log."""

from math import ceil

import structlog

from src.domains.chat.services.ports import ContextTooLong, ModelFailed, PromptRefused
from src.infrastructure.outside.faults import ServiceFault

log = structlog.get_logger(__name__)

_LOGGED_CHARACTERS = 400
"""Services may repeat a request in their refusal, with what people wrote in it."""


def model_failure(
    model: str, fault: ServiceFault, *, is_refusal: bool = False, is_too_long: bool = False
) -> ModelFailed | PromptRefused:
    """Log the fault, and return what it is to chat: the prompt's, for its length or else, or the model's."""
    error = str(fault)[:_LOGGED_CHARACTERS]
    log.warning("model_failed", model=model, error=error, passing=fault.passing)
    if is_too_long:
        return ContextTooLong("This conversation is too long for the model. Begin a new one.")
    if is_refusal:
        return PromptRefused("The model does not take this request. Put it in other words.")
    if not fault.passing:
        return ModelFailed("This model cannot be used at present. The server's log says why.")
    return ModelFailed(
        "The model is busy or out of reach. Ask again in a moment.",
        passing=True,
        retry_after=ceil(fault.retry_after) or None,
    )
