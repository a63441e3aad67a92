"""Every camera's trained models on disk: which one is live, which ones were, and why.

    <state dir>/learned/<camera>/<ms>-<kind>.safetensors    weights
    <state dir>/learned/<camera>/<ms>-<kind>.json           its card: data, errors, seed, verdict, checksum
    <state dir>/learned/<camera>/live.json                  {"live": id or null, "before": [id, …]}

live.json is the one truth, replaced in one step: a kill at any moment leaves the old model live or the new one. Kept
are the live model, the two that were live before it and the newest one that stays in shadow. Weights whose checksum is
not their card's are refused by name, and the next older ones, at last plain persistence, stand in.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import structlog

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.base.files import PART_SUFFIX, make_private, replace_file, sha256_of
from vidsense_daemon.perception.foresight import Foresight, load_surprise
from vidsense_daemon.perception.surprise import Persistence, RidgeAR, SurpriseModel

_KEPT_BEFORE = 2  # with the live one: the last three


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a model; errors are mean squared prediction errors on the held-out clips."""

    id: str
    camera: str
    kind: str  # ridge-ar | transformer
    encoder: str
    seed: int
    trained_at_ms: int
    begins_at_ms: int  # of the data
    held_out_from_ms: int
    ends_at_ms: int
    clips: int
    steps: int  # of training, to the weights that were kept
    error: float
    ridge_error: float
    persistence_error: float
    incumbent: str | None  # the model that was live then
    incumbent_error: float | None
    feedback: str
    verdict: str
    notes: tuple[str, ...] = ()
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A card and what its model is now: live, before (it was live) or shadow."""

    card: Card
    state: str


@dataclass(frozen=True, slots=True)
class _Line:
    live: str | None = None
    before: tuple[str, ...] = ()  # newest first


class ModelRegistry:
    """For one writer at a time (`locked`) and any number of readers, in any processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._log = structlog.get_logger()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The right to train.

        Raises:
            PermanentError: another process has it.
        """
        make_private(self.root)
        descriptor = os.open(self.root / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for part in self.root.glob(f"*/*{PART_SUFFIX}"):  # what a kill left
                part.unlink(missing_ok=True)
            yield
        except BlockingIOError:
            raise PermanentError(
                f"another training runs on {self.root}: wait until it has ended, `vidsense learn list` shows its result"
            ) from None
        finally:
            os.close(descriptor)

    def add(self, model: RidgeAR | Foresight, card: Card) -> Card:
        """Keep a model in shadow; its card as kept.

        Raises:
            OSError: the disk takes nothing; what is live stays.
        """
        content = model.to_bytes()
        card = replace(card, sha256=hashlib.sha256(content).hexdigest())
        weights = self._weights(card.camera, card.id)
        try:
            replace_file(weights, content)
            replace_file(weights.with_suffix(".json"), json.dumps(asdict(card), indent=2).encode())
        except OSError:
            weights.unlink(missing_ok=True)
            raise
        self._prune(card.camera, newest=card.id)
        return card

    def promote(self, camera: str, model_id: str) -> None:
        """Make a kept model the live one."""
        line = self._line(camera)
        before = tuple(each for each in (line.live, *line.before) if each is not None and each != model_id)
        self._write(camera, _Line(model_id, before[:_KEPT_BEFORE]))
        self._prune(camera)

    def rollback(self, camera: str) -> Kept:
        """Make the model live that was live before; what is live now stays in shadow.

        Raises:
            PermanentError: there is none.
        """
        line = self._line(camera)
        if not line.before:
            raise PermanentError(
                f"{camera} has no earlier model to go back to; `vidsense learn forget --camera {camera}` deletes "
                "what it has learned"
            )
        self._write(camera, _Line(line.before[0], line.before[1:]))
        return next(kept for kept in self.kept(camera) if kept.card.id == line.before[0])

    def kept(self, camera: str) -> list[Kept]:
        """The camera's models, newest first."""
        line = self._line(camera)
        states = dict.fromkeys(line.before, "before") | ({line.live: "live"} if line.live else {})
        cards = [self._card(path) for path in sorted((self.root / camera).glob("*-*.json"), reverse=True)]
        return [Kept(card, states.get(card.id, "shadow")) for card in cards if card is not None]

    def cameras(self) -> list[str]:
        """The cameras that have learned something."""
        return sorted(path.name for path in self.root.glob("*") if path.is_dir())

    def load(self, camera: str, *, encoder: str | None) -> tuple[SurpriseModel, Card | None]:
        """The model to run and its card: the live one, if it is unhurt and of this encoder, else the next older one.

        Persistence, which needs no weights, when there is none. What is refused is named in the log.
        """
        line, cards = self._line(camera), {kept.card.id: kept.card for kept in self.kept(camera)}
        for model_id in (line.live, *line.before):
            card = cards.get(model_id or "")
            if card is None or (encoder is not None and card.encoder != encoder):
                continue
            try:
                return self._load(card), card
            except PermanentError as error:
                self._log.error("learned_weights_refused", camera=camera, reason=str(error))
        return Persistence(), None

    def changed_at_ns(self, camera: str) -> int:
        """Changes whenever another model goes live; 0 while there is none. Costs a look at one file."""
        try:
            return self._live_file(camera).stat().st_mtime_ns
        except OSError:
            return 0

    def forget(self, camera: str) -> int:
        """Delete all that a camera has learned; how many models it was."""
        count = len(self.kept(camera))
        shutil.rmtree(self.root / camera, ignore_errors=True)
        return count

    def _load(self, card: Card) -> SurpriseModel:
        path = self._weights(card.camera, card.id)
        try:
            found = sha256_of(path)
        except OSError as error:
            raise PermanentError(f"cannot read the learned weights {path}: {error.strerror}") from None
        if found != card.sha256:
            raise PermanentError(f"the learned weights {path} are damaged: their checksum is not their card's")
        return load_surprise(path)

    def _prune(self, camera: str, *, newest: str | None = None) -> None:
        """Delete what is neither live, nor was of late, nor is the newest one in shadow and newer than what is live."""
        kept = self.kept(camera)  # newest first
        shadows = [each.card for each in kept if each.state == "shadow" and each.card.id != newest]
        live = next((each.card.trained_at_ms for each in kept if each.state == "live"), 0)
        spared = 1 if newest is None and shadows and shadows[0].trained_at_ms > live else 0
        for card in shadows[spared:]:
            for suffix in (".json", ".safetensors"):
                self._weights(camera, card.id).with_suffix(suffix).unlink(missing_ok=True)

    def _weights(self, camera: str, model_id: str) -> Path:
        return self.root / camera / f"{model_id}.safetensors"

    def _live_file(self, camera: str) -> Path:
        return self.root / camera / "live.json"

    def _write(self, camera: str, line: _Line) -> None:
        replace_file(self._live_file(camera), json.dumps(asdict(line)).encode())

    def _line(self, camera: str) -> _Line:
        try:
            content = json.loads(self._live_file(camera).read_text(encoding="utf-8"))
            return _Line(content["live"], tuple(content["before"]))
        except FileNotFoundError:
            return _Line()
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._log.error("learned_line_refused", camera=camera, reason=f"{type(error).__name__}: {error}")
            return _Line()

    def _card(self, path: Path) -> Card | None:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            known = {field.name: content[field.name] for field in fields(Card)}
            return Card(**{**known, "notes": tuple(known["notes"])})
        except FileNotFoundError:  # pruned meanwhile
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._log.error("model_card_refused", file=str(path), reason=f"{type(error).__name__}: {error}")
            return None
