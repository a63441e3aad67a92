"""The daemon: starts the stages in order, watches over them, stops them in order.

    start  lock → database → http → db-writer → perception (loads the encoder) → cameras → description → delivery
           → feedback → learning → schedule
    stop   http → feedback → cameras → perception (what waits, for two seconds) → learning → description (its work stays
           pending) → delivery → db-writer drains → database → lock

`run` is called by the main thread, which does nothing but feed systemd's watchdog, and only while every worker's last
beat is younger than that worker's own limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from vidsense_daemon.base.clock import Clock, LocalZone, SystemClock
from vidsense_daemon.base.errors import EXIT_OK, ConfigError
from vidsense_daemon.base.notify import ServiceNotifier
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.daemon import backends, describing
from vidsense_daemon.daemon.alerting import Alerting, WakingQueue
from vidsense_daemon.daemon.cameras import WatchedCameras
from vidsense_daemon.daemon.clipping import Clipping, ClippingSink
from vidsense_daemon.daemon.crew import Crew
from vidsense_daemon.daemon.digesting import DailyDigest
from vidsense_daemon.daemon.hooks import build_announcers
from vidsense_daemon.daemon.learning import Learning
from vidsense_daemon.daemon.perceiving import LivePerception
from vidsense_daemon.daemon.reload import plan
from vidsense_daemon.daemon.reviewing import build_review
from vidsense_daemon.daemon.schedule import Schedule
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.description.describers.server import ModelServer
from vidsense_daemon.description.tally import DescriptionTally
from vidsense_daemon.description.worker import DescriptionWork
from vidsense_daemon.perception.pace import Pace
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.review.server import ReviewServer
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.store.lock import StateLock
from vidsense_daemon.store.switches import SwitchStore

_LOOK_EVERY_S = 1.0
# as they stop
_STAGES = ("http", "feedback", "capture-", "perception", "learning", "description", "delivery", "db-writer")
_STOP_WITHIN_S = 8.0  # systemd and people expect ten; the rest is for closing files
_DEGRADED = "the database takes nothing, events are kept in memory"
_ENCODER_LIMIT_S = 300.0  # weights on a slow disk; only then is a silent perception thread stuck


class Daemon:
    """All cameras of one configuration, from their streams to the hooks."""

    def __init__(
        self,
        settings: Settings,
        *,
        state_dir: Path,
        one_pass: bool = False,
        reread: Callable[[], Settings] | None = None,
        on_applied: Callable[[Settings], None] = lambda _settings: None,
        clock: Clock | None = None,
    ) -> None:
        """``one_pass``: a stream that ends is not opened again; when all have ended, so does the daemon.

        ``reread`` gives the configuration anew when `ask_to_reload` was called; ``on_applied`` hears of each one that
        is in force from then on.
        """
        self._settings = settings
        self._reread = reread
        self._on_applied = on_applied
        self._reload_wanted = threading.Event()
        self._state_dir = state_dir
        self._clock = clock or SystemClock()
        self._cameras = backends.resolved_cameras(settings)
        self._notifier = ServiceNotifier()
        self._log = structlog.get_logger()
        self._alerting = Alerting(settings.hooks, cameras=self._cameras, clock=self._clock)
        self._ending = threading.Event()
        self._fatal: tuple[int, str] | None = None
        self._crew = Crew(on_fatal=self._end_with, clock=self._clock)
        self._board = CameraBoard([camera.name for camera in self._cameras])
        self._watched = WatchedCameras(
            self._crew,
            self._board,
            max_frames_per_s=settings.max_frames_per_s,
            one_pass=one_pass,
            on_connected=lambda camera, connected: self._alerting.camera_connected(camera, connected=connected),
            clock=self._clock,
        )
        self._learning = Learning(
            state_dir,
            settings.learning,
            cameras=lambda: [camera.name for camera in self._cameras],
            min_free_bytes=backends.least_free_bytes(settings.retention),
            clock=self._clock,
        )
        self._described = DescriptionTally(clock=self._clock)
        self._reviewing: ReviewServer | None = None
        self._model_server: ModelServer | None = None  # one for all who ask it: it holds one request at a time

    def ask_to_stop(self) -> None:
        """Stop in order; safe in a signal handler."""
        self._ending.set()

    def ask_to_reload(self) -> None:
        """Read the configuration again and apply what changed; safe in a signal handler."""
        self._reload_wanted.set()

    def run(self) -> int:
        """Watch the cameras until asked to stop; the exit status.

        Raises:
            ConfigError: another daemon runs on the state folder, or the configuration can't work.
            StoreError: the database can't be used.
        """
        with StateLock(self._state_dir) as lock:
            storage = Storage(
                self._state_dir,
                hooks_for=lambda event, phase: self._alerting.hooks_for(event, phase),  # a reload may change who it is
                after_unclean_exit=lock.after_unclean_exit,
                heal_from=backends.backup_folder(self._settings.backup, self._state_dir),
                on_owed=self._wake,
                clock=self._clock,
            )
            try:
                self._recover(storage)
                self._run_workers(storage)
            finally:
                storage.close()
        return self._verdict()

    def _recover(self, storage: Storage) -> None:
        recovered = storage.events.recover(self._clock.now())
        storage.deliveries.due_at_once(self._clock.now())
        storage.clips.adopt_left(self._clock.now())
        self._alerting.switches.keep_in(SwitchStore(storage.database))
        if recovered.events_closed or recovered.descriptions_pending:
            self._log.info(
                "recovered_after_kill",
                events_closed=recovered.events_closed,
                descriptions_pending=recovered.descriptions_pending,
            )

    def _run_workers(self, storage: Storage) -> None:
        clipping = self._clipping = Clipping(
            storage.clips,
            min_free_bytes=lambda: backends.least_free_bytes(self._settings.retention),
            later=storage.spool.in_turn,
        )
        perception = LivePerception(
            self._settings,
            cameras=self._cameras,
            storage=storage,
            sink=ClippingSink(storage.spool, clipping),
            is_enabled=lambda camera, trigger: self._alerting.is_enabled(camera, trigger),
            learning=self._learning,
            pace=Pace(
                max_frames_per_s=self._settings.max_frames_per_s, on_limit=self._watched.limit_to, clock=self._clock
            ),
        )
        description = self._description(storage, perception)
        self._alerting.deliver_from(storage.outbox)

        if self._settings.review.enabled:
            self._crew.add("http", self._review(self._settings, storage, perception).run).start()
        self._crew.add("db-writer", storage.spool.write_behind).start()
        perceiving = self._crew.add("perception", perception.run, beat_limit_s=_ENCODER_LIMIT_S)
        perceiving.start()
        if self._await_encoder(perception):
            for camera in self._cameras:
                self._watched.add(camera, perception, clipping).start()
            self._crew.add("description", description.run, beat_limit_s=self._description_limit_s()).start()
            self._crew.add("delivery", self._alerting.run).start()
            self._crew.add("feedback", perception.teaching.run).start()
            self._crew.add("learning", self._learning.run).start()
            while not self._ending.is_set():
                with self._schedule(storage, encoder=perception.encoder.name):
                    self._watch_over(storage, perceiving)
                if self._reload_wanted.is_set():
                    description = self._reload(storage, perception, description)
        self._notifier.stopping()
        self._stop(storage, perception, description)
        if not storage.spool.waiting():
            storage.clips.adopt_left(self._clock.now())  # of events that were going on

    def _review(self, settings: Settings, storage: Storage, perception: LivePerception) -> ReviewServer:
        self._reviewing = build_review(
            settings,
            storage=storage,
            perception=perception,
            board=self._board,
            server=lambda: self._model_server,
            described=self._described,
            workers=self._crew.members,
            zone=LocalZone(),
            clock=self._clock,
            before=self._reviewing,
        )
        return self._reviewing

    def _wake(self) -> None:
        self._alerting.wake()

    def _description(self, storage: Storage, perception: LivePerception) -> DescriptionWork:
        zone = LocalZone()
        self._model_server = describing.build_server(self._settings.describer)
        describer = describing.build_describer(
            self._settings.describer,
            server=self._model_server,
            cameras=self._cameras,
            zone=zone,
            evidence=describing.evidence_of(storage, lambda: perception.encoder),
        )
        owed = storage.descriptions()
        queue = WakingQueue(owed, self._wake)
        return DescriptionWork(queue, describer, BuiltinDescriber(zone=zone), bursts=owed, tally=self._described)

    def _reload(self, storage: Storage, perception: LivePerception, description: DescriptionWork) -> DescriptionWork:
        """Apply a changed configuration; one with a mistake changes nothing. The description's work from now on."""
        self._reload_wanted.clear()
        self._notifier.reloading()
        try:
            if self._reread is not None:
                description = self._apply(self._reread(), storage, perception, description)
        except ConfigError as error:
            self._log.error("reload_refused", reason=str(error))
        self._notifier.ready(f"watching {len(self._cameras)} cameras")
        return description

    def _apply(
        self, settings: Settings, storage: Storage, perception: LivePerception, description: DescriptionWork
    ) -> DescriptionWork:
        """Stop and start what changed, and nothing else.

        Raises:
            ConfigError: a hook or the review pages can't work as configured; nothing has been changed.
        """
        change = plan(self._settings, settings)
        cameras = {camera.name: camera for camera in backends.resolved_cameras(settings)}
        if "hooks" in change.stages:
            switches = self._alerting.switches
            alerting = Alerting(settings.hooks, cameras=tuple(cameras.values()), switches=switches, clock=self._clock)
        shows = "review" in change.stages and settings.review.enabled
        review = self._review(settings, storage, perception) if shows else None
        self._settings, self._cameras = settings, list(cameras.values())
        self._watched.leave((*change.stopped, *change.restarted), perception, self._clipping)
        for name in (*change.started, *change.restarted, *change.retriggered):
            perception.change_triggers(cameras[name])
        if "hooks" in change.stages:
            self._alerting = alerting
            alerting.deliver_from(storage.outbox)
            for name, connected in self._watched.connected().items():
                alerting.camera_connected(name, connected=connected)
            self._crew.replace("delivery", alerting.run)
        if "describer" in change.stages:
            description.close()
            description = self._description(storage, perception)
            self._crew.replace("description", description.run, beat_limit_s=self._description_limit_s())
        for name in (*change.started, *change.restarted):
            self._watched.add(cameras[name], perception, self._clipping).start()
        if "review" in change.stages:
            self._crew.replace("http", review.run if review else None)
        self._on_applied(settings)
        self._log.info("configuration_applied", changes=list(change.lines()))
        return description

    def _schedule(self, storage: Storage, *, encoder: str) -> Schedule:
        self._learning.follow(self._settings.learning)
        return Schedule(
            storage,
            retention=backends.build_retention(self._settings.retention, storage),
            backup_folder=backends.backup_folder(self._settings.backup, self._state_dir),
            backups_kept=self._settings.backup.keep,
            encoder=encoder,
            digest=DailyDigest(
                lambda: describing.build_digests(storage=storage, server=self._model_server),
                build_announcers(self._settings.hooks, self._settings.digest.hooks),
                zone=LocalZone(),
                clock=self._clock,
            ),
            digest_at=self._settings.digest.at,
            learning=self._learning,
            learning_at=self._settings.learning.at,
            clock=self._clock,
        )

    def _await_encoder(self, perception: LivePerception) -> bool:
        """Whether perception is ready; false when the daemon ends before it is."""
        while not perception.ready.wait(0.2):
            if self._ending.is_set():
                return False
            self._notifier.alive()  # loading is slow on purpose; the limit of the perception worker still holds
        self._notifier.ready(f"watching {len(self._cameras)} cameras")
        self._on_applied(self._settings)
        self._log.info("daemon_ready", cameras=[camera.name for camera in self._cameras])
        return True

    def _watch_over(self, storage: Storage, perceiving: Worker) -> None:
        """Until the end or a reload: feed the watchdog while everybody is alive, name those who are not."""
        stuck: set[str] = set()
        while not self._ending.wait(_LOOK_EVERY_S) and not self._reload_wanted.is_set():
            silent = self._crew.silent()
            for name in sorted(silent - stuck):
                self._log.error("worker_stuck", worker=name)
            stuck = silent
            if not stuck:
                self._notifier.alive()
            streaming = sum(self._watched.connected().values())
            self._alerting.refresh()
            degraded = f", degraded: {_DEGRADED}" if storage.spool.degraded_since else ""
            self._notifier.status(f"{streaming} of {len(self._cameras)} cameras streaming{degraded}")
            if self._watched.over() == len(self._cameras):  # recordings end; when all have, nothing is left to watch
                perceiving.ask_to_stop()  # what waits is perceived, what is open is closed: then its words are owed
                if perceiving.join(0) and not _owes(storage):
                    self._log.info("recordings_ended")
                    self._ending.set()

    def _stop(self, storage: Storage, perception: LivePerception, description: DescriptionWork) -> None:
        """Each stage in the order of the stream, so that what is under way still arrives; what hangs is left behind."""
        deadline_mono_s = time.monotonic() + _STOP_WITHIN_S
        self._learning.close()
        storage.database.hurry()
        perception.hurry()
        for stage in _STAGES:
            if stage == "description":
                description.close()
            self._crew.stop(stage, deadline_mono_s=deadline_mono_s)
        if waiting := storage.spool.waiting():
            self._log.error("events_not_stored", calls=waiting, reason=_DEGRADED)
        self._log.info("daemon_stopped")

    def _end_with(self, status: int, reason: str) -> None:
        self._fatal = self._fatal or (status, reason)
        self._ending.set()

    def _verdict(self) -> int:
        if self._fatal is None:
            return EXIT_OK
        status, reason = self._fatal
        self._log.error("daemon_cannot_go_on", reason=reason, status=status)
        return status

    def _description_limit_s(self) -> float:
        # a beat comes between two descriptions, and one may take its whole time
        return self._settings.describer.timeout_s + 60


def _owes(storage: Storage) -> bool:
    """Whether an event is still to be closed or to be described."""
    counts = storage.archive.counts()
    return storage.spool.waiting() + counts["events_open"] + counts["descriptions_pending"] > 0
