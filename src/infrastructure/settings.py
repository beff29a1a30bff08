"""Every setting, from the environment or `.env`; nested names are joined by two underscores.

`AUTH__ACCESS_TOKEN_MINUTES=5` sets `settings.auth.access_token_minutes`.
"""

from pathlib import Path
from typing import Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, IPvAnyNetwork, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url


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
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body that is not an upload.")


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
    password_hashes_at_once: int = Field(2, ge=1, description="Argon2 hashes computed at once.")


class KnowledgeSettings(BaseModel):
    """Documents and search."""

    embeddings: str = Field(
        "embedded",
        pattern=r"^(none|embedded(:.+)?|(bedrock|openai):.+)$",
        description="Who makes vectors: `embedded`, `none`, `bedrock:<model>` or `openai:<model>`, "
        "with `@<dimensions>` behind it where the model leaves a choice.",
    )
    index: Literal["local", "opensearch", "bedrock"] = Field(
        "local", description="Where passages are searched: on this machine, or by a service outside."
    )
    find_seconds: float = Field(
        2.5,
        gt=0,
        description="How long a service outside may take for a search, beside the question's vector.",
    )
    write_seconds: float = Field(
        60.0, gt=0, description="How long a service outside may take for one step of a change."
    )
    max_upload_bytes: int = Field(50 * 1_048_576, ge=1024, description="Largest file.")
    passage_tokens: int = Field(320, ge=50, le=480, description="Size that passages aim at.")
    passage_overlap_tokens: int = Field(
        30, ge=0, le=120, description="How much of a passage the next one repeats, in whole sentences."
    )
    read_seconds: float = Field(300.0, gt=0, description="How long reading one file may take.")
    read_memory_mb: int = Field(1_024, ge=64, description="How much memory reading one file may take.")
    max_pages: int = Field(2_000, ge=1, description="Most pages (slides, sheets, chapters) of a file.")
    max_document_characters: int = Field(20_000_000, ge=1_000, description="Most text of a file.")
    max_unpacked_bytes: int = Field(
        200_000_000,
        ge=1_000_000,
        description="How much a file that is a package (Office, EPUB, HWPX) may hold.",
    )
    ocr_pages: int = Field(
        100, ge=0, description="Most pages of a scan whose text is recognised, where Tesseract is installed."
    )
    vectors_waiting: int = Field(
        8, ge=0, description="Questions whose vectors are being made at once; others go by words alone."
    )
    vector_seconds: float = Field(
        1.0,
        gt=0,
        description="How long a search waits for its question's vector; then it goes by words alone.",
    )
    session_files: int = Field(20, ge=0, description="Files that a person can attach to one session.")
    person_files: int = Field(1_000, ge=0, description="Files that a person can attach to all sessions.")
    max_waiting: int = Field(1_000, ge=1, description="Files that wait to be read; more are refused.")
    ingestions_at_once: int = Field(2, ge=1, le=64, description="Files that a process reads at once.")
    ingestion_attempts: int = Field(
        3, ge=1, description="Tries of a file that a fault or the end of its reader cut off."
    )
    ingestion_retry_seconds: float = Field(
        2.0, gt=0, description="Wait before the second try of a file; it grows fivefold."
    )
    ingestion_lease_seconds: float = Field(
        15.0, ge=1, description="How long a process that reads a file may be silent."
    )


class EmbeddingSettings(BaseModel):
    """Services that make vectors."""

    query_seconds: float = Field(
        2.0, gt=0, description="How long a question's vector may take; then words alone are searched."
    )
    passages_seconds: float = Field(
        60.0, gt=0, description="How long vectors of a batch of passages may take."
    )
    batches_at_once: int = Field(
        4, ge=1, le=64, description="Batches of passages that are asked for at once."
    )
    rest_seconds: float = Field(
        10.0, ge=0, description="How long questions do without vectors after one that got none."
    )
    base_url: str | None = Field(
        None, description="Address of the server for `openai:` models (`http://127.0.0.1:11434/v1`)."
    )
    api_key: SecretStr | None = Field(None, description="What that server knows us by.")
    query_prefix: str | None = Field(None, description="What stands before a question (E5: `query: `).")
    passage_prefix: str | None = Field(None, description="What stands before a passage (E5: `passage: `).")
    batch: int = Field(32, ge=1, le=2048, description="Passages in one request to that server.")
    max_characters: int = Field(
        8_000, ge=100, description="How much of a text that server's model takes; the rest is left out."
    )


