"""Every setting, from the environment or `.env`; nested names are joined by two underscores.

`AUTH__ACCESS_TOKEN_MINUTES=5` sets `settings.auth.access_token_minutes`.
"""

from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AnyHttpUrl, BaseModel, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from src.infrastructure.settings.chat import ChatSettings as ChatSettings
from src.infrastructure.settings.chat import GuardrailSettings as GuardrailSettings
from src.infrastructure.settings.chat import McpServerSettings as McpServerSettings
from src.infrastructure.settings.chat import ModelSettings as ModelSettings
from src.infrastructure.settings.chat import ToolSettings as ToolSettings
from src.infrastructure.settings.knowledge import BedrockSettings as BedrockSettings
from src.infrastructure.settings.knowledge import EmbeddingSettings as EmbeddingSettings
from src.infrastructure.settings.knowledge import FetchSettings as FetchSettings
from src.infrastructure.settings.knowledge import KnowledgeSettings as KnowledgeSettings
from src.infrastructure.settings.knowledge import OpenSearchSettings as OpenSearchSettings
from src.infrastructure.settings.limits import LimitSettings as LimitSettings
from src.infrastructure.settings.mail import MailSettings as MailSettings
from src.infrastructure.settings.openid import OpenIdProviderSettings as OpenIdProviderSettings
from src.infrastructure.settings.openid import OpenIdSettings as OpenIdSettings
from src.infrastructure.settings.server import AuthSettings as AuthSettings
from src.infrastructure.settings.server import DatabaseSettings as DatabaseSettings
from src.infrastructure.settings.server import EventSettings as EventSettings
from src.infrastructure.settings.server import ServerSettings as ServerSettings

FEWEST_CHARACTERS_OF_A_SECRET = 10
"""Different ones; 32 random characters of hexadecimal have 16."""


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

    environment: Literal["development", "production"] = Field(
        "development",
        description="In production the server does not start without a secret of its own (AUTH__TOKEN_SECRET).",
    )
    data_dir: Path = Field(Path("data"), description="Everything that the server writes lies under it.")
    database_url: str | None = Field(
        None, description="A SQLAlchemy URL, SQLite's or PostgreSQL's; by default a SQLite file in DATA_DIR."
    )
    port: int = Field(8000, ge=1, le=65535, description="Port of the page and the API.")
    api_url: str | None = Field(None, description="Where the page finds the API; by default this server.")
    log_format: Literal["console", "json"] | None = Field(
        None,
        description="How logs are written: `console` or `json`, which is the default in production.",
    )
    otel_exporter_otlp_endpoint: AnyHttpUrl | None = Field(
        None,
        description="Where traces are sent, by OTLP over HTTP (`http://127.0.0.1:4318`); nowhere by default.",
    )

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    events: EventSettings = EventSettings()
    auth: AuthSettings = AuthSettings()
    limits: LimitSettings = LimitSettings()
    mail: MailSettings = MailSettings()
    openid: OpenIdSettings = OpenIdSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    opensearch: OpenSearchSettings = OpenSearchSettings()
    bedrock: BedrockSettings = BedrockSettings()
    fetch: FetchSettings = FetchSettings()
    chat: ChatSettings = ChatSettings()
    guardrail: GuardrailSettings = GuardrailSettings()
    tools: ToolSettings = ToolSettings()
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
    def resolved_log_format(self) -> Literal["console", "json"]:
        return self.log_format or ("json" if self.environment == "production" else "console")

    @property
    def server_lock(self) -> Path | None:
        """The file that the one server process of a SQLite database holds; PostgreSQL takes several."""
        url = make_url(self.resolved_database_url)
        return Path(f"{url.database}.lock") if url.get_backend_name() == "sqlite" else None

    @model_validator(mode="after")
    def _secret_is_one(self) -> Self:
        secret = self.auth.token_secret
        if self.environment == "production" and secret is None:
            raise ValueError(
                "ENVIRONMENT=production needs AUTH__TOKEN_SECRET: 32 characters or more, such as "
                "`openssl rand -base64 32` makes"
            )
        if secret is not None and len(set(secret.get_secret_value())) < FEWEST_CHARACTERS_OF_A_SECRET:
            raise ValueError("AUTH__TOKEN_SECRET can be guessed: it is made of too few different characters")
        return self

    @model_validator(mode="after")
    def _workers_can_share(self) -> Self:
        if self.server.workers > 1 and self.server_lock:
            raise ValueError("SERVER__WORKERS above 1 needs PostgreSQL: SQLite is for one server process")
        if self.server.workers > 1 and self.server.page:
            raise ValueError(
                "SERVER__WORKERS above 1 needs SERVER__PAGE=false: serve the page by itself with `make ui`"
            )
        return self

    @model_validator(mode="after")
    def _services_can_be_reached(self) -> Self:
        knowledge, bedrock = self.knowledge, self.bedrock
        if knowledge.embeddings.startswith("openai:") and not self.embeddings.base_url:
            raise ValueError("KNOWLEDGE__EMBEDDINGS=openai:... needs EMBEDDINGS__BASE_URL")
        if knowledge.index == "opensearch" and not self.opensearch.url:
            raise ValueError("KNOWLEDGE__INDEX=opensearch needs OPENSEARCH__URL")
        if knowledge.index == "bedrock" and not (bedrock.knowledge_base_id and bedrock.data_source_id):
            raise ValueError(
                "KNOWLEDGE__INDEX=bedrock needs BEDROCK__KNOWLEDGE_BASE_ID and BEDROCK__DATA_SOURCE_ID"
            )
        return self
