"""Sentences become stored events: by the words said of them, and by what was seen once there is an encoder."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.store.search import Found


class FindEvents(Protocol):
    """The best events for a sentence first; of one camera and ``since`` ≤ start < ``until`` where given."""

    def __call__(
        self, sentence: str, *, camera: str | None, since: datetime | None, until: datetime | None, limit: int
    ) -> list[Found]: ...


def search_of(storage: Storage, *, encoder: Encoder | None) -> FindEvents:
    """A search of what is stored by now; without an encoder by words alone, at once."""
    search = storage.search(encoder=encoder.name if encoder else None)

    def find(
        sentence: str, *, camera: str | None, since: datetime | None, until: datetime | None, limit: int
    ) -> list[Found]:
        if encoder is None:
            return search.by_words(sentence, camera=camera, since=since, until=until, limit=limit)
        embedding = encoder.embed_texts([sentence])[0]
        return search.search(sentence, embedding, camera=camera, since=since, until=until, limit=limit)

    return find
