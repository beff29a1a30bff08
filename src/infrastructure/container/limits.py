"""The bounds of each part, as the settings have them."""

from datetime import timedelta

from src.domains.chat.services.answering import AnswerLimits
from src.domains.chat.services.calling import CallLimits
from src.domains.chat.services.keeping import KeepingLimits
from src.domains.chat.services.spending import SpendingPolicy
from src.domains.chat.services.trash import TrashPolicy
from src.domains.chat.services.turns import TurnLimits
from src.domains.knowledge.services.documents import UploadLimits
from src.domains.knowledge.services.ingestion import IngestionLimits
from src.infrastructure.database.deliveries import DeliveryPolicy
from src.infrastructure.database.retention import RetentionPolicy
from src.infrastructure.documents.sections import Limits
from src.infrastructure.fetching.addresses import AddressPolicy
from src.infrastructure.fetching.fetcher import FetchLimits
from src.infrastructure.settings import Settings
from src.shared.middleware.rate_limits import RateLimit, RateLimits


def audit_kept(settings: Settings) -> timedelta | None:
    days = settings.auth.audit_days
    return None if days is None else timedelta(days=days)


def turn_limits(settings: Settings) -> TurnLimits:
    chat = settings.chat
    return TurnLimits(
        message_characters=chat.max_message_characters,
        generations=chat.max_generations,
        waiting=chat.max_waiting,
        generation_timeout=chat.generation_timeout_seconds,
        stop_grace=chat.stop_grace_seconds,
    )


def trash_policy(settings: Settings) -> TrashPolicy:
    chat = settings.chat
    return TrashPolicy(
        timedelta(days=chat.deleted_days),
        timedelta(minutes=chat.temporary_minutes),
        timedelta(days=chat.openai_days),
    )


def answer_limits(settings: Settings) -> AnswerLimits:
    chat = settings.chat
    return AnswerLimits(chat.passages, chat.passages_timeout_seconds, chat.tool_rounds, chat.tool_calls)


def call_limits(settings: Settings) -> CallLimits:
    chat = settings.chat
    return CallLimits(
        first_token=chat.first_token_seconds,
        gap=chat.gap_seconds,
        breaker_failures=chat.breaker_failures,
        breaker_seconds=chat.breaker_seconds,
    )


def keeping_limits(settings: Settings) -> KeepingLimits:
    return KeepingLimits(settings.chat.save_seconds, settings.chat.lease_seconds)


def spending_policy(settings: Settings) -> SpendingPolicy:
    return SpendingPolicy(settings.chat.lease_seconds, settings.chat.budget_nearly_used)


def source_tokens(settings: Settings) -> int:
    """Return what the passages of an answer may be expected to take."""
    return settings.chat.passages * settings.knowledge.passage_tokens


def upload_limits(settings: Settings) -> UploadLimits:
    return UploadLimits(settings.knowledge.max_upload_bytes, settings.knowledge.max_waiting)


def ingestion_limits(settings: Settings) -> IngestionLimits:
    knowledge = settings.knowledge
    return IngestionLimits(
        at_once=knowledge.ingestions_at_once,
        attempts=knowledge.ingestion_attempts,
        first_delay=knowledge.ingestion_retry_seconds,
        lease=knowledge.ingestion_lease_seconds,
    )


def reading_limits(settings: Settings) -> Limits:
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


def delivery_policy(settings: Settings) -> DeliveryPolicy:
    events = settings.events
    return DeliveryPolicy(
        batch=events.batch,
        poll_interval=events.poll_seconds,
        gather=events.gather_seconds,
        max_attempts=events.max_attempts,
        lease=events.lease_seconds,
    )


def retention_policy(settings: Settings) -> RetentionPolicy:
    return RetentionPolicy(settings.events.keep_days, settings.events.keep_events)


def address_policy(settings: Settings) -> AddressPolicy:
    fetch = settings.fetch
    hosts = frozenset(host.lower().rstrip(".") for host in fetch.allowed_private_hosts)
    return AddressPolicy(hosts, fetch.allowed_private_networks, fetch.refused_networks)


def fetch_limits(settings: Settings) -> FetchLimits:
    return FetchLimits(
        bytes=settings.knowledge.max_upload_bytes,
        seconds=settings.fetch.seconds,
        redirects=settings.fetch.redirects,
        ports=settings.fetch.allowed_ports,
        at_once=settings.fetch.at_once,
    )


def rate_limits(settings: Settings) -> RateLimits:
    told = settings.limits

    def limit(name: str, requests: int) -> RateLimit | None:
        return RateLimit(name, requests) if requests else None

    return RateLimits(
        user=limit("user", told.user),
        api_key=limit("api-key", told.api_key),
        questions=limit("questions", told.questions),
        address=limit("address", told.address),
        refused=limit("refused", told.address),
        sign_in=limit("sign-in", told.sign_in),
    )


def rate_limit_store(settings: Settings) -> str | None:
    url = settings.limits.store_url
    return url.get_secret_value() if url else None
