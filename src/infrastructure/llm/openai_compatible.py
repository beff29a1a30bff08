"""Chat models of any server that speaks OpenAI's API: Ollama, vLLM, llama.cpp, OpenAI itself."""

import re
from collections.abc import AsyncGenerator

import httpx2
import openai
import structlog
from pydantic import SecretStr

from src.domains.chat.services.ports import ModelChunk, ModelFailed, Prompt, PromptRefused, Usage
from src.infrastructure.llm.failures import model_failure
from src.infrastructure.llm.openai_answers import StreamedAnswer
from src.infrastructure.llm.openai_requests import (
    Body,
    refused_parameters,
    request_body,
    tokens_of,
    without,
)
from src.infrastructure.outside.faults import ServiceFault
from src.infrastructure.outside.openai_errors import OPENAI_ERRORS, fault_of

log = structlog.get_logger(__name__)

# How long an answer may take is for the caller to say; this only keeps dead connections from lasting.
_TIMEOUT = httpx2.Timeout(connect=5.0, pool=10.0, read=600.0, write=60.0)
_KEEP_ALIVE_SECONDS = 30.0
# llama.cpp promises to keep a connection and closes it behind a stream: the next call would break. Without TLS a
# new one costs next to nothing.
_NEW_EACH_TIME = {"Connection": "close"}

# In the words of OpenAI, vLLM, llama.cpp, Ollama and Anthropic.
_TOO_LONG = re.compile(r"context[ _](length|size|window)|prompt is too long", re.IGNORECASE)


class OpenAICompatibleModel:
    """Implements `ChatModel`. Repeats nothing, but asks anew without parameters that the server does not know.

    What it does not know is remembered: `max_tokens` (`max_completion_tokens` is sent instead), `temperature`,
    `top_p` and the option that asks for the usage. The usage of a server that tells none is estimated.

    Chunks are read as plain JSON: making the library's objects of them takes three times as long.
    """

    def __init__(
        self, model_id: str, base_url: str, api_key: SecretStr | str | None = None, *, connections: int = 256
    ) -> None:
        self.name = model_id
        self._base_url = base_url
        self._refused: frozenset[str] = frozenset()
        # The library will not start without a key; servers of one's own want none.
        key = api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key
        limits = httpx2.Limits(max_connections=connections, keepalive_expiry=_KEEP_ALIVE_SECONDS)
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=key or "none",
            max_retries=0,
            timeout=_TIMEOUT,
            default_headers=_NEW_EACH_TIME if base_url.startswith("http:") else None,
            http_client=openai.DefaultAioHttpClient(limits=limits),
        )

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        """Yield the answer as it comes; the connection is closed with the iteration."""
        body, answer = request_body(self.name, prompt), StreamedAnswer()
        try:
            async with await self._open(body) as chunks:
                async for chunk in chunks:
                    if (text := answer.read(chunk)) is not None:
                        yield ModelChunk(text)
        except OPENAI_ERRORS as error:
            if not answer.finish_reason:  # what is lost behind the end is but the usage
                raise self._failure(error) from error
        if not answer.finish_reason:
            fault = ServiceFault(f"the stream ended with the reason {answer.reason}", passing=True)
            raise model_failure(self.name, fault)
        yield ModelChunk(
            tool_calls=answer.tool_calls,
            usage=answer.usage or Usage(tokens_of(body), answer.tokens_written),
            finish_reason=answer.finish_reason,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _open(self, body: Body) -> openai.AsyncStream[object]:
        refused = self._refused
        while True:
            try:
                chunks = await self._client.post(
                    "/chat/completions",
                    body=without(body, refused),
                    cast_to=object,
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                )
            except openai.APIStatusError as error:
                new = refused_parameters(error) - refused
                if not new:
                    raise
                refused |= new
            else:
                self._remember(refused)
                return chunks

    def _remember(self, refused: frozenset[str]) -> None:
        """Keep what was left out of a request that was taken: a refusal alone may have other grounds."""
        if refused - self._refused:
            self._refused |= refused
            log.info("model_parameters_refused", model=self.name, parameters=sorted(refused))

    def _failure(self, error: Exception) -> ModelFailed | PromptRefused:
        # Types and codes stand in the body alone.
        words = f"{error} {error.body}" if isinstance(error, openai.APIError) else ""
        return model_failure(
            self.name,
            fault_of(error, self._base_url),
            is_refusal=isinstance(error, openai.APIStatusError) and error.status_code in (400, 413, 422),
            is_too_long=bool(_TOO_LONG.search(words)),
        )
