"""What auth listens to: its own events, for the directory that each process keeps."""

from src.domains.auth.services.directory import Directory
from src.shared.events.bus import EventBus

DIRECTORY = "auth.directory"


def subscribe(bus: EventBus, directory: Directory) -> None:
    bus.replicate(Directory.EVENTS, directory, name=DIRECTORY)
