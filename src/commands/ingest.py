"""`python -m src.commands.ingest`: what `make ingest` calls. Works with the server running or stopped.

Takes a folder, a file or a page into a collection, then shows how the server reads it. Whoever may run this on
the server's machine acts as its administrator.
"""

import argparse
import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pydantic import ValidationError

from migrations import histories
from src.commands.backup import told_in_plain_words
from src.commands.ingesting import Intake, Pace, Place, Reason, Report
from src.domains.auth.repositories.groups import GroupRepository
from src.domains.auth.repositories.users import UserRepository
from src.domains.knowledge.repositories.collections import CollectionRepository
from src.domains.knowledge.schemas import CreateCollectionRequest
from src.domains.knowledge.services.collections import CollectionService
from src.infrastructure.container import Container
from src.infrastructure.database.database import Database
from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from src.shared.events.base import Origin, origin
from src.shared.exceptions.errors import InvalidRequest, PlatformError
from src.shared.middleware.authentication import Principal

EXAMPLES = 3


@dataclass(frozen=True)
class Order:
    """What is to be taken in, into which collection, and who may read it if it has to be made."""

    origin: str
    collection: str
    groups: tuple[str, ...] = ()
    prune: bool = False

    @property
    def is_url(self) -> bool:
        return self.origin.lower().startswith(("http://", "https://"))


def main() -> None:
    os.umask(0o077)  # the server's files are for its own user
    order = _parsed()
    with told_in_plain_words():
        try:
            report = asyncio.run(ingest(Settings(), order))
        except PlatformError as error:
            sys.exit(error.detail)
        except KeyboardInterrupt:
            sys.exit("Interrupted. What was taken in stays; run it again for the rest.")
    sys.exit(1 if report.failed else 0)


async def ingest(settings: Settings, order: Order, pace: Pace | None = None) -> Report:
    """Carry the order out and tell people about it; return what became of everything."""
    container = Container(settings=settings, pending_migrations=histories.pending)
    engine = container.engine()
    with engine.connect() as connection:
        if histories.pending(connection):
            raise InvalidRequest("The database's schema is not up to date. Run: make migrate")
    database = container.database()
    database.start()
    try:
        admin = await _administrator(database)
        origin.set(Origin(channel="command"))
        collection_id = await _collection(database, admin, order)
        intake = Intake(
            database, container.documents(), container.urls(), admin, collection_id, pace or Pace()
        )
        await _take(intake, order)
        is_read = await intake.watch()
    finally:
        await database.stop()
    _tell(intake.report, is_read)
    return intake.report


async def _take(intake: Intake, order: Order) -> None:
    if order.is_url:
        await intake.take_url(order.origin)
        return
    path = Path(order.origin)
    if await asyncio.to_thread(path.is_dir):
        await intake.take_folder(path, order.prune)
    elif await asyncio.to_thread(path.is_file):
        await intake.take_file(path)
    else:
        raise InvalidRequest(f"There is neither a folder nor a file {path}.")


async def _administrator(database: Database) -> Principal:
    user = await database.read(lambda uow: UserRepository(uow).first_active_admin())
    if user is None:
        raise InvalidRequest(
            "There is no administrator yet, in whose name documents could be taken in. Start the server with "
            "`make run` and sign up in the page: the first person becomes the administrator."
        )
    return Principal(user_id=user.id, sign_in_id=None, role="admin", group_ids=())


async def _collection(database: Database, admin: Principal, order: Order) -> UUID:
    """Return the collection of that name, made if there is none."""
    try:
        name = CreateCollectionRequest(name=order.collection).name
    except ValidationError:
        raise InvalidRequest(f"A collection cannot be called {order.collection!r}.") from None
    groups = await _groups(database, order.groups)

    def look(uow: UnitOfWork) -> tuple[UUID, frozenset[UUID]] | None:
        collections = CollectionRepository(uow)
        found = collections.by_name(name)
        return (found.id, collections.shelves([found.id])[found.id].readers) if found else None

    found = await database.read(look)
    if found is None:
        collections = CollectionService(database, _nothing)
        overview = await collections.create(admin, name, "", list(groups.values()))
        _say(f"The collection {name} is new. {_readers(groups)}")
        return overview.collection.id
    collection_id, readers = found
    if groups and readers != frozenset(groups.values()):
        raise InvalidRequest(
            f"The collection {name} is there already, and others may read it than these groups. Leave --groups "
            "out, or change its readers in the page."
        )
    return collection_id


async def _groups(database: Database, names: Sequence[str]) -> dict[str, UUID]:
    found = await database.read(lambda uow: GroupRepository(uow).by_names(names))
    groups = {group.name: group.id for group in found}
    if missing := [name for name in names if name not in groups]:
        raise InvalidRequest(
            f"There is no group of the name {', '.join(missing)}. Make it in the page first."
        )
    return groups


async def _nothing() -> None:
    """No shelves are kept in this process; the server's follow by the log."""


def _readers(groups: dict[str, UUID]) -> str:
    if groups:
        return f"People in {', '.join(groups)} may read it."
    return 'Everyone who is signed in may read it; name groups with GROUPS="..." to keep it to them.'


def _tell(report: Report, is_read: bool) -> None:
    outcomes = report.outcomes
    figures = {
        "new": outcomes["new"],
        "new versions": outcomes["new_version"],
        "unchanged": outcomes["unchanged"],
        "deleted": report.deleted,
        "skipped": len(report.skipped),
        "failed": len(report.failed),
    }
    _say(", ".join(f"{count} {what}" for what, count in figures.items()))
    if report.read:
        _say(f"read: {report.read} files, {report.pages} pages, {report.passages} passages")
    for reason, places in _by_reason(report.skipped).items():
        more = ", ..." if len(places) > EXAMPLES else ""
        _say(f"skipped {len(places)}: {reason} ({', '.join(places[:EXAMPLES])}{more})")
    for place, reason in report.failed:
        _say(f"failed: {place}: {reason}")
    if not is_read:
        _say(
            f"{len(report.waiting)} files wait to be read, and no server reads them: start it with `make run`."
        )


def _by_reason(skipped: Sequence[tuple[Place, Reason]]) -> dict[Reason, list[Place]]:
    places: dict[Reason, list[Place]] = defaultdict(list)
    for place, reason in skipped:
        places[reason].append(place)
    return places


def _say(text: str) -> None:
    """Print a line; what is no character of a text (in a file's name) does nothing to the terminal."""
    print(
        "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    )


def _parsed() -> Order:
    parser = argparse.ArgumentParser(
        description="Take a folder, a file or a page into a collection.",
        usage='make ingest FROM=folder-or-url COLLECTION=name [GROUPS="HR,IT"] [PRUNE=1]',
    )
    parser.add_argument("--from", dest="origin", required=True, help="a folder, a file, or http(s)://...")
    parser.add_argument("--collection", required=True, help="its name; made if there is none")
    parser.add_argument("--groups", default="", help="who may read a new collection; by default everyone")
    parser.add_argument("--prune", action="store_true", help="delete documents whose file has gone")
    arguments = parser.parse_args()
    groups = tuple(name.strip() for name in arguments.groups.split(",") if name.strip())
    return Order(arguments.origin, arguments.collection, groups, arguments.prune)


if __name__ == "__main__":
    main()
