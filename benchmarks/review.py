"""What the review page costs: server time per address with a million events, and the memory that the HTTP thread adds.

    python benchmarks/review.py [--events 1000000] [--rounds 40]

The addresses are asked in turns, each round all of them, so that a busy moment of the machine hits all alike. With
chromium installed it also scrolls 10 000 cards and counts the frames that came late.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from _processes import status_mib
from sqlalchemy import text

from vidsense_daemon.base.worker import Worker
from vidsense_daemon.store.archive import EventArchive
from vidsense_daemon.store.database import Database, open_database
from vidsense_daemon.store.engine import database_url
from vidsense_daemon.store.media import MediaFolder
from vidsense_daemon.store.search import EventSearch

_BATCH = 20_000
_NOW = datetime.now(UTC)
_EVERY = timedelta(seconds=60)
_LATE_MS = 50.0  # a frame that takes longer than three of 60 a second is seen as a stutter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state_dir = Path(folder)
        began = time.perf_counter()
        database = open_database(database_url(state_dir), media_dir=state_dir / "media")
        fill(database, arguments.events)
        print(f"{arguments.events:,} events stored in {time.perf_counter() - began:.0f} s")
        serve_and_measure(database, state_dir, arguments)
        database.close()


def fill(database: Database, count: int) -> None:
    """One event a minute, described; the last 200 are new, the others were reviewed."""
    nouns = ("courier", "cat", "white van", "neighbour", "fox", "cyclist", "child", "delivery")
    places = ("gate", "doorstep", "yard", "street", "garage", "fence")
    for start in range(0, count, _BATCH):
        rows = []
        for place in range(start, min(count, start + _BATCH)):
            at_ms = round((_NOW - _EVERY * (count - place)).timestamp() * 1000)
            rows.append(
                {
                    "id": f"{at_ms}-bench{place % 10}",
                    "camera": f"camera_{place % 4}",
                    "trigger": f"trigger_{place % 3}",
                    "severity": ("info", "warning", "alert")[place % 3],
                    "at": at_ms,
                    "details": json.dumps({"objects": [nouns[place % 8]], "actions": ["stands there"]}),
                    "summary": f"A {nouns[place % 8]} at the {places[place * 7 % 6]}, number {place % 977}.",
                    "new": place >= count - 200,
                }
            )
        database.write(lambda connection, rows=rows: [connection.execute(text(sql), rows) for sql in _FILL])


_FILL = (
    (
        "INSERT INTO events (id, camera, trigger, prompt, severity, source, state, run_id, encoder, started_at_ms,"
        " ended_at_ms, started_pts_s, ended_pts_s, score, zones, stored_at_ms) VALUES (:id, :camera, :trigger,"
        " 'a person', :severity, 'live', 'closed', 'r', 'builtin-1', :at, :at + 4000, 0, 4, 0.3, '[]', :at)"
    ),
    "INSERT INTO descriptions (event_id, status) VALUES (:id, 'done')",
    "UPDATE descriptions SET summary = :summary, details = :details WHERE event_id = :id",
    "INSERT INTO acknowledgements SELECT :id, :at WHERE NOT :new",
)


def serve_and_measure(database: Database, state_dir: Path, arguments: argparse.Namespace) -> None:
    media = MediaFolder(state_dir / "media")
    archive = EventArchive(database=database, media=media)
    search = EventSearch(database, media)
    search.by_words("warm", limit=1)
    before_mib = status_mib(os.getpid(), "VmRSS")

    from vidsense_daemon.review.board import CameraBoard
    from vidsense_daemon.review.ports import Ports
    from vidsense_daemon.review.server import ReviewServer
    from vidsense_daemon.store.desk import EventDesk

    desk = EventDesk(database, media)
    ports = Ports(archive=archive, media_dir=media.root, reviews=desk, pins=desk, search=search.by_words)
    server = ReviewServer("127.0.0.1", 0, ports, board=CameraBoard([f"camera_{n}" for n in range(4)]))
    worker = Worker("http", server.run, on_fatal=lambda _status, reason: print(reason))
    worker.start()
    while server.address is None:
        time.sleep(0.05)
    started_mib = status_mib(os.getpid(), "VmRSS")
    url = "http://{}:{}".format(*server.address)
    with httpx.Client(base_url=url, timeout=60) as client:
        times = ask_all(client, addresses_of(archive), rounds=arguments.rounds)
        desk.set_all_reviewed(until=_NOW - 10 * _EVERY, now=_NOW)
        few = {"/ (ten are new)": "/", "/api/events?reviewed=false (ten)": "/api/events?reviewed=false"}
        times |= ask_all(client, few, rounds=arguments.rounds)
        desk.set_all_reviewed(until=_NOW, now=_NOW)
        times |= ask_all(client, {"/ (nothing is new)": "/"}, rounds=arguments.rounds)
    print(f"\n{'address':<34}{'median':>10}{'p95':>10}")
    for address, taken_ms in times.items():
        print(f"{address:<34}{statistics.median(taken_ms):>7.1f} ms{p95(taken_ms):>7.1f} ms")
    print(
        f"\nmemory: {started_mib - before_mib:.0f} MiB more with the server running, "
        f"{status_mib(os.getpid(), 'VmRSS') - before_mib:.0f} MiB after {arguments.rounds * len(times)} requests "
        f"({threading.active_count()} threads)"
    )
    scroll(url)
    worker.ask_to_stop()
    worker.join(5)


def addresses_of(archive: EventArchive) -> dict[str, str]:
    """What is asked, by the name in the table."""
    event = archive.find(limit=1)[0].event
    deep = archive.find(until=_NOW - timedelta(days=200), limit=1)
    cursor = f"{round(deep[0].event.started_at.timestamp() * 1000)}:{deep[0].event.id}" if deep else "0:x"
    return {
        "/ (unreviewed)": "/",
        "/?show=all": "/?show=all",
        "/cards, 200 days back": f"/cards?show=all&cursor={cursor}",
        "/?show=pinned (none)": "/?show=pinned",
        "/?severity=alert&camera=camera_2": "/?show=all&severity=alert&camera=camera_2",
        "/?label= that nothing has": "/?show=all&label=zebra",
        "/?q= two words": "/?q=white+van",
        "/api/search?q= a rare word": "/api/search?q=976",
        "/events/{id}": f"/events/{event.id}",
        "/api/events?limit=50": "/api/events?limit=50",
        "/metrics": "/metrics",
    }


def ask_all(client: httpx.Client, addresses: dict[str, str], *, rounds: int) -> dict[str, list[float]]:
    """Milliseconds that each address took, as its visitor sees it."""
    times: dict[str, list[float]] = defaultdict(list)
    for round_ in range(-1, rounds):
        for name, address in addresses.items():
            began = time.perf_counter()
            client.get(address, headers={"accept": "text/html"}).raise_for_status()
            if round_ >= 0:  # the first round compiles templates and fills SQLite's cache
                times[name].append((time.perf_counter() - began) * 1000)
    return times


def scroll(url: str) -> None:
    """Load 10 000 cards in a browser, scroll through them, and tell how long its frames took."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        return
    with sync_playwright() as driver:
        try:
            quiet = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
            browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=quiet)
        except Error:
            print("no chromium: scrolling is not measured")
            return
        page = browser.new_page(base_url=url, viewport={"width": 390, "height": 844})
        page.goto("/?show=all")
        page.evaluate(_LOAD_CARDS)
        frames = json.loads(page.evaluate(_SCROLL))
        browser.close()
    late = sum(frame > _LATE_MS for frame in frames)
    print(
        f"scrolling 10 000 cards on a phone's width: {len(frames)} frames, median {statistics.median(frames):.0f} ms, "
        f"p95 {p95(frames):.0f} ms, {late} later than {_LATE_MS:.0f} ms"
    )


_LOAD_CARDS = """async () => {
  const cards = document.querySelector("#cards");
  for (;;) {
    const link = cards.querySelector(".more");
    if (!link || cards.querySelectorAll(".card").length >= 10000) { link?.remove(); return; }
    const holder = document.createElement("template");
    holder.innerHTML = await (await fetch(link.dataset.cards)).text();
    link.replaceWith(holder.content);
  }
}"""
_SCROLL = """() => new Promise((done) => {
  const frames = []; let last = performance.now();
  const step = (now) => {
    frames.push(now - last); last = now;
    scrollBy({ top: 1500, behavior: "instant" });
    if (frames.length < 600) requestAnimationFrame(step); else done(JSON.stringify(frames.slice(5)));
  };
  requestAnimationFrame(step);
})"""


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


if __name__ == "__main__":
    main()
