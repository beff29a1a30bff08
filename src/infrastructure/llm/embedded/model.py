"""The chat model that needs no network and no weights."""

import asyncio
import re
from collections.abc import AsyncGenerator

from src.domains.chat.services.ports import ModelChunk, Prompt, Usage
from src.domains.chat.services.tokens import estimated_tokens
from src.infrastructure.llm.embedded.composing import compose
from src.infrastructure.llm.embedded.evidence import read_evidence
from src.infrastructure.llm.embedded.question import read_question
from src.infrastructure.llm.embedded.ranking import ranked
from src.infrastructure.llm.embedded.smalltalk import say, small_talk

_WORDS = re.compile(r"\S+\s*")


class EmbeddedModel:
    """Implements `ChatModel`: answers with the sentences of the passages that answer the question.

    It invents nothing. Every piece ends with the number of the passage it is taken from, in the language of
    the question as far as the passages are; when they do not answer, it says so and cites nothing.

    Tokens are estimated, as no tokenizer is at work.
    """

    @property
    def name(self) -> str:
        return "embedded"

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ModelChunk, None]:
        """Yield the text word by word; the last chunk has no text, but the usage."""
        # Cutting Korean passages into morphemes takes tens of milliseconds the first time.
        text = await asyncio.to_thread(_answer, prompt)
        for word in _WORDS.findall(text):
            yield ModelChunk(text=word)
            await asyncio.sleep(0)
        yield ModelChunk(usage=_usage(prompt, text), finish_reason="stop")

    async def close(self) -> None:
        """There is nothing to close."""


def _answer(prompt: Prompt) -> str:
    question = read_question(prompt.question, prompt.history)
    if (words := small_talk(prompt.question[:200], question.language)) is not None:
        return words
    candidates = ranked(question, read_evidence(prompt))
    if not candidates:
        return say("not_found", question.language)
    answer = compose(question, candidates)
    if candidates[0].evidence.language == question.language:
        return answer
    return f"{say('other_language', question.language)}\n{answer}"


def _usage(prompt: Prompt, text: str) -> Usage:
    given = [
        prompt.question,
        *(passage.text for passage in prompt.passages),
        *(message.content for message in prompt.history),
    ]
    return Usage(tokens_in=sum(estimated_tokens(text) for text in given), tokens_out=estimated_tokens(text))
