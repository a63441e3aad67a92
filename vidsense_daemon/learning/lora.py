"""`vidsense train lora`: fit the temporal transformer to the owner's verdicts, by a low-rank adapter (LoRA, PEFT).

    d  = the event's clearest look, with what the adapted transformer adds to its frames
    s  = max D_own − mean D_nothing                             as triggers score it, D_k = d · t_k / σ_k
    L  = BCE(s − δ, verdict) + λ · KL(p₀ ‖ p)                   good ones above their threshold δ, bad ones below

p is the softmax over the trigger's own, empty, contrasting and rival texts: what the look resembles; p₀ is the same by
mean pooling, the un-adapted model. The first term is the contrast between the trigger's sentence and its opposites, the
second keeps few verdicts from bending the space that all triggers and the search share.

The newest days are held out. The adapter goes live only if it tells their good events from their bad ones, and better
than the un-adapted model does; else it stays in shadow. B = events, T = frames, D = dimension.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.domain.events import Lesson, Verdict
from vidsense_daemon.learning.lora_files import LoraFolder
from vidsense_daemon.learning.lora_report import HeldOut, LoraReport
from vidsense_daemon.learning.measures import auc
from vidsense_daemon.perception.adapters import AdapterCard, checksum, fresh_temporal, save_adapter
from vidsense_daemon.perception.scoring import TriggerTexts
from vidsense_daemon.perception.temporal import TemporalTransformer

MIN_EVENTS = 50
RANK = 8
ALPHA = 16  # the scale of the adapter is α/r = 2, PEFT's own advice
_LAYERS = ("query_key_value", "attention_out", "mlp.0", "mlp.2", "difference", "centred")
_STEPS = 60
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.05
ANCHOR = 0.5  # λ
_HELD_OUT_SHARE = 0.25  # of the days, at least one
_RESAMPLINGS = 1000
_SURE = 0.9  # share of the resamplings in which the adapted model must be the better one


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A judged event, and the texts of the trigger that made it."""

    lesson: Lesson
    texts: TriggerTexts


def train_temporal(
    examples: Sequence[Example],
    *,
    encoder: str,
    folder: LoraFolder,
    min_events: int = MIN_EVENTS,
    steps: int = _STEPS,
    seed: int = 0,
) -> LoraReport:
    """Train, judge on held-out days, and put the adapter live or into shadow.

    Raises:
        PermanentError: too few events, or days, or only one kind of verdict.
        ConfigError: PEFT is not installed.
    """
    began_s = time.monotonic()
    learned, held_out = split_by_day(examples, min_events=min_events)
    plain = fresh_temporal(len(examples[0].lesson.look.change))
    base = checksum(plain)
    adapted = with_lora(fresh_temporal(len(examples[0].lesson.look.change)), layers=_LAYERS, rank=RANK, seed=seed)
    adapted.get_base_model().gate.requires_grad_(True)  # closed, nothing that the adapter adds could matter
    _fit(adapted, learned, steps=steps)
    tensors = {**lora_tensors(adapted), "gate": adapted.get_base_model().gate}
    card = AdapterCard("temporal", encoder, base, str(ALPHA / RANK))
    size_bytes = save_adapter(folder.shadow, card, tensors)
    with torch.inference_mode():
        before, after = (margins(model, held_out) for model in (plain, adapted))
    report = judged(
        part="temporal",
        encoder=encoder,
        learned=learned,
        held_out=held_out,
        margins=(before, after),
        counts=counts(adapted),
        size_bytes=size_bytes,
        duration_s=time.monotonic() - began_s,
    )
    folder.settle(report)
    return report


def split_by_day(examples: Sequence[Example], *, min_events: int) -> tuple[list[Example], list[Example]]:
    """The events to learn from, and those of the newest days, on which it is judged.

    Raises:
        PermanentError: there is not enough to learn from, or to judge on.
    """
    usable = [one for one in examples if np.isfinite(one.lesson.look.frames).all()]
    check_enough(len(usable), min_events=min_events)
    days = sorted({_day(one) for one in usable})
    held_days = set(days[-max(1, round(len(days) * _HELD_OUT_SHARE)) :])
    learned = [one for one in usable if _day(one) not in held_days]
    held_out = [one for one in usable if _day(one) in held_days]
    for part, name in ((learned, "to learn from"), (held_out, "to judge it on")):
        kinds = {one.lesson.verdict for one in part}
        if len(kinds) < 2:
            missing = " or ".join(sorted(verdict.value for verdict in Verdict if verdict not in kinds))
            raise PermanentError(
                f"verdicts are of {len(days)} days; those {name} hold none that is {missing}: give more"
            )
    return learned, held_out


