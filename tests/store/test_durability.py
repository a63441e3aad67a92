"""What a real process acknowledged is there after a real kill -9."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vidsense_daemon.store.upgrade import status

from .scenes import NOON, open_rooms

_TESTS = Path(__file__).parents[1]  # where the process finds these tests' scenes

# opens and closes events as fast as it can and says so, line by line, after each call has returned
WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from store.scenes import ended, event, open_rooms, still, window

    rooms = open_rooms(Path(sys.argv[1]))
    for number in range(100_000):
        mine = event(f"{sys.argv[2]}-{number}")
        rooms.events.opened(mine, still(), window(number, run_id=sys.argv[2]))
        print("opened", mine.id, flush=True)
        if number % 2:
            rooms.events.closed(ended(mine), [still("peak")], window(number, run_id=sys.argv[2]))
            print("closed", mine.id, flush=True)
    """
)


@pytest.mark.parametrize("kill", range(3))
def test_no_acknowledged_event_is_gone_after_a_kill(tmp_path: Path, kill: int) -> None:
    """Whenever the daemon is killed, each event it acknowledged stands there, with its still and its alert owed."""
    acknowledged = _run_and_kill(tmp_path, f"run{kill}", after_lines=random.randint(5, 60))

    rooms = open_rooms(tmp_path)
    rooms.events.recover(NOON)
    for line in acknowledged:
        what, event_id = line.split()
        record = rooms.archive.get(event_id)
        assert record is not None, f"{event_id} was acknowledged and is gone"
        assert all(Path(still.path).stat().st_size for still in record.stills)
        assert len(record.stills) >= (2 if what == "closed" else 1)
    owed = {delivery.event_id for delivery, _record in rooms.deliveries.due(_in_a_minute(), 1_000)}
    assert {line.split()[1] for line in acknowledged} <= owed
    assert status(rooms.database.url).integrity == "ok"
    rooms.close()


def _run_and_kill(state_dir: Path, run: str, *, after_lines: int) -> list[str]:
    """The lines that the writer had printed when it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(state_dir), run], stdout=subprocess.PIPE, text=True, cwd=_TESTS
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after_lines)]
    # the kill falls at a random point of the next write
    time.sleep(random.random() * 0.01)
    process.kill()
    rest, _ = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL
    complete = [line for line in (*lines, *rest.splitlines(keepends=True)) if line.endswith("\n")]
    assert len(complete) >= after_lines
    return complete


def _in_a_minute() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)
