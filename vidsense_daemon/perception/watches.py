"""The cameras' watches: each is made when its camera's first frame comes, and anew when its triggers change.

What can't be looked for - a sentence that the encoder can't embed, an action that nothing here can see - is logged and
left out; the rest of the camera's triggers are watched. Called by the perception thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import structlog

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.events import Source
from vidsense_daemon.domain.ports import Encoder, EventSink
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.perception.actions import Head
from vidsense_daemon.perception.calm_book import CalmBook
from vidsense_daemon.perception.labels import Labels
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.scoring import TriggerTexts
from vidsense_daemon.perception.triggers import TriggerRule
from vidsense_daemon.perception.watch import CameraWatch, HeadOf, Sought


@dataclass(frozen=True, slots=True)
class Looking:
    """How all cameras are looked at."""

    source: Source
    is_enabled: Callable[[str, str], bool]  # by camera and trigger: whether it may make events now
    time_zone: tzinfo | None  # where the triggers' hours are meant; none: the machine's own
    book: CalmBook  # keeps what calm cameras teach
    head_of: HeadOf  # what was learned from verdicts; asked for every look, so what is taught counts at once
    action_head: Callable[[TriggerRule], Head]  # what can see a rule's action, or `PermanentError`


class Watches:
    """One `CameraWatch` a camera; `thresholds` may be asked from any thread."""

    def __init__(
        self,
        triggers: Mapping[str, Sequence[TriggerRule]],
        *,
        encoder: Encoder,
        sink: EventSink,
        labels: Sequence[str],
        looking: Looking,
        in_hindsight: Callable[[Window], Window],
    ) -> None:
        """``labels`` is the vocabulary that events are tagged with."""
        self._triggers = triggers
        self._encoder = encoder
        self._sink = sink
        self._looking = looking
        self._in_hindsight = in_hindsight
        self._log = structlog.get_logger()
        self._prompts = PromptBook(encoder)
        self._labels = Labels(self._texts_of_labels(labels))
        self._watches: dict[str, CameraWatch] = {}
        self.spared: Counter[tuple[str, str]] = Counter()  # sightings that only verdicts kept from being events

    def of(self, camera: str) -> CameraWatch:
        if camera not in self._watches:
            self._watches[camera] = CameraWatch(
                camera=camera,
                triggers=self._sought_by(camera),
                sink=self._sink,
                source=self._looking.source,
                encoder=self._encoder.name,
                is_enabled=self._looking.is_enabled,
                time_zone=self._looking.time_zone,
                book=self._looking.book,
                labels=self._labels,
                head_of=self._looking.head_of,
                spared=self.spared,
                in_hindsight=self._in_hindsight,
            )
        return self._watches[camera]

    def look_for(self, camera: str, rules: Sequence[TriggerRule]) -> None:
        """Something else from now on; the camera's open events must have been ended."""
        self._triggers = {**self._triggers, camera: rules}
        self._watches.pop(camera, None)

    def thresholds(self) -> dict[str, dict[str, float]]:
        """Each camera's present threshold δ of each of its triggers."""
        return {camera: watch.thresholds() for camera, watch in self._watches.items()}

    def _sought_by(self, camera: str) -> dict[TriggerRule, Sought]:
        sought: dict[TriggerRule, Sought] = {}
        for rule in self._triggers.get(camera, ()):
            try:
                sought[rule] = self._looking.action_head(rule) if rule.action else self._prompts.texts_of(rule)
            except PermanentError as error:
                self._log.error("trigger_left_out", camera=camera, trigger=rule.name, reason=str(error))
        return sought

    def _texts_of_labels(self, labels: Sequence[str]) -> dict[str, TriggerTexts]:
        texts = {}
        for label in labels:
            try:
                texts[label] = self._prompts.texts_of_label(label)
            except PermanentError as error:
                self._log.error("label_left_out", reason=str(error))
        return texts
