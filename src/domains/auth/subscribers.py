"""What auth listens to: its own events, for the directory of each process, and everybody's, for the audit log."""

from src.domains.auth.services.audit import AUDITED, AuditProjection
from src.domains.auth.services.directory import Directory
from src.shared.events.bus import EventBus

DIRECTORY = "auth.directory"
AUDIT = "auth.audit"

DIRECTORY_SECONDS = 1.0
"""How often the directory looks at the log at least: what it knows must never be old."""


def subscribe(bus: EventBus, directory: Directory, audit: AuditProjection) -> None:
    bus.replicate(Directory.EVENTS, directory, name=DIRECTORY, every=DIRECTORY_SECONDS)
    for event in AUDITED:
        bus.subscribe(event, audit.note, name=AUDIT, kind="projection")
    bus.rebuild_with(audit.clear, name=AUDIT)
