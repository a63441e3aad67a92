from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.domain.events import DeliveryPhase, DescriptionStatus, Event, Severity, Source

from .scenes import NOON, Rooms, ended, event, open_rooms, window, words


def store_closed(rooms: Rooms, wanted: Event) -> None:
    rooms.events.opened(wanted, None, window(run_id=wanted.id))
    rooms.events.closed(ended(wanted), [], window(9, run_id=wanted.id))


def claim_all(rooms: Rooms) -> list[str]:
    claimed = []
    while (record := rooms.descriptions.claim(NOON)) is not None:
        claimed.append(record.event.id)
    return claimed


def test_an_event_is_not_described_before_it_closes(rooms: Rooms) -> None:
    """The best stills are only known at its end."""
    rooms.events.opened(event(), None, window())
    assert rooms.descriptions.claim(NOON) is None

    rooms.events.closed(ended(event()), [], window(9))
    record = rooms.descriptions.claim(NOON)
    assert record is not None
    assert record.description is not None
    assert record.description.status is DescriptionStatus.RUNNING


def test_the_gravest_event_is_described_first_then_the_newest(rooms: Rooms) -> None:
    store_closed(rooms, event("1-info", severity=Severity.INFO, started_at=NOON + timedelta(hours=3)))
    store_closed(rooms, event("2-old-alert", started_at=NOON))
    store_closed(rooms, event("3-new-alert", started_at=NOON + timedelta(hours=1)))
    store_closed(rooms, event("4-warning", severity=Severity.WARNING))

    assert claim_all(rooms) == ["3-new-alert", "2-old-alert", "4-warning", "1-info"]


def test_a_backlog_is_worked_off_after_the_news_from_its_oldest(rooms: Rooms) -> None:
    """After a night without Ollama the visitor of this minute goes first, then the night in its order."""
    later = NOON + timedelta(hours=8)
    store_closed(rooms, event("1-night", started_at=NOON))
    store_closed(rooms, event("2-night", started_at=NOON + timedelta(hours=2)))
    store_closed(rooms, event("3-now", severity=Severity.INFO, started_at=later))

    claimed = [record.event.id for _ in range(3) if (record := rooms.descriptions.claim(later))]

    assert claimed == ["3-now", "1-night", "2-night"]


def test_what_happened_beside_an_event_is_claimed_with_it(rooms: Rooms) -> None:
    """One visitor who fires three triggers is described once: but only on that camera, and only near that moment."""
    store_closed(rooms, event("1-beside", started_at=NOON + timedelta(seconds=4)))
    store_closed(rooms, event("2-lead", started_at=NOON + timedelta(seconds=8)))
    store_closed(rooms, event("3-later", started_at=NOON + timedelta(minutes=5)))
    store_closed(rooms, event("4-elsewhere", camera="back_yard", started_at=NOON + timedelta(seconds=5)))
    lead = rooms.archive.get("2-lead")
    assert lead is not None

    beside = rooms.descriptions.claim_beside(lead, within_s=10, limit=5, now=NOON)

    assert [record.event.id for record in beside] == ["1-beside"]
    assert "1-beside" not in claim_all(rooms)


def test_the_words_and_the_alert_they_cause_come_together(rooms: Rooms) -> None:
    store_closed(rooms, event())
    rooms.deliveries.sent(rooms.deliveries.due(_soon(), 10)[0][0].id, _soon())
    rooms.descriptions.claim(NOON)
    rooms.descriptions.finish(event().id, words(), _soon())

    ((delivery, record),) = rooms.deliveries.due(_soon(), 10)
    assert delivery.phase is DeliveryPhase.DESCRIBED
    assert record.description == words()


@pytest.mark.parametrize(
    ("status", "summary"), [(DescriptionStatus.FAILED, ""), (DescriptionStatus.SKIPPED, "Not described: too many.")]
)
def test_words_that_never_came_alert_nobody(rooms: Rooms, status: DescriptionStatus, summary: str) -> None:
    store_closed(rooms, event())
    rooms.descriptions.claim(NOON)
    rooms.descriptions.finish(event().id, words(summary, status=status), NOON)

    assert rooms.archive.counts()["deliveries_pending"] == 1  # only the one of its opening


def test_a_postponed_description_waits_for_its_time(rooms: Rooms) -> None:
    """While Ollama is down the event stays owed, and its attempts are counted."""
    store_closed(rooms, event())
    rooms.descriptions.claim(NOON)
    rooms.descriptions.postpone(event().id, "connection refused", NOON + timedelta(minutes=5))

    assert rooms.descriptions.claim(NOON + timedelta(minutes=4)) is None
    assert rooms.descriptions.claim(NOON + timedelta(minutes=5)) is not None
    assert rooms.descriptions.attempts(event().id) == 2


def test_two_processes_never_take_the_same_event(rooms: Rooms) -> None:
    """Two connections to one file, each in its thread, claim until nothing is left."""
    for number in range(12):
        store_closed(rooms, event(f"{number}-e", started_at=NOON + timedelta(seconds=number)))
    other = open_rooms(rooms.state_dir)
    taken: list[list[str]] = [[], []]

    def take(index: int, mine: Rooms) -> None:
        taken[index] = claim_all(mine)

    threads = [threading.Thread(target=take, args=pair) for pair in enumerate((rooms, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    other.close()

    assert sorted(taken[0] + taken[1]) == sorted(f"{number}-e" for number in range(12))


def test_a_replay_describes_its_own_events_and_the_daemon_leaves_them_alone(tmp_path: Path) -> None:
    among: list[str] = []
    daemon, replay = open_rooms(tmp_path), open_rooms(tmp_path, among=among)
    store_closed(daemon, event("1-live"))
    store_closed(replay, event("2-mine", source=Source.REPLAY))
    store_closed(replay, event("3-another", source=Source.REPLAY))
    among.append("2-mine")

    assert claim_all(replay) == ["2-mine"]
    assert claim_all(daemon) == ["1-live"]
    replay.close()
    daemon.close()


def test_words_for_an_event_that_was_deleted_meanwhile_say_so(rooms: Rooms) -> None:
    with pytest.raises(StoreError, match="was deleted while it was being described"):
        rooms.descriptions.finish("1-gone", words(), NOON)


def _soon() -> datetime:
    """After what the machine's clock wrote."""
    return datetime.now(UTC) + timedelta(minutes=1)
