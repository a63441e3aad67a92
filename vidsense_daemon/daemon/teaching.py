"""What triggers learn from verdicts while the daemon runs: the thread `feedback`.

    verdicts in the database ─► changed? ─► each camera's trigger is tried on its own past ─► heads, asked by perception

It asks the database every second whether a verdict or a switch has changed, whoever wrote it: the pages, the API, or
the command line in another process. Heads are made anew from the stored verdicts; nothing else is kept, so a start, a
restored backup and `vidsense triggers feedback` all come to the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from vidsense_daemon.base.worker import Worker
from vidsense_daemon.daemon.storage import Storage, calm_file
from vidsense_daemon.domain.events import Severity
from vidsense_daemon.perception.calm_book import CalmBook
from vidsense_daemon.perception.feedback_head import FeedbackHead
from vidsense_daemon.perception.feedback_trial import FeedbackTrial, of_sentence, try_feedback
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.store.faults import DatabaseFaultError
from vidsense_daemon.store.feedback import FeedbackStore, Revision

_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Learned:
    """What one trigger of one camera has learned, and whether it counts."""

    camera: str
    trigger: str
    severity: Severity
    trial: FeedbackTrial
    elsewhere: int  # verdicts that can't teach: on events of another sentence or encoder
    switched_off: str  # why it does not count although it might; empty otherwise

    @property
    def head(self) -> FeedbackHead | None:
        """What counts now."""
        return None if self.switched_off else self.trial.head

    @property
    def state(self) -> str:
        """In one word, and why."""
        if self.switched_off:
            return f"off, {self.switched_off}"
        return "live" if self.head else "not live"

    @property
    def words(self) -> str:
        """For people: what it says of its own past; empty while nobody has said anything."""
        return f"feedback {self.state}: {self.trial.reason}" if self.trial.good + self.trial.bad else ""


def learned_of(feedback: FeedbackStore, cameras: Sequence[ResolvedCamera], *, encoder: str) -> Iterator[Learned]:
    """Each trigger of each camera, tried on its own past."""
    switched_off = feedback.revision().switched_off
    lessons = feedback.lessons()
    for camera in cameras:
        for name, trigger in camera.triggers.items():
            given = [lesson for lesson in lessons if (lesson.camera, lesson.trigger) == (camera.name, name)]
            fitting = of_sentence(given, prompt=trigger.prompt, encoder=encoder)
            block = trigger.feedback
            trial = try_feedback(fitting, severity=trigger.severity, min_good=block.min_good, min_bad=block.min_bad)
            off = "" if block.enabled else "by `feedback.enabled` in the configuration"
            if (camera.name, name) in switched_off:
                off = f"by `vidsense triggers feedback {name} --off`"
            yield Learned(camera.name, name, trigger.severity, trial, len(given) - len(fitting), off)


def last_encoder(storage: Storage, feedback: FeedbackStore) -> str:
    """The encoder that the daemon ran last, as far as the state folder tells; for who does not load one."""
    lessons = feedback.lessons()
    return CalmBook(encoder=None, path=calm_file(storage.state_dir)).encoder or (lessons[-1].encoder if lessons else "")


class Teaching:
    """Heads for perception; `head_of` and `learned` may be asked by any thread."""

    def __init__(
        self, storage: Storage, *, cameras: Callable[[], Sequence[ResolvedCamera]], encoder: Callable[[], str | None]
    ) -> None:
        """``cameras`` are those of the moment; ``encoder`` is the name of the one that runs, none while it loads."""
        self._feedback = FeedbackStore(storage.database, given_by="review")
        self._cameras = cameras
        self._encoder = encoder
        self._seen: tuple[Revision, Sequence[ResolvedCamera]] | None = None
        self._learned: Mapping[tuple[str, str], Learned] = {}  # replaced as a whole: readers hold no lock
        self._log = structlog.get_logger()

    def head_of(self, camera: str, trigger: str) -> FeedbackHead | None:
        """What a trigger has learned on a camera, and what counts now."""
        learned = self._learned.get((camera, trigger))
        return learned.head if learned else None

    def learned(self) -> list[Learned]:
        """All that was tried."""
        return list(self._learned.values())

    def run(self, worker: Worker) -> None:
        """The thread's body."""
        while not worker.stopping.wait(_LOOK_EVERY_S):
            worker.beat()
            self.refresh()

    def refresh(self) -> bool:
        """Learn anew when a verdict, a switch or the configuration has changed; whether it did."""
        encoder = self._encoder()
        if encoder is None:
            return False
        try:
            now = (self._feedback.revision(), tuple(self._cameras()))
            if now == self._seen:
                return False
            learned = {(one.camera, one.trigger): one for one in learned_of(self._feedback, now[1], encoder=encoder)}
        except DatabaseFaultError:  # those who write complain; what was learned goes on counting
            return False
        self._tell(learned)
        self._seen, self._learned = now, learned
        return True

    def _tell(self, learned: Mapping[tuple[str, str], Learned]) -> None:
        """What came of the verdicts, and which can't count; what is as it was is not told again."""
        for key, one in learned.items():
            before = self._learned.get(key)
            if one.elsewhere and (before is None or before.elsewhere != one.elsewhere):
                self._log.info(
                    "feedback_left_out",
                    camera=one.camera,
                    trigger=one.trigger,
                    verdicts=one.elsewhere,
                    reason="given on events of another sentence or encoder",
                )
            said = (one.state, one.trial.reason)
            if one.trial.good + one.trial.bad and (before is None or said != (before.state, before.trial.reason)):
                self._log.info(
                    "feedback_tried",
                    camera=one.camera,
                    trigger=one.trigger,
                    live=one.head is not None,
                    state=one.state,
                    reason=one.trial.reason,
                )