class OpenSearchSettings(BaseModel):
    """Search by OpenSearch."""

    url: str | None = Field(None, description="Address (`https://search.example:9200`).")
    index: str = Field("passages", pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Name of the index.")
    username: str | None = Field(None, description="As whom the service is asked; nobody by default.")
    password: SecretStr | None = Field(None, description="The password for it.")
    ca_file: Path | None = Field(None, description="Certificates to trust, where they are one's own.")
    aws_region: str | None = Field(
        None,
        description="Sign requests for Amazon OpenSearch Service in this region, with AWS's credentials.",
    )


class BedrockSettings(BaseModel):
    """Amazon Bedrock; credentials are found as AWS's own tools find them."""

    region: str = Field("ap-northeast-2", description="Region of models and knowledge bases.")
    endpoint_url: str | None = Field(None, description="Another address for all of Bedrock's services.")
    knowledge_base_id: str | None = Field(
        None, pattern=r"^[0-9a-zA-Z]{10}$", description="The knowledge base that searches."
    )
    data_source_id: str | None = Field(
        None, pattern=r"^[0-9a-zA-Z]{10}$", description="Its data source, of the type CUSTOM."
    )
    search_type: Literal["HYBRID", "SEMANTIC"] | None = Field(
        None, description="How it searches; it chooses by default."
    )
    indexing_seconds: float = Field(
        300.0, gt=0, description="How long it may take until the next ten passages can be found."
    )


class FetchSettings(BaseModel):
    """Pages and files that people name by their address."""

    allowed_private_hosts: tuple[str, ...] = Field(
        (), description='Names that may be within a private network, as JSON: `["wiki.corp"]`.'
    )
    allowed_private_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description='Private networks that pages may be read from, as JSON: `["10.1.0.0/16"]`.'
    )
    refused_networks: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Public addresses that are the company's own, and not read from, as JSON."
    )
    allowed_ports: tuple[int, ...] = Field((80, 443), description="Ports that pages may be read from.")
    seconds: float = Field(30.0, gt=0, le=600, description="How long a page may take, with all redirects.")
    redirects: int = Field(5, ge=0, le=20, description="How often an address may lead on to another one.")
    at_once: int = Field(4, ge=1, le=64, description="Pages that a process fetches at once; others wait.")


