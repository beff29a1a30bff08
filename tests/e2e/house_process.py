"""`python -m tests.e2e.house_process URL NUMBER HOW`: a small house whose handler meets its fate at an event.

`kill`: the process kills itself in the middle of the handler. `stop`: it stops itself there, inside the
transaction, and goes on when it is woken. Prints `ready` once it delivers.
"""

import asyncio
import os
import signal
import sys

from src.infrastructure.database.unit_of_work import UnitOfWork
from src.infrastructure.settings import Settings
from tests.houses import Counted, note_as_group, projecting, running


async def main(url: str, fatal: int, how: str) -> None:
    stopped = False

    def handle(uow: UnitOfWork, event: Counted) -> None:
        nonlocal stopped
        note_as_group(uow, event)
        uow.session.flush()
        if event.number == fatal and how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if event.number == fatal and how == "stop" and not stopped:
            stopped = True
            os.kill(os.getpid(), signal.SIGSTOP)

    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    async with running(Settings(database_url=url), projecting(handle)):
        print("ready", flush=True)  # noqa: T201  # for the test that waits for it
        await ending.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
