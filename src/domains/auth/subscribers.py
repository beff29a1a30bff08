"""What auth listens to: its own events, for the directory and for mails, and everybody's, for the audit log."""

from src.domains.auth.services.audit import AUDITED, AuditProjection
from src.domains.auth.services.directory import Directory
from src.domains.auth.services.mails import AccountMails
from src.shared.events.auth import (
    InvitationMade,
    InvitationRenewed,
    PasswordChanged,
    PasswordResetAsked,
    RegistrationAsked,
    SecondFactorAdded,
    SecondFactorRemoved,
)
from src.shared.events.bus import EventBus

DIRECTORY = "auth.directory"
MAILS = "auth.mails"
AUDIT = "auth.audit"

DIRECTORY_SECONDS = 1.0
"""How often the directory looks at the log at least: what it knows must never be old."""


def subscribe(bus: EventBus, directory: Directory, audit: AuditProjection, mails: AccountMails) -> None:
    bus.replicate(Directory.EVENTS, directory, name=DIRECTORY, every=DIRECTORY_SECONDS)
    bus.subscribe(PasswordResetAsked, mails.send_reset, name=MAILS, kind="reaction")
    bus.subscribe(RegistrationAsked, mails.send_confirmation, name=MAILS, kind="reaction")
    bus.subscribe(InvitationMade, mails.send_invitation, name=MAILS, kind="reaction")
    bus.subscribe(InvitationRenewed, mails.send_invitation, name=MAILS, kind="reaction")
    bus.subscribe(PasswordChanged, mails.tell_of_new_password, name=MAILS, kind="reaction")
    bus.subscribe(SecondFactorAdded, mails.tell_of_second_factor, name=MAILS, kind="reaction")
    bus.subscribe(SecondFactorRemoved, mails.tell_of_removed_factor, name=MAILS, kind="reaction")
    for event in AUDITED:
        bus.subscribe(event, audit.note, name=AUDIT, kind="projection")
    bus.rebuild_with(audit.clear, name=AUDIT)
