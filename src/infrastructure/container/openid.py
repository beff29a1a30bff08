"""The OpenID providers that the settings name."""

from src.domains.auth.services.openid import ClaimRules, Connection
from src.infrastructure.openid.provider import OpenIdConnectProvider, OpenIdPlace
from src.infrastructure.settings import OpenIdProviderSettings, Settings


def connections(settings: Settings) -> tuple[Connection, ...]:
    return tuple(_connection(each, settings.openid.seconds) for each in settings.openid.providers)


def _connection(provider: OpenIdProviderSettings, seconds: float) -> Connection:
    place = OpenIdPlace(
        issuer=provider.issuer,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        scopes=provider.scopes,
        claim=provider.claim,
        ca_file=str(provider.ca_file) if provider.ca_file else None,
        seconds=seconds,
    )
    rules = ClaimRules(provider.groups, provider.roles, provider.link_by_email, provider.create_accounts)
    return Connection(provider.name, provider.label or provider.name, OpenIdConnectProvider(place), rules)
