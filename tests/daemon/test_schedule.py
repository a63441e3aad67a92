"""What happens by the clock, in the daemon's own scheduler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import wait_until
from store.scenes import window

from vidsense_daemon.base.clock import SystemClock
from vidsense_daemon.daemon.schedule import Schedule
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.store.retention import Retention


@pytest.mark.timeout(60)
def test_the_search_index_is_kept_up_to_date_without_anybody_searching(tmp_path: Path) -> None:
    """The first search after a long time does not have to read all of that time."""
    storage = Storage(tmp_path)
    seen = window()
    storage.events.observed(seen, "builtin-1")
    storage.events.flush()
    index = storage.search_index("builtin-1")
    sentence = np.asarray(seen.pooled, np.float32)
    assert index.nearest(sentence, limit=1) == []

    schedule = Schedule(
        storage,
        retention=Retention(database=storage.database, media=storage.media),
        backup_folder=tmp_path / "backups",
        backups_kept=0,
        encoder="builtin-1",
        clock=SystemClock(),
    )
    with schedule:
        wait_until(lambda: len(index.nearest(sentence, limit=1)) == 1, limit_s=30, what="the index")
    storage.close()
