"""How people are told that a search service does not serve."""

import structlog

from src.domains.knowledge.services.ports import SearchUnavailable
from src.infrastructure.outside.faults import ServiceFault

log = structlog.get_logger(__name__)


def unavailable(fault: ServiceFault) -> SearchUnavailable:
    """Return what a caller is told; what the service said goes to the log, for it may name what is secret."""
    log.error("search_service_fault", error=str(fault), passing=fault.passing)
    if fault.passing:
        return SearchUnavailable("The search service does not answer. Try again soon.", retry_after=5)
    return SearchUnavailable(
        "The search service refuses to serve or answers wrongly. Tell your administrator.", retry_after=60
    )
