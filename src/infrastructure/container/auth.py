"""What auth is made of."""

from datetime import timedelta
from functools import partial

from dependency_injector import providers
from pydantic import SecretStr

from src.domains.auth import subscribers as auth_subscribers
from src.domains.auth.services.accounts import AccountService
from src.domains.auth.services.administration import AdministrationService
from src.domains.auth.services.api_keys import ApiKeyService, ApiKeyUses
from src.domains.auth.services.attempts import Attempts
from src.domains.auth.services.audit import AuditProjection
from src.domains.auth.services.audit_log import AuditLog, AuditRetention
from src.domains.auth.services.directory import Directory, TokenAuthenticator
from src.domains.auth.services.invitations import InvitationService
from src.domains.auth.services.login import LoginService
from src.domains.auth.services.mails import AccountMails
from src.domains.auth.services.openid import OpenIdService
from src.domains.auth.services.password_changes import PasswordService
from src.domains.auth.services.passwords import PasswordHasher
from src.domains.auth.services.registration import RegistrationService
from src.domains.auth.services.second_factor import SecondFactorCodes, SecondFactorService
from src.domains.auth.services.sign_ins import SignInService
from src.domains.auth.services.tokens import AccessTokens, RefreshTokens, derived_key
from src.infrastructure.container import limits, mail, openid
from src.infrastructure.container.core import Core


def _page_key(secret: SecretStr) -> str:
    return derived_key(secret, "the page").hex()


class Auth(Core):
    page_key = providers.Singleton(_page_key, Core.token_secret)
    tokens = providers.Singleton(
        AccessTokens,
        Core.token_secret,
        providers.Callable(timedelta, minutes=Core.settings.provided.auth.access_token_minutes),
    )
    directory = providers.Singleton(Directory, Core.database, tokens.provided.lifetime)
    directory_is_current = providers.Callable(
        partial, Core.subscriptions.provided.wait_until_current, auth_subscribers.DIRECTORY
    )
    directory_seconds_behind = providers.Callable(
        partial, Core.subscriptions.provided.seconds_behind, auth_subscribers.DIRECTORY
    )
    api_key_uses = providers.Singleton(ApiKeyUses, Core.database)
    authenticator = providers.Singleton(
        TokenAuthenticator,
        tokens,
        directory,
        directory_is_current,
        directory_seconds_behind,
        api_key_uses.provided.note,
    )
    api_keys = providers.Singleton(
        ApiKeyService, Core.database, Core.settings.provided.auth.api_keys, directory_is_current
    )
    accounts = providers.Singleton(AccountService, Core.database)
    hasher = providers.Singleton(PasswordHasher, Core.settings.provided.auth.password_hashes_at_once)
    attempts = providers.Singleton(Attempts, Core.database)
    sign_ins = providers.Singleton(
        SignInService,
        Core.database,
        tokens,
        providers.Singleton(RefreshTokens, Core.token_secret),
        providers.Callable(timedelta, days=Core.settings.provided.auth.sign_in_days),
        directory_is_current,
    )
    second_factor_codes = providers.Singleton(SecondFactorCodes, Core.token_secret)
    login = providers.Singleton(
        LoginService, Core.database, hasher, attempts, second_factor_codes, sign_ins, Core.token_secret
    )
    openid_connections = providers.Singleton(openid.connections, Core.settings)
    openid_sign_ins = providers.Singleton(
        OpenIdService,
        Core.database,
        openid_connections,
        sign_ins,
        Core.token_secret,
        providers.Callable(mail.page_url, Core.settings),
        Core.settings.provided.auth.newcomer_role,
        directory_is_current,
    )
    registration = providers.Singleton(
        RegistrationService,
        Core.database,
        hasher,
        attempts,
        providers.Callable(mail.registration_policy, Core.settings),
        directory_is_current,
    )
    passwords = providers.Singleton(PasswordService, Core.database, hasher, attempts, directory_is_current)
    second_factors = providers.Singleton(
        SecondFactorService, Core.database, passwords, attempts, second_factor_codes
    )
    invitations = providers.Singleton(
        InvitationService,
        Core.database,
        hasher,
        providers.Callable(timedelta, days=Core.settings.provided.auth.invitation_days),
        directory_is_current,
    )
    mailer = providers.Singleton(mail.mailer, Core.settings)
    account_mails = providers.Singleton(
        AccountMails,
        Core.database,
        mailer,
        providers.Callable(mail.page_url, Core.settings),
        providers.Callable(timedelta, minutes=Core.settings.provided.auth.reset_minutes),
    )
    administration = providers.Singleton(AdministrationService, Core.database, directory_is_current)

    audit_projection = providers.Singleton(AuditProjection)
    audit = providers.Singleton(AuditLog, Core.database)
    audit_retention = providers.Singleton(
        AuditRetention, Core.database, providers.Callable(limits.audit_kept, Core.settings)
    )
