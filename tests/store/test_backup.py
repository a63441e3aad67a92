from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import StoreError
from vidsense_daemon.store.archive import EventArchive
from vidsense_daemon.store.backup import back_up, back_up_daily, backups, heal, open_or_heal, restore
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.search import EventSearch

from .scenes import NOON, Rooms, ended, event, open_rooms, still, window, words


def store_described(rooms: Rooms, id_: str) -> None:
    rooms.events.opened(event(id_), still(), window(run_id=id_))
    rooms.events.closed(ended(event(id_)), [still("peak")], window(9, run_id=id_))
    rooms.descriptions.claim(NOON)
    rooms.descriptions.finish(id_, words("A courier leaves a parcel."), NOON)


def test_a_restored_backup_holds_what_the_database_held(rooms: Rooms, tmp_path: Path) -> None:
    """Events, stills, words and what was owed come back; what came after the backup is in the file moved aside."""
    store_described(rooms, "1-a")
    before = rooms.archive.get("1-a")
    bookmark = rooms.archive.newest_sequence()
    backup = back_up(rooms.database.url, tmp_path / "backup.db")
    assert backup.events == 1
    store_described(rooms, "2-b")
    rooms.close()

    aside = restore(backup.path, rooms.database.url, NOON)
    again = open_rooms(rooms.state_dir)
    assert again.archive.get("1-a") == before
    assert again.archive.get("2-b") is None
    assert again.archive.newest_sequence() == bookmark
    assert aside is not None
    assert aside.exists()
    assert [found.record.event.id for found in EventSearch(again.database, again.media).by_words("parcels")] == ["1-a"]
    again.close()


def test_a_backup_is_taken_while_the_daemon_writes(rooms: Rooms, tmp_path: Path) -> None:
    """It is one moment of the database, and holds up no event."""
    stop = threading.Event()
    stored: list[str] = []

    def go_on() -> None:
        while not stop.is_set():
            number = len(stored)
            rooms.events.opened(event(f"{number}-e"), None, window(number))
            stored.append(f"{number}-e")

    writer = threading.Thread(target=go_on)
    writer.start()
    counts = [back_up(rooms.database.url, tmp_path / f"{number}.db").events for number in range(3)]
    stop.set()
    writer.join(10)

    assert counts == sorted(counts)
    assert counts[-1] <= len(stored)
    assert rooms.archive.counts()["events"] == len(stored)


def test_windows_are_left_out_unless_asked_for(rooms: Rooms, tmp_path: Path) -> None:
    store_described(rooms, "1-a")

    def windows_in(backup: Path, state_dir: Path) -> int:
        restore(backup, database_url(state_dir), NOON)
        restored = open_rooms(state_dir)
        count = restored.windows.count()
        restored.close()
        return count

    without = back_up(rooms.database.url, tmp_path / "without.db").path
    complete = back_up(rooms.database.url, tmp_path / "with.db", with_windows=True).path
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert windows_in(without, tmp_path / "a") == 0
    assert windows_in(complete, tmp_path / "b") == 2


def test_a_backup_replaces_an_older_one_and_nothing_else(rooms: Rooms, tmp_path: Path) -> None:
    """A slip of the hand costs neither the database nor a film."""
    film, older = tmp_path / "film.mp4", tmp_path / "older.db"
    film.write_bytes(b"a holiday")
    back_up(rooms.database.url, older)

    for taken, reason in ((film, "no backup of vidsense"), (rooms.database.path, "the database itself")):
        before = taken.read_bytes()
        with pytest.raises(StoreError, match=reason):
            back_up(rooms.database.url, taken)
        assert taken.read_bytes() == before
    assert back_up(rooms.database.url, older).path == older


def test_daily_backups_keep_the_newest(rooms: Rooms, tmp_path: Path) -> None:
    for day in range(5):
        back_up_daily(rooms.database.url, tmp_path / "backups", NOON + timedelta(days=day), keep=3)

    names = [path.name for path in backups(tmp_path / "backups")]
    assert names == [f"vidsense-202603{day}T120000Z.db" for day in (18, 17, 16)]
    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == sorted(names)


def test_a_damaged_backup_is_refused_and_the_database_stays(rooms: Rooms, tmp_path: Path) -> None:
    store_described(rooms, "1-a")
    backup = back_up(rooms.database.url, tmp_path / "backup.db").path
    with backup.open("r+b") as file:
        file.seek(10 * 4096)
        file.write(b"\xa5" * 4096 * 20)
    rooms.close()

    with pytest.raises(StoreError, match="use an older one"):
        restore(backup, rooms.database.url, NOON)
    again = open_rooms(rooms.state_dir)
    assert again.archive.get("1-a") is not None
    again.close()


