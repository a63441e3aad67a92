"""`vidsense search "white van at night" --since 7d`: by the words of descriptions, by what the pictures mean, or both.

By words: SQLite's FTS5 over camera, trigger, prompt, summary and answers (`word_search`). By meaning: the sentence's
embedding against the windows' (`window_index`), and from the windows to the events they belong to. Both lists are
joined by reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009): Σ 1/(60 + rank). It needs no scores that can
be compared.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from vidsense_daemon.base.clock import END_OF_TIME_MS, from_ms, to_ms
from vidsense_daemon.domain.events import EventRecord
from vidsense_daemon.domain.windows import Embedding
from vidsense_daemon.store.database import Database
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.records import load_records
from vidsense_daemon.store.window_index import Near, WindowIndex
from vidsense_daemon.store.word_search import RANKED, Where, find_by_words, words_of

_FUSION_K = 60  # of the paper: how little the first ranks stand out
_WINDOWS_AN_EVENT = 20  # an event has many windows alike; so many are fetched for each event asked for
_LONGEST_EVENT_MS = 3_600_000  # windows of a longer event that began before are not found by their time


@dataclass(frozen=True, slots=True)
class Found:
    """An event that a search found."""

    record: EventRecord
    score: float  # only its order means something
    by: tuple[str, ...]  # words | meaning
    seen_at: datetime | None  # the moment that resembles the sentence most; none when only words were found


@dataclass(frozen=True, slots=True)
class _Hit:
    event_id: str
    seen_at_ms: int | None


class EventSearch:
    """Finds events; thread-safe, holds up no writer."""

    def __init__(
        self, database: Database, media: MediaFolder, *, index: WindowIndex | None = None, ranked: int = RANKED
    ) -> None:
        """``ranked``: where more texts than these hold a word, the newest come first."""
        self._database = database
        self._ranked = ranked
        self._media = media
        self._index = index

    def by_words(
        self,
        sentence: str,
        *,
        camera: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 20,
    ) -> list[Found]:
        """Events whose text holds some of the words: the most and the rarest first, and the newest of many alike."""
        hits = self._word_hits(sentence, camera, since, until, limit)
        return self._found([(hits, "words")], limit)

    def search(
        self,
        sentence: str,
        embedding: Embedding,
        *,
        camera: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 20,
    ) -> list[Found]:
        """Events by words and by meaning; ``embedding`` is the sentence (D,) in the space of the index's encoder."""
        words = self._word_hits(sentence, camera, since, until, limit)
        near: list[Near] = []
        if self._index is not None:
            wanted = limit * _WINDOWS_AN_EVENT
            near = self._index.nearest(embedding, limit=wanted, camera=camera, since=since, until=until)
        return self._found([(words, "words"), (self._hits_of(near), "meaning")], limit)

    def _word_hits(
        self, sentence: str, camera: str | None, since: datetime | None, until: datetime | None, limit: int
    ) -> list[_Hit]:
        words = words_of(sentence)
        if not words:
            return []
        where = Where(
            camera=camera,
            since_ms=0 if since is None else to_ms(since),
            until_ms=END_OF_TIME_MS if until is None else to_ms(until),
        )
        with self._database.read() as connection:
            ids = find_by_words(connection, words, where, limit=limit, ranked=self._ranked)
        return [_Hit(event_id, None) for event_id in ids]

    def _hits_of(self, near: list[Near]) -> list[_Hit]:
        """The events of these windows, nearest first, each once; windows outside any event are passed over."""
        query = text(
            "SELECT w.id, w.ended_at_ms, coalesce(w.event_id, ("
            "   SELECT e.id FROM events AS e WHERE e.camera = w.camera AND e.run_id = w.run_id"
            "   AND e.started_at_ms BETWEEN w.ended_at_ms - :longest AND w.ended_at_ms"
            "   AND e.ended_at_ms >= w.started_at_ms ORDER BY e.started_at_ms DESC LIMIT 1)) AS event_id"
            " FROM windows AS w WHERE w.id IN (SELECT value FROM json_each(:ids))"
        )
        values = {"ids": json.dumps([window.window_id for window in near]), "longest": _LONGEST_EVENT_MS}
        with self._database.read() as connection:
            rows = {row.id: row for row in connection.execute(query, values)}
        hits: dict[str, _Hit] = {}
        for window in near:
            row = rows.get(window.window_id)
            if row is not None and row.event_id is not None:
                hits.setdefault(row.event_id, _Hit(row.event_id, row.ended_at_ms))
        return list(hits.values())

    def _found(self, lists: list[tuple[list[_Hit], str]], limit: int) -> list[Found]:
        scores: dict[str, float] = {}
        by: dict[str, tuple[str, ...]] = {}
        seen_at: dict[str, datetime] = {}
        for hits, how in lists:
            for rank, hit in enumerate(hits, start=1):
                scores[hit.event_id] = scores.get(hit.event_id, 0.0) + 1 / (_FUSION_K + rank)
                by[hit.event_id] = (*by.get(hit.event_id, ()), how)
                if hit.seen_at_ms is not None:
                    seen_at[hit.event_id] = from_ms(hit.seen_at_ms)
        best = sorted(scores, key=lambda event_id: scores[event_id], reverse=True)[:limit]
        with self._database.read() as connection:
            records = load_records(connection, best, self._media)
        return [
            Found(record, scores[record.event.id], by[record.event.id], seen_at.get(record.event.id))
            for record in records
        ]
