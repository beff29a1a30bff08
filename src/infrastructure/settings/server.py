"""Settings of the server, the database, the event log and accounts."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr, field_validator

_ORIGIN = re.compile(r"https?://[^/\s*?#@]+")


class ServerSettings(BaseModel):
    """The HTTP server."""

    page: bool = Field(True, description="Serve the web page beside the API.")
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 serves other machines too.")
    workers: int = Field(
        1, ge=1, le=64, description="Server processes; more than one needs PostgreSQL and a page of its own."
    )
    one_core: bool = Field(
        True,
        description="Keep a process's Python threads on one core, where they get in each other's way least.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Addresses or networks of the proxies before this server, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed; nobody's by default.",
    )
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins of other web pages whose scripts may call the API; none by default."
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body that is not an upload.")

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin; one is like https://wiki.example.com")
        return origins


class DatabaseSettings(BaseModel):
    """The database layer."""

    synchronous: Literal["FULL", "NORMAL"] = Field(
        "FULL", description="FULL keeps every commit through a power cut; NORMAL may lose the last ones."
    )
    readers: int = Field(2, ge=1, le=64, description="Threads that read; those that wait are read together.")
    writers_alone: int = Field(
        2, ge=1, le=64, description="On PostgreSQL, transactions that write beside the group commit at once."
    )
    idle_transaction_seconds: float = Field(
        10.0, ge=1, description="On PostgreSQL, how long a stopped process can hold its transaction."
    )
    postgresql_bin: Path | None = Field(
        None, description="Folder of pg_dump and pg_restore; by default they are looked for on PATH."
    )

    @property
    def connections(self) -> int:
        """The readers', the group commit's, and those of writers beside it."""
        return self.readers + 1 + self.writers_alone


class EventSettings(BaseModel):
    """Delivery of events from the log."""

    batch: int = Field(500, ge=1, description="Events a subscription takes at once.")
    poll_seconds: float = Field(1.0, gt=0, description="How often a subscription looks without being woken.")
    gather_seconds: float = Field(0.05, ge=0, description="How long a projection lets events come together.")
    max_attempts: int = Field(8, ge=1, description="Tries of an event by itself before it is parked.")
    lease_seconds: float = Field(
        15.0, ge=1, description="How long a process that delivers to a reaction may be silent."
    )
    keep_days: float | None = Field(
        None, gt=0, description="Age at which events are trimmed; never by default."
    )
    keep_events: int | None = Field(
        None, ge=0, description="How many events are kept at least; all of them by default."
    )


class AuthSettings(BaseModel):
    """Accounts and tokens."""

    access_token_minutes: int = Field(15, ge=1, description="How long an access token holds.")
    sign_in_days: int = Field(30, ge=1, description="How long a sign-in can be refreshed.")
    token_secret: SecretStr | None = Field(
        None, min_length=32, description="Signs access tokens; made and kept under DATA_DIR when not set."
    )
    api_keys: int = Field(20, ge=0, description="API keys that a person can have.")
    audit_days: float | None = Field(
        None, gt=0, description="How long the audit log is kept; for good by default."
    )
    password_hashes_at_once: int = Field(2, ge=1, description="Argon2 hashes computed at once.")
