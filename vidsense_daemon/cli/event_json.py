"""An event as the command line prints it: flat, stills as paths, points in time in milliseconds."""

from __future__ import annotations

from typing import Any

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.events import Description, EventRecord


def event_json(record: EventRecord) -> dict[str, Any]:
    """One event for a program; the keys are documented in docs/commands.md."""
    event = record.event
    return {
        "id": event.id,
        "camera": event.camera,
        "trigger": event.trigger,
        "severity": event.severity.value,
        "state": event.state.value,
        "source": event.source.value,
        "prompt": event.prompt,
        "started_at_ms": to_ms(event.started_at),
        "ended_at_ms": to_ms(event.ended_at),
        "started_pts_s": round(event.started_pts_s, 3),
        "ended_pts_s": round(event.ended_pts_s, 3),
        "score": round(event.score, 4),
        "encoder": event.encoder,
        "zones": list(event.zones),
        "labels": list(event.labels),
        "explanation": event.explanation,
        "nearest_at_ms": to_ms(event.nearest_at) if event.nearest_at else None,
        "acknowledged_at_ms": to_ms(record.acknowledged_at) if record.acknowledged_at else None,
        "verdict": record.opinion.verdict.value if record.opinion else None,
        "note": record.opinion.note if record.opinion else "",
        "stills": [still.path for still in record.stills],
        "clip": record.clip.path if record.clip else None,
        "description": description_json(record.description) if record.description else None,
    }


def description_json(description: Description) -> dict[str, Any]:
    return {
        "backend": description.backend,
        "model": description.model,
        "status": description.status.value,
        "summary": description.summary,
        "answers": [{"question": answer.question, "answer": answer.answer} for answer in description.answers],
        "details": dict(description.details),
        "error": description.error,
    }
