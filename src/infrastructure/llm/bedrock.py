"""Chat models of Amazon Bedrock, through ConverseStream."""

import re
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from functools import partial
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from src.domains.chat.services.ports import ModelChunk, ModelFailed, Prompt, PromptRefused
from src.infrastructure.llm import converse
from src.infrastructure.llm.failures import model_failure
from src.infrastructure.outside.aws import AWS_FAULTS, error_code, service_fault
from src.infrastructure.outside.aws_streams import AwsStreams
from src.infrastructure.outside.faults import ServiceFault
from src.infrastructure.outside.places import AwsPlace

# A ValidationException has no finer code than its text, and most texts are the model's own.
_ABOUT_THE_MODEL = re.compile(
    r"model identifier|inference profile|on-demand throughput|operation not allowed|model access"
    r"|tokens you requested|n[o']t supported|(doesn't|does not) support|end of (its )?life|legacy",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"\b(input|prompt|request|context|conversation|messages?) (is |are )?too (long|large)"
    r"|too many (\w+ ){0,3}(tokens|bytes)"
    r"|\b(input|context|prompt|tokens?)\b[^.]* exceed"
    r"|tokens exceeded|exceeds the maximum|context (length|limit|window)|input length|expected maxlength",
    re.IGNORECASE,
)


class BedrockModel:
    """Implements `ChatModel`.

    `model_id` is a model's id or an inference profile's ("apac.anthropic...", "global.anthropic..."). At most
    `connections` answers are written at once, others wait. `silence` (seconds) ends a call whose connection
    tells nothing, and has to be longer than a model may think.
    """

    def __init__(self, model_id: str, place: AwsPlace, *, connections: int, silence: float = 60.0) -> None:
        self.name = model_id
        self._streams = AwsStreams("bedrock-runtime", place, connections=connections, silence=silence)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        read = partial(_answer, converse.request(self.name, prompt))
        try:
            async with aclosing(self._streams.pieces(read)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except (ServiceFault, *AWS_FAULTS) as error:
            raise self._failure(error) from error

    async def close(self) -> None:
        """End all answers, and let the threads go."""
        self._streams.close()

    def _failure(self, error: Exception) -> ModelFailed | PromptRefused:
        fault = error if isinstance(error, ServiceFault) else service_fault(error)
        is_refusal = _is_for_the_prompt(error)
        is_too_long = is_refusal and bool(_TOO_LONG.search(str(error)))
        return model_failure(self.name, fault, is_refusal=is_refusal, is_too_long=is_too_long)


def _answer(request: dict[str, Any], client: Any) -> Generator[ModelChunk, None, None]:
    reply = converse.Reply()
    with closing(client.converse_stream(**request)["stream"]) as events:
        try:
            for event in events:
                if (text := reply.take(event)) is not None:
                    yield ModelChunk(text)
        except AWS_FAULTS:
            # After messageStop the answer is whole; only what it took to write is not told.
            if not reply.stop_reason:
                raise
        yield reply.last()


def _is_for_the_prompt(error: Exception) -> bool:
    """Whether the prompt was refused, and not the model as the settings name it."""
    if isinstance(error, ClientError):
        return error_code(error) == "ValidationException" and not _ABOUT_THE_MODEL.search(str(error))
    return isinstance(error, ParamValidationError)
