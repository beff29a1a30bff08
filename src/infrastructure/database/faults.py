"""What a database's errors mean: passing faults are retried, the others are told in the platform's words."""

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import psycopg
import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from src.shared.exceptions.errors import InvalidRequest, PlatformError, Unavailable

T = TypeVar("T")

log = structlog.get_logger(__name__)

PASSING = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.AdminShutdown,
    psycopg.errors.CrashShutdown,
    psycopg.errors.CannotConnectNow,
    psycopg.errors.IdleInTransactionSessionTimeout,
)

# Growing the write-ahead log or its index meets a full disk as an error of input and output.
SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
SQLITE_UNAVAILABLE = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
)


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"


class OutcomeUnknown(Unavailable):
    """The connection broke in the commit itself: it may have happened or not, so nothing is repeated."""

    code = "outcome_unknown"


class StorageFull(PlatformError):
    status = 507
    code = "storage_full"


NOBODYS_FAULT = (DatabaseUnavailable, OutcomeUnknown, StorageFull)
"""What is told of the database's own faults: whoever met them did nothing wrong."""


def retried(work: Callable[[], T], *, seconds: float) -> T:
    """Run `work`, and again while its faults are passing ones, with growing delays, for so many seconds."""
    try:
        return work()
    except Exception as error:
        if not is_passing(error):
            raise
    retrying = Retrying(
        retry=retry_if_exception(is_passing),
        wait=wait_exponential_jitter(multiplier=0.02, max=0.5, jitter=0.02),
        stop=stop_after_delay(seconds),
        before_sleep=_log_fault,
        reraise=True,
    )
    return retrying(work)


def is_passing(error: BaseException) -> bool:
    """Tell whether the same transaction may succeed if it is run again.

    PostgreSQL's deadlocks, timeouts on locks, restarts and lost connections. SQLite has waited by itself.
    """
    fault = error.orig if isinstance(error, DBAPIError) else error
    return breaks_off(error) or isinstance(fault, PASSING)


def breaks_off(error: BaseException) -> bool:
    """Tell whether the connection was refused or lost without a word of what became of the statement."""
    fault = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(fault, psycopg.OperationalError) and fault.sqlstate is None


def is_fault(error: BaseException) -> bool:
    """Tell whether the error is the database's own, so that its transaction may be gone with it."""
    return isinstance(error, DBAPIError) and not isinstance(
        error, IntegrityError | DataError | ProgrammingError
    )


def told(error: Exception) -> Exception:
    """Return what the caller is told: a database's own faults in the platform's words, all else as it is."""
    fault = error.orig if isinstance(error, DBAPIError) else error
    if _is_full(fault):
        detail = "The server has no space left: nothing of this was saved. Tell your administrator."
        return _caused(StorageFull(detail), error)
    if isinstance(fault, psycopg.DataError) and "NUL" in str(fault):
        return _caused(InvalidRequest("The text holds a NUL character, which cannot be kept."), error)
    if isinstance(fault, psycopg.OperationalError) or _is_unavailable(fault) or is_passing(error):
        detail = "The database does not answer, so nothing was saved. Try again soon."
        return _caused(DatabaseUnavailable(detail, retry_after=2), error)
    return error


def _caused(error: PlatformError, cause: Exception) -> PlatformError:
    error.__cause__ = cause
    log.error("database_fault", code=error.code, error=str(cause))
    return error


def _is_unavailable(fault: BaseException | None) -> bool:
    # The lowest byte is the code, what stands above it says more about it.
    return isinstance(fault, sqlite3.OperationalError) and fault.sqlite_errorcode & 0xFF in SQLITE_UNAVAILABLE


def _is_full(fault: BaseException | None) -> bool:
    if isinstance(fault, sqlite3.OperationalError):
        return fault.sqlite_errorcode in SQLITE_FULL
    return isinstance(fault, psycopg.errors.DiskFull)


def _log_fault(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("database_fault_retried", attempt=state.attempt_number, error=str(error))
