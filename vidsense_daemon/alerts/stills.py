"""The picture that goes with an alert: read from the media folder when a hook wants to attach it."""

from __future__ import annotations

from pathlib import Path

import structlog

from vidsense_daemon.alerts.payload import best_still
from vidsense_daemon.domain.events import EventRecord

_LARGEST_BYTES = 8 * 1024 * 1024  # a 4K still has 1-2 MB; most receivers refuse more than 8-10


def best_still_path(record: EventRecord) -> Path | None:
    """The best still's file; none when there is none, it is gone or it is too large: the alert goes out without it."""
    still = best_still(record)
    if still is None:
        return None
    path = Path(still.path)
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        # retention may have deleted it since; a picture that is missing must not cost the alert
        _warn(record, str(error))
        return None
    if size_bytes > _LARGEST_BYTES:
        _warn(record, f"it has {size_bytes} bytes")
        return None
    return path


def best_still_jpeg(record: EventRecord) -> bytes | None:
    """The best still's bytes, by the same rules."""
    path = best_still_path(record)
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        _warn(record, str(error))
        return None


def _warn(record: EventRecord, reason: str) -> None:
    structlog.get_logger().warning("still_not_attached", event_id=record.event.id, reason=reason)
