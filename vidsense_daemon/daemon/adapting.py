"""Adapters that the owner's verdicts train (`vidsense train lora`): where they lie, and what they learn from.

<state dir>/adapters/<part>/      live, before and shadow; temporal: of the temporal transformer, clip: of CLIP
"""

from __future__ import annotations

from pathlib import Path

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.pictures import still_pictures
from vidsense_daemon.daemon.storage import Storage, adapter_dir, models_dir
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.learning.lora import Example, check_enough, train_temporal
from vidsense_daemon.learning.lora_clip import Sight, train_clip
from vidsense_daemon.learning.lora_files import LoraFolder
from vidsense_daemon.learning.lora_report import LoraReport
from vidsense_daemon.perception.adapters import live_temporal
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.temporal import TemporalTransformer
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.store.feedback import FeedbackStore


def adapter_folder(state_dir: Path, part: str) -> LoraFolder:
    """The adapters of a part: temporal or clip."""
    return LoraFolder(adapter_dir(state_dir, part))


def temporal_of(encoder: Encoder, state_dir: Path) -> TemporalTransformer:
    """What triggers' windows pass through: with the adapter that is live, if it fits this encoder."""
    live = adapter_folder(state_dir, "temporal").live
    return live_temporal(live, encoder=encoder.name, dimension=encoder.dimension)


def train_lora(settings: Settings, storage: Storage, *, part: str, seed: int) -> LoraReport:
    """Train an adapter of a part on all verdicts that fit the configuration.

    Raises:
        PermanentError: there is not enough to learn from.
        ConfigError: PEFT or the weights are not there.
    """
    check_enough(len(FeedbackStore(storage.database, given_by="cli").lessons()))  # before the encoder takes seconds
    folder = adapter_folder(storage.state_dir, part)
    if part == "clip":
        clip = ClipEncoder(
            settings.encoder.model,
            threads=backends.threads_of(settings.encoder),
            models_dir=models_dir(storage.state_dir),
        )
        return train_clip(_sights(settings, storage, clip), encoder=clip, folder=folder, seed=seed)
    encoder = backends.load_encoder(settings.encoder, state_dir=storage.state_dir)
    of_encoder = [one for one in _examples(settings, storage, encoder) if one.lesson.encoder == encoder.name]
    return train_temporal(of_encoder, encoder=encoder.name, folder=folder, seed=seed)


def _examples(settings: Settings, storage: Storage, encoder: Encoder) -> list[Example]:
    """Every verdict on what a trigger of the configuration looks for now, in whatever space its look is."""
    book, lessons = PromptBook(encoder), FeedbackStore(storage.database, given_by="cli").lessons()
    examples = []
    for name, trigger in settings.triggers.items():
        fitting = [lesson for lesson in lessons if (lesson.trigger, lesson.prompt) == (name, trigger.prompt)]
        if not fitting:
            continue
        try:
            texts = book.texts_of(backends.trigger_rule(name, trigger))
        except PermanentError:  # the daemon says it at its start, and makes no events of it
            continue
        examples += [Example(lesson, texts) for lesson in fitting]
    return sorted(examples, key=lambda one: one.lesson.look.captured_at)


def _sights(settings: Settings, storage: Storage, encoder: Encoder) -> list[Sight]:
    """The verdicts whose event still has a still, with its crop; those that retention deleted have none."""
    sights = []
    for example in _examples(settings, storage, encoder):
        record = storage.archive.get(example.lesson.event_id)
        stills = sorted(record.stills, key=lambda still: still.role != "peak") if record else []
        views = next(filter(None, (still_pictures(still, picture_px=encoder.picture_px) for still in stills)), [])
        sights += [Sight(example, views[-1])] if views else []
    return sights
