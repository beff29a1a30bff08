"""Signing in by an OpenID provider (OpenID Connect, authorization code flow with PKCE).

The browser is sent to the provider and comes back with a code. What ties both ends together lies in a sealed
cookie meanwhile. In the end the browser has a ticket, a cookie too, that the page redeems for tokens: nothing
secret stands in an address.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr

from src.domains.auth.models import ForeignIdentity, Role, User
from src.domains.auth.repositories.foreign_identities import ForeignIdentityRepository
from src.domains.auth.repositories.groups import GroupRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.auth.services.accounts import ACCOUNTS, create_account, find_user, identity
from src.domains.auth.services.directory import rights_of
from src.domains.auth.services.ports import ForeignPerson, OpenIdAttempt, OpenIdProvider, OpenIdRefused
from src.domains.auth.services.sign_ins import Caller, SignInService, TokenPair
from src.domains.auth.services.tokens import Seal
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.shared.events.auth import ForeignIdentityLinked, UserRightsChanged
from src.shared.events.base import utc_now
from src.shared.exceptions.errors import NotAllowed, NotAuthenticated, NotFound

ATTEMPT_LIFETIME = timedelta(minutes=10)
TICKET_LIFETIME = timedelta(minutes=1)

RANKS: tuple[Role, ...] = ("admin", "editor", "user")


class UnknownProvider(NotFound):
    code = "unknown_provider"


class AttemptExpired(NotAuthenticated):
    """The browser did not begin this sign-in here, or too long ago."""

    code = "openid_attempt_expired"

    def __init__(self) -> None:
        super().__init__("This took too long, or began in another browser. Try to sign in once more.")


class NoAccount(NotAllowed):
    code = "openid_no_account"


class AccountExists(NotAllowed):
    code = "openid_account_exists"


class EmailNotVerified(NotAllowed):
    code = "openid_email_not_verified"


class AccountSwitchedOff(NotAllowed):
    code = "openid_account_closed"


@dataclass(frozen=True)
class ClaimRules:
    """What follows from what a provider says of people.

    `groups` maps values to names of our groups, `roles` to roles. With `roles` the provider decides who is
    administrator or editor. `link_by_email` gives whoever has a verified address there the account of that
    address here.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    link_by_email: bool = False
    create_accounts: bool = True

    def role_of(self, person: ForeignPerson) -> Role | None:
        """Return the highest role that the values give."""
        given = {self.roles[value] for value in person.values if value in self.roles}
        return next((role for role in RANKS if role in given), None)


@dataclass(frozen=True)
class Connection:
    """A provider as it is set up here; `label` is what people know it by."""

    name: str
    label: str
    provider: OpenIdProvider
    rules: ClaimRules


