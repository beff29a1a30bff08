"""Amazon Bedrock Guardrails, asked through ApplyGuardrail.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import structlog

from src.domains.chat.services.guardrail import Action, GuardrailUnavailable, Judgement
from src.infrastructure.outside.aws import AwsService
from src.infrastructure.outside.faults import ServiceFault
from src.infrastructure.outside.places import AwsPlace

log = structlog.get_logger(__name__)

_THREADS = 16
_CHARACTERS = 20_000
"""A text is told in pieces of this length; one call takes 25 units of 1,000 characters."""
_UNAVAILABLE = "The message cannot be checked at present, so it was not passed on. Try again soon."

_FOUND = (
    ("topicPolicy", "topics", "name"),
    ("contentPolicy", "filters", "type"),
    ("wordPolicy", "managedWordLists", "type"),
    ("sensitiveInformationPolicy", "piiEntities", "type"),
    ("sensitiveInformationPolicy", "regexes", "name"),
    ("contextualGroundingPolicy", "filters", "type"),
)
"""Where an assessment tells what it found, and by which name; matches are people's own text and are not read."""


class BedrockModerator:
    """Implements `Moderator`.

    A call may take `seconds`, with repetitions. When the service does not answer, `fails_open` lets texts through
    unjudged; otherwise `GuardrailUnavailable` is raised.
    """

    def __init__(
        self, guardrail_id: str, version: str, place: AwsPlace, *, seconds: float, fails_open: bool
    ) -> None:
        self._guardrail = {"guardrailIdentifier": guardrail_id, "guardrailVersion": version}
        self._service = AwsService("bedrock-runtime", place, threads=_THREADS, seconds=seconds)
        self._seconds = seconds
        self._fails_open = fails_open

    async def judge(self, text: str, direction: Literal["input", "output"]) -> Judgement:
        pieces = [text[start : start + _CHARACTERS] for start in range(0, len(text), _CHARACTERS)]
        try:
            async with asyncio.timeout(self._seconds):
                judgements = [await self._piece(piece, direction) for piece in pieces if piece.strip()]
        except (ServiceFault, TimeoutError) as fault:
            log.warning("guardrail_unavailable", reason=repr(fault), fails_open=self._fails_open)
            if self._fails_open:
                return Judgement(text)
            raise GuardrailUnavailable(_UNAVAILABLE, retry_after=5) from fault
        return _joined(text, judgements)

    async def close(self) -> None:
        """Let the threads go."""
        self._service.close()

    async def _piece(self, text: str, direction: Literal["input", "output"]) -> Judgement:
        content = [{"text": {"text": text}}]
        asked = {**self._guardrail, "source": direction.upper(), "content": content}
        return await self._service.run(lambda client: _judgement(text, client.apply_guardrail(**asked)))


def _judgement(text: str, answer: Mapping[str, Any]) -> Judgement:
    actions, found = Counter[str](), Counter[str]()
    for action, name in _detections(answer["assessments"]):
        actions[action] += 1
        found[name] += 1
    if answer["action"] == "NONE":
        return Judgement(text, "flag" if found else None, found)
    told = "".join(output["text"] for output in answer["outputs"])
    # Masked texts come back with something else in the place of what was found, blocked ones as a message.
    is_masked = actions["ANONYMIZED"] and not actions["BLOCKED"]
    return Judgement(told, "mask" if is_masked else "block", found)


def _detections(assessments: list[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for assessment in assessments:
        for policy, kind, name in _FOUND:
            for each in assessment.get(policy, {}).get(kind, []):
                if each.get("detected", True):
                    yield each["action"], each[name]
        for each in assessment.get("wordPolicy", {}).get("customWords", []):
            yield each["action"], "CUSTOM_WORD"


def _joined(text: str, judgements: list[Judgement]) -> Judgement:
    order: tuple[Action, ...] = ("block", "mask", "flag")
    actions = {judgement.action for judgement in judgements}
    action = next((each for each in order if each in actions), None)
    found = sum((Counter(judgement.found) for judgement in judgements), Counter[str]())
    if action == "block":
        text = next(judgement.text for judgement in judgements if judgement.action == "block")
    elif action == "mask":
        text = "".join(judgement.text for judgement in judgements)
    return Judgement(text, action, found)
