"""Every setting, from the environment or `.env`; nested names are joined by two underscores.

`AUTH__ACCESS_TOKEN_MINUTES=5` sets `settings.auth.access_token_minutes`.
"""

from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url


class ServerSettings(BaseModel):
    """The HTTP server."""

    page: bool = Field(True, description="Serve the web page beside the API.")
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 serves other machines too.")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body that is not an upload.")


class DatabaseSettings(BaseModel):
    """The database layer."""

    synchronous: Literal["FULL", "NORMAL"] = Field(
        "FULL", description="FULL keeps every commit through a power cut; NORMAL may lose the last ones."
    )
    readers: int = Field(4, ge=1, le=64, description="Read transactions that run at once.")

    @property
    def connections(self) -> int:
        """The readers' and the writer's."""
        return self.readers + 1


class EventSettings(BaseModel):
    """Delivery of events from the log."""

    batch: int = Field(500, ge=1, description="Events a subscription takes at once.")
    poll_seconds: float = Field(1.0, gt=0, description="How often a subscription looks without being woken.")
    gather_seconds: float = Field(0.05, ge=0, description="How long a projection lets events come together.")
    max_attempts: int = Field(8, ge=1, description="Tries of an event before it is parked.")


class AuthSettings(BaseModel):
    """Accounts and tokens."""

    access_token_minutes: int = Field(15, ge=1, description="How long an access token holds.")
    sign_in_days: int = Field(30, ge=1, description="How long a sign-in can be refreshed.")
    token_secret: SecretStr | None = Field(
        None, min_length=32, description="Signs access tokens; made and kept under DATA_DIR when not set."
    )
    password_hashes_at_once: int = Field(2, ge=1, description="Argon2 hashes computed at once.")


class KnowledgeSettings(BaseModel):
    """Documents and search."""

    max_upload_bytes: int = Field(50 * 1_048_576, ge=1024, description="Largest file.")
    passage_characters: int = Field(1_000, ge=200, le=4000, description="Size that passages aim at.")


class ChatSettings(BaseModel):
    """The chat turn."""

    model: Literal["embedded", "null"] = Field(
        "embedded", description="Who answers: sentences of the documents, or nobody (for measuring)."
    )
    max_message_characters: int = Field(16_000, ge=1, description="Longest message.")
    max_generations: int = Field(256, ge=1, description="Answers in the making at once; more are refused.")
    passages: int = Field(6, ge=1, le=50, description="Passages a model is given.")
    passages_timeout_seconds: float = Field(5.0, gt=0, description="How long a turn waits for passages.")
    history_messages: int = Field(10, ge=0, description="Earlier messages a model is given.")
    generation_timeout_seconds: float = Field(120.0, gt=0, description="How long one answer may take.")
    stop_grace_seconds: float = Field(5.0, ge=0, description="How long a stop waits for running answers.")


class AnalyticsSettings(BaseModel):
    """The dashboard."""

    time_zone: ZoneInfo = Field(ZoneInfo("Asia/Seoul"), description="Where a day begins and ends.")


class Settings(BaseSettings):
    """All settings of a process."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_nested_delimiter="__",
        extra="ignore",
        frozen=True,
        nested_model_default_partial_update=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(Path("data"), description="Everything that the server writes lies under it.")
    database_url: str | None = Field(
        None, description="A SQLAlchemy URL; by default a SQLite file in DATA_DIR."
    )
    port: int = Field(8000, ge=1, le=65535, description="Port of the page and the API.")
    api_url: str | None = Field(None, description="Where the page finds the API; by default this server.")
    log_format: Literal["console", "json"] = Field("console", description="How logs are written.")

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    events: EventSettings = EventSettings()
    auth: AuthSettings = AuthSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    chat: ChatSettings = ChatSettings()
    analytics: AnalyticsSettings = AnalyticsSettings()

    @property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'platform.db'}"

    @property
    def own_url(self) -> str:
        """Where this machine reaches the server."""
        everywhere = self.server.host in ("0.0.0.0", "::")  # noqa: S104  # asked for by the setting
        return f"http://{'127.0.0.1' if everywhere else self.server.host}:{self.port}"

    @property
    def server_lock(self) -> Path:
        """The file that the one server process of this database holds."""
        return Path(f"{make_url(self.resolved_database_url).database}.lock")
