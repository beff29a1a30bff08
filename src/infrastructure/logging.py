"""Logs: one line an event, with the request id; for people on a console, JSON in production."""

import asyncio
import logging
import sys
import threading
from typing import Literal

import structlog

from src.shared.events.base import correlation_id, trace_parent


class Lines:
    """Writes to standard output; what the event loop logs in one round is written at its end, in one go.

    A write lets other threads have the interpreter, and the loop would wait to get it back for every line.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        with self._lock:
            self._waiting.append(f"{line}\n")
        try:
            asyncio.get_running_loop().call_soon(self._write)
        except RuntimeError:  # no loop runs in this thread
            self._write()

    debug = info = warning = error = critical = exception = msg

    def _write(self) -> None:
        with self._lock:
            lines, self._waiting = self._waiting, []
        if lines:
            print("".join(lines), end="", flush=True)  # noqa: T201  # standard output is where logs go


def configure_logging(form: Literal["console", "json"]) -> None:
    """Set up structlog. Tracebacks never show local variables: they hold passwords and people's text."""
    # Streamlit switches uvicorn's logs on again: the access log shows queries, the other one greets.
    logging.getLogger("uvicorn.access").addFilter(lambda _record: False)
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.levelno >= logging.WARNING)
    known: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_ids,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[structlog.typing.Processor]
    if form == "json":
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        renderers = [
            structlog.processors.ExceptionRenderer(tracebacks),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        renderers = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    lines = Lines()
    structlog.configure(
        processors=[*known, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_names: lines,
    )
    _take_over(LibraryLines(lines), known, renderers)


class LibraryLines(logging.Handler):
    """Writes what libraries log beside our own lines, and in their form."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.msg(self.format(record))


def _take_over(
    handler: LibraryLines,
    known: list[structlog.typing.Processor],
    renderers: list[structlog.typing.Processor],
) -> None:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    names = structlog.stdlib.add_logger_name
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=[*known, names], processors=[strip, *renderers])
    )
    for name in ("uvicorn", "uvicorn.error"):  # uvicorn has written these by itself
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = [], True
    root = logging.getLogger()
    root.handlers = [each for each in root.handlers if not isinstance(each, LibraryLines)] + [handler]


def _add_ids(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Tie a subscriber's lines to the request that set it off; at the edge it is the request's own id."""
    if told := correlation_id.get():
        event.setdefault("correlation_id", told)
    if parent := trace_parent.get():
        event["trace_id"] = parent.split("-")[1]
    return event
