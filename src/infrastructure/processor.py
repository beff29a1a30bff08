"""Which core a server process runs on.

Threads that share one interpreter take turns anyway. On several cores each turn costs a wake-up across cores and
cold caches: a chat turn took 2.2 ms of processor time there and 1.5 ms on one core. Work that runs without the
interpreter (hashing passwords, reading documents, building the index) has threads of its own on all cores.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor


def keep_on_one_core(number: int) -> None:
    """Keep this thread, and those it starts, on one of the cores there are; `asyncio.to_thread` uses all of them.

    `number` tells processes apart, so that the first ones get a core each. Where the system cannot do it,
    nothing happens.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    executor = ThreadPoolExecutor(
        thread_name_prefix="outside", initializer=os.sched_setaffinity, initargs=(0, cores)
    )
    asyncio.get_running_loop().set_default_executor(executor)
    os.sched_setaffinity(0, {cores[number % len(cores)]})