def check_enough(count: int, *, min_events: int = MIN_EVENTS) -> None:
    """Refuse to train on too few events.

    Raises:
        PermanentError: there are fewer than ``min_events``.
    """
    if count < min_events:
        raise PermanentError(
            f"{count} judged events are too few to train on, it takes {min_events}: go on with "
            "`vidsense events feedback`; `vidsense triggers feedback` learns from a few already"
        )


def with_lora(network: nn.Module, *, layers: Sequence[str] | str, rank: int, seed: int) -> Any:
    """The network with adapters beside ``layers``, by the ends of their names or by a pattern; only they are trained.

    Raises:
        ConfigError: PEFT is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise ConfigError("LoRA needs PEFT: `pip install 'vidsense-daemon[lora]'`") from None
    torch.manual_seed(seed)
    return get_peft_model(
        network,
        LoraConfig(r=rank, lora_alpha=ALPHA, target_modules=layers if isinstance(layers, str) else list(layers)),
    )


def lora_tensors(adapted: Any) -> dict[str, Tensor]:
    """A and B of every adapted layer, under PEFT's own names."""
    from peft import get_peft_model_state_dict

    return dict(get_peft_model_state_dict(adapted))


def counts(adapted: nn.Module) -> tuple[int, int]:
    """Parameters that are trained, and that are frozen."""
    of_kind = {True: 0, False: 0}
    for parameter in adapted.parameters():
        of_kind[parameter.requires_grad] += parameter.numel()
    return of_kind[True], of_kind[False]


