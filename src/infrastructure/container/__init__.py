"""The composition root: which adapter serves which port."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dependency_injector import providers

from src.domains.analytics.services.calendar import Calendar
from src.domains.analytics.services.dashboards import DashboardService
from src.domains.analytics.services.exports import ExportService as UsageExportService
from src.domains.analytics.services.feedback import FeedbackProjection, FeedbackService
from src.domains.analytics.services.turns import TurnProjection
from src.domains.analytics.services.usage import UsageService
from src.domains.chat.services.keeping import GenerationKeeper
from src.infrastructure.container import limits
from src.infrastructure.container.auth import Auth
from src.infrastructure.container.chat import Chat
from src.infrastructure.container.core import Core
from src.infrastructure.container.knowledge import Knowledge
from src.infrastructure.database.database import Database
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.operations.events import EventService
from src.infrastructure.operations.health import HealthService
from src.infrastructure.operations.metrics import MetricsService
from src.infrastructure.operations.process_figures import ProcessFigures, Sources
from src.infrastructure.operations.request_figures import RequestFigures
from src.infrastructure.operations.workers import FOLDER, Workers
from src.infrastructure.rate_limits.limiter import WindowRateLimiter
from src.infrastructure.settings import Settings


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


def _queues(
    settings: Settings, database: Database, keeper: GenerationKeeper
) -> Callable[[], Mapping[str, int]]:
    def depths() -> Mapping[str, int]:
        answers = max(0, keeper.count() - settings.chat.max_generations)
        return {**database.waiting(), "answers": answers}

    return depths


def _workers_folder() -> Path | None:
    folder = os.environ.get(FOLDER)
    return Path(folder) if folder else None


class Container(Auth, Knowledge, Chat):
    """One of each for a process."""

    pending_migrations: providers.Dependency[Any] = providers.Dependency()

    rate_limits = providers.Callable(limits.rate_limits, Core.settings)
    rate_limiter = providers.Singleton(
        WindowRateLimiter, providers.Callable(limits.rate_limit_store, Core.settings)
    )
    events = providers.Singleton(EventService, Core.database, Core.subscriptions.provided.positions)
    health = providers.Singleton(_health, Core.database, Core.subscriptions, events, pending_migrations)

    calendar = providers.Singleton(Calendar, Core.settings.provided.analytics.time_zone)
    turn_projection = providers.Singleton(TurnProjection, calendar)
    dashboards = providers.Singleton(DashboardService, Core.database, calendar)
    feedback_projection = providers.Singleton(FeedbackProjection)
    feedbacks = providers.Singleton(FeedbackService, Core.database, calendar)
    usage_exports = providers.Singleton(UsageExportService, Core.database, calendar)
    usages = providers.Singleton(UsageService, Core.database, calendar)

    request_figures = providers.Singleton(RequestFigures, Core.registry)
    process_figures = providers.Singleton(
        ProcessFigures,
        providers.Singleton(
            Sources,
            Core.registry,
            Core.subscriptions.provided.delivered,
            Core.retention.provided.held_up_by,
            Knowledge.retrieval_counts.provided.by_means,
            Chat.keeper.provided.count,
            providers.Callable(_queues, Core.settings, Core.database, Chat.keeper),
            Chat.caller.provided.breakers,
            rate_limiter,
        ),
        events,
    )
    workers = providers.Singleton(
        Workers,
        Knowledge.index_folder.provided.number,
        providers.Callable(_workers_folder),
        process_figures.provided.collect,
    )
    metrics = providers.Singleton(MetricsService, workers, events, Knowledge.documents.provided.count_waiting)


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
    "usages",
    "feedbacks",
    "usage_exports",
    "events",
    "health",
    "metrics",
    "subscriptions",
)
"""What routers find under these names on `app.state`."""
