"""The review pages and their API, joined to the rooms that answer them.

What is asked with the encoder (search by meaning, questions) waits for the encoder's lock: some hundred milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from pathlib import Path

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.daemon import describing
from vidsense_daemon.daemon.attending import EventAttention
from vidsense_daemon.daemon.backtesting import Backtests
from vidsense_daemon.daemon.learning import model_registry
from vidsense_daemon.daemon.measuring import of_descriptions, of_perception
from vidsense_daemon.daemon.perceiving import LivePerception
from vidsense_daemon.daemon.searching import search_of
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.description.describers.server import ModelServer
from vidsense_daemon.description.tally import DescriptionTally
from vidsense_daemon.description.telling import Told
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.review.board import CameraBoard
from vidsense_daemon.review.ports import Ports, TriggerInfo
from vidsense_daemon.review.server import ReviewServer
from vidsense_daemon.settings.keys import editor_schema
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.store.desk import EventDesk
from vidsense_daemon.store.feedback import FeedbackStore
from vidsense_daemon.store.search import Found


def build_review(
    settings: Settings,
    *,
    storage: Storage,
    perception: LivePerception,
    board: CameraBoard,
    server: Callable[[], ModelServer | None],
    described: DescriptionTally,
    workers: Callable[[], Sequence[Worker]],
    zone: tzinfo,
    clock: Clock,
    before: ReviewServer | None,
) -> ReviewServer:
    """The HTTP server; it listens once its worker runs. ``server`` is asked for the model server of the moment.

    ``before`` is the one that it takes the place of after a reload.

    Raises:
        ConfigError: others could reach it without logging in.
    """
    block = settings.review
    return ReviewServer(
        block.host,
        block.port,
        _ports(settings, storage, perception, server=server, described=described, workers=workers),
        board=board,
        users=dict(block.users),
        tokens=dict(block.tokens),
        allowed_hosts=block.allowed_hosts,
        public_url=block.public_url,
        zone=zone,
        clock=clock,
        before=before,
    )


def _ports(
    settings: Settings,
    storage: Storage,
    perception: LivePerception,
    *,
    server: Callable[[], ModelServer | None],
    described: DescriptionTally,
    workers: Callable[[], Sequence[Worker]],
) -> Ports:
    """Who answers the pages' questions."""
    desk = EventDesk(storage.database, storage.media)
    return Ports(
        archive=storage.archive,
        media_dir=storage.media.root,
        reviews=desk,
        pins=desk,
        feedback=FeedbackStore(storage.database, given_by="review"),
        eraser=desk,
        redescription=desk,
        deliveries=desk,
        attention=EventAttention(
            storage,
            encoder=lambda: perception.encoder if perception.ready.is_set() else None,
            registry=model_registry(storage.state_dir),
        ),
        search=_LiveSearch(storage, perception),
        questions=_LiveQuestions(settings, storage, perception, server),
        digests=_LiveDigests(storage, server),
        backtests=Backtests(storage, lambda: _loaded(perception)),
        config_schema=editor_schema,
        triggers=_ShownTriggers(settings, perception),
        clip_of=lambda event_id: _clip_of(storage, event_id),
        workers=workers,
        is_ready=perception.ready.is_set,
        measurements=(lambda: of_perception(perception), lambda: of_descriptions(described)),
    )


def _clip_of(storage: Storage, event_id: str) -> Path | None:
    record = storage.archive.get(event_id)
    return Path(record.clip.path) if record and record.clip else None


def _loaded(perception: LivePerception) -> tuple[Encoder, str] | None:
    return (perception.encoder, perception.encoder_backend) if perception.ready.is_set() else None


class _LiveSearch:
    """By words at once, by meaning as soon as the encoder is loaded."""

    def __init__(self, storage: Storage, perception: LivePerception) -> None:
        self._storage = storage
        self._perception = perception

    def __call__(
        self, sentence: str, *, camera: str | None, since: datetime | None, until: datetime | None, limit: int
    ) -> Sequence[Found]:
        encoder = self._perception.encoder if self._perception.ready.is_set() else None
        find = search_of(self._storage, encoder=encoder)
        return find(sentence, camera=camera, since=since, until=until, limit=limit)


class _LiveQuestions:
    """Questions with whatever is there at the moment: the encoder, the model server, neither."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        perception: LivePerception,
        server: Callable[[], ModelServer | None],
    ) -> None:
        self._settings = settings
        self._storage = storage
        self._perception = perception
        self._server = server

    def ask(self, question: str) -> Told:
        encoder = self._perception.encoder if self._perception.ready.is_set() else None
        questions = describing.build_questions(
            self._settings, storage=self._storage, encoder=encoder, server=self._server()
        )
        return questions.ask(question)


class _LiveDigests:
    """Digests by the model server of the moment."""

    def __init__(self, storage: Storage, server: Callable[[], ModelServer | None]) -> None:
        self._storage = storage
        self._server = server

    def of_day(self, day: date) -> Told:
        return describing.build_digests(storage=self._storage, server=self._server()).of_day(day)


class _ShownTriggers:
    """The triggers of the configuration. Saving one is the operator's: the file is theirs."""

    def __init__(self, settings: Settings, perception: LivePerception) -> None:
        self._settings = settings
        self._perception = perception

    def triggers(self) -> Sequence[TriggerInfo]:
        cameras = {name: camera.triggers for name, camera in self._settings.cameras.items()}
        present = self._perception.perceiver.thresholds() if self._perception.ready.is_set() else {}
        learned = self._perception.teaching.learned()
        return [
            TriggerInfo(
                name=name,
                prompt=trigger.prompt,
                contrast=trigger.contrast,
                severity=trigger.severity,
                cameras=tuple(camera for camera, names in cameras.items() if name in names),
                thresholds={camera: of[name] for camera, of in present.items() if name in of},
                learned={one.camera: one.words for one in learned if one.trigger == name and one.words},
            )
            for name, trigger in self._settings.triggers.items()
            if trigger.enabled
        ]

    def save(
        self, *, name: str, prompt: str, contrast: Sequence[str], threshold: float, cameras: Sequence[str]
    ) -> None:
        keys = {"prompt": prompt, "contrast": list(contrast), "threshold": round(threshold, 2)}
        listed = ", ".join(cameras) or "the cameras that shall watch for it"
        raise PermanentError(
            f"the file is yours to write: put `{name}: {json.dumps(keys, ensure_ascii=False)}` under triggers, "
            f"list {name} under {listed}, and reload the daemon (systemctl reload vidsense)"
        )
