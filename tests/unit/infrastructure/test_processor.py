"""Which cores threads run on."""

import asyncio
import os
import threading

import pytest

from src.infrastructure.processor import keep_on_one_core


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not say where threads run")
async def test_own_threads_share_a_core_and_work_outside_has_all_of_them() -> None:
    cores = os.sched_getaffinity(0)
    seen: list[set[int]] = []
    try:
        keep_on_one_core(1)
        thread = threading.Thread(target=lambda: seen.append(os.sched_getaffinity(0)))
        thread.start()
        thread.join()
        outside = await asyncio.to_thread(os.sched_getaffinity, 0)
    finally:
        os.sched_setaffinity(0, cores)
    assert len(seen[0]) == 1
    assert outside == cores
