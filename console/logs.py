"""Write logs as structlog does: one JSON object a line in production, readable lines on one's own machine.

Everything goes to stderr; what runs the process decides where it is kept.
"""

from __future__ import annotations

import logging.config
from typing import TYPE_CHECKING, Any

import structlog

from tenants.documents.labels import visible

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor

SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def one_line(_logger: object, _name: str, event: EventDict) -> EventDict:
    """Show what would end a line, steer a terminal or turn the order of what is read as its escape.

    What people and platforms send stands in events; none of it may look like another entry (OWASP ASVS 16.4.1).
    """
    for key, value in event.items():
        if isinstance(value, str) and key not in {"exception", "stack"}:
            event[key] = visible(value)
    return event


def configuration(*, readable: bool) -> dict[str, Any]:
    """Return the argument of logging.config.dictConfig: readable lines, or JSON."""
    last: list[Processor] = (
        [
            one_line,
            structlog.dev.ConsoleRenderer(
                colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
        if readable
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            # Django's own handlers would say everything twice.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            # The schedule rings every two seconds: that it did, and that a ring found nothing to do, is no news.
            "celery.beat": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def configure(settings: dict[str, Any]) -> None:
    """Set up logging and structlog; Django calls this once, with settings.LOGGING."""
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
