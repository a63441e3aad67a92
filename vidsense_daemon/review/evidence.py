"""What a description claims, and what speaks for it. Pure.

`details` is a language model's answer, stored as it came: nothing is certain about its form, so everything is looked at
before it is shown, and what has another form than expected is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vidsense_daemon.domain.events import Description

_LONGEST_TEXT = 300


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing the describer said."""

    text: str
    support: float | None  # unit of `Event.score`; none: there was nothing to hold it against
    certain: bool


@dataclass(frozen=True, slots=True)
class Observation:
    """What the describer says of one frame."""

    frame: int  # counted from 1
    what: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """A description's details, as far as they have the form that is expected."""

    claims: tuple[Claim, ...] = ()
    observations: tuple[Observation, ...] = ()
    visible_text: str = ""
    visible_text_instructs: bool = False  # the writing speaks to a machine: somebody may be trying to steer it
    threat: str = ""


def evidence_of(description: Description | None) -> Evidence:
    details = description.details if description else {}
    return Evidence(
        claims=tuple(_claim(item) for item in _mappings(details, "claims")),
        observations=tuple(
            Observation(item["frame"], _text(item.get("what")))
            for item in _mappings(details, "observations")
            if isinstance(item.get("frame"), int)
        ),
        visible_text=_text(details.get("visible_text")),
        visible_text_instructs=details.get("visible_text_instructs") is True,
        threat=_text(details.get("threat")),
    )


def _claim(item: Mapping[str, Any]) -> Claim:
    support = item.get("support")
    return Claim(
        text=_text(item.get("claim")),
        support=float(support) if isinstance(support, int | float) else None,
        certain=item.get("certain") is True,
    )


def _mappings(details: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    items = details.get(key)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _text(value: Any) -> str:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""
