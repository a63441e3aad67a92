"""Adapters that the owner's verdicts train (`vidsense train lora`): where they lie, and what they learn from.

<state dir>/adapters/<part>/      live, before and shadow; temporal: of the temporal transformer, clip: of CLIP
"""

from __future__ import annotations

from pathlib import Path

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.learning.lora import Example
from vidsense_daemon.learning.lora_files import LoraFolder
from vidsense_daemon.perception.adapters import live_temporal
from vidsense_daemon.perception.feedback_trial import of_sentence
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.temporal import TemporalTransformer
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.store.feedback import FeedbackStore


def adapter_folder(state_dir: Path, part: str) -> LoraFolder:
    """Where the adapters of a part lie."""
    return LoraFolder(state_dir / "adapters" / part)


def temporal_of(encoder: Encoder, state_dir: Path) -> TemporalTransformer:
    """What triggers' windows pass through: with the adapter that is live, if it fits this encoder."""
    live = adapter_folder(state_dir, "temporal").live
    return live_temporal(live, encoder=encoder.name, dimension=encoder.dimension)


def examples_of(settings: Settings, storage: Storage, encoder: Encoder) -> list[Example]:
    """Every verdict on what a trigger of the configuration looks for now, in this encoder's space."""
    book, lessons = PromptBook(encoder), FeedbackStore(storage.database, given_by="cli").lessons()
    examples = []
    for name, trigger in settings.triggers.items():
        of_trigger = [lesson for lesson in lessons if lesson.trigger == name]
        fitting = of_sentence(of_trigger, prompt=trigger.prompt, encoder=encoder.name)
        if not fitting:
            continue
        try:
            texts = book.texts_of(backends.trigger_rule(name, trigger))
        except PermanentError:  # the daemon says it at its start, and makes no events of it
            continue
        examples += [Example(lesson, texts) for lesson in fitting]
    return sorted(examples, key=lambda one: one.lesson.look.captured_at)
