"""Settings of signing in by OpenID providers."""

from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class OpenIdProviderSettings(BaseModel):
    """One provider: `OPENID__PROVIDERS` is a JSON list of these."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    label: str | None = None
    issuer: str
    client_id: str
    client_secret: SecretStr | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    claim: str = "groups"
    groups: dict[str, str] = {}
    roles: dict[str, Literal["admin", "editor", "user"]] = {}
    link_by_email: bool = False
    create_accounts: bool = True
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _issuer_is_private(self) -> Self:
        parts = urlsplit(self.issuer)
        if parts.scheme == "http" and _is_here(parts.hostname or ""):
            return self
        if parts.scheme != "https" or parts.query or parts.fragment:
            raise ValueError(f"the issuer of {self.name} needs an address with https")
        return self


class OpenIdSettings(BaseModel):
    """Signing in by OpenID providers."""

    providers: tuple[OpenIdProviderSettings, ...] = Field(
        (), description="Who vouches for people, as a JSON list: see *Sign-in by OpenID* above."
    )
    seconds: float = Field(10.0, gt=0, description="How long a provider may take.")

    @model_validator(mode="after")
    def _providers_are_apart(self) -> Self:
        if len({provider.name for provider in self.providers}) < len(self.providers):
            raise ValueError("OPENID__PROVIDERS names a provider twice")
        return self


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
