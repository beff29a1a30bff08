"""The audit log: who did what to what, from where; a chain of hashes in which a change or a cut shows.

An entry's hash is the SHA-256 of the hash before it and of the entry's content, as JSON with sorted keys. All of
it comes from the event alone, so a replay of the log makes the same chain.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from src.domains.auth.models import AuditEntry
from src.domains.auth.repositories.audit import AuditRepository, Link
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events import auth, chat, knowledge
from src.shared.events.base import DomainEvent, Origin

BEGINNING = Link(0, bytes(32))
"""What the first entry of all follows."""

CHUNK = 1_000


@dataclass(frozen=True)
class Audited:
    """What of an event the log names: what it was done to, by its kind and the field with its id.

    `actor` is the field that tells who did it where the event's origin does not: before somebody has signed in.
    """

    kind: str
    field: str
    actor: str | None = None


AUDITED: Mapping[type[DomainEvent], Audited] = {
    auth.UserRegistered: Audited("user", "user_id", actor="user_id"),
    auth.UserRightsChanged: Audited("user", "user_id"),
    auth.SignedIn: Audited("sign_in", "sign_in_id", actor="user_id"),
    auth.SignInFailed: Audited("user", "user_id"),
    auth.SignedOut: Audited("sign_in", "sign_in_id", actor="user_id"),
    auth.PasswordChanged: Audited("user", "user_id", actor="user_id"),
    auth.PasswordResetAsked: Audited("user", "user_id"),
    auth.SecondFactorAdded: Audited("user", "user_id", actor="user_id"),
    auth.SecondFactorRemoved: Audited("user", "user_id", actor="removed_by"),
    auth.ForeignIdentityLinked: Audited("user", "user_id", actor="user_id"),
    auth.RegistrationAsked: Audited("registration", "registration_id"),
    auth.InvitationMade: Audited("invitation", "invitation_id", actor="made_by"),
    auth.InvitationRenewed: Audited("invitation", "invitation_id", actor="renewed_by"),
    auth.InvitationWithdrawn: Audited("invitation", "invitation_id", actor="withdrawn_by"),
    auth.InvitationAccepted: Audited("invitation", "invitation_id", actor="user_id"),
    auth.ApiKeyCreated: Audited("api_key", "key_id", actor="user_id"),
    auth.ApiKeyRevoked: Audited("api_key", "key_id"),
    auth.GroupCreated: Audited("group", "group_id"),
    auth.GroupRenamed: Audited("group", "group_id"),
    auth.GroupDeleted: Audited("group", "group_id"),
    auth.AuditExported: Audited("user", "user_id"),
    chat.SessionDeleted: Audited("session", "session_id"),
    chat.ProfileChanged: Audited("profile", "profile_id", actor="user_id"),
    chat.ProfileDeleted: Audited("profile", "profile_id", actor="user_id"),
    chat.BudgetChanged: Audited("budget", "subject_id", actor="user_id"),
    chat.BudgetDeleted: Audited("budget", "subject_id", actor="user_id"),
    chat.GuardrailRulesChanged: Audited("guardrail_rule", "rule_id", actor="user_id"),
    knowledge.CollectionChanged: Audited("collection", "collection_id"),
    knowledge.CollectionDeleted: Audited("collection", "collection_id"),
    knowledge.DocumentUploaded: Audited("document", "document_id", actor="user_id"),
    knowledge.DocumentDeleted: Audited("document", "document_id"),
}
"""Every other event is none of the audit log's business; `tests/architecture` has the list with the reasons."""

_NOT_DETAILS = frozenset(DomainEvent.model_fields) | {"before"}


class AuditProjection:
    """Writes the log from the events of all domains."""

    def note(self, uow: UnitOfWork, event: DomainEvent) -> None:
        last = head_of(uow)
        content = _content(event, last.number + 1)
        AuditRepository(uow).add(
            {**content, "previous_hash": last.hash, "hash": _hash(last.hash, content)},
        )

    def clear(self, uow: UnitOfWork) -> None:
        AuditRepository(uow).clear()


@dataclass(frozen=True)
class Verdict:
    """What a look at the whole chain has found: how many entries hold, and what is wrong with the next one."""

    entries: int
    head: Link
    fault: str | None = None


def head_of(uow: UnitOfWork) -> Link:
    """Return the newest link of the chain."""
    audit = AuditRepository(uow)
    return audit.newest() or audit.anchor() or BEGINNING


def verify(uow: UnitOfWork, kept: Link | None = None) -> Verdict:
    """Go along the chain to its head, or to where it breaks.

    A cut at its end cannot be seen in it: `kept` is a link that was noted elsewhere, and must be part of it.
    """
    last, entries = AuditRepository(uow).anchor() or BEGINNING, 0
    for entry in _entries(uow, last.number):
        if fault := _fault(entry, last):
            return Verdict(entries, last, fault)
        last, entries = Link(entry.number, entry.hash), entries + 1
        if kept and kept.number == last.number and kept.hash != last.hash:
            return Verdict(entries, last, f"entry {last.number} is not the one that was noted")
    if kept and kept.number > last.number:
        return Verdict(entries, last, f"entries {last.number + 1} to {kept.number} were cut off")
    return Verdict(entries, last)


def _entries(uow: UnitOfWork, number: int) -> Iterator[AuditEntry]:
    while page := AuditRepository(uow).after(number, CHUNK):
        yield from page
        number = page[-1].number
        uow.session.expunge_all()


def _fault(entry: AuditEntry, last: Link) -> str | None:
    if entry.number != last.number + 1:
        return f"entries {last.number + 1} to {entry.number - 1} are missing"
    content = {name: getattr(entry, name) for name in _CONTENT}
    if entry.previous_hash != last.hash or entry.hash != _hash(last.hash, content):
        return f"entry {entry.number} was changed, or does not follow the one before it"
    return None


_CONTENT = (
    "number",
    "event_id",
    "occurred_at",
    "action",
    "actor_id",
    "api_key_id",
    "address",
    "channel",
    "request_id",
    "target",
    "before",
    "details",
)


def _content(event: DomainEvent, number: int) -> dict[str, Any]:
    """Return what the log says of an event: none of people's own text."""
    audited, origin = AUDITED[type(event)], event.origin or Origin(channel="")
    fields = event.model_dump(mode="json", exclude=set(event.personal), exclude_none=True)
    actor_id = origin.actor_id or (getattr(event, audited.actor) if audited.actor else None)
    details = {key: value for key, value in fields.items() if key not in {*_NOT_DETAILS, audited.field}}
    values = (
        number,
        event.event_id,
        event.occurred_at,
        event.name,
        actor_id,
        origin.api_key_id,
        origin.address,
        origin.channel,
        event.correlation_id,
        f"{audited.kind}:{getattr(event, audited.field)}",
        _json(fields["before"]) if "before" in fields else None,
        _json(details),
    )
    return dict(zip(_CONTENT, values, strict=True))


def _hash(previous: bytes, content: Mapping[str, Any]) -> bytes:
    told = {**content, "occurred_at": content["occurred_at"].astimezone(UTC).isoformat()}
    return hashlib.sha256(previous + _json(told).encode()).digest()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
