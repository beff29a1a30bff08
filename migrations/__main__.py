"""`python -m migrations`: what `make migrate`, `make migration` and `make rollback` call."""

import argparse

from migrations import histories
from src.infrastructure.database.engine import database_engine
from src.infrastructure.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m migrations", description="Database migrations.")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("upgrade", help="bring every history to its newest revision")
    for action, about in (
        ("revision", "write a new revision from the models"),
        ("downgrade", "take back one"),
    ):
        subparser = actions.add_parser(action, help=about)
        subparser.add_argument("--domain", required=True, choices=histories.HISTORIES)
    actions.choices["revision"].add_argument("--message", required=True)
    arguments = parser.parse_args()

    engine = database_engine(Settings().resolved_database_url)
    if arguments.action == "upgrade":
        histories.upgrade(engine)
        return
    history = histories.HISTORIES[arguments.domain]
    if arguments.action == "revision":
        histories.write_revision(engine, history, arguments.message)
    else:
        histories.downgrade(engine, history)


if __name__ == "__main__":
    main()