def test_what_is_no_backup_is_not_restored(rooms: Rooms, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Sir")
    with pytest.raises(StoreError, match="is no backup"):
        restore(tmp_path / "letter.txt", rooms.database.url, NOON)


def test_a_damaged_database_is_never_backed_up(rooms: Rooms, tmp_path: Path) -> None:
    """Else a year of backups could hold the same hole."""
    for number in range(60):
        rooms.events.opened(event(f"{number}-e"), still(), window(number))
    rooms.close()
    with rooms.database.path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xa5" * 4096 * 40)  # some ten pages: tables and indexes

    with pytest.raises(StoreError):
        back_up(rooms.database.url, tmp_path / "backup.db", with_windows=True)
    assert list(tmp_path.glob("backup*")) == []


def test_healing_takes_the_newest_backup_that_is_good(rooms: Rooms, tmp_path: Path) -> None:
    """The database's header is gone and so is the newest backup's: yesterday's takes its place."""
    folder = tmp_path / "backups"
    store_described(rooms, "1-a")
    good = back_up_daily(rooms.database.url, folder, NOON).path
    bad = back_up_daily(rooms.database.url, folder, NOON + timedelta(days=1)).path
    rooms.close()
    for damaged in (bad, rooms.database.path):
        damaged.write_bytes(b"\xa5" * 4096 + damaged.read_bytes()[4096:])

    assert heal(rooms.database.url, folder, NOON) == good
    again = open_rooms(rooms.state_dir)
    assert again.archive.get("1-a") is not None
    assert len(list(rooms.state_dir.glob("vidsense.db.aside-*"))) == 1
    again.close()


def test_a_start_with_a_damaged_database_goes_on_from_the_last_good_backup(rooms: Rooms, tmp_path: Path) -> None:
    """Nobody has to get up at night: the house is watched again, and the damaged file is kept."""
    store_described(rooms, "1-a")
    back_up_daily(rooms.database.url, tmp_path / "backups", NOON)
    rooms.close()
    rooms.database.path.write_bytes(b"\xa5" * 4096 + rooms.database.path.read_bytes()[4096:])

    database = open_or_heal(rooms.database.url, backups_dir=tmp_path / "backups", now=NOON, media_dir=rooms.media.root)
    assert EventArchive(database=database, media=rooms.media).get("1-a") is not None
    assert len(list(rooms.state_dir.glob("vidsense.db.aside-*"))) == 1
    database.close()


def test_a_start_without_the_database_goes_on_from_the_last_backup(rooms: Rooms, tmp_path: Path) -> None:
    """Somebody deleted the file under the daemon: the house is watched again, and what its log held is kept apart."""
    store_described(rooms, "1-a")
    back_up_daily(rooms.database.url, tmp_path / "backups", NOON)
    rooms.close()
    rooms.database.path.unlink()
    left_over = rooms.database.path.with_name("vidsense.db-wal")
    left_over.write_bytes(b"of a database that is gone")

    database = open_or_heal(rooms.database.url, backups_dir=tmp_path / "backups", now=NOON, media_dir=rooms.media.root)
    assert EventArchive(database=database, media=rooms.media).get("1-a") is not None
    assert [path.read_bytes() for path in rooms.state_dir.glob("*.aside-*-wal")] == [b"of a database that is gone"]
    database.close()


def test_without_a_backup_a_lost_database_is_not_begun_anew(rooms: Rooms, tmp_path: Path) -> None:
    """Better nothing than a new, empty database beside years of pictures."""
    store_described(rooms, "1-a")
    rooms.close()
    rooms.database.path.unlink()

    with pytest.raises(StoreError, match="still holds its stills"):
        open_or_heal(rooms.database.url, backups_dir=tmp_path / "none", now=NOON, media_dir=rooms.media.root)


def test_without_a_good_backup_the_damaged_file_stays_where_it_is(rooms: Rooms, tmp_path: Path) -> None:
    rooms.close()
    with pytest.raises(StoreError, match=r"no good backup there; .* move vidsense\.db and media/ away"):
        heal(rooms.database.url, tmp_path / "backups", NOON)
    assert rooms.database.path.exists()
