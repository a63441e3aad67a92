"""Is an acknowledged event ever lost? Kills at random points, and power cuts on a disk of its own.

    python benchmarks/durability.py kills --runs 200
    sudo python benchmarks/durability.py power --runs 12      (needs root: it mounts an ext4 image)

A child process opens and closes events as fast as it can and prints each id after the call has returned. *kills*: the
child gets SIGKILL at a random moment, and everything that it had printed must be there. *power*: the child writes to an
ext4 file system in an image file; it is stopped, and the image is copied as it is then: what only the page cache held
is not in it, as after a power cut. The copy is mounted (its journal is replayed) and must hold everything that was
printed. Runs with synchronous=FULL and NORMAL alternate: NORMAL has to lose something, else the test proves nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

from vidsense_daemon.store.archive import EventArchive
from vidsense_daemon.store.database import open_database
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.upgrade import status

WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from tests.store.scenes import ended, event, open_rooms, still, window

    rooms = open_rooms(Path(sys.argv[1]))
    with rooms.database.read() as connection:  # this one thread gets the same connection each time
        connection.connection.cursor().execute(f"PRAGMA synchronous = {sys.argv[2]}")
    run = sys.argv[3]
    for number in range(10_000_000):
        mine = event(f"{run}-{number}")
        rooms.events.opened(mine, still(), window(number, run_id=run))
        print(mine.id, flush=True)
        if number % 2:
            rooms.events.closed(ended(mine), [still("peak")], window(number, run_id=run))
    """
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fault", choices=("kills", "power"))
    parser.add_argument("--runs", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vidsense-durability-") as folder:
        if args.fault == "kills":
            kills(Path(folder), args.runs)
        else:
            power(Path(folder), args.runs)


def kills(folder: Path, runs: int) -> None:
    """One database through all kills, as a house has one."""
    acknowledged = lost = 0
    for run in range(runs):
        ids = write_for(folder, "FULL", f"run{run}", random.uniform(0.0, 0.4), stop=signal.SIGKILL)
        gone, integrity = missing(folder, ids)
        acknowledged += len(ids)
        lost += gone
        if integrity != "ok" or gone:
            print(f"run {run}: {gone} of {len(ids)} lost, integrity: {integrity}")
    print(f"{runs} kills: {acknowledged} events acknowledged, {lost} lost")


def power(folder: Path, runs: int) -> None:
    if os.geteuid() != 0:
        sys.exit("a power cut needs a file system of its own: run it as root")
    totals = {"FULL": [0, 0, 0], "NORMAL": [0, 0, 0]}
    for run in range(runs):
        for mode in totals:
            ids, gone, integrity = cut_power(folder, mode, f"run{run}")
            totals[mode][0] += len(ids)
            totals[mode][1] += gone
            totals[mode][2] += integrity != "ok"
    for mode, (acknowledged, gone, damaged) in totals.items():
        print(f"{mode}: {runs} power cuts, {acknowledged} acknowledged, {gone} lost, {damaged} databases damaged")


def cut_power(folder: Path, mode: str, run: str) -> tuple[list[str], int, str]:
    # files of their own for each run: the kernel may hold on to the last run's for a while
    image, after, mount = (folder / f"{run}-{mode}-{name}" for name in ("disk.img", "after.img", "disk"))
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(256 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    try:
        ids = write_for(
            mount,
            mode,
            run,
            random.uniform(1.0, 6.0),
            stop=signal.SIGSTOP,
            while_stopped=lambda: copy_of_one_moment(image, after),
        )
    finally:
        subprocess.run(["umount", mount], check=True)
    subprocess.run(["mount", "-o", "loop", after, mount], check=True)
    try:
        return ids, *missing(mount, ids)
    finally:
        subprocess.run(["umount", mount], check=True)
        image.unlink()
        after.unlink()


def copy_of_one_moment(image: Path, after: Path) -> None:
    """Copy the disk as it is. The kernel may still be finishing the stopped process's last fsync: a copy during which
    anything was written would hold blocks of two moments, which no power cut can leave, so it is made again.
    """
    found = subprocess.run(["losetup", "-nO", "NAME", "-j", image], check=True, capture_output=True, text=True)
    statistics = Path("/sys/block") / Path(found.stdout.strip()).name / "stat"

    def written() -> tuple[str, str]:
        fields = statistics.read_text().split()
        return fields[4], fields[8]  # writes completed, requests in flight

    while True:
        before = written()
        time.sleep(0.2)
        if before[1] != "0" or written() != before:
            continue
        shutil.copyfile(image, after)
        if written() == before:
            return


def write_for(state_dir, mode, run, seconds, *, stop, while_stopped=lambda: None) -> list[str]:
    """Let the child write for ``seconds`` after its first event; the ids that it had acknowledged by then."""
    command = [sys.executable, "-c", WRITER, str(state_dir), mode, run]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1])
    assert child.stdout is not None
    try:
        said = child.stdout.readline()
        end_mono_s = time.monotonic() + seconds
        while (left_s := end_mono_s - time.monotonic()) > 0:
            if select.select([child.stdout], [], [], left_s)[0]:
                said += os.read(child.stdout.fileno(), 65_536)
        child.send_signal(stop)
        if stop is signal.SIGSTOP:
            os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        while select.select([child.stdout], [], [], 0)[0] and (more := os.read(child.stdout.fileno(), 65_536)):
            said += more
        while_stopped()
    finally:
        child.kill()
        child.wait()
    return [line.decode() for line in said.split(b"\n")[:-1]]


def missing(state_dir: Path, ids: list[str]) -> tuple[int, str]:
    """How many of the acknowledged events are gone, or lack their still; and SQLite's own verdict."""
    url = database_url(state_dir)
    try:
        verdict = status(url).integrity
        database = open_database(url)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a loss of everything
        return len(ids), str(error)
    archive = EventArchive(database=database, media=MediaFolder(state_dir / "media"))
    gone = 0
    for event_id in ids:
        record = archive.get(event_id)
        whole = record is not None and record.stills and all(Path(s.path).stat().st_size for s in record.stills)
        gone += not whole
    database.close()
    return gone, verdict


if __name__ == "__main__":
    main()
