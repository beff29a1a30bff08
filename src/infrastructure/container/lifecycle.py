"""Who listens to whom, and in which order everything starts and stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from src.domains.analytics import subscribers as analytics_subscribers
from src.domains.auth import subscribers as auth_subscribers
from src.domains.chat import subscribers as chat_subscribers
from src.domains.knowledge import subscribers as knowledge_subscribers
from src.infrastructure.container import Container
from src.infrastructure.process_locks import single_server
from src.infrastructure.processor import keep_on_one_core
from src.shared.events.knowledge import PassagesRequested, ReadableDocumentsRequested


def subscribe(container: Container) -> None:
    """Tell the bus who listens to whom."""
    bus = container.bus()
    auth_subscribers.subscribe(
        bus, container.directory(), container.audit_projection(), container.account_mails()
    )
    knowledge_subscribers.subscribe(
        bus, container.documents(), container.session_files(), container.shelves(), container.search()
    )
    if container.search_engine():
        knowledge_subscribers.feed(bus, container.search_engine_feed())
    else:
        knowledge_subscribers.keep_index(bus, container.index_replica())
    chat_subscribers.subscribe(
        bus,
        container.deleted_documents(),
        container.budgets(),
        container.budget_book(),
        container.rule_book(),
    )
    analytics_subscribers.subscribe(bus, container.turn_projection(), container.feedback_projection())
    bus.require_responders(PassagesRequested, ReadableDocumentsRequested)


@asynccontextmanager
async def running(container: Container) -> AsyncIterator[None]:
    """Start everything in order, and stop it in the other: no event and no answer is cut off."""
    settings, database, turns = container.settings(), container.database(), container.turns()
    subscriptions, retention = container.subscriptions(), container.retention()
    notifications, ingestion = container.notifications(), container.ingestion()
    embedding, keeper = container.embedding(), container.keeper()
    tool_provider = container.tool_provider()
    uses, workers = container.api_key_uses(), container.workers()
    trash, reservations, audit_retention = (
        container.trash(),
        container.reservations(),
        container.audit_retention(),
    )
    with single_server(settings.server_lock) if settings.server_lock else nullcontext():
        if settings.server.one_core:
            keep_on_one_core(container.index_folder().number)
        subscribe(container)
        container.directory().watch(keeper.look_again)
        database.start()
        try:
            if not container.search_engine():
                knowledge_subscribers.keep_vectors(container.bus(), await container.meaning().prepare())
            await tool_provider.start()
            await keeper.start()
            await reservations.start()
            await subscriptions.start()
            await ingestion.start()
            if container.embedder():
                await embedding.start()
            await retention.start()
            await trash.start()
            await audit_retention.start()
            if database.shared:
                await notifications.start()
            await workers.start()
            yield
        finally:
            for each in (
                workers,
                turns,
                keeper,
                reservations,
                tool_provider,
                trash,
                audit_retention,
                ingestion,
                embedding,
                notifications,
                retention,
                subscriptions,
                uses,
                container.rate_limiter(),
                database,
            ):
                await each.stop()
            if not container.search_engine():
                container.index().close()
            await container.meaning().close()
            outsiders = (offer.model for offer in container.offers())
            for outside in (
                container.search_engine(),
                container.embedder(),
                container.moderator(),
                *outsiders,
            ):
                if outside:
                    await outside.close()
            if tracer := container.tracer():
                await tracer.stop()
            container.index_folder().release()
