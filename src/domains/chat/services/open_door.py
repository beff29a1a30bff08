"""The door for programs that speak OpenAI's API: they name a model or a profile, and bring the conversation."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from src.domains.chat.models import Profile
from src.domains.chat.services.citations import without_marks
from src.domains.chat.services.generations import Generation
from src.domains.chat.services.offers import ASSISTANT, Offer, Offers
from src.domains.chat.services.ports import PromptMessage
from src.domains.chat.services.profiles import MOST_PROFILES, ProfileService, UnknownProfile
from src.domains.chat.services.turn import Ask, OpenRequest, RequestKey
from src.domains.chat.services.turns import TurnService
from src.shared.exceptions.errors import InvalidRequest, NotFound
from src.shared.middleware.authentication import Principal

CHOICES = ("auto", "none", "required")
"""How tools may be chosen; anything else is the name of the one to call."""


class ModelNotFound(NotFound):
    code = "model_not_found"


class UnsupportedValue(InvalidRequest):
    """What cannot be done is refused: an answer that left it out would be taken for one that has it."""

    code = "unsupported_value"


class InvalidValue(InvalidRequest):
    code = "invalid_value"


@dataclass(frozen=True)
class OpenModel:
    """What programs know as a model: one that is offered, or an assistant, which answers from documents.

    An assistant is the platform's own, or what a profile makes it.
    """

    name: str
    offer: Offer
    is_assistant: bool = False
    profile: Profile | None = None


@dataclass(frozen=True)
class Completion:
    """A conversation that a program wants gone on with, and how; `request` holds none of its messages yet."""

    messages: Sequence[PromptMessage]
    request: OpenRequest


class OpenDoor:
    """Each request opens a session of its own: its program keeps the conversation."""

    def __init__(self, offers: Offers, profiles: ProfileService, turns: TurnService) -> None:
        self._offers = offers
        self._profiles = profiles
        self._turns = turns

    async def models(self, asker: Principal) -> list[OpenModel]:
        """Return the platform's own assistant, the profiles that the asker may use, and all models."""
        profiles = await self._profiles.page(asker, None, MOST_PROFILES)
        return [
            self._own_assistant(),
            *(OpenModel(offer.name, offer) for offer in self._offers),
            *(self._assistant(profile) for profile in profiles if profile.name not in self._offers),
        ]

    async def model(self, asker: Principal, name: str) -> OpenModel:
        if name == ASSISTANT:
            return self._own_assistant()
        if name in self._offers:
            return OpenModel(name, self._offers.get(name))
        try:
            profile = await self._profiles.named(asker, unicodedata.normalize("NFC", name))
        except UnknownProfile:
            raise ModelNotFound(
                f"The model {name!r} does not exist, or is not for you.", param="model"
            ) from None
        return self._assistant(profile)

    async def complete(
        self, asker: Principal, model: OpenModel, completion: Completion, key: RequestKey | None
    ) -> Generation:
        """Set off the answer to the last thing that the user said, and to what tools said since."""
        _check_tools(model, completion.request)
        _check_order(completion.messages)
        at = max(at for at, each in enumerate(completion.messages) if each.role == "user")
        history, question, since = (
            completion.messages[:at],
            completion.messages[at],
            completion.messages[at + 1 :],
        )
        if model.is_assistant:
            history = [_without_marks(each) for each in history]
        request = replace(
            completion.request,
            history=tuple(history),
            said_since=tuple(since),
            searches=model.is_assistant,
        )
        return await self._turns.ask(
            Ask(
                asker,
                question.content,
                model=None if model.is_assistant else model.name,
                profile_id=model.profile.id if model.profile else None,
                key=key,
                channel="openai",
                request=request,
            )
        )

    def _assistant(self, profile: Profile) -> OpenModel:
        offer = self._offers.get(profile.model if profile.model in self._offers else None)
        return OpenModel(profile.name, offer, is_assistant=True, profile=profile)

    def _own_assistant(self) -> OpenModel:
        return OpenModel(ASSISTANT, self._offers.default, is_assistant=True)


def _check_tools(model: OpenModel, request: OpenRequest) -> None:
    names = {tool.name for tool in request.tools}
    if len(names) < len(request.tools):
        raise InvalidValue("Two tools have the same name.", param="tools")
    if request.tool_choice not in ("auto", "none") and not request.tools:
        raise InvalidValue("`tool_choice` is only allowed when `tools` are given.", param="tool_choice")
    if request.tool_choice not in (*CHOICES, *names):
        raise InvalidValue(f"There is no tool {request.tool_choice!r} in `tools`.", param="tool_choice")
    if request.tools and request.tool_choice != "none" and not model.offer.takes_tools:
        raise UnsupportedValue(f"The model {model.name!r} cannot call tools.", param="tools")


def _check_order(messages: Sequence[PromptMessage]) -> None:
    """Raise `InvalidValue` unless each call of a tool has its result, and somebody is to be answered."""
    waiting: set[str] = set()
    for message in messages:
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                raise _out_of_order("A `tool` message must answer one of the `tool_calls` before it.")
            waiting.remove(message.tool_call_id)
        elif waiting:
            break
        waiting |= {call.id for call in message.tool_calls}
    if waiting:
        raise _out_of_order(f"These `tool_calls` are not answered: {', '.join(sorted(waiting))}.")
    if not any(message.role == "user" for message in messages):
        raise _out_of_order("There must be at least one `user` message.")
    if messages[-1].role == "assistant":
        raise _out_of_order("The last message must be a `user` or a `tool` message.")


def _out_of_order(detail: str) -> InvalidValue:
    return InvalidValue(detail, param="messages")


def _without_marks(message: PromptMessage) -> PromptMessage:
    """Marks of sources go from earlier answers: their numbers mean others now."""
    if message.role != "assistant":
        return message
    return replace(message, content=without_marks(message.content))
