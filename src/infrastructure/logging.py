"""Logs: one line an event, with the request id; for people on a console, JSON in production."""

import logging
import sys
from typing import Literal

import structlog


def configure_logging(form: Literal["console", "json"]) -> None:
    """Set up structlog. Tracebacks never show local variables: they hold passwords and people's text."""
    # Streamlit switches uvicorn's access log on again, and that one shows queries.
    logging.getLogger("uvicorn.access").addFilter(lambda _record: False)
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
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
