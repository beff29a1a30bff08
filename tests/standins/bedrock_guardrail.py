"""Stands in for Bedrock's ApplyGuardrail with a guardrail that knows a word, a name and a topic."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.standins.aws import Contract
from tests.standins.serving import Door

GUARDRAIL = "gr4platform"
BLOCKED = "Sorry, the company does not allow this."
UNITS = (
    *("topicPolicyUnits", "contentPolicyUnits", "wordPolicyUnits", "sensitiveInformationPolicyUnits"),
    *("sensitiveInformationPolicyFreeUnits", "contextualGroundingPolicyUnits"),
)
LONGEST = 25_000


class BedrockGuardrailStandIn:
    """Blocks `forbidden` and talk of poker, and takes out the name Alice."""

    def __init__(self, region: str = "ap-northeast-2") -> None:
        self._contract = Contract("bedrock-runtime", region)
        self.asked: list[tuple[str, str]] = []
        path = "/guardrail/{id}/version/{version}/apply"
        self.door = Door(Starlette(routes=[Route(path, self._apply, methods=["POST"])]))

    async def _apply(self, request: Request) -> Response:
        id, version, body = request.path_params["id"], request.path_params["version"], await request.json()
        told = {"guardrailIdentifier": id, "guardrailVersion": version, **body}
        if refusal := self._contract.refusal(request, "ApplyGuardrail", told):
            return refusal
        if (id, version) != (GUARDRAIL, "1"):
            return self._contract.error("ResourceNotFoundException", "There is no such guardrail.")
        text = "".join(each["text"]["text"] for each in body["content"])
        if not 0 < len(text) <= LONGEST:
            return self._contract.error("ValidationException", "The text is too long, or there is none.")
        self.asked.append((body["source"], text))
        return self._contract.answer("ApplyGuardrail", _answer(text))


def _answer(text: str) -> dict[str, Any]:
    assessment: dict[str, Any] = {}
    if "forbidden" in text:
        word = {"match": "forbidden", "action": "BLOCKED", "detected": True}
        assessment["wordPolicy"] = {"customWords": [word], "managedWordLists": []}
    if "poker" in text:
        topic = {"name": "Gambling", "type": "DENY", "action": "BLOCKED", "detected": True}
        assessment["topicPolicy"] = {"topics": [topic]}
    names = [{"match": "Alice", "type": "NAME", "action": "ANONYMIZED", "detected": True}] * text.count(
        "Alice"
    )
    if names:
        assessment["sensitiveInformationPolicy"] = {"piiEntities": names, "regexes": []}
    is_blocked = bool(assessment.keys() - {"sensitiveInformationPolicy"})
    told = BLOCKED if is_blocked else text.replace("Alice", "{NAME}")
    return {
        "usage": dict.fromkeys(UNITS, 1),
        "action": "GUARDRAIL_INTERVENED" if assessment else "NONE",
        "outputs": [{"text": told}] if assessment else [],
        "assessments": [assessment],
    }
