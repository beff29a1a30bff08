"""Invitations: accounts that administrators offer to addresses."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from uuid import UUID

from src.domains.auth.models import Invitation, Language, Role, User
from src.domains.auth.repositories.groups import GroupRepository
from src.domains.auth.repositories.registrations import InvitationRepository, RegistrationRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services.accounts import ACCOUNTS, EmailTaken, create_account, identity
from src.domains.auth.services.administration import UnknownGroups
from src.domains.auth.services.passwords import PasswordHasher, refuse_weak
from src.domains.auth.services.tokens import InvalidLink, token_hash
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import (
    InvitationAccepted,
    InvitationMade,
    InvitationRenewed,
    InvitationWithdrawn,
)
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import Conflict, NotFound


class AlreadyInvited(Conflict):
    code = "already_invited"


class UnknownInvitation(NotFound):
    code = "unknown_invitation"


class InvitationService:
    """Makes invitations, and accounts of those that are accepted. The mail with the link is a reaction's."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordHasher,
        lifetime: timedelta,
        directory_is_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._lifetime = lifetime
        self._directory_is_current = directory_is_current

    async def invite(self, by: UUID, email: str, role: Role, group_ids: Sequence[UUID]) -> Invitation:
        """Offer an account with these rights; groups that are deleted meanwhile are left out later."""

        def invite(uow: UnitOfWork) -> Invitation:
            uow.lock(ACCOUNTS)
            invitations, now = InvitationRepository(uow), utc_now()
            if UserRepository(uow).email_taken(identity(email)):
                raise EmailTaken("There is an account with this e-mail address already.")
            if invitations.by_email(identity(email)):
                raise AlreadyInvited("This address is invited already. Send the invitation again instead.")
            if missing := set(group_ids) - {group.id for group in GroupRepository(uow).by_ids(group_ids)}:
                ids = ", ".join(sorted(map(str, missing)))
                raise UnknownGroups(f"There are no groups with these ids: {ids}.")
            invitation = Invitation(
                email=identity(email),
                role=role,
                group_ids=[str(group_id) for group_id in group_ids],
                token_hash=None,
                created_at=now,
                expires_at=now + self._lifetime,
            )
            invitations.add(invitation)
            made = InvitationMade(
                invitation_id=invitation.id, made_by=by, role=role, group_ids=tuple(group_ids)
            )
            uow.record(made)
            return invitation

        return await self._database.write(invite, alone=True)

    async def page(self, after: UUID | None, limit: int) -> Sequence[Invitation]:
        return await self._database.read(lambda uow: InvitationRepository(uow).page(after, limit))

    async def renew(self, by: UUID, invitation_id: UUID) -> Invitation:
        """Send an invitation once more, as good as new; the link before holds no longer."""

        def renew(uow: UnitOfWork) -> Invitation:
            invitation = _find_invitation(uow, invitation_id)
            invitation.expires_at, invitation.token_hash = utc_now() + self._lifetime, None
            uow.record(InvitationRenewed(invitation_id=invitation_id, renewed_by=by))
            return invitation

        return await self._database.write(renew)

    async def withdraw(self, by: UUID, invitation_id: UUID) -> None:
        def withdraw(uow: UnitOfWork) -> None:
            InvitationRepository(uow).delete(_find_invitation(uow, invitation_id))
            uow.record(InvitationWithdrawn(invitation_id=invitation_id, withdrawn_by=by))

        await self._database.write(withdraw)

    async def accept(self, token: str, name: str, password: str, language: Language | None) -> User:
        """Make the account that was offered to whoever read the mail."""
        invitation = await self._database.read(lambda uow: _find_by_token(uow, token))
        refuse_weak(password, invitation.email, name)
        password_hash = await self._passwords.hash(password)

        def accept(uow: UnitOfWork) -> User:
            uow.lock(ACCOUNTS)  # of two who accept at once, the second finds no invitation
            accepted = _find_by_token(uow, token)
            groups = GroupRepository(uow).by_ids([UUID(group_id) for group_id in accepted.group_ids])
            role: Role = accepted.role  # type: ignore[assignment]  # the column's constraint says so
            user = create_account(
                uow, accepted.email, name, password_hash, role, language=language, groups=groups
            )
            InvitationRepository(uow).delete(accepted)
            RegistrationRepository(uow).delete_of(accepted.email)
            uow.record(InvitationAccepted(invitation_id=accepted.id, user_id=user.id))
            return user

        user = await self._database.write(accept, alone=True)
        await self._directory_is_current()
        return user


def _find_invitation(uow: UnitOfWork, invitation_id: UUID) -> Invitation:
    invitation = InvitationRepository(uow).get(invitation_id)
    if invitation is None:
        raise UnknownInvitation("There is no such invitation. It may have been accepted already.")
    return invitation


def _find_by_token(uow: UnitOfWork, token: str) -> Invitation:
    invitation = InvitationRepository(uow).by_token(token_hash(token), utc_now())
    if invitation is None:
        raise InvalidLink
    return invitation
