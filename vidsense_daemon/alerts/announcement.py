"""A message that is about no single event: the day's digest. It has no row in the outbox, and no phases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Announcement:
    """What people are told; the hook chooses the form."""

    id: str  # names it to receivers: the same in every try
    kind: str  # digest
    title: str
    text: str
    event_ids: tuple[str, ...] = ()  # what it rests on


class Announcer(Protocol):
    """A hook that can say more than events."""

    @property
    def name(self) -> str:
        """The hook's own."""

    def announce(self, announcement: Announcement) -> None:
        """Hand it over, within the hook's own time limit.

        Raises:
            DeliveryError: not now.
            PermanentError: never.
        """


def announcement_bytes(announcement: Announcement) -> bytes:
    """As it travels: UTF-8 JSON without spaces; told from an event by its `type`."""
    body = {
        "type": announcement.kind,
        "id": announcement.id,
        "title": announcement.title,
        "summary": announcement.text,
        "event_ids": list(announcement.event_ids),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
