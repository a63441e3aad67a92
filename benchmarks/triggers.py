"""How true are the triggers? Precision, recall, false alarms an hour and time to trigger on labelled footage.

    python benchmarks/triggers.py [FOLDER]        FOLDER holds clips/, ped2/ and labels.yaml; default ../shared/data

Every camera is replayed through capture and perception as the daemon does it. Beside the product stand three baselines,
whose one threshold is the best (F1) for the tuning cameras: a single whole frame against the prompt, the mean of the
window's whole frames against prompt and contrast, and motion alone. The last table is the encoder's own quality: AUC of
moving crops against calm crops of the same boxes, by each part of the score. The product's thresholds were chosen on
the cameras marked `tune`; `confirm` says how they travel.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from _footage import Footage, Interval, KeptEmbeddings, Pair, cameras, crops, footage_of, seconds
from numpy.typing import NDArray

from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.domain.events import Event, EventStill
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.learning.measures import auc
from vidsense_daemon.perception.embedding import FrameEmbedder
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.triggers import Closed, Evidence, Opened, TriggerRule, TriggerState

NEAR_S = 0.5  # labels were set by eye: an event this close to an interval belongs to it
COOLDOWN_S = 2.0  # shorter than the shortest pause between two labelled intervals
WINDOW_FRAMES = 8

Found = tuple[float, float, float]  # an event's start, end, and the moment it was opened


class Events:
    """A sink that remembers when events were opened and what became of them."""

    def __init__(self) -> None:
        self.opened_at: dict[str, datetime] = {}
        self.events: dict[str, Event] = {}

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:  # noqa: ARG002
        self.opened_at[event.id] = window.ended_at
        self.events[event.id] = event

    def extended(self, event: Event) -> None:
        self.events[event.id] = event

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:  # noqa: ARG002
        self.events[event.id] = event

    def observed(self, window: Window, encoder: str) -> None:
        pass

    def of(self, trigger: str) -> list[Found]:
        return [
            (seconds(event.started_at), seconds(event.ended_at), seconds(self.opened_at[event.id]))
            for event in self.events.values()
            if event.trigger == trigger
        ]


def product(footage: Footage, encoder: Encoder) -> dict[str, list[Found]]:
    """What the daemon's own perception finds."""
    events = Events()
    rules = [
        TriggerRule(name, prompt, contrast=contrast, cooldown_s=COOLDOWN_S)
        for name, (prompt, contrast) in footage.camera.prompts.items()
    ]
    perceiver = Perceiver(
        encoder=encoder,
        sink=events,
        mailbox=FrameMailbox(),
        triggers={footage.camera.name: rules},
        window_frames=WINDOW_FRAMES,
    )
    for frame in footage.frames:
        perceiver.process([frame])
    perceiver.finish()
    return {name: events.of(name) for name in footage.camera.present_s}


def single_frame(frames: Sequence[EmbeddedFrame], book: PromptBook, rule: TriggerRule) -> list[float]:
    """The newest whole frame against the prompt, as an image-text model is used out of the box."""
    texts = book.texts_of(rule)
    return [float(frame.whole @ texts.own[0]) for frame in frames]


def mean_pooling(frames: Sequence[EmbeddedFrame], book: PromptBook, rule: TriggerRule) -> list[float]:
    """The mean of the window's whole frames against prompt and contrast."""
    texts = book.texts_of(rule)
    text = texts.own[0] - texts.nothing.mean(axis=0)
    windows = [frames[max(0, end - WINDOW_FRAMES) : end] for end in range(1, len(frames) + 1)]
    return [float(np.mean([frame.whole for frame in window], axis=0) @ text) for window in windows]


def motion_only(frames: Sequence[EmbeddedFrame], book: PromptBook, rule: TriggerRule) -> list[float]:  # noqa: ARG001
    """Something moves."""
    return [frame.changed_ratio if frame.moving else 0.0 for frame in frames]


Method = Callable[[Sequence[EmbeddedFrame], PromptBook, TriggerRule], list[float]]


def found_above(threshold: float, scores: Sequence[float], frames: Sequence[EmbeddedFrame]) -> list[Found]:
    """Events of one look above a fixed threshold, with the product's own rules for their ends."""
    rule = TriggerRule("baseline", "", cooldown_s=COOLDOWN_S, looks_needed=1, looks_considered=1)
    state, found, opened = TriggerState(rule), [], None
    last = 0.0
    for score, frame in zip(scores, frames, strict=True):
        at_s = seconds(frame.captured_at)
        match state.observe(Evidence(frame.captured_at, score, score > threshold, moving=True)):
            case Opened():
                opened = at_s
            case Closed() if opened is not None:
                found.append((opened, last, opened))
                opened = None
        last = at_s if score > threshold else last
    return [*found, (opened, last, opened)] if opened is not None else found


