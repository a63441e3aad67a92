"""Which events' texts hold the words of a sentence? Quick also when a million of them do.

    few texts hold any of the words   ranked by BM25 over all of them: the most and the rarest words first
    many do                           those that hold all words, the newest first; then those that lack the most common
                                      one, and so on down to the rarest alone; then any, the newest first

BM25 must read every text that matches before it can name the best: 1.6 s where a million match, and then all are alike.
FTS5 walks backwards through its rows for nothing, and rows are stored in the order in which events began.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

RANKED = 5_000  # texts that BM25 is computed for: 15 ms
_COUNTED = 100_000  # beyond it a word is as common as any
_BOUNDED = 50_000  # events of a time; if it holds no more, it is worth while to look up which rows are of that time
_MOST_WORDS = 32  # each is counted, and looked for together with the rarer ones
_LAST_ROW = 2**62

_WHERE = (
    "FROM documents_fts JOIN documents AS d ON d.id = documents_fts.rowid JOIN events AS e ON e.id = d.event_id"
    " WHERE documents_fts MATCH :match AND documents_fts.rowid BETWEEN :first AND :last"
    " AND e.started_at_ms BETWEEN :since_ms AND :until_ms - 1 AND (:camera IS NULL OR e.camera = :camera)"
)
_BEST = text(f"SELECT d.event_id {_WHERE} ORDER BY bm25(documents_fts, 1.0, 2.0), e.started_at_ms DESC LIMIT :limit")
_NEWEST = text(f"SELECT d.event_id {_WHERE} ORDER BY documents_fts.rowid DESC LIMIT :limit")
_HOW_MANY = text(
    "SELECT count(*) FROM (SELECT 1 FROM documents_fts"
    " WHERE documents_fts MATCH :match AND rowid BETWEEN :first AND :last LIMIT :most)"
)
_OF_TIME = "SELECT id FROM events WHERE started_at_ms BETWEEN :since_ms AND :until_ms - 1"
_EVENTS_OF = text(f"SELECT count(*) FROM ({_OF_TIME} LIMIT :most)")  # noqa: S608 - constants
_ROWS_OF = text(f"SELECT min(id), max(id) FROM documents WHERE event_id IN ({_OF_TIME})")  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Where:
    """Which events are asked for."""

    camera: str | None
    since_ms: int
    until_ms: int


def words_of(sentence: str) -> list[str]:
    """The sentence's words, each once; of a whole page the first ones."""
    return list(dict.fromkeys(re.findall(r"\w+", sentence.lower())))[:_MOST_WORDS]


def find_by_words(
    connection: Connection, words: Sequence[str], where: Where, *, limit: int, ranked: int = RANKED
) -> list[str]:
    """The ids of at most ``limit`` events that hold some of the words, the best first."""
    texts = _Texts(connection, where)
    anything = " OR ".join(map(_quoted, words))
    if texts.how_many(anything, most=ranked + 1) <= ranked:
        return texts.ids(_BEST, anything, limit=limit)
    found: dict[str, None] = {}
    for match in (*texts.narrowing(words), anything):
        if len(found) >= limit:
            break
        # what was found before holds these words, too
        found |= dict.fromkeys(texts.ids(_NEWEST, match, limit=limit + len(found)))
    return list(found)[:limit]


class _Texts:
    """Questions about the texts of the events that are asked for."""

    def __init__(self, connection: Connection, where: Where) -> None:
        self._connection = connection
        self._where = {"camera": where.camera, "since_ms": where.since_ms, "until_ms": where.until_ms}
        self._rows = self._rows_of_the_time()

    def how_many(self, match: str, *, most: int) -> int:
        """How many texts match, counted up to ``most``; those of other cameras may be among them."""
        values = {"match": self._of_camera(match), "most": most, **self._rows}
        return int(self._connection.execute(_HOW_MANY, values).scalar_one())

    def ids(self, query: object, match: str, *, limit: int) -> list[str]:
        values = {"match": self._of_camera(match), "limit": limit, **self._rows, **self._where}
        return list(self._connection.execute(query, values).scalars())  # type: ignore[call-overload]

    def narrowing(self, words: Sequence[str]) -> Iterator[str]:
        """All words together, then without the most common one, … down to the rarest; unknown words are left out."""
        counts = {word: self.how_many(_quoted(word), most=_COUNTED) for word in words}
        rarest_first = sorted((word for word in words if counts[word]), key=lambda word: counts[word])
        for many in range(len(rarest_first), 0, -1):
            yield " AND ".join(map(_quoted, rarest_first[:many]))

    def _rows_of_the_time(self) -> dict[str, int]:
        """Between which rows the texts of the time lie: all, where it is long."""
        events = self._connection.execute(_EVENTS_OF, {**self._where, "most": _BOUNDED + 1}).scalar_one()
        if events > _BOUNDED:
            return {"first": 0, "last": _LAST_ROW}
        first, last = self._connection.execute(_ROWS_OF, self._where).one()
        return {"first": first or 0, "last": last or 0}

    def _of_camera(self, match: str) -> str:
        """A text's tags hold its camera's name; in the index that is found at once, in the events one by one."""
        camera = self._where["camera"]
        return f"({match})" if camera is None else f"(tags : {_quoted(str(camera))}) AND ({match})"


def _quoted(word: str) -> str:
    """Quoted, so that no word of the operator's is taken for FTS5's grammar."""
    return '"{}"'.format(word.replace('"', '""'))
