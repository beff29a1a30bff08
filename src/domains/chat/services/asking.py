"""A question is saved: where it goes in its session, who answers it, and what was said before."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping
from uuid_utils.compat import uuid7

from src.domains.chat.models import Message
from src.domains.chat.repositories.messages import MessageRepository
from src.domains.chat.repositories.requests import RequestRepository
from src.domains.chat.repositories.sessions import SessionRepository
from src.domains.chat.services.briefing import check_fits
from src.domains.chat.services.citations import without_marks
from src.domains.chat.services.guardrail import Finding, Sealer
from src.domains.chat.services.masking import renumbering, with_placeholders
from src.domains.chat.services.offers import Offer, Offers
from src.domains.chat.services.ports import PromptMessage
from src.domains.chat.services.profiles import assistant_of, usable_profile
from src.domains.chat.services.screening import OUTSIDE, Screened
from src.domains.chat.services.sessions import UnknownSession, find_message
from src.domains.chat.services.spending import Spending
from src.domains.chat.services.titles import title_of
from src.domains.chat.services.turn import Ask, Place, Question, RequestKey
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.base import DomainEvent, utc_now
from src.shared.events.chat import ChatAnswerRequestedAgain, ChatMessageBlocked, ChatMessageReceived
from src.shared.exceptions.errors import Conflict, InvalidRequest
from src.shared.middleware.authentication import Principal


class NotAQuestion(Conflict):
    code = "not_a_question"


class AnswerInTheMaking(Conflict):
    code = "answer_in_the_making"


class QuestionBlocked(Conflict):
    code = "question_blocked"


class KeyReused(InvalidRequest):
    code = "idempotency_key_reused"


class _New(NamedTuple):
    """Ids in the order of what they name: those of messages are in the order of a session."""

    question_id: UUID
    answer_id: UUID
    at: datetime


class QuestionDesk:
    """Saves questions together with the answers that are to come."""

    def __init__(self, offers: Offers, sealer: Sealer, spending: Spending, history_messages: int) -> None:
        self._offers = offers
        self._sealer = sealer
        self._spending = spending
        self._history_messages = history_messages

    def save(self, uow: UnitOfWork, screened: Screened, leased_until: datetime) -> Place | UUID:
        """Save what is asked, and reserve what its answer may take.

        Returns its place, or the answer that the same request has set off already.
        """
        ask = screened.ask
        new = _New(uuid7(), uuid7(), utc_now())
        if ask.key and (earlier := _earlier_answer(uow, ask, ask.key, new)):
            return earlier
        place = self._place(uow, screened, new)
        check_fits(place.offer, place.assistant, place.question.content)
        findings = screened.holding(place.assistant.profile_id, place.history)
        place = replace(place, refusal=screened.refusal(findings))
        if not place.refusal:
            place = replace(place, hold=self._spending.reserve_answer(uow, ask, place))
        common = {"session_id": place.session_id, "created_at": new.at}
        messages = MessageRepository(uow)
        if not ask.answers_again:
            status = "blocked" if place.refusal else "completed"
            asked = {"role": "user", "status": status, "leased_until": None}
            messages.insert({**common, **asked, **vars(place.question)})
        answer: dict[str, Any] = {"status": "pending", "content": "", "leased_until": leased_until}
        if place.refusal:
            refused = {"finish_reason": "content_filter", "leased_until": None}
            answer = {"status": "blocked", "content": place.refusal, **refused}
        common |= {"role": "assistant", "id": new.answer_id, "parent_id": place.question.id}
        messages.insert({**common, **answer})
        for each in screened.interventions(findings):
            uow.record(each.event(ask.asker, place.session_id, place.answer_id))
        uow.record(_blocked(ask, place, findings) if place.refusal else _event(ask, place))
        return place

    def _place(self, uow: UnitOfWork, screened: Screened, new: _New) -> Place:
        ask = screened.ask
        if earlier_id := ask.edits or ask.answers_again:
            message = find_message(uow, ask.asker.user_id, earlier_id)
            session = _session(uow, message.session_id, ask.asker)
            question = _edited(message, ask, new) if ask.edits else question_of(uow, message, ask.asker)
        elif ask.session_id:
            session = _session(uow, ask.session_id, ask.asker)
            question = Question(new.question_id, session["leaf_id"], ask.content)
        else:
            return self._open(uow, screened, new)
        known = self._sealer.unseal(session["masked_values"])
        renamed = renumbering(screened.values, known)
        question = replace(question, content=with_placeholders(ask.content, renamed))
        masked = known | {renamed[each]: value for each, value in screened.values.items()}
        if len(masked) > len(known):
            SessionRepository(uow).keep_masked(session["id"], self._sealer.seal(masked))
        title = session["title"] or title_of(question.content)
        SessionRepository(uow).go_on(session["id"], title, new.answer_id, new.at)
        place = self._continued(uow, ask, new.answer_id, session, question)
        return replace(place, masked=masked)

    def _open(self, uow: UnitOfWork, screened: Screened, new: _New) -> Place:
        """Open a session for the question."""
        ask = screened.ask
        if ask.profile_id:
            usable_profile(uow, ask.profile_id, ask.asker)
        assistant = assistant_of(uow, ask.profile_id, ask.asker)
        session_id = uuid7()
        SessionRepository(uow).insert(
            {
                "id": session_id,
                "user_id": ask.asker.user_id,
                "channel": ask.channel,
                "title": title_of(ask.content),
                "profile_id": assistant.profile_id,
                "model": ask.model,
                "leaf_id": new.answer_id,
                "masked_values": self._sealer.seal(screened.values) if screened.values else None,
                "created_at": new.at,
                "updated_at": new.at,
            }
        )
        question = Question(new.question_id, None, ask.content)
        offer = self._offer(ask, assistant.model)
        history = ask.request.history if ask.request else ()
        masked = screened.values
        return Place(session_id, question, new.answer_id, offer, assistant, history, masked=masked)

    def _continued(
        self, uow: UnitOfWork, ask: Ask, answer_id: UUID, session: RowMapping, question: Question
    ) -> Place:
        assistant = assistant_of(uow, session["profile_id"], ask.asker)
        branch: Sequence[RowMapping] = ()
        if question.parent_id and self._history_messages:
            branch = MessageRepository(uow).branch(question.parent_id, self._history_messages)
        summary = branch[0]["summary"] if branch else None
        told = _told(branch[1:] if summary else branch)
        return Place(
            session["id"],
            question,
            answer_id,
            self._offer(ask, session["model"], assistant.model),
            assistant,
            history=tuple(_said(row) for row in told),
            history_ids=tuple(row["id"] for row in told),
            summary=summary,
            is_temporary=session["is_temporary"],
        )

    def _offer(self, ask: Ask, *settled: str | None) -> Offer:
        """Return the model that is asked for, or else the first of those settled that is still offered."""
        if ask.model:
            return self._offers.get(ask.model)
        return next(
            (self._offers.get(each) for each in settled if each in self._offers), self._offers.default
        )


def _earlier_answer(uow: UnitOfWork, ask: Ask, key: RequestKey, new: _New) -> UUID | None:
    uow.lock(f"chat request {ask.asker.user_id} {key.key}")
    requests = RequestRepository(uow)
    earlier = requests.find(ask.asker.user_id, key.key)
    if earlier is None:
        requests.add(ask.asker.user_id, key.key, key.fingerprint, new.answer_id, new.at)
        return None
    if earlier.fingerprint != key.fingerprint:
        raise KeyReused("This Idempotency-Key was used for another request. Take a new one.")
    return earlier.answer_id


def _session(uow: UnitOfWork, session_id: UUID, asker: Principal) -> RowMapping:
    session = SessionRepository(uow).to_continue(session_id, asker.user_id)
    if session is None:
        raise UnknownSession("There is no such session.")
    return session


def _edited(message: Message, ask: Ask, new: _New) -> Question:
    if message.role != "user":
        raise NotAQuestion("Only questions can be edited.")
    return Question(new.question_id, message.parent_id, ask.content)


def question_of(uow: UnitOfWork, message: Message, asker: Principal) -> Question:
    """Return the question that is to be answered again: the message itself, or the one that it answers."""
    if message.status == "pending":
        raise AnswerInTheMaking("This answer is still being written. Stop it first.")
    if message.role == "assistant" and message.parent_id:
        message = find_message(uow, asker.user_id, message.parent_id)
    if message.status == "blocked":
        raise QuestionBlocked("This message was blocked. Edit it, or ask anew.")
    return Question(message.id, message.parent_id, message.content)


def _told(branch: Sequence[RowMapping]) -> list[RowMapping]:
    """Return the messages that say something: answers that failed do not."""
    return [row for row in branch if row["status"] in ("completed", "stopped") and row["content"]]


def _said(row: RowMapping) -> PromptMessage:
    """Return what was said. Marks of sources go from answers: their numbers mean others now."""
    content = row["content"] if row["role"] == "user" else without_marks(row["content"])
    return PromptMessage(row["role"], content)


def _blocked(ask: Ask, place: Place, findings: Sequence[Finding]) -> DomainEvent:
    rule = next((each.rule for each in findings if each.rule.action == "block"), None)
    return ChatMessageBlocked(
        session_id=place.session_id,
        message_id=place.question.id,
        answer_id=place.answer_id,
        user_id=ask.asker.user_id,
        group_ids=ask.asker.group_ids,
        channel=ask.channel,
        profile_id=place.assistant.profile_id,
        category=rule.category if rule else OUTSIDE,
        rule_id=rule.id if rule else None,
    )


def _event(ask: Ask, place: Place) -> DomainEvent:
    common = {
        "session_id": place.session_id,
        "answer_id": place.answer_id,
        "user_id": ask.asker.user_id,
        "group_ids": ask.asker.group_ids,
        "channel": ask.channel,
        "profile_id": place.assistant.profile_id,
    }
    if ask.answers_again:
        return ChatAnswerRequestedAgain(**common, question_id=place.question.id)
    message = "" if place.is_temporary else place.question.content
    return ChatMessageReceived(**common, message_id=place.question.id, message=message)