@dataclass
class Tally:
    """Events against labels."""

    hits: int = 0  # intervals that got an event
    missed: int = 0
    true_events: int = 0
    false_events: int = 0
    watched_h: float = 0.0  # summed over triggers
    delays_s: tuple[float, ...] = ()

    def add(self, found: Sequence[Found], truth: Sequence[Interval], watched_s: float) -> None:
        for start, end in truth:
            opened = [at for a, b, at in found if a <= end + NEAR_S and b >= start - NEAR_S]
            self.hits += bool(opened)
            self.missed += not opened
            self.delays_s += (max(0.0, min(opened) - start),) if opened else ()
        true = sum(any(a <= end + NEAR_S and b >= start - NEAR_S for start, end in truth) for a, b, _ in found)
        self.true_events += true
        self.false_events += len(found) - true
        self.watched_h += watched_s / 3600

    @property
    def recall(self) -> float:
        return self.hits / max(1, self.hits + self.missed)

    @property
    def precision(self) -> float:
        return self.true_events / max(1, self.true_events + self.false_events)

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / max(1e-9, self.precision + self.recall)

    def row(self) -> str:
        delay = f"{statistics.median(self.delays_s):.1f}" if self.delays_s else "–"
        labelled = f"{self.hits}/{self.hits + self.missed}"
        return (
            f"{self.precision:9.2f} | {self.recall:6.2f} ({labelled}) | {self.false_events:3d} in "
            f"{60 * self.watched_h:5.1f} min = {self.false_events / self.watched_h:5.0f}/h | {delay:>5} s"
        )


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    with TemporaryDirectory() as cache:
        encoder = KeptEmbeddings(BuiltinEncoder(cache_dir=Path(cache), threads=1))
    played = [footage_of(camera) for camera in cameras(folder)]
    print(f"encoder {encoder.name}, {sum(len(footage.frames) for footage in played)} sampled frames\n")
    print_events(played, encoder)
    print_auc(played, encoder)


def print_events(played: Sequence[Footage], encoder: Encoder) -> None:
    """Precision, recall, false alarms and delays, per camera and trigger, then against the baselines."""
    found = [product(footage, encoder) for footage in played]
    print("| camera | trigger | precision | recall (labelled) | false alarms | time to trigger |")
    print("|---|---|---|---|---|---|")
    sums = {True: Tally(), False: Tally()}
    for footage, events in zip(played, found, strict=True):
        for trigger, of_trigger in events.items():
            tally, watched_s = Tally(), sum(end - start for start, end in footage.clips_s)
            for each in (tally, sums[footage.camera.tune]):
                each.add(of_trigger, footage.truth(trigger), watched_s)
            print(f"| {footage.camera.name} | {trigger} | {tally.row()} |")
    print("\n| method | cameras | precision | recall (labelled) | false alarms | time to trigger |")
    print("|---|---|---|---|---|---|")
    print(f"| product | tune | {sums[True].row()} |\n| product | confirm | {sums[False].row()} |")
    for name, method in (("single frame", single_frame), ("mean pooling", mean_pooling), ("motion only", motion_only)):
        tuned, confirmed, threshold = baseline(played, encoder, method)
        print(f"| {name} > {threshold:.3f} | tune | {tuned.row()} |\n| {name} | confirm | {confirmed.row()} |")


def baseline(played: Sequence[Footage], encoder: Encoder, method: Method) -> tuple[Tally, Tally, float]:
    """A baseline at the threshold that is best on the tuning cameras: there, on the others, and the threshold."""
    book, scored = PromptBook(encoder), []
    for footage in played:
        frames = FrameEmbedder(encoder).embed(footage.frames)
        for trigger in footage.camera.present_s:
            prompt, contrast = footage.camera.prompts[trigger]
            scores = method(frames, book, TriggerRule(trigger, prompt, contrast=contrast))
            scored.append((footage, trigger, frames, scores))

    def tally(threshold: float, *, tune: bool) -> Tally:
        result = Tally()
        for footage, trigger, frames, scores in scored:
            if footage.camera.tune == tune:
                watched_s = sum(end - start for start, end in footage.clips_s)
                result.add(found_above(threshold, scores, frames), footage.truth(trigger), watched_s)
        return result

    candidates = np.quantile(np.concatenate([scores for *_, scores in scored]), np.linspace(0.01, 0.99, 50))
    best = float(max(candidates, key=lambda threshold: tally(threshold, tune=True).f1))
    return tally(best, tune=True), tally(best, tune=False), best


def print_auc(played: Sequence[Footage], encoder: Encoder) -> None:
    """AUC of moving crops against calm crops of the same boxes."""
    book, scaler = PromptBook(encoder), Scaler(picture_px=encoder.picture_px)
    print("\nAUC of moving against calm crops: prompt / contrast / background-referenced / both\n")
    print("| camera | trigger | crops | AUC |\n|---|---|---|---|")
    for footage in played:
        for trigger, (prompt, contrast) in footage.camera.prompts.items():
            if trigger not in footage.camera.present_s or not footage.truth(trigger):
                continue
            texts = book.texts_of(TriggerRule(trigger, prompt, contrast=contrast))
            moving, calm = crops(footage, trigger, scaler)
            if len(moving) < 20 or len(calm) < 20:
                continue
            scores = _four_scores(encoder, [*moving, *calm], texts.own, texts.nothing)
            is_moving = np.arange(len(scores)) < len(moving)
            values = [f"{100 * auc(scores[:, part], is_moving):.0f}" for part in range(4)]
            print(f"| {footage.camera.name} | {trigger} | {len(moving)}/{len(calm)} | {' / '.join(values)} |")


def _four_scores(
    encoder: Encoder, pairs: Sequence[Pair], own: NDArray[np.float32], nothing: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Prompt, contrast, background-referenced, both: (len(pairs), 4)."""
    z = encoder.embed_pictures([picture for picture, _ in pairs])
    b = encoder.embed_pictures([background for _, background in pairs])
    columns = []
    for seen in (z, z - b):
        present = (seen @ own.T).max(axis=1)
        columns += [present, present - (seen @ nothing.T).mean(axis=1)]
    return np.stack(columns, axis=1)


if __name__ == "__main__":
    main()