def _fit(adapted: Any, learned: Sequence[Example], *, steps: int) -> None:
    trained = [parameter for parameter in adapted.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    plain = torch.from_numpy(np.stack([one.lesson.look.change for one in learned]))  # (B, D)
    for _ in range(steps):
        optimiser.zero_grad()
        changes = changes_of(adapted, learned)  # (B, D)
        loss = contrast(margins_of(changes, learned), learned) + ANCHOR * bending(plain, changes, learned)
        torch.autograd.backward(loss)
        optimiser.step()


def changes_of(temporal: TemporalTransformer | Any, examples: Sequence[Example]) -> Tensor:
    """Each event's clearest look, with what the transformer adds to its frames. (B, D)"""
    by_length: dict[int, list[int]] = {}
    for place, one in enumerate(examples):
        by_length.setdefault(len(one.lesson.look.seconds), []).append(place)
    changes: list[Tensor] = [torch.empty(0)] * len(examples)
    for places in by_length.values():
        looks = [examples[place].lesson.look for place in places]
        x = torch.from_numpy(np.stack([look.frames for look in looks]))  # (B, T, D)
        seconds = torch.tensor([look.seconds for look in looks])  # (B, T)
        present = torch.tensor([look.present for look in looks], dtype=x.dtype)  # (B, T)
        added = temporal(x, seconds, causal=True).frames - x  # (B, T, D)
        mean = (added * present[..., None]).sum(dim=1) / present.sum(dim=1).clamp(min=1)[:, None]  # (B, D)
        for place, look, more in zip(places, looks, mean, strict=True):
            changes[place] = torch.from_numpy(look.change) + more
    return torch.stack(changes)


def margins(temporal: TemporalTransformer | Any, examples: Sequence[Example]) -> NDArray[np.float64]:
    """S − δ of each event. (B,)"""
    return margins_of(changes_of(temporal, examples), examples).double().numpy()


def margins_of(changes: Tensor, examples: Sequence[Example]) -> Tensor:
    """Each change's s − δ, from (B, D), by its own trigger's texts. (B,)"""
    scores = torch.zeros(len(examples))
    for texts, places in _by_texts(examples):
        own = changes[places] @ torch.from_numpy(texts.own).T  # (B', N)
        nothing = changes[places] @ torch.from_numpy(texts.nothing).T  # (B', N)
        scores = scores.index_put((places,), own.amax(dim=1) - nothing.mean(dim=1))
    return scores - torch.tensor([one.lesson.look.threshold for one in examples])


def contrast(of_events: Tensor, examples: Sequence[Example]) -> Tensor:
    """BCE of margins (B,) against verdicts; both kinds weigh the same, however many there are."""
    good = torch.tensor([one.lesson.verdict is Verdict.GOOD for one in examples])
    losses = functional.softplus(torch.where(good, -of_events, of_events))  # (B,)
    return (losses[good].mean() + losses[~good].mean()) / 2


def bending(plain: Tensor, changes: Tensor, examples: Sequence[Example]) -> Tensor:
    """KL from what each look (B, D) resembled before to what it resembles now, over its trigger's texts."""
    total = torch.zeros(())
    for texts, places in _by_texts(examples):
        every = torch.from_numpy(np.concatenate([texts.own, texts.nothing, texts.rivals])).T  # (D, N)
        p0, p = ((of_events[places] @ every).log_softmax(dim=1) for of_events in (plain, changes))  # (B', N)
        total = total + functional.kl_div(p, p0, reduction="sum", log_target=True)
    return total / len(examples)


def _by_texts(examples: Sequence[Example]) -> list[tuple[TriggerTexts, Tensor]]:
    """The events of each trigger: its texts, and their places (B',)."""
    places: dict[int, list[int]] = {}
    for place, one in enumerate(examples):
        places.setdefault(id(one.texts), []).append(place)
    return [(examples[some[0]].texts, torch.tensor(some)) for some in places.values()]


def judged(
    *,
    part: str,
    encoder: str,
    learned: Sequence[Example],
    held_out: Sequence[Example],
    margins: tuple[NDArray[np.float64], NDArray[np.float64]],
    counts: tuple[int, int],
    size_bytes: int,
    duration_s: float,
) -> LoraReport:
    """The verdict on a training, from the held-out events' margins before and after."""
    good = np.array([one.lesson.verdict is Verdict.GOOD for one in held_out])
    drawn = _resampled(good)
    before, after = (_held_out(values, held_out, good, drawn) for values in margins)
    better = np.mean([auc(margins[1][some], good[some]) > auc(margins[0][some], good[some]) for some in drawn])
    beats_chance = after.auc_low > 0.5  # else it is only less wrong
    promoted = bool(beats_chance and after.auc > before.auc and after.loss < before.loss and better >= _SURE)
    wanted = f"it takes {100 * _SURE:.0f} %, a smaller loss, and more than chance"
    reason = (
        f"AUC {before.auc:.2f} → {after.auc:.2f} on {len(held_out)} held-out events, better in {100 * better:.0f} % of "
        f"the resamplings; loss {before.loss:.2f} → {after.loss:.2f}"
    )
    return LoraReport(
        part=part,
        encoder=encoder,
        rank=RANK,
        parameters_trained=counts[0],
        parameters_frozen=counts[1],
        size_bytes=size_bytes,
        duration_s=round(duration_s, 1),
        events_trained=len(learned),
        days_trained=len({_day(one) for one in learned}),
        days_held_out=len({_day(one) for one in held_out}),
        before=before,
        after=after,
        promoted=promoted,
        reason=f"{reason}: {'live' if promoted else f'in shadow, {wanted}'}",
    )


def _held_out(
    values: NDArray[np.float64], examples: Sequence[Example], good: NDArray[np.bool_], drawn: list[NDArray[np.intp]]
) -> HeldOut:
    low, high = np.quantile([auc(values[some], good[some]) for some in drawn], (0.025, 0.975))
    return HeldOut(
        events=len(examples),
        good=int(good.sum()),
        bad=int((~good).sum()),
        auc=round(auc(values, good), 3),
        auc_low=round(float(low), 3),
        auc_high=round(float(high), 3),
        loss=round(float(contrast(torch.from_numpy(values), examples)), 4),
    )


def _resampled(good: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Places drawn with replacement, of each kind as many as there are."""
    chance = np.random.default_rng(0)
    kinds = [np.flatnonzero(good), np.flatnonzero(~good)]
    return [np.concatenate([chance.choice(kind, len(kind)) for kind in kinds]) for _ in range(_RESAMPLINGS)]


def _day(one: Example) -> date:
    return one.lesson.look.captured_at.astimezone(UTC).date()
