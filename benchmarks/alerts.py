"""From a stored event to the receiver: how long one alert takes, and how fast a long queue is worked off.

    python benchmarks/alerts.py [--events 200] [--queued 2000]

Store, outbox, delivery thread and webhook are the real ones, in one process with a receiver on this machine. Latency is
counted from the call that stores the event, so the commit (`synchronous=FULL`) is in it and the camera, the encoder
and the trigger are not. Events come at random moments. A: the delivery thread looks into the outbox by itself, every
half a second. B: it is woken after the commit. The two take turns, event by event.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import structlog
from _house import a_window, an_event

from vidsense_daemon.alerts.hooks.webhook import Webhook
from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import DeliveryPhase, Event, EventStill
from vidsense_daemon.domain.frames import Still

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JPEG = bytes(random.Random(0).randbytes(200_000))  # as large as a still of 1920×1080
DIMENSION, FRAMES = 512, 8
EMBEDDING = np.full(DIMENSION, DIMENSION**-0.5, dtype=np.float32)
LIMIT_S = 600.0


class Arrivals(BaseHTTPRequestHandler):
    """Answers 204, and tells who waits that something has come."""

    protocol_version = "HTTP/1.1"
    count = 0
    changed = threading.Condition()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        with self.changed:
            Arrivals.count += 1
            self.changed.notify_all()
        self.send_response(204)
        self.end_headers()

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def wait_for(count: int) -> None:
    with Arrivals.changed:
        if not Arrivals.changed.wait_for(lambda: Arrivals.count >= count, LIMIT_S):
            raise SystemExit(f"only {Arrivals.count} of {count} messages came within {LIMIT_S:g} s")


@contextmanager
def receiver() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Arrivals)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@contextmanager
def delivering(storage: Storage, url: str) -> Iterator[AlertDelivery]:
    hooks = {"phone": Webhook(name="phone", url=url)}
    delivery = AlertDelivery(outbox=storage.deliveries, hooks=hooks)
    worker = Worker("delivery", delivery.run, on_fatal=lambda _status, reason: print(reason, file=sys.stderr))
    worker.start()
    yield delivery
    worker.ask_to_stop()
    delivery.wake()
    worker.join(LIMIT_S)


def open_event(storage: Storage, number: int) -> None:
    """Store one event with a still and a window, as perception does."""
    started_at = NOW + timedelta(seconds=number)
    event = an_event(number, started_at, score=0.3)
    still = EventStill(Still(JPEG, 1920, 1080, started_at, None), "first", 0.3)
    storage.events.opened(event, still, a_window(EMBEDDING, started_at, frames=FRAMES))


def latencies_ms(storage: Storage, url: str, events: int) -> dict[str, list[float]]:
    """Milliseconds from the storing call to the arrival, by way."""
    found: dict[str, list[float]] = {"polled": [], "woken": []}
    chance = random.Random(1)
    with delivering(storage, url) as delivery:
        for number in range(events):
            way = ("polled", "woken")[number % 2]
            time.sleep(chance.uniform(0.0, 0.6))  # longer than a poll, so that every moment of it is as likely
            began_mono_s = time.monotonic()
            open_event(storage, number)
            if way == "woken":
                delivery.wake()
            wait_for(number + 1)
            found[way].append((time.monotonic() - began_mono_s) * 1000)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200, help="alerts whose latency is taken, half a way each")
    parser.add_argument("--queued", type=int, default=2000, help="messages that wait when the delivery thread starts")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))

    def hooks_for(_event: Event, phase: DeliveryPhase) -> tuple[str, ...]:
        return ("phone",) if phase is DeliveryPhase.OPENED else ()

    with tempfile.TemporaryDirectory() as folder, receiver() as url:
        storage = Storage(Path(folder), hooks_for=hooks_for)
        for way, times_ms in latencies_ms(storage, url, options.events).items():
            median, p95 = statistics.median(times_ms), statistics.quantiles(times_ms, n=20)[-1]
            print(f"{way:>7}: stored to received p50 {median:.0f} ms, p95 {p95:.0f} ms ({len(times_ms)} alerts)")

        began_mono_s = time.monotonic()
        for number in range(options.events, options.events + options.queued):
            open_event(storage, number)
        stored_s = time.monotonic() - began_mono_s
        began_mono_s = time.monotonic()
        with delivering(storage, url):
            wait_for(options.events + options.queued)
            sent_s = time.monotonic() - began_mono_s
        storage.close()
    print(f" stored: {options.queued / stored_s:.0f} events/s, each one transaction with a still and a window")
    print(f"   sent: {options.queued / sent_s:.0f} messages/s, each acknowledged and committed")


if __name__ == "__main__":
    main()