class ModelSettings(BaseModel):
    """A chat model, as `CHAT__MODELS` names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-zA-Z0-9][\w.:/-]{0,99}$")
    label: str = ""
    provider: Literal["bedrock", "openai_compatible", "embedded", "null"]
    model: str = ""
    base_url: str | None = None
    api_key: SecretStr | None = None
    context_tokens: int = Field(8_192, ge=2_048)
    max_output_tokens: int = Field(1_024, ge=16)
    price_in: float = Field(0.0, ge=0)
    price_out: float = Field(0.0, ge=0)
    tools: bool = True

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.provider in ("bedrock", "openai_compatible") and not self.model:
            raise ValueError(f"the model {self.name} needs `model`, its provider's own id")
        if self.provider == "openai_compatible" and not self.base_url:
            raise ValueError(f"the model {self.name} needs `base_url`")
        if self.max_output_tokens > self.context_tokens // 2:
            raise ValueError(f"the model {self.name} has `max_output_tokens` above half of its context")
        return self


EMBEDDED_MODELS = (
    ModelSettings(name="embedded", provider="embedded", context_tokens=32_768, tools=False),
    ModelSettings(name="null", provider="null", context_tokens=32_768, tools=False),
)
"""Those that need nothing: they can be named without being described."""


class ChatSettings(BaseModel):
    """The chat turn."""

    models: tuple[ModelSettings, ...] = Field(
        (),
        description="The models that people choose among, as a JSON list: see *Chat models* above.",
    )
    model: str = Field(
        "embedded",
        description="Who answers where none is chosen: a name of `CHAT__MODELS`; `embedded` (sentences of the "
        "documents); `null` (nobody, for measuring).",
    )
    fallbacks: tuple[str, ...] = Field(
        (), description='Who stands in for a model that is down, in this order, as JSON: `["embedded"]`.'
    )
    helper_model: str | None = Field(
        None,
        description="Who rewrites follow-up questions and writes titles and summaries; by default the "
        "model of the session.",
    )
    helper_seconds: float = Field(
        3.0, gt=0, description="How long the rewriting of a question may take; then a rule does it."
    )
    max_message_characters: int = Field(16_000, ge=1, description="Longest message.")
    max_generations: int = Field(256, ge=1, description="Answers that a process writes at once; others wait.")
    max_waiting: int = Field(256, ge=0, description="Answers that wait for their turn; more are refused.")
    passages: int = Field(6, ge=1, le=50, description="Passages a model is given.")
    passages_timeout_seconds: float = Field(5.0, gt=0, description="How long a turn waits for passages.")
    history_messages: int = Field(40, ge=0, description="Earlier messages a model is given at the most.")
    first_token_seconds: float = Field(30.0, gt=0, description="How long a model may think before it speaks.")
    gap_seconds: float = Field(30.0, gt=0, description="How long a model may pause while it speaks.")
    generation_timeout_seconds: float = Field(120.0, gt=0, description="How long one answer may take.")
    save_seconds: float = Field(
        0.5, gt=0, le=1, description="How often what there is of an answer is saved while it is written."
    )
    lease_seconds: float = Field(
        15.0, ge=3, description="How long a process that writes answers may be silent before they are closed."
    )
    stop_grace_seconds: float = Field(5.0, ge=0, description="How long a stop waits for running answers.")
    breaker_failures: int = Field(
        5, ge=1, description="Failures in a row after which a model is left alone for a while."
    )
    breaker_seconds: float = Field(20.0, gt=0, description="For how long, until it is tried again.")
    tool_rounds: int = Field(5, ge=0, description="How often in one answer a model may call tools.")
    tool_seconds: float = Field(20.0, gt=0, description="How long one call of a tool may take.")
    deleted_days: int = Field(30, ge=0, description="How long a deleted session can be restored.")
    temporary_minutes: int = Field(
        60, ge=1, description="How long a temporary session is kept after its last message."
    )

    @property
    def known_models(self) -> dict[str, ModelSettings]:
        """The models that can be chosen, by name: those that are described, and a built-in one that is named."""
        described = {each.name: each for each in self.models}
        named = {self.model, *self.fallbacks, *([self.helper_model] if self.helper_model else [])}
        built_in = {each.name: each for each in EMBEDDED_MODELS if each.name in named}
        return {**described, **{name: each for name, each in built_in.items() if name not in described}}

    @model_validator(mode="after")
    def _models_are_known(self) -> Self:
        if len({each.name for each in self.models}) < len(self.models):
            raise ValueError("CHAT__MODELS names a model twice")
        for name in (self.model, *self.fallbacks, self.helper_model):
            if name is not None and name not in self.known_models:
                raise ValueError(f"there is no model {name!r} in CHAT__MODELS")
        return self


class McpServerSettings(BaseModel):
    """A server of tools, as `TOOLS__MCP_SERVERS` names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-zA-Z0-9]+([_-][a-zA-Z0-9]+)*$", max_length=30)
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, SecretStr] = {}
    url: str = Field("", pattern=r"^(https?://.+)?$")
    headers: dict[str, SecretStr] = {}
    group_ids: frozenset[UUID] = frozenset()
    tools: frozenset[str] | None = None

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError(f"the server {self.name} needs either `command` or `url`")
        if self.url and (self.args or self.env):
            raise ValueError(f"the server {self.name} has a `url`: `args` and `env` are for a `command`")
        if self.command and self.headers:
            raise ValueError(f"the server {self.name} has a `command`: `headers` are for a `url`")
        return self


class ToolSettings(BaseModel):
    """Tools that a model may call."""

    mcp_servers: tuple[McpServerSettings, ...] = Field(
        (), description="Servers whose tools models may call, as a JSON list: see *Tools* above."
    )
    calls_at_once: int = Field(8, ge=1, le=256, description="Calls that a server gets at once; others wait.")
    connect_seconds: float = Field(
        20.0, gt=0, description="How long a server may take to start and to list its tools."
    )
    check_seconds: float = Field(
        30.0, gt=0, description="How often it is looked whether a server is there, and what it offers."
    )
    result_characters: int = Field(
        8_000, ge=500, description="How much of a tool's result a model is told; the rest is cut off."
    )

    @model_validator(mode="after")
    def _servers_are_apart(self) -> Self:
        if len({server.name for server in self.mcp_servers}) < len(self.mcp_servers):
            raise ValueError("TOOLS__MCP_SERVERS names a server twice")
        return self


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
        None, description="A SQLAlchemy URL, SQLite's or PostgreSQL's; by default a SQLite file in DATA_DIR."
    )
    port: int = Field(8000, ge=1, le=65535, description="Port of the page and the API.")
    api_url: str | None = Field(None, description="Where the page finds the API; by default this server.")
    log_format: Literal["console", "json"] = Field("console", description="How logs are written.")

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    events: EventSettings = EventSettings()
    auth: AuthSettings = AuthSettings()
    knowledge: KnowledgeSettings = KnowledgeSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    opensearch: OpenSearchSettings = OpenSearchSettings()
    bedrock: BedrockSettings = BedrockSettings()
    fetch: FetchSettings = FetchSettings()
    chat: ChatSettings = ChatSettings()
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
    def server_lock(self) -> Path | None:
        """The file that the one server process of a SQLite database holds; PostgreSQL takes several."""
        url = make_url(self.resolved_database_url)
        return Path(f"{url.database}.lock") if url.get_backend_name() == "sqlite" else None

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
