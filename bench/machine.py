"""The machine of a run, as far as figures depend on it."""

import os
import platform
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

FLUSHES = 200


def facts(folder: Path) -> dict[str, Any]:
    """Return what ran where; `folder` is on the disk that is measured."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _first_after("model name", Path("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "memory": _first_after("MemTotal", Path("/proc/meminfo")),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "flush_ms": round(_flush_ms(folder), 3),
    }


def _flush_ms(folder: Path) -> float:
    """Return how long the disk takes to make a page durable: every commit waits for that."""
    file, times = folder / "flushes", []
    with file.open("wb", buffering=0) as output:
        for _ in range(FLUSHES):
            started = time.perf_counter()
            output.write(bytes(4096))
            os.fdatasync(output.fileno())
            times.append(time.perf_counter() - started)
    file.unlink()
    return median(times) * 1000


def _first_after(name: str, file: Path) -> str:
    lines = file.read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")


def memory_mb() -> float:
    """Return how much memory this process holds, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
