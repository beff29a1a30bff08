"""`python -m src.commands.audit`: what `make audit-verify` calls. Works with the server running or stopped."""

import argparse
import asyncio
import sys

from migrations import histories
from src.domains.auth.repositories.audit import Link
from src.domains.auth.services.audit import verify
from src.infrastructure.database.database import Database
from src.infrastructure.database.engine import database_engine
from src.infrastructure.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make audit-verify", description="Look whether the audit log was changed or cut."
    )
    parser.add_argument(
        "--head", type=_link, help="what GET /auth/audit/head told some time ago, as NUMBER:HASH"
    )
    asyncio.run(_verify(parser.parse_args().head))


async def _verify(kept: Link | None) -> None:
    engine = database_engine(Settings().resolved_database_url)
    with engine.connect() as connection:
        if histories.pending(connection):
            sys.exit("The database's schema is not up to date. Run: make migrate")
    database = Database(engine, lambda _events: None, readers=1)
    database.start()
    try:
        verdict = await database.read(lambda uow: verify(uow, kept))
    finally:
        await database.stop()
    if verdict.fault:
        sys.exit(f"The chain breaks behind entry {verdict.head.number}: {verdict.fault}.")
    print(f"{verdict.entries} entries hold. The head is {verdict.head.number}:{verdict.head.hash.hex()}")


def _link(text: str) -> Link:
    number, _, hash = text.partition(":")
    return Link(int(number), bytes.fromhex(hash))


if __name__ == "__main__":
    main()
