"""The composition root: which adapter serves which port, and who listens to whom."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Any

from dependency_injector import containers, providers
from pydantic import SecretStr

from src.domains.analytics import subscribers as analytics_subscribers
from src.domains.analytics.services import DashboardService, TurnProjection
from src.domains.auth import subscribers as auth_subscribers
from src.domains.auth.services.accounts import AccountService
from src.domains.auth.services.administration import AdministrationService
from src.domains.auth.services.api_keys import ApiKeyService, ApiKeyUses
from src.domains.auth.services.directory import Directory, TokenAuthenticator
from src.domains.auth.services.passwords import PasswordHasher
from src.domains.auth.services.tokens import AccessTokens
from src.domains.chat import subscribers as chat_subscribers
from src.domains.chat.services.answering import AnswerLimits, AnswerWriter
from src.domains.chat.services.asking import QuestionDesk
from src.domains.chat.services.calling import CallLimits, ModelCaller
from src.domains.chat.services.digests import DigestWriter
from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.exports import ExportService
from src.domains.chat.services.keeping import GenerationKeeper, KeepingLimits
from src.domains.chat.services.messages import MessageService
from src.domains.chat.services.profiles import ProfileService
from src.domains.chat.services.readable import ReadableCitations
from src.domains.chat.services.rewriting import QuestionRewriter
from src.domains.chat.services.search import MessageSearch
from src.domains.chat.services.sessions import SessionService
from src.domains.chat.services.sharing import ShareService
from src.domains.chat.services.tools import Toolbox
from src.domains.chat.services.trash import Trash, TrashPolicy
from src.domains.chat.services.turns import TurnLimits, TurnService
from src.domains.knowledge import subscribers as knowledge_subscribers
from src.domains.knowledge.services.collections import CollectionService
from src.domains.knowledge.services.documents import DocumentService, UploadLimits
from src.domains.knowledge.services.embedding import EmbeddingWorker
from src.domains.knowledge.services.ingestion import IngestionLimits, IngestionWorker
from src.domains.knowledge.services.meaning import MeaningArms
from src.domains.knowledge.services.ports import PassageFinder, SearchEngine
from src.domains.knowledge.services.replicas import IndexReplica, SearchEngineFeed
from src.domains.knowledge.services.retrieval import HybridFinder, RetrievalCounts, VectorLimits
from src.domains.knowledge.services.search import SearchService
from src.domains.knowledge.services.session_files import FileLimits, SessionFileService
from src.domains.knowledge.services.shelves import Shelves
from src.domains.knowledge.services.urls import UrlService
from src.infrastructure.container import models, retrieval, tools
from src.infrastructure.database.database import Database
from src.infrastructure.database.deliveries import DeliveryPolicy
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.notifications import Notifications
from src.infrastructure.database.retention import Retention, RetentionPolicy
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.documents.reader import FileDocumentReader
from src.infrastructure.documents.sections import Limits
from src.infrastructure.fetching.addresses import AddressPolicy
from src.infrastructure.fetching.fetcher import FetchLimits, HttpFetcher
from src.infrastructure.operations.events import EventService
from src.infrastructure.operations.health import HealthService
from src.infrastructure.operations.metrics import MetricsService
from src.infrastructure.process_locks import OwnFolder, single_server
from src.infrastructure.processor import keep_on_one_core
from src.infrastructure.search.tantivy import TantivyPassageIndex
from src.infrastructure.secrets import kept_secret
from src.infrastructure.settings import Settings
from src.infrastructure.storage.local_files import LocalFiles
from src.shared.events.bus import EventBus
from src.shared.events.knowledge import PassagesRequested, ReadableDocumentsRequested
from src.shared.language import search_terms


def _token_secret(settings: Settings) -> SecretStr:
    return settings.auth.token_secret or kept_secret(settings.data_dir / "secrets" / "token_secret")


def _turn_limits(settings: Settings) -> TurnLimits:
    chat = settings.chat
    return TurnLimits(
        message_characters=chat.max_message_characters,
        generations=chat.max_generations,
        waiting=chat.max_waiting,
        generation_timeout=chat.generation_timeout_seconds,
        stop_grace=chat.stop_grace_seconds,
    )


def _trash_policy(settings: Settings) -> TrashPolicy:
    chat = settings.chat
    return TrashPolicy(timedelta(days=chat.deleted_days), timedelta(minutes=chat.temporary_minutes))


def _answer_limits(settings: Settings) -> AnswerLimits:
    chat = settings.chat
    return AnswerLimits(chat.passages, chat.passages_timeout_seconds, chat.tool_rounds)


def _call_limits(settings: Settings) -> CallLimits:
    chat = settings.chat
    return CallLimits(
        first_token=chat.first_token_seconds,
        gap=chat.gap_seconds,
        breaker_failures=chat.breaker_failures,
        breaker_seconds=chat.breaker_seconds,
    )


def _keeping_limits(settings: Settings) -> KeepingLimits:
    return KeepingLimits(settings.chat.save_seconds, settings.chat.lease_seconds)


def _upload_limits(settings: Settings) -> UploadLimits:
    return UploadLimits(settings.knowledge.max_upload_bytes, settings.knowledge.max_waiting)


def _ingestion_limits(settings: Settings) -> IngestionLimits:
    knowledge = settings.knowledge
    return IngestionLimits(
        at_once=knowledge.ingestions_at_once,
        attempts=knowledge.ingestion_attempts,
        first_delay=knowledge.ingestion_retry_seconds,
        lease=knowledge.ingestion_lease_seconds,
    )


def _outside_or_here(engine: SearchEngine | None, here: Callable[[], HybridFinder]) -> PassageFinder:
    return engine or here()


def _index_is_current(settings: Settings, subscriptions: Subscriptions) -> Callable[[], Awaitable[None]]:
    """Tell how to wait until what is saved can be found."""
    here = settings.knowledge.index == "local"
    name = knowledge_subscribers.INDEX if here else knowledge_subscribers.SEARCH_ENGINE
    return partial(subscriptions.wait_until_current, name, timeout=600.0)


def _reading_limits(settings: Settings) -> Limits:
    knowledge = settings.knowledge
    return Limits(
        pages=knowledge.max_pages,
        characters=knowledge.max_document_characters,
        unpacked_bytes=knowledge.max_unpacked_bytes,
        ocr_pages=knowledge.ocr_pages,
        seconds=knowledge.read_seconds,
        memory_mb=knowledge.read_memory_mb,
        passage_tokens=knowledge.passage_tokens,
        overlap_tokens=knowledge.passage_overlap_tokens,
    )


def _delivery_policy(settings: Settings) -> DeliveryPolicy:
    events = settings.events
    return DeliveryPolicy(
        batch=events.batch,
        poll_interval=events.poll_seconds,
        gather=events.gather_seconds,
        max_attempts=events.max_attempts,
        lease=events.lease_seconds,
    )


def _retention_policy(settings: Settings) -> RetentionPolicy:
    return RetentionPolicy(settings.events.keep_days, settings.events.keep_events)


def _address_policy(settings: Settings) -> AddressPolicy:
    fetch = settings.fetch
    hosts = frozenset(host.lower().rstrip(".") for host in fetch.allowed_private_hosts)
    return AddressPolicy(hosts, fetch.allowed_private_networks, fetch.refused_networks)


def _fetch_limits(settings: Settings) -> FetchLimits:
    return FetchLimits(
        bytes=settings.knowledge.max_upload_bytes,
        seconds=settings.fetch.seconds,
        redirects=settings.fetch.redirects,
        ports=settings.fetch.allowed_ports,
        at_once=settings.fetch.at_once,
    )


def _health(
    database: Database, subscriptions: Subscriptions, events: EventService, pending_migrations: Any
) -> HealthService:
    async def database_answers() -> bool:
        return await database.read(lambda uow: uow.connection.exec_driver_sql("SELECT 1").scalar() == 1)

    async def migrated() -> bool:
        return not await database.read(lambda uow: pending_migrations(uow.connection))

    async def subscribers_run() -> bool:
        return subscriptions.running

    checks = {"database": database_answers, "migrations": migrated, "subscribers": subscribers_run}
    return HealthService(checks, events.lags)


class Container(containers.DeclarativeContainer):
    """One of each for a process."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    pending_migrations: providers.Dependency[Any] = providers.Dependency()

    # The core
    bus = providers.Singleton(EventBus)
    engine = providers.Singleton(
        database_engine,
        settings.provided.resolved_database_url,
        synchronous=settings.provided.database.synchronous,
        connections=settings.provided.database.connections,
        idle_transaction_seconds=settings.provided.database.idle_transaction_seconds,
    )
    database = providers.Singleton(
        Database,
        engine,
        bus.provided.publish,
        readers=settings.provided.database.readers,
        writers_alone=settings.provided.database.writers_alone,
    )
    subscriptions = providers.Singleton(
        Subscriptions, database, bus, providers.Callable(_delivery_policy, settings)
    )
    notifications = providers.Singleton(
        Notifications, engine, database.provided.process_id, bus.provided.wake_listeners
    )
    retention = providers.Singleton(Retention, database, providers.Callable(_retention_policy, settings))

    # The house itself
    retrieval_counts = providers.Singleton(RetrievalCounts)
    events = providers.Singleton(EventService, database, subscriptions.provided.positions)
    health = providers.Singleton(_health, database, subscriptions, events, pending_migrations)

    # auth
    tokens = providers.Singleton(
        AccessTokens,
        providers.Callable(_token_secret, settings),
        providers.Callable(timedelta, minutes=settings.provided.auth.access_token_minutes),
    )
    directory = providers.Singleton(Directory, database, tokens.provided.lifetime)
    directory_is_current = providers.Callable(
        partial, subscriptions.provided.wait_until_current, auth_subscribers.DIRECTORY
    )
    api_key_uses = providers.Singleton(ApiKeyUses, database)
    authenticator = providers.Singleton(
        TokenAuthenticator, tokens, directory, directory_is_current, api_key_uses.provided.note
    )
    api_keys = providers.Singleton(
        ApiKeyService, database, settings.provided.auth.api_keys, directory_is_current
    )
    accounts = providers.Singleton(
        AccountService,
        database,
        providers.Singleton(PasswordHasher, settings.provided.auth.password_hashes_at_once),
        tokens,
        providers.Callable(timedelta, days=settings.provided.auth.sign_in_days),
        directory_is_current,
    )
    administration = providers.Singleton(AdministrationService, database, directory_is_current)

    # knowledge
    files = providers.Singleton(LocalFiles, settings.provided.data_dir.joinpath.call("uploads"))
    reader = providers.Singleton(FileDocumentReader, providers.Callable(_reading_limits, settings))
    index_folder = providers.Singleton(OwnFolder, settings.provided.data_dir.joinpath.call("index"))
    index = providers.Singleton(TantivyPassageIndex, index_folder.provided.path, search_terms)
    shelves = providers.Singleton(Shelves, database)
    shelves_are_current = providers.Callable(
        partial, subscriptions.provided.wait_until_current, knowledge_subscribers.SHELVES
    )
    collections = providers.Singleton(CollectionService, database, shelves_are_current)
    embedder = providers.Singleton(retrieval.embedder, settings)
    embedding_limits = providers.Callable(retrieval.embedding_limits, settings)
    embedding = providers.Singleton(EmbeddingWorker, database, embedder, embedding_limits)
    ingestion = providers.Singleton(
        IngestionWorker,
        database,
        files,
        reader,
        providers.Callable(_index_is_current, settings, subscriptions),
        providers.Callable(_ingestion_limits, settings),
        embedding.provided.wake,
    )
    documents = providers.Singleton(
        DocumentService,
        database,
        files,
        reader,
        providers.Callable(_upload_limits, settings),
        ingestion.provided.wake,
    )
    session_files = providers.Singleton(
        SessionFileService,
        database,
        documents,
        providers.Factory(
            FileLimits,
            settings.provided.knowledge.session_files,
            settings.provided.knowledge.person_files,
        ),
        shelves_are_current,
    )
    fetcher = providers.Singleton(
        HttpFetcher,
        providers.Callable(_address_policy, settings),
        providers.Callable(_fetch_limits, settings),
    )
    urls = providers.Singleton(UrlService, database, fetcher, documents)
    index_replica = providers.Singleton(IndexReplica, database, index)
    search_engine = providers.Singleton(retrieval.search_engine, settings, embedder)
    earlier_embedder = providers.Callable(partial, retrieval.earlier_embedder, settings)
    meaning = providers.Singleton(
        MeaningArms,
        database,
        embedder,
        providers.Callable(partial, retrieval.vector_index, index_folder.provided.path),
        earlier_embedder,
    )
    finder = providers.Singleton(
        HybridFinder,
        index,
        meaning.provided.serving,
        providers.Factory(
            VectorLimits,
            settings.provided.knowledge.vectors_waiting,
            settings.provided.knowledge.vector_seconds,
        ),
        retrieval_counts,
    )
    search_engine_feed = providers.Singleton(SearchEngineFeed, database, search_engine, embedder)
    search = providers.Singleton(
        SearchService, database, providers.Callable(_outside_or_here, search_engine, finder.provider), shelves
    )

    # chat
    model = providers.Singleton(models.default_model, settings)
    offers = providers.Singleton(models.offers, settings, model)
    profiles = providers.Singleton(ProfileService, database, offers)
    sessions = providers.Singleton(SessionService, database, offers)
    citations = providers.Singleton(ReadableCitations, bus, settings.provided.chat.passages_timeout_seconds)
    messages = providers.Singleton(MessageService, database, citations)
    message_search = providers.Singleton(MessageSearch, database)
    shares = providers.Singleton(ShareService, database, citations)
    exports = providers.Singleton(ExportService, database, citations)
    deleted_documents = providers.Singleton(DeletedDocuments, database)
    trash = providers.Singleton(
        Trash, database, deleted_documents, providers.Callable(_trash_policy, settings)
    )
    tool_provider = providers.Singleton(tools.tool_provider, settings)
    toolbox = providers.Singleton(
        Toolbox,
        bus,
        tool_provider,
        providers.Callable(tools.tool_limits, settings),
        settings.provided.analytics.time_zone,
    )
    caller = providers.Singleton(ModelCaller, offers, providers.Callable(_call_limits, settings))
    rewriter = providers.Singleton(QuestionRewriter, offers, caller, settings.provided.chat.helper_seconds)
    answers = providers.Singleton(
        AnswerWriter,
        bus,
        caller,
        rewriter,
        toolbox,
        providers.Callable(_answer_limits, settings),
        settings.provided.analytics.time_zone,
    )
    digests = providers.Singleton(
        DigestWriter, database, offers, caller, settings.provided.chat.history_messages
    )
    keeper = providers.Singleton(GenerationKeeper, database, providers.Callable(_keeping_limits, settings))
    turns = providers.Singleton(
        TurnService,
        database,
        providers.Singleton(QuestionDesk, offers, settings.provided.chat.history_messages),
        answers,
        digests,
        keeper,
        providers.Callable(_turn_limits, settings),
    )

    # analytics
    turn_projection = providers.Singleton(TurnProjection, settings.provided.analytics.time_zone)
    dashboards = providers.Singleton(DashboardService, database)

    # What they all tell of themselves
    metrics = providers.Singleton(
        MetricsService,
        events,
        subscriptions.provided.delivered,
        retention.provided.held_up_by,
        retrieval_counts.provided.by_means,
        caller.provided.resting,
    )


