"""Settings of how often somebody may ask."""

import re
from typing import Self

from pydantic import BaseModel, Field, SecretStr, model_validator


class LimitSettings(BaseModel):
    """Requests within a minute that slides; 0 is no limit. Nobody meets the defaults by hand."""

    store_url: SecretStr | None = Field(
        None,
        description="Where processes count together: `valkey://host:6379/0` or `redis://...`, with TLS "
        "`valkeys://` or `rediss://`; by default each counts by itself.",
    )
    user: int = Field(1_200, ge=0, description="Requests of a person in a minute.")
    api_key: int = Field(1_200, ge=0, description="Requests with one API key in a minute.")
    questions: int = Field(60, ge=0, description="Questions of a person in a minute, by all their API keys.")
    address: int = Field(
        600,
        ge=0,
        description="Requests of an address in a minute without a credential, and as many whose credential is "
        "refused.",
    )
    sign_in: int = Field(
        60, ge=0, description="Sign-ins, registrations and the like of an address in a minute."
    )

    @model_validator(mode="after")
    def _store_is_of_a_known_kind(self) -> Self:
        if self.store_url and not re.match(r"(valkey|redis)s?://.", self.store_url.get_secret_value()):
            raise ValueError("LIMITS__STORE_URL begins with valkey://, valkeys://, redis:// or rediss://")
        return self
