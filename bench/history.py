"""Months of questions and answers that were never asked: chat's rows, and the events that tell of them.

The same seed makes the same history. Written past the services, for a hundred thousand turns through the API would
take an hour; each row and event is as chat writes it.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, insert

from src.domains.chat.models import Message, Session
from src.infrastructure.database import event_log
from src.shared.events.base import DomainEvent, Origin
from src.shared.events.chat import (
    ChatAnswerRequestedAgain,
    ChatMessageBlocked,
    ChatMessageReceived,
    ChatResponseFailed,
    ChatResponseGenerated,
    FeedbackGiven,
    FeedbackWithdrawn,
)

DAYS = 90
GROUPS = 8
TURNS_OF_A_SESSION = 4
MODELS = {"haiku": 0.8, "sonnet": 6.0}
"""Cost of a million tokens in US dollars."""
BUSY = [1] * 7 + [4, 12, 30, 34, 30, 18, 28, 32, 30, 26, 18, 8, 5, 4, 3, 2, 1]
"""How often is asked in each hour of a day in Korea."""
QUESTIONS = (
    "연차는 며칠 전에 신청하나요?",
    "How do I claim travel costs?",
    "VPN이 안 돼요",
    "Where is the form?",
)

SESSIONS = Session.metadata.tables[Session.__tablename__]
MESSAGES = Session.metadata.tables[Message.__tablename__]


@dataclass
class Written:
    """What belongs together in one transaction, with the events in the order of their time."""

    sessions: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    events: list[DomainEvent] = field(default_factory=list)


class History:
    """A company's questions of `days` days from `start` on, about as many turns as wanted."""

    def __init__(self, turns: int, start: datetime, *, days: int = DAYS, people: int = 200, seed: int = 1):
        self._random = random.Random(seed)  # made to be repeated
        self._start = start
        self._days = days
        self._sessions_of_a_day = max(1, round(turns / days / TURNS_OF_A_SESSION))
        self.groups = [self._id() for _ in range(GROUPS)]
        self.people = {
            self._id(): tuple(self._random.sample(self.groups, self._random.choice((0, 1, 1, 2))))
            for _ in range(people)
        }
        """Who asks, and the groups that they are in."""
        self.doors: dict[UUID, str] = {}
        """By which door each session came."""

    def write(self, engine: Engine) -> int:
        """Write all of it; return how many events were told."""
        told = 0
        for day in range(self._days):
            with engine.connect().execution_options(writing=True) as connection, connection.begin():
                told += _write(connection, self._day(self._start + timedelta(days=day)))
        return told

    def _id(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def _day(self, day: datetime) -> Written:
        written = Written()
        for _ in range(self._sessions_of_a_day):
            hour = self._random.choices(range(24), BUSY)[0]
            asked_at = day + timedelta(hours=hour, seconds=self._random.uniform(0, 3599))
            self._session(written, asked_at)
        written.events.sort(key=lambda event: event.occurred_at)
        return written

    def _session(self, written: Written, asked_at: datetime) -> None:
        user_id = self._random.choice(list(self.people))
        session: dict[str, Any] = {
            "id": self._id(),
            "user_id": user_id,
            "title": "A question",
            "created_at": asked_at,
            "updated_at": asked_at,
        }
        written.sessions.append(session)
        self.doors[session["id"]] = self._random.choice(("page", "page", "api"))
        for _ in range(self._random.randint(1, 2 * TURNS_OF_A_SESSION - 1)):
            question_id = self._id()
            self._ask(written, session, question_id, asked_at, is_again=False)
            asked_at += timedelta(seconds=self._random.uniform(20, 300))
            if self._random.random() < 0.05:
                self._ask(written, session, question_id, asked_at, is_again=True)
                asked_at += timedelta(seconds=self._random.uniform(20, 300))

    def _ask(
        self, written: Written, session: dict[str, Any], question_id: UUID, at: datetime, *, is_again: bool
    ) -> None:
        answer_id, text = self._id(), self._random.choice(QUESTIONS)
        common = {
            "session_id": session["id"],
            "user_id": session["user_id"],
            "group_ids": self.people[session["user_id"]],
        }
        door = Origin(channel=self.doors[session["id"]])
        asked = {**common, "answer_id": answer_id, "channel": "chat", "origin": door, "occurred_at": at}
        outcome = self._random.choices(("completed", "failed", "blocked"), (95, 3, 2))[0]
        if is_again:
            outcome = "completed"
            written.events.append(ChatAnswerRequestedAgain(**asked, question_id=question_id))
        elif outcome == "blocked":
            written.events.append(
                ChatMessageBlocked(
                    **asked, message_id=question_id, category="term", rule_id=None, profile_id=None
                )
            )
        else:
            written.events.append(ChatMessageReceived(**asked, message_id=question_id, message=text))
        if not is_again:
            written.messages.append(_message(session, question_id, "user", text, at))
        answer = _message(session, answer_id, "assistant", "…", at) | {
            "parent_id": question_id,
            "status": outcome,
        }
        written.messages.append(answer)
        told = {**common, "message_id": answer_id, "question_id": question_id}
        if outcome == "failed":
            later = at + timedelta(seconds=1)
            written.events.append(ChatResponseFailed(**told, code="model_unavailable", occurred_at=later))
        elif outcome == "completed":
            self._answer(written, answer, told, at)

    def _answer(self, written: Written, answer: dict[str, Any], told: dict[str, Any], at: datetime) -> None:
        first_token_ms = round(self._random.lognormvariate(6, 0.7))
        model = self._random.choice(list(MODELS))
        figures: dict[str, Any] = {
            "model": model,
            "grounded": self._random.random() < 0.8,
            "tokens_in": self._random.randint(200, 4000),
            "tokens_out": self._random.randint(10, 600),
            "first_token_ms": first_token_ms,
            "total_ms": first_token_ms + round(self._random.lognormvariate(7, 0.6)),
        }
        figures["cost"] = (figures["tokens_in"] + figures["tokens_out"]) * MODELS[model] / 1_000_000
        answer |= figures
        done = at + timedelta(milliseconds=figures["total_ms"])
        written.events.append(
            ChatResponseGenerated(
                **told, **figures, retrieved_passage_ids=(), cited_passage_ids=(), occurred_at=done
            )
        )
        if self._random.random() < 0.15:
            self._rate(written, answer, told, done)

    def _rate(self, written: Written, answer: dict[str, Any], told: dict[str, Any], at: datetime) -> None:
        """Have the answer judged: some change their mind, and some take it back."""
        rated = {name: told[name] for name in ("session_id", "message_id", "user_id")}
        for _ in range(self._random.choice((1, 1, 1, 2))):
            at += timedelta(seconds=self._random.uniform(1, 30))
            answer["feedback"] = self._random.choice(("up", "up", "down"))
            written.events.append(
                FeedbackGiven(**rated, rating=answer["feedback"], reasons=(), comment="", occurred_at=at)
            )
        if self._random.random() < 0.1:
            answer["feedback"] = None
            later = at + timedelta(seconds=5)
            written.events.append(FeedbackWithdrawn(**rated, occurred_at=later))


def _message(session: dict[str, Any], id: UUID, role: str, content: str, at: datetime) -> dict[str, Any]:
    nothing = dict.fromkeys(
        (
            *("parent_id", "model", "grounded", "tokens_in", "tokens_out", "cost"),
            *("first_token_ms", "total_ms", "feedback"),
        )
    )
    return {
        **nothing,
        "id": id,
        "session_id": session["id"],
        "role": role,
        "content": content,
        "created_at": at,
        "status": "completed",
    }


def _write(connection: Connection, written: Written) -> int:
    connection.execute(insert(SESSIONS), written.sessions)
    connection.execute(insert(MESSAGES), written.messages)
    event_log.append(connection, written.events, "history")
    return len(written.events)
