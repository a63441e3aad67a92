"""structlog, set up once at the start of a command: JSON lines for the daemon, readable lines on a terminal.

Every line, the standard library's included, passes the redactor and loses its control characters, so that neither a
camera nor a language model can forge a line or colour a terminal.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from vidsense_daemon.base.redact import Redactor

# C0 and C1 controls, line separators, marks that turn the reading direction, halves of characters: a newline inside a
# value would break "one record, one line" for plain readers, and the others let a value dress up as something else
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_VALUE = 4000
_TRACEBACKS = ("exception", "stack")  # structlog's names for them


def configure(*, json: bool, level: str = "info", redactor: Redactor, stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to ``stream`` (default: standard error)."""
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _clean(redactor),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False)
        if json
        else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


def _clean(redactor: Redactor) -> structlog.typing.Processor:
    def clean(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            event[key] = _clean_traceback(value, redactor) if key in _TRACEBACKS else _clean_value(value, redactor)
        return event

    return clean


def _clean_value(value: Any, redactor: Redactor) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {_clean_value(str(key), redactor): _clean_value(item, redactor) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean_value(item, redactor) for item in value]
    text = _CONTROLS.sub(" ", redactor.text(str(value)))
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def _clean_traceback(value: Any, redactor: Redactor) -> str:
    """Its newlines stay: JSON escapes them, and a reader at a terminal needs them. Of a long one the end tells most."""
    text = "\n".join(_CONTROLS.sub(" ", line) for line in redactor.text(str(value)).split("\n"))
    return text if len(text) <= _LONGEST_VALUE else "…" + text[-_LONGEST_VALUE:]
