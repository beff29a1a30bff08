"""What all domains stand on: the bus, the database, the deliveries, and the house's secret."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dependency_injector import containers, providers
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from src.infrastructure.container import limits
from src.infrastructure.database.database import Database
from src.infrastructure.database.engine import database_engine
from src.infrastructure.database.notifications import Notifications
from src.infrastructure.database.retention import Retention
from src.infrastructure.database.subscriptions import Subscriptions
from src.infrastructure.operations.turn_figures import TurnFigures
from src.infrastructure.secrets import kept_secret
from src.infrastructure.settings import Settings
from src.shared.events.base import DomainEvent
from src.shared.events.bus import EventBus

if TYPE_CHECKING:
    from src.infrastructure.operations.tracing import Tracer


def _token_secret(settings: Settings) -> SecretStr:
    return settings.auth.token_secret or kept_secret(settings.data_dir / "secrets" / "token_secret")


def _tracer(settings: Settings) -> "Tracer | None":
    """Load OpenTelemetry where a collector is named, and nowhere else."""
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    from src.infrastructure.operations.tracing import Tracer

    return Tracer(str(settings.otel_exporter_otlp_endpoint))


def _bus(tracer: "Tracer | None") -> EventBus:
    if tracer is None:
        return EventBus()
    from src.infrastructure.operations.traced_ports import TracedBus

    return TracedBus(tracer)


def _after_commit(bus: EventBus, figures: TurnFigures) -> Callable[[Sequence[DomainEvent]], None]:
    def tell(events: Sequence[DomainEvent]) -> None:
        bus.publish(events)
        figures.count(events)

    return tell


class Core(containers.DeclarativeContainer):
    """Each domain's container adds its own to these."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)
    tracer = providers.Singleton(_tracer, settings)
    bus = providers.Singleton(_bus, tracer)
    engine = providers.Singleton(
        database_engine,
        settings.provided.resolved_database_url,
        synchronous=settings.provided.database.synchronous,
        connections=settings.provided.database.connections,
        idle_transaction_seconds=settings.provided.database.idle_transaction_seconds,
    )
    registry = providers.Singleton(CollectorRegistry)
    turn_figures = providers.Singleton(TurnFigures, registry)
    database = providers.Singleton(
        Database,
        engine,
        providers.Callable(_after_commit, bus, turn_figures),
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
    token_secret = providers.Singleton(_token_secret, settings)
