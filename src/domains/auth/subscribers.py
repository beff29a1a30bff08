"""What auth listens to: its own events, for the directory that each process keeps and for mails."""

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


def subscribe(bus: EventBus, directory: Directory, mails: AccountMails) -> None:
    bus.replicate(Directory.EVENTS, directory, name=DIRECTORY)
    bus.subscribe(PasswordResetAsked, mails.send_reset, name=MAILS, kind="reaction")
    bus.subscribe(RegistrationAsked, mails.send_confirmation, name=MAILS, kind="reaction")
    bus.subscribe(InvitationMade, mails.send_invitation, name=MAILS, kind="reaction")
    bus.subscribe(InvitationRenewed, mails.send_invitation, name=MAILS, kind="reaction")
    bus.subscribe(PasswordChanged, mails.tell_of_new_password, name=MAILS, kind="reaction")
    bus.subscribe(SecondFactorAdded, mails.tell_of_second_factor, name=MAILS, kind="reaction")
    bus.subscribe(SecondFactorRemoved, mails.tell_of_removed_factor, name=MAILS, kind="reaction")
