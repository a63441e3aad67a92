"""`vidsense train lora --part clip`: fit CLIP's last blocks to the owner's verdicts, from the stills of their events.

    z = the still's crop, embedded        s = max z · own − mean z · nothing        L as in lora.py, δ = the mean of s

Adapted are the queries and values of the picture side's last blocks (Hu et al. 2021 adapt the same two); texts stay as
they are. A still shows no background, so the loss compares events with each other and not with their thresholds. On
two processor cores a ViT-B/16 takes some seconds a batch: this is for those with a graphics card, or with patience.

An adapted encoder has a space, and a name, of its own: what was stored before is not searched and teaches nothing
until it is rolled back. B = events, S = picture side in px, D = dimension.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.events import Verdict
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.learning import lora
from vidsense_daemon.learning.lora import Example
from vidsense_daemon.learning.lora_files import LoraFolder
from vidsense_daemon.learning.lora_report import LoraReport
from vidsense_daemon.perception.adapters import AdapterCard, checksum, save_adapter
from vidsense_daemon.perception.encoders.clip import ClipEncoder

_BLOCKS = 2  # of the picture side, the last
_BATCH = 16
_EPOCHS = 5
_LEARNING_RATE = 2e-4
_WEIGHT_DECAY = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A judged event, and what one of its stills shows."""

    example: Example
    picture: Picture  # (S, S, 3): the crop


def train_clip(
    sights: Sequence[Sight],
    *,
    encoder: ClipEncoder,
    folder: LoraFolder,
    min_events: int = lora.MIN_EVENTS,
    epochs: int = _EPOCHS,
    seed: int = 0,
) -> LoraReport:
    """Train, judge on held-out days, and put the adapter live or into shadow; ``encoder`` is changed, use it no more.

    Raises:
        PermanentError: too few events, or days, or only one kind of verdict; a model of an unknown build.
        ConfigError: PEFT is not installed.
    """
    began_s = time.monotonic()
    of_event = {one.example.lesson.event_id: one.picture for one in sights}
    learned, held_out = lora.split_by_day([one.example for one in sights], min_events=min_events)
    network: Any = encoder.vision.network
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pictures = {part: _stacked(examples, of_event) for part, examples in (("learned", learned), ("held", held_out))}
    with torch.inference_mode():
        plain = {part: _embedded(network, batch) for part, batch in pictures.items()}  # each (B, D)
    level = float(lora.margins_of(plain["learned"], _against(learned, 0.0)).mean())
    learned, held_out = _against(learned, level), _against(held_out, level)
    base = checksum(network)
    adapted = lora.with_lora(network, layers=_last_blocks(network), rank=lora.RANK, seed=seed).to(device)
    _fit(adapted, pictures["learned"], plain["learned"], learned, epochs=epochs, seed=seed)
    adapted.eval().to("cpu")
    size_bytes = save_adapter(
        folder.shadow, AdapterCard("clip", encoder.name, base, str(lora.ALPHA / lora.RANK)), lora.lora_tensors(adapted)
    )
    with torch.inference_mode():
        after = _embedded(adapted, pictures["held"])
    report = lora.judged(
        part="clip",
        encoder=encoder.name,
        learned=learned,
        held_out=held_out,
        margins=tuple(lora.margins_of(some, held_out).double().numpy() for some in (plain["held"], after)),  # type: ignore[arg-type]
        counts=lora.counts(adapted),
        size_bytes=size_bytes,
        duration_s=time.monotonic() - began_s,
    )
    folder.settle(report)
    return report


def _fit(adapted: Any, pictures: Tensor, plain: Tensor, learned: Sequence[Example], *, epochs: int, seed: int) -> None:
    trained = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    chance = np.random.default_rng(seed)
    for _ in range(epochs):
        for places in _batches(learned, chance):
            optimiser.zero_grad()
            examples = [learned[place] for place in places]
            changes = _embedded(adapted, pictures[places])  # (B', D)
            loss = lora.contrast(lora.margins_of(changes, examples), examples)
            loss = loss + lora.ANCHOR * lora.bending(plain[places], changes, examples)
            torch.autograd.backward(loss)
            optimiser.step()


def _batches(learned: Sequence[Example], chance: np.random.Generator) -> list[list[int]]:
    """Places in a random order, each batch with good and bad ones in the same share as all."""
    good = [place for place, one in enumerate(learned) if one.lesson.verdict is Verdict.GOOD]
    bad = [place for place, one in enumerate(learned) if one.lesson.verdict is not Verdict.GOOD]
    count = max(1, min(len(learned) // _BATCH, len(good), len(bad)))
    parts = [np.array_split(chance.permutation(kind), count) for kind in (good, bad)]
    return [[*map(int, some), *map(int, others)] for some, others in zip(*parts, strict=True)]


def _embedded(network: Any, pictures: Tensor) -> Tensor:
    """(B, D), unit length, on the processor; ``network`` may give tiles beside."""
    device = next(network.parameters()).device
    made = []
    for batch in torch.split(pictures, _BATCH):
        found = network(batch.to(device))
        made.append(found[0] if isinstance(found, tuple) else found)
    return functional.normalize(torch.cat(made).float(), dim=-1).cpu()


def _stacked(examples: Sequence[Example], of_event: dict[str, Picture]) -> Tensor:
    return torch.from_numpy(np.stack([of_event[one.lesson.event_id] for one in examples]))  # (B, S, S, 3)


def _against(examples: Sequence[Example], threshold: float) -> list[Example]:
    """The same events with another threshold; the texts stay shared."""
    return [
        replace(one, lesson=replace(one.lesson, look=replace(one.lesson.look, threshold=threshold))) for one in examples
    ]


def _last_blocks(network: Any) -> str:
    """Which layers are adapted, as a pattern of their names.

    Raises:
        PermanentError: the picture side is built in a way that is not known here.
    """
    names = [name for name, _ in network.named_modules() if name.endswith("self_attn.q_proj") and "vision" in name]
    if not names:
        raise PermanentError("this model's picture side has no attention layers of a known kind: it can't be adapted")
    last = sorted({int(name.split(".")[-3]) for name in names})[-_BLOCKS:]
    return rf".*vision.*\.({'|'.join(map(str, last))})\.self_attn\.(q_proj|v_proj)"