class OpenIdService:
    """Signs in who a provider vouches for; the account is known by the issuer and its name for the person."""

    def __init__(
        self,
        database: Database,
        connections: Sequence[Connection],
        sign_ins: SignInService,
        secret: SecretStr,
        house_url: str,
        newcomer_role: Role,
        directory_is_current: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._connections = {each.name: each for each in connections}
        self._sign_ins = sign_ins
        self._attempts = Seal(secret, "openid attempts")
        self._tickets = Seal(secret, "openid tickets")
        self._newcomer_role = newcomer_role
        self._directory_is_current = directory_is_current
        self.house_url = house_url.rstrip("/")
        """Where browsers reach the page, and the API below it."""

    @property
    def connections(self) -> Sequence[Connection]:
        return tuple(self._connections.values())

    async def start(self, name: str) -> tuple[str, str]:
        """Return where the browser is sent to, and what it keeps until it comes back."""
        connection = self._connection(name)
        attempt = OpenIdAttempt(
            redirect_uri=f"{self.house_url}/api/v1/auth/oidc/{name}/callback",
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            code_verifier=secrets.token_urlsafe(48),
        )
        url = await connection.provider.authorization_url(attempt)
        return url, self._attempts.seal({"provider": name, **asdict(attempt)}, ATTEMPT_LIFETIME)

    async def finish(self, name: str, kept: str, state: str, code: str | None, issuer: str | None) -> str:
        """Return a ticket for whoever came back from the provider; without a code it has refused."""
        connection, claims = self._connection(name), self._attempts.open(kept)
        if claims is None or claims["provider"] != name or not secrets.compare_digest(claims["state"], state):
            raise AttemptExpired
        if code is None:
            raise OpenIdRefused("The provider did not let you in.")
        names = ("redirect_uri", "state", "nonce", "code_verifier")
        attempt = OpenIdAttempt(**{each: claims[each] for each in names})
        person = await connection.provider.identify(code, attempt, issuer)
        user_id = await self._database.write(
            lambda uow: self._account_of(uow, person, connection.rules).id, alone=True
        )
        await self._directory_is_current()
        return self._tickets.seal({"sub": str(user_id)}, TICKET_LIFETIME)

    async def redeem(self, ticket: str, caller: Caller) -> TokenPair:
        """Open a sign-in for the browser that has the ticket."""
        claims = self._tickets.open(ticket)
        if claims is None:
            raise AttemptExpired

        def open_sign_in(uow: UnitOfWork) -> TokenPair:
            user = find_user(uow, UUID(claims["sub"]))
            _refuse_closed(user)
            return self._sign_ins.open(uow, user, caller, "openid")

        return await self._database.write(open_sign_in)

    def _connection(self, name: str) -> Connection:
        if name not in self._connections:
            raise UnknownProvider("There is no such provider here.")
        return self._connections[name]

    def _account_of(self, uow: UnitOfWork, person: ForeignPerson, rules: ClaimRules) -> User:
        uow.lock(ACCOUNTS)
        known = ForeignIdentityRepository(uow).user_of(person.issuer, person.subject)
        user = find_user(uow, known) if known else self._linked(uow, person, rules)
        _refuse_closed(user)
        _follow(uow, user, person, rules)
        return user

    def _linked(self, uow: UnitOfWork, person: ForeignPerson, rules: ClaimRules) -> User:
        """Find or make the account of somebody who comes for the first time, and remember whose it is."""
        if not person.email or not person.email_verified:
            raise EmailNotVerified("The provider has not verified your e-mail address.")
        users = UserRepository(uow)
        user = users.by_email(identity(person.email))
        if user and not rules.link_by_email:
            raise AccountExists("There is an account with your address already. Sign in with its password.")
        if user is None:
            if not rules.create_accounts:
                raise NoAccount("You have no account here. Ask your administrator for an invitation.")
            role = (rules.role_of(person) or self._newcomer_role) if users.any() else "admin"
            user = create_account(uow, person.email, person.name or person.email, None, role)
        ForeignIdentityRepository(uow).add(
            ForeignIdentity(
                issuer=person.issuer, subject=person.subject, user_id=user.id, created_at=utc_now()
            )
        )
        uow.record(ForeignIdentityLinked(user_id=user.id, issuer=person.issuer))
        return user


def _follow(uow: UnitOfWork, user: User, person: ForeignPerson, rules: ClaimRules) -> None:
    """Bring rights in line with what the provider says; what the rules do not name is left as it is."""
    before = rights_of(user)
    ours = {group.name: group for group in GroupRepository(uow).by_names(list(rules.groups.values()))}
    wanted = {rules.groups[value] for value in person.values if value in rules.groups}
    kept = [group for group in user.groups if group.name not in ours]
    user.groups = kept + [group for name, group in ours.items() if name in wanted]
    if rules.roles:
        stays = user.role == "admin" and UserRepository(uow).other_active_admins(user.id) == 0
        lowered = "user" if user.role in ("admin", "editor") else user.role
        user.role = user.role if stays else rules.role_of(person) or lowered
    after = rights_of(user)
    if (before.role, set(before.group_ids)) != (after.role, set(after.group_ids)):
        uow.record(
            UserRightsChanged(
                user_id=user.id, role=after.role, is_active=after.is_active, group_ids=after.group_ids
            )
        )


def _refuse_closed(user: User) -> None:
    if not user.is_active:
        raise AccountSwitchedOff("This account is switched off. Ask your administrator.")
