"""One camera's training from its clips to a verdict; `vidsense learn` and the nightly child process call it.

    clips ─► dataset ─► ridge-AR ─► transformer on top ─► measured on held-out clips and on feedback ─► gate ─► registry

Nothing is written before the end, so a kill at any moment leaves what is live as it was. The models are measured as
they will run: after a round trip through half precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
import torch

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.learning.dataset import Dataset, dataset_of
from vidsense_daemon.learning.experience import Clip, ExperienceFolder
from vidsense_daemon.learning.foretelling import (
    OnProgress,
    Sizes,
    fit_ridge,
    squared_error,
    train_foresight,
)
from vidsense_daemon.learning.promotion import JudgedMoments, Measured, Moment, Ruling, feedback_auc, rule
from vidsense_daemon.learning.registry import Card, ModelRegistry
from vidsense_daemon.perception.foresight import Foresight
from vidsense_daemon.perception.surprise import Persistence, RidgeAR, SurpriseModel

NO_FEEDBACK = "no feedback yet"


@dataclass(frozen=True, slots=True)
class Row:
    """One model of a camera's training."""

    model: str
    error: float  # mean squared prediction error on the held-out clips
    ratio: float  # of persistence's
    feedback: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a training came to; no rows when there was not enough to learn from."""

    camera: str
    note: str
    rows: tuple[Row, ...] = ()
    live: str | None = None  # the id of what is live from now on


class NoJudgedMoments:
    """Nobody has judged anything."""

    def moments(self, camera: str) -> Sequence[Moment]:  # noqa: ARG002 - the port's signature
        return ()


class CameraTraining:
    """Trains one camera after the other; hold the registry's lock meanwhile."""

    def __init__(
        self,
        *,
        experience: ExperienceFolder,
        registry: ModelRegistry,
        judged: JudgedMoments | None = None,
        sizes: Sizes | None = None,
        seed: int = 0,
        threads: int = 1,
    ) -> None:
        """``threads`` are PyTorch's for this process; with another number, a seed makes slightly other weights."""
        self._experience = experience
        self._registry = registry
        self._judged = judged or NoJudgedMoments()
        self._sizes = sizes or Sizes()
        self._seed = seed
        torch.set_num_threads(threads)
        self._log = structlog.get_logger()

    def train(
        self,
        camera: str,
        *,
        now: datetime,
        since: datetime | None = None,
        is_over: Callable[[], bool] = lambda: False,
        on_progress: OnProgress = lambda _step, _steps, _ratio: None,
    ) -> Outcome:
        """Learn from the camera's clips, and let what is better go live.

        Raises:
            PermanentError: the result could not be kept; what was live still is.
        """
        clips = list(self._experience.clips(camera, since=since))
        try:
            data = dataset_of(clips)
            ridge = fit_ridge(data.train, data.tune).as_kept()
            trained, steps = train_foresight(
                ridge,
                data.train,
                data.tune,
                sizes=self._sizes,
                seed=self._seed,
                is_over=is_over,
                on_progress=on_progress,
            )
        except PermanentError as error:  # too little of it, or nothing that moves on
            self._log.info("still_learning", camera=camera, reason=str(error))
            return Outcome(camera, str(error))
        foresight = trained.as_kept()
        rivals = self._rivals(data, clips, ridge, foresight, steps)
        try:
            live = self._keep(data, rivals, now)
        except OSError as error:
            raise PermanentError(
                f"what {camera} has learned could not be kept: {error.strerror or error}; what was live still is"
            ) from error
        return Outcome(camera, "; ".join(data.notes), rivals.rows(), live)

    def _rivals(
        self, data: Dataset, clips: Sequence[Clip], ridge: RidgeAR, foresight: Foresight, steps: int
    ) -> _Rivals:
        """Everything that could run, on the same held-out clips, and what the gate says of the new ones."""
        camera = data.train[0].camera
        moments = self._judged.moments(camera)

        def measured(name: str, model: SurpriseModel) -> Measured:
            return Measured(name, squared_error(model, data.held_out), feedback_auc(model, clips, moments))

        live, live_card = self._registry.load(camera, encoder=data.encoder)
        incumbent = measured(f"{live_card.kind} that was live", live) if live_card is not None else None
        still, linear, trained = (measured(model.name, model) for model in (Persistence(), ridge, foresight))
        ruling = rule(trained, rivals=(still, linear), incumbent=incumbent)
        return _Rivals(
            still=still,
            incumbent=incumbent,
            incumbent_id=live_card.id if live_card is not None else None,
            linear=_Candidate(
                ridge,
                linear,
                Ruling(goes_live=False, why="beneath the transformer")
                if ruling.goes_live
                else rule(linear, rivals=(still,), incumbent=incumbent),
            ),
            trained=_Candidate(foresight, trained, ruling, steps),
        )

    def _keep(self, data: Dataset, rivals: _Rivals, now: datetime) -> str | None:
        """Store what is worth it; the id of what is live then."""
        live = rivals.incumbent_id
        for candidate in (rivals.linear, rivals.trained):
            ruling = candidate.ruling
            if not ruling.goes_live and candidate is rivals.linear:
                continue  # it is made again in seconds: nothing to keep in shadow
            card = self._registry.add(candidate.model, _card(data, rivals, candidate, seed=self._seed, now=now))
            if ruling.goes_live:
                self._registry.promote(card.camera, card.id)
                live = card.id
            event = "model_promoted" if ruling.goes_live else "model_in_shadow"
            self._log.info(event, camera=card.camera, model=card.id, verdict=ruling.why)
        return live


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    model: RidgeAR | Foresight
    measured: Measured
    ruling: Ruling
    steps: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Rivals:
    """All that was measured on one camera's held-out clips."""

    still: Measured
    incumbent: Measured | None
    incumbent_id: str | None
    linear: _Candidate
    trained: _Candidate

    def rows(self) -> tuple[Row, ...]:
        incumbent = () if self.incumbent is None else ((self.incumbent, "was measured again"),)
        new = ((each.measured, each.ruling.why) for each in (self.linear, self.trained))
        return tuple(
            Row(each.name, each.error, _ratio(each.error, self.still.error), _in_words(each.feedback_auc), why)
            for each, why in ((self.still, "baseline"), *incumbent, *new)
        )


def _card(data: Dataset, rivals: _Rivals, candidate: _Candidate, *, seed: int, now: datetime) -> Card:
    return Card(
        id=f"{to_ms(now)}-{candidate.measured.name}",
        camera=data.train[0].camera,
        kind=candidate.measured.name,
        encoder=data.encoder,
        seed=seed,
        trained_at_ms=to_ms(now),
        begins_at_ms=to_ms(data.begins_at),
        held_out_from_ms=to_ms(data.held_out_from),
        ends_at_ms=to_ms(data.ends_at),
        clips=data.clips,
        steps=candidate.steps,
        error=candidate.measured.error,
        ridge_error=rivals.linear.measured.error,
        persistence_error=rivals.still.error,
        incumbent=rivals.incumbent_id,
        incumbent_error=rivals.incumbent.error if rivals.incumbent is not None else None,
        feedback=_in_words(candidate.measured.feedback_auc),
        verdict=candidate.ruling.why,
        notes=data.notes,
    )


def _ratio(error: float, of: float) -> float:
    return error / of if of else 1.0


def _in_words(auc: float | None) -> str:
    return NO_FEEDBACK if auc is None else f"AUC {auc:.2f}"