SERVICES = (
    "accounts",
    "administration",
    "api_keys",
    "collections",
    "documents",
    "session_files",
    "urls",
    "search",
    "sessions",
    "messages",
    "message_search",
    "shares",
    "exports",
    "profiles",
    "offers",
    "turns",
    "toolbox",
    "dashboards",
    "events",
    "health",
    "metrics",
    "subscriptions",
)
"""What routers find under these names on `app.state`."""


def subscribe(container: Container) -> None:
    """Tell the bus who listens to whom."""
    bus = container.bus()
    auth_subscribers.subscribe(bus, container.directory())
    knowledge_subscribers.subscribe(
        bus, container.documents(), container.session_files(), container.shelves(), container.search()
    )
    if container.search_engine():
        knowledge_subscribers.feed(bus, container.search_engine_feed())
    else:
        knowledge_subscribers.keep_index(bus, container.index_replica())
    chat_subscribers.subscribe(bus, container.deleted_documents())
    analytics_subscribers.subscribe(bus, container.turn_projection())
    bus.require_responders(PassagesRequested, ReadableDocumentsRequested)


@asynccontextmanager
async def running(container: Container) -> AsyncIterator[None]:
    """Start everything in order, and stop it in the other: no event and no answer is cut off."""
    settings, database, turns = container.settings(), container.database(), container.turns()
    subscriptions, retention = container.subscriptions(), container.retention()
    notifications, ingestion = container.notifications(), container.ingestion()
    embedding, keeper = container.embedding(), container.keeper()
    tool_provider = container.tool_provider()
    uses = container.api_key_uses()
    trash = container.trash()
    with single_server(settings.server_lock) if settings.server_lock else nullcontext():
        if settings.server.one_core:
            keep_on_one_core(container.index_folder().number)
        subscribe(container)
        database.start()
        try:
            if not container.search_engine():
                knowledge_subscribers.keep_vectors(container.bus(), await container.meaning().prepare())
            await tool_provider.start()
            await keeper.start()
            await subscriptions.start()
            await ingestion.start()
            if container.embedder():
                await embedding.start()
            await retention.start()
            await trash.start()
            if database.shared:
                await notifications.start()
            yield
        finally:
            for each in (
                turns,
                keeper,
                tool_provider,
                trash,
                ingestion,
                embedding,
                notifications,
                retention,
                subscriptions,
                uses,
                database,
            ):
                await each.stop()
            if not container.search_engine():
                container.index().close()
            await container.meaning().close()
            outsiders = (offer.model for offer in container.offers())
            for outside in (container.search_engine(), container.embedder(), *outsiders):
                if outside:
                    await outside.close()
            container.index_folder().release()
