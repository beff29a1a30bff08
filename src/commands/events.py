"""`python -m src.commands.events`: what `make events` calls. Works with the server running or stopped."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from uuid import UUID

from migrations import histories
from src.infrastructure.database.database import Database
from src.infrastructure.database.engine import database_engine
from src.infrastructure.operations.events import EventService
from src.infrastructure.settings import Settings
from src.shared.exceptions.errors import PlatformError

LATER = "The server does it within a second, or when it is started."


async def status(events: EventService, _arguments: argparse.Namespace) -> None:
    rows: list[tuple[str, ...]] = [("subscription", "kind", "position", "lag", "attempts", "parked", "error")]
    for each in await events.status():
        figures = (each.position, each.lag, each.attempts, each.parked)
        rows.append((each.name, each.kind, *map(str, figures), (each.error or "")[:80]))
    print(f"head of the log: {await events.head()}")
    _print_table(rows)


async def parked(events: EventService, _arguments: argparse.Namespace) -> None:
    rows: list[tuple[str, ...]] = [
        ("id", "subscription", "event", "position", "attempts", "parked at", "error")
    ]
    after: UUID | None = None
    while page := await events.parked(after, 200):
        after = page[-1].id
        for each in page:
            marks = (str(each.position), str(each.attempts), f"{each.parked_at:%Y-%m-%d %H:%M:%S}")
            rows.append((str(each.id), each.subscription, each.name, *marks, each.error[:120]))
    _print_table(rows)


async def retry(events: EventService, arguments: argparse.Namespace) -> None:
    await events.retry(arguments.id)
    print(f"It will be tried again. {LATER}")


async def replay(events: EventService, arguments: argparse.Namespace) -> None:
    await events.replay(arguments.subscription)
    print(f"{arguments.subscription} will be made anew from the log. {LATER}")


async def forget(events: EventService, arguments: argparse.Namespace) -> None:
    await events.forget(arguments.subscription)
    print(f"{arguments.subscription} is forgotten.")


ACTIONS = {each.__name__: each for each in (status, parked, retry, replay, forget)}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make events DO=", description="The event log and its subscriptions."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("status", help="how far every subscription is")
    actions.add_parser("parked", help="events that were set aside, with their error")
    actions.add_parser("retry", help="try a parked event again").add_argument("id", type=UUID)
    for action, about in (
        ("replay", "make a projection's tables anew from the log"),
        ("forget", "delete the checkpoint of a subscription that no code has any more"),
    ):
        actions.add_parser(action, help=about).add_argument("subscription")
    asyncio.run(_run(parser.parse_args()))


async def _run(arguments: argparse.Namespace) -> None:
    engine = database_engine(Settings().resolved_database_url)
    with engine.connect() as connection:
        if histories.pending(connection):
            sys.exit("The database's schema is not up to date. Run: make migrate")
    database = Database(engine, lambda _events: None, readers=1)
    database.start()
    try:
        await ACTIONS[arguments.action](EventService(database, dict), arguments)
    except PlatformError as error:
        sys.exit(error.detail)
    finally:
        await database.stop()


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
