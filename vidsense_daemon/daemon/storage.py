"""The state folder, opened: the database, the stills beside it, and what reads and writes them.

<state dir>/vidsense.db      events, descriptions, deliveries, window embeddings
<state dir>/media/           stills and clips
<state dir>/cache/           what can be made again: converted weights, what calm cameras score
<state dir>/vidsense.lock    held by the daemon that runs
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.domain.events import DeliveryPhase, Event
from vidsense_daemon.store.archive import EventArchive
from vidsense_daemon.store.backup import open_or_heal
from vidsense_daemon.store.before_upgrade import copy_before_upgrade
from vidsense_daemon.store.clips import ClipStore
from vidsense_daemon.store.database import Database, open_database
from vidsense_daemon.store.deliveries import DeliveryStore
from vidsense_daemon.store.descriptions import DescriptionStore
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.events import EventStore
from vidsense_daemon.store.faults import DatabaseFaultError
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.search import EventSearch
from vidsense_daemon.store.space import SpaceReserve
from vidsense_daemon.store.spool import EventSpool, SpooledOutbox
from vidsense_daemon.store.window_index import WindowIndex
from vidsense_daemon.store.windows import WindowStore


def media_dir(state_dir: Path) -> Path:
    return state_dir / "media"


def backup_dir(state_dir: Path) -> Path:
    return state_dir / "backups"


def models_dir(state_dir: Path) -> Path:
    return state_dir / "models"


def cache_dir(state_dir: Path) -> Path:
    return state_dir / "cache"


def actions_file(state_dir: Path) -> Path:
    """What `vidsense train actions` has learnt."""
    return state_dir / "actions" / "actions.safetensors"


def texts_file(state_dir: Path) -> Path:
    return cache_dir(state_dir) / "texts.npz"


def adapter_dir(state_dir: Path, part: str) -> Path:
    """Where the adapters lie that verdicts trained; ``part`` is temporal or clip."""
    return state_dir / "adapters" / part


def calm_file(state_dir: Path) -> Path:
    return cache_dir(state_dir) / "calm.json"


class Storage:
    """Everything that is kept, behind one door; `close` it when done.

    ``hooks_for`` names the hooks that are told of an event in a phase; ``may_upgrade`` lets the schema be made anew.
    ``heal_from`` is a folder of backups that may stand in for a damaged database: only for who holds the lock.
    ``on_owed`` is called, by the writer's thread mostly, when hooks may be owed something from then on.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        hooks_for: Callable[[Event, DeliveryPhase], Sequence[str]] = lambda _event, _phase: (),
        may_upgrade: bool = True,
        after_unclean_exit: bool = False,
        heal_from: Path | None = None,
        on_owed: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.state_dir = state_dir
        self._hooks_for = hooks_for
        if may_upgrade:
            copy_before_upgrade(database_url(state_dir), backup_dir(state_dir), clock.now())
        self.reserve = SpaceReserve(state_dir / "vidsense.reserve") if may_upgrade else None
        url, media = database_url(state_dir), media_dir(state_dir)
        self.database: Database = (
            open_database(
                url,
                media_dir=media,
                may_upgrade=may_upgrade,
                after_unclean_exit=after_unclean_exit,
                reserve=self.reserve,
            )
            if heal_from is None
            else open_or_heal(
                url,
                backups_dir=heal_from,
                now=clock.now(),
                media_dir=media,
                after_unclean_exit=after_unclean_exit,
                reserve=self.reserve,
            )
        )
        self.media = MediaFolder(media_dir(state_dir))
        self.clips = ClipStore(database=self.database, media=self.media)
        self.windows = WindowStore(self.database)
        self.events = EventStore(
            database=self.database, media=self.media, windows=self.windows, hooks_for=hooks_for, clock=clock
        )
        self.spool = EventSpool(self.events, hooks_for=hooks_for, on_owed=on_owed, clock=clock)
        self.archive = EventArchive(database=self.database, media=self.media)
        self.deliveries = DeliveryStore(database=self.database, media=self.media)
        self.outbox = SpooledOutbox(self.deliveries, self.spool)

    def descriptions(self, *, among: Collection[str] | None = None) -> DescriptionStore:
        """The queue of owed descriptions; ``among`` limits it to those events, and to a collection that may grow."""
        return DescriptionStore(database=self.database, media=self.media, hooks_for=self._hooks_for, among=among)

    def search(self, *, encoder: str | None) -> EventSearch:
        """Search by words; with the name of an encoder also by meaning, in its space, the newest windows included."""
        if encoder is None:
            return EventSearch(self.database, self.media)
        index = self.search_index(encoder)
        index.update()
        return EventSearch(self.database, self.media, index=index)

    def search_index(self, encoder: str) -> WindowIndex:
        """The index of what this encoder saw; `update` takes in what came since."""
        return WindowIndex(cache_dir(self.state_dir) / "search", database=self.database, encoder=encoder)

    def close(self) -> None:
        if not self.spool.waiting():  # else the database takes nothing, and the small news would be tried in vain
            with contextlib.suppress(DatabaseFaultError):  # said already; the files are closed all the same
                self.events.flush()
        self.database.close()
