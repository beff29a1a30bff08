"""The composition root: which adapter serves which port."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

from dependency_injector import containers, providers
from pydantic import SecretStr

from src.domains.analytics.services import DashboardService, TurnProjection
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
from src.domains.chat import subscribers as chat_subscribers
from src.domains.chat.services.allowances import BudgetBook
from src.domains.chat.services.answering import AnswerWriter
from src.domains.chat.services.asking import QuestionDesk
from src.domains.chat.services.budgets import BudgetService
from src.domains.chat.services.calling import ModelCaller
from src.domains.chat.services.ceilings import Ceilings
from src.domains.chat.services.digests import DigestWriter
from src.domains.chat.services.erasure import DeletedDocuments
from src.domains.chat.services.exports import ExportService
from src.domains.chat.services.guardrail_rules import RuleBook, RuleService
from src.domains.chat.services.keeping import GenerationKeeper
from src.domains.chat.services.messages import MessageService
from src.domains.chat.services.open_door import OpenDoor
from src.domains.chat.services.profiles import ProfileService
from src.domains.chat.services.readable import ReadableCitations
from src.domains.chat.services.reservations import ReservationKeeper
from src.domains.chat.services.rewriting import QuestionRewriter
from src.domains.chat.services.screening import Screener
from src.domains.chat.services.search import MessageSearch
from src.domains.chat.services.sessions import SessionService
from src.domains.chat.services.sharing import ShareService
from src.domains.chat.services.spending import Spending
from src.domains.chat.services.tools import Toolbox
from src.domains.chat.services.trash import Trash
from src.domains.chat.services.turns import TurnService
from src.domains.knowledge import subscribers as knowledge_subscribers
from src.domains.knowledge.services.collections import CollectionService
from src.domains.knowledge.services.documents import DocumentService
from src.domains.knowledge.services.embedding import EmbeddingWorker
from src.domains.knowledge.services.ingestion import IngestionWorker
from src.domains.knowledge.services.meaning import MeaningArms
from src.domains.knowledge.services.ports import PassageFinder, SearchEngine
from src.domains.knowledge.services.replicas import IndexReplica, SearchEngineFeed
from src.domains.knowledge.services.retrieval import HybridFinder, RetrievalCounts, VectorLimits
from src.domains.knowledge.services.search import SearchService
from src.domains.knowledge.services.session_files import FileLimits, SessionFileService
from src.domains.knowledge.services.shelves import Shelves
from src.domains.knowledge.services.urls import UrlService
from src.infrastructure.container import guardrail, limits, mail, models, openid, retrieval, tools
from src.infrastructure.database.database import Database
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.notifications import Notifications
from src.infrastructure.database.retention import Retention
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.documents.reader import FileDocumentReader
from src.infrastructure.fetching.fetcher import HttpFetcher
from src.infrastructure.guardrails.rules import CompiledRules
from src.infrastructure.guardrails.sealing import SecretSealer
from src.infrastructure.operations.events import EventService
from src.infrastructure.operations.health import HealthService
from src.infrastructure.operations.metrics import MetricsService
from src.infrastructure.process_locks import OwnFolder
from src.infrastructure.rate_limits.limiter import WindowRateLimiter
from src.infrastructure.search.tantivy import TantivyPassageIndex
from src.infrastructure.secrets import kept_secret
from src.infrastructure.settings import Settings
from src.infrastructure.storage.local_files import LocalFiles
from src.shared.events.bus import EventBus
from src.shared.language import search_terms


def _token_secret(settings: Settings) -> SecretStr:
    return settings.auth.token_secret or kept_secret(settings.data_dir / "secrets" / "token_secret")


def _page_key(secret: SecretStr) -> str:
    return derived_key(secret, "the page").hex()


def _outside_or_here(engine: SearchEngine | None, here: Callable[[], HybridFinder]) -> PassageFinder:
    return engine or here()


def _index_is_current(settings: Settings, subscriptions: Subscriptions) -> Callable[[], Awaitable[None]]:
    """Tell how to wait until what is saved can be found."""
    here = settings.knowledge.index == "local"
    name = knowledge_subscribers.INDEX if here else knowledge_subscribers.SEARCH_ENGINE
    return partial(subscriptions.wait_until_current, name, timeout=600.0)


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
        Subscriptions, database, bus, providers.Callable(limits.delivery_policy, settings)
    )
    notifications = providers.Singleton(
        Notifications, engine, database.provided.process_id, bus.provided.wake_listeners
    )
    retention = providers.Singleton(
        Retention, database, providers.Callable(limits.retention_policy, settings)
    )

    # The house itself
    rate_limits = providers.Callable(limits.rate_limits, settings)
    rate_limiter = providers.Singleton(
        WindowRateLimiter, providers.Callable(limits.rate_limit_store, settings)
    )
    retrieval_counts = providers.Singleton(RetrievalCounts)
    events = providers.Singleton(EventService, database, subscriptions.provided.positions)
    health = providers.Singleton(_health, database, subscriptions, events, pending_migrations)

    # auth
    token_secret = providers.Singleton(_token_secret, settings)
    page_key = providers.Singleton(_page_key, token_secret)
    tokens = providers.Singleton(
        AccessTokens,
        token_secret,
        providers.Callable(timedelta, minutes=settings.provided.auth.access_token_minutes),
    )
    directory = providers.Singleton(Directory, database, tokens.provided.lifetime)
    directory_is_current = providers.Callable(
        partial, subscriptions.provided.wait_until_current, auth_subscribers.DIRECTORY
    )
    directory_seconds_behind = providers.Callable(
        partial, subscriptions.provided.seconds_behind, auth_subscribers.DIRECTORY
    )
    api_key_uses = providers.Singleton(ApiKeyUses, database)
    authenticator = providers.Singleton(
        TokenAuthenticator,
        tokens,
        directory,
        directory_is_current,
        directory_seconds_behind,
        api_key_uses.provided.note,
    )
    api_keys = providers.Singleton(
        ApiKeyService, database, settings.provided.auth.api_keys, directory_is_current
    )
    accounts = providers.Singleton(AccountService, database)
    hasher = providers.Singleton(PasswordHasher, settings.provided.auth.password_hashes_at_once)
    attempts = providers.Singleton(Attempts, database)
    sign_ins = providers.Singleton(
        SignInService,
        database,
        tokens,
        providers.Singleton(RefreshTokens, token_secret),
        providers.Callable(timedelta, days=settings.provided.auth.sign_in_days),
        directory_is_current,
    )
    second_factor_codes = providers.Singleton(SecondFactorCodes, token_secret)
    login = providers.Singleton(
        LoginService, database, hasher, attempts, second_factor_codes, sign_ins, token_secret
    )
    openid_connections = providers.Singleton(openid.connections, settings)
    openid_sign_ins = providers.Singleton(
        OpenIdService,
        database,
        openid_connections,
        sign_ins,
        token_secret,
        providers.Callable(mail.page_url, settings),
        settings.provided.auth.newcomer_role,
        directory_is_current,
    )
    registration = providers.Singleton(
        RegistrationService,
        database,
        hasher,
        attempts,
        providers.Callable(mail.registration_policy, settings),
        directory_is_current,
    )
    passwords = providers.Singleton(PasswordService, database, hasher, attempts, directory_is_current)
    second_factors = providers.Singleton(
        SecondFactorService, database, passwords, attempts, second_factor_codes
    )
    invitations = providers.Singleton(
        InvitationService,
        database,
        hasher,
        providers.Callable(timedelta, days=settings.provided.auth.invitation_days),
        directory_is_current,
    )
    mailer = providers.Singleton(mail.mailer, settings)
    account_mails = providers.Singleton(
        AccountMails,
        database,
        mailer,
        providers.Callable(mail.page_url, settings),
        providers.Callable(timedelta, minutes=settings.provided.auth.reset_minutes),
    )
    administration = providers.Singleton(AdministrationService, database, directory_is_current)

    audit_projection = providers.Singleton(AuditProjection)
    audit = providers.Singleton(AuditLog, database)
    audit_retention = providers.Singleton(
        AuditRetention, database, providers.Callable(limits.audit_kept, settings)
    )

    # knowledge
    files = providers.Singleton(LocalFiles, settings.provided.data_dir.joinpath.call("uploads"))
    reader = providers.Singleton(FileDocumentReader, providers.Callable(limits.reading_limits, settings))
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
        providers.Callable(limits.ingestion_limits, settings),
        embedding.provided.wake,
    )
    documents = providers.Singleton(
        DocumentService,
        database,
        files,
        reader,
        providers.Callable(limits.upload_limits, settings),
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
        providers.Callable(limits.address_policy, settings),
        providers.Callable(limits.fetch_limits, settings),
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
    rule_book = providers.Singleton(RuleBook, database, CompiledRules)
    moderator = providers.Singleton(guardrail.moderator, settings)
    guardrail_rules = providers.Singleton(
        RuleService,
        database,
        rule_book,
        moderator,
        providers.Callable(partial, subscriptions.provided.wait_until_current, chat_subscribers.GUARDRAIL),
    )
    sealer = providers.Singleton(SecretSealer, providers.Callable(_token_secret, settings))
    messages = providers.Singleton(MessageService, database, citations, sealer, rule_book)
    message_search = providers.Singleton(MessageSearch, database)
    shares = providers.Singleton(ShareService, database, citations)
    exports = providers.Singleton(ExportService, database, citations, sealer)
    deleted_documents = providers.Singleton(DeletedDocuments, database)
    trash = providers.Singleton(
        Trash, database, deleted_documents, providers.Callable(limits.trash_policy, settings)
    )
    tool_provider = providers.Singleton(tools.tool_provider, settings)
    toolbox = providers.Singleton(
        Toolbox,
        bus,
        tool_provider,
        providers.Callable(tools.tool_limits, settings),
        settings.provided.analytics.time_zone,
    )
    budget_book = providers.Singleton(BudgetBook, database, settings.provided.analytics.time_zone)
    budgets = providers.Singleton(
        BudgetService,
        database,
        budget_book,
        providers.Callable(partial, subscriptions.provided.wait_until_current, chat_subscribers.BUDGETS),
    )
    spending = providers.Singleton(
        Spending,
        database,
        budget_book,
        providers.Singleton(Ceilings, offers, providers.Callable(limits.source_tokens, settings)),
        providers.Callable(limits.spending_policy, settings),
    )
    reservations = providers.Singleton(
        ReservationKeeper, database, spending, offers, settings.provided.chat.lease_seconds
    )
    caller = providers.Singleton(ModelCaller, offers, providers.Callable(limits.call_limits, settings))
    rewriter = providers.Singleton(QuestionRewriter, offers, caller, settings.provided.chat.helper_seconds)
    answers = providers.Singleton(
        AnswerWriter,
        bus,
        caller,
        rewriter,
        toolbox,
        spending,
        rule_book,
        moderator,
        providers.Callable(limits.answer_limits, settings),
        settings.provided.analytics.time_zone,
    )
    digests = providers.Singleton(
        DigestWriter, database, offers, caller, spending, settings.provided.chat.history_messages
    )
    keeper = providers.Singleton(
        GenerationKeeper, database, sealer, providers.Callable(limits.keeping_limits, settings)
    )
    turns = providers.Singleton(
        TurnService,
        database,
        providers.Singleton(Screener, rule_book, moderator),
        providers.Singleton(QuestionDesk, offers, sealer, spending, settings.provided.chat.history_messages),
        answers,
        digests,
        keeper,
        spending,
        citations,
        providers.Callable(limits.turn_limits, settings),
    )
    open_door = providers.Singleton(OpenDoor, offers, profiles, turns)

    # analytics
    turn_projection = providers.Singleton(TurnProjection, settings.provided.analytics.time_zone)
    dashboards = providers.Singleton(DashboardService, database)

    # What it all comes to
    metrics = providers.Singleton(
        MetricsService,
        events,
        subscriptions.provided.delivered,
        retention.provided.held_up_by,
        retrieval_counts.provided.by_means,
        keeper.provided.count,
        caller.provided.resting,
        rate_limiter,
    )


SERVICES = (
    "accounts",
    "registration",
    "login",
    "sign_ins",
    "openid_sign_ins",
    "passwords",
    "second_factors",
    "invitations",
    "administration",
    "api_keys",
    "audit",
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
    "budgets",
    "offers",
    "turns",
    "open_door",
    "toolbox",
    "guardrail_rules",
    "dashboards",
    "events",
    "health",
    "metrics",
    "subscriptions",
)
"""What routers find under these names on `app.state`."""
