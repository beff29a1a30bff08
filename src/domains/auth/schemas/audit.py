"""Response models of the audit log."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from src.domains.auth.repositories.audit import Link
from src.domains.auth.services.audit_log import AuditView
from src.shared.schemas import ItemModel, ResponseModel


class AuditEntryResponse(ItemModel):
    """`id` is the event's. `target` is what it was done to, as `user:<id>`, `before` what was there before."""

    number: int
    occurred_at: datetime
    actor_id: UUID | None
    actor_email: str | None
    action: str
    target: str
    before: Any
    details: dict[str, Any]
    channel: str
    address: str
    api_key_id: UUID | None
    request_id: str
    hash: str

    @classmethod
    def of(cls, view: AuditView) -> "AuditEntryResponse":
        entry = view.entry
        return cls(
            id=entry.event_id,
            number=entry.number,
            occurred_at=entry.occurred_at,
            actor_id=entry.actor_id,
            actor_email=view.actor_email,
            action=entry.action,
            target=entry.target,
            before=json.loads(entry.before) if entry.before else None,
            details=json.loads(entry.details),
            channel=entry.channel,
            address=entry.address,
            api_key_id=entry.api_key_id,
            request_id=entry.request_id,
            hash=entry.hash.hex(),
        )


class AuditHeadResponse(ResponseModel):
    """The newest link of the chain: what to note elsewhere."""

    number: int
    hash: str

    @classmethod
    def of(cls, link: Link) -> "AuditHeadResponse":
        return cls(number=link.number, hash=link.hash.hex())
