"""Do verdicts make triggers better? Events before and after, on labelled footage that the head has not seen.

    python benchmarks/feedback.py [FOLDER] [--quick]      FOLDER holds clips/ and ped2/; default ../shared/data

An owner is played who calls each event good when it overlaps what they care about, by the data's own labels, and bad
otherwise. Each clip is then replayed through perception as the daemon does it, with a head that was taught by the
verdicts on all other clips, and only where its own trial on those let it go live. `--quick` takes the smallest camera.

    campus, cyclists       "a person riding a bicycle": walkers are false events, odd days (bicycles, a cart) true ones
    campus, anything odd   "a person walking" by an owner who wants the odd days only: the sentence is of no help
    rooms, falls           "a person" by an owner who wants falls only; four rooms as one, since each has few clips

The head's form (centre, ε, the choices of α and β) was set on the campus; the rooms were looked at afterwards. At last
an adapter of the temporal transformer is trained on each camera's verdicts, three times, each time with other clips as
the newest days, which are held out.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import structlog
import torch
from _footage import STARTED_AT, Camera, Interval, KeptEmbeddings, footage_of, seconds
from triggers import Events

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.domain.events import Event, Lesson, Severity, Verdict
from vidsense_daemon.domain.frames import Frame
from vidsense_daemon.learning.lora import Example, train_temporal
from vidsense_daemon.learning.lora_files import LoraFolder
from vidsense_daemon.learning.lora_report import HeldOut
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.feedback_head import FeedbackHead
from vidsense_daemon.perception.feedback_trial import try_feedback
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.triggers import TriggerRule

APART = timedelta(hours=1)  # between clips, so that each is an occasion of its own
# frames with something odd, counted from 1 at 10 a second, as the authors of UCSD Ped2 give them
ODD_FRAMES = {1: (61, 180), 2: (95, 180), 3: (1, 146), 4: (31, 180), 5: (1, 129), 6: (1, 159)}
RESAMPLINGS = 2000


@dataclass(frozen=True)
class Scene:
    """One camera's clips, a sentence, and what its owner cares about, in seconds of each clip."""

    name: str
    clips: tuple[Path, ...]
    rule: TriggerRule
    wanted: dict[int, list[Interval]]  # by the clip's place


def scenes(folder: Path, *, quick: bool) -> list[Scene]:
    rooms = tuple(sorted((folder / "clips" / "falls").glob("*.mp4")))
    campus = () if quick else tuple(sorted((folder / "ped2").glob("*.mp4")))
    short = {"cooldown_s": 1.0, "max_event_s": 5.0}  # more events of little footage
    odd = {test - 1: [((first - 1) / 10, last / 10)] for test, (first, last) in ODD_FRAMES.items()}
    falls = {place: _falls(clip) for place, clip in enumerate(rooms)}
    every = [
        Scene("campus, cyclists", campus, TriggerRule("cyclist", "a person riding a bicycle", **short), odd),
        Scene("campus, anything odd", campus, TriggerRule("odd", "a person walking", **short), odd),
        Scene(
            "rooms, falls", rooms, TriggerRule("fall", "a person", threshold=0.5, cooldown_s=0.5, max_event_s=2), falls
        ),
    ]
    return [scene for scene in every if scene.clips]


def _falls(clip: Path) -> list[Interval]:
    """When somebody falls or lies, by the data's own labels."""
    subject, kind, number = re.match(r"subject_(\d)_(fall|adl)_(\d+)", clip.stem).groups()  # type: ignore[union-attr]
    labels = clip.parent / "labels" / f"S{subject}_{'Fall' if kind == 'fall' else 'ADL'}.csv"
    with labels.open(encoding="utf-8") as file:
        said = next("".join(row[5:]) for row in csv.reader(file) if row and row[0].strip().startswith(f"{number}."))
    return [(float(a), float(b)) for a, b in re.findall(r"Fall[^\[;]*\[\s*([\d.]+) to ([\d.]+)", said)]


class Player:
    """A scene's frames, replayed again and again with other heads."""

    def __init__(self, scene: Scene, encoder: KeptEmbeddings) -> None:
        self.scene, self.encoder = scene, encoder
        footage = footage_of(Camera("camera", scene.clips, True, {}, {}))
        runs = list(dict.fromkeys(frame.run_id for frame in footage.frames))
        self.starts_s = [begin + APART.total_seconds() * place for place, (begin, _) in enumerate(footage.clips_s)]
        self.frames: list[tuple[int, Frame]] = []
        for frame in footage.frames:
            place = runs.index(frame.run_id)
            self.frames.append((place, replace(frame, captured_at=frame.captured_at + place * APART)))

    def events(self, heads: Sequence[FeedbackHead | None]) -> list[Event]:
        """What becomes events when each clip is watched with its own head."""
        events, now = Events(), [0]
        perceiver = Perceiver(
            encoder=self.encoder,
            sink=events,
            mailbox=FrameMailbox(),
            triggers={"camera": [self.scene.rule]},
            head_of=lambda _camera, _trigger: heads[now[0]],
        )
        for place, frame in self.frames:
            now[0] = place
            perceiver.process([frame])
        perceiver.finish()
        return sorted(events.events.values(), key=lambda event: event.started_at)

    def clip_of(self, event: Event) -> int:
        return max(place for place, start in enumerate(self.starts_s) if start - 1 <= seconds(event.started_at))

    def is_good(self, event: Event) -> bool:
        place = self.clip_of(event)
        begin, end = (seconds(at) - self.starts_s[place] for at in (event.started_at, event.ended_at))
        return any(begin <= to and end >= since for since, to in self.scene.wanted.get(place, []))

    def hits(self, events: Sequence[Event]) -> int:
        """Clips with something wanted that have a good event."""
        return len({self.clip_of(event) for event in events if self.is_good(event)})

    def lesson(self, event: Event) -> Lesson | None:
        if event.look is None:
            return None
        verdict = Verdict.GOOD if self.is_good(event) else Verdict.BAD
        return Lesson(event.id, "camera", event.trigger, event.prompt, event.encoder, verdict, event.look)


def measure(scene: Scene, encoder: KeptEmbeddings, severity: Severity) -> None:
    """One row before and one after; then how well the trial had foretold it."""
    player = Player(scene, encoder)
    clips = range(len(scene.clips))
    before = player.events([None] * len(clips))
    lessons = [(player.clip_of(event), player.lesson(event)) for event in before]
    trials = [
        try_feedback([lesson for at, lesson in lessons if lesson and at != clip], severity=severity) for clip in clips
    ]
    after = player.events([trial.head for trial in trials])
    whole = try_feedback([lesson for _, lesson in lessons if lesson], severity=severity)
    for name, events in (("before", before), ("after", after)):
        print(f"| {scene.name} | {severity.value} | {name} | {_row(player, events)} |")
    live = sum(trial.goes_live for trial in trials)
    print(f"  heads live on {live} of {len(clips)} clips; on all verdicts the trial says: {whole.reason}")
    false, true = (_fewer(player, before, after, good=good) for good in (False, True))
    print(f"  false events fewer: {false}; true ones fewer: {true}")


def adapt(scene: Scene, encoder: KeptEmbeddings) -> None:
    """What `vidsense train lora` makes of the verdicts, when each clip is a day; three orders of the days."""
    player, texts = Player(scene, encoder), PromptBook(encoder).texts_of(scene.rule)
    events = [(player.clip_of(event), player.lesson(event)) for event in player.events([None] * len(scene.clips))]
    for seed in range(3):
        days = np.random.default_rng(seed).permutation(len(scene.clips))
        examples = []
        for clip, lesson in events:
            if lesson:
                look = replace(lesson.look, captured_at=STARTED_AT + timedelta(days=int(days[clip])))
                examples.append(Example(replace(lesson, look=look), texts))
        with TemporaryDirectory() as folder:
            try:
                report = train_temporal(examples, encoder=encoder.name, folder=LoraFolder(Path(folder)), seed=seed)
            except PermanentError as error:
                print(f"| {scene.name} | {error} |")
                continue
        print(
            f"| {scene.name} | {report.events_trained} | {report.after.good}/{report.after.bad} | "
            f"{_measured(report.before)} | {_measured(report.after)} | {'live' if report.promoted else 'in shadow'} | "
            f"{report.parameters_trained} | {report.size_bytes / 1e6:.1f} MB | {report.duration_s:.0f} s |"
        )


def _measured(held_out: HeldOut) -> str:
    return f"{held_out.auc:.2f} [{held_out.auc_low:.2f} to {held_out.auc_high:.2f}]"


def _row(player: Player, events: Sequence[Event]) -> str:
    good = sum(player.is_good(event) for event in events)
    wanted = sum(bool(intervals) for intervals in player.scene.wanted.values())
    precision = good / len(events) if events else float("nan")
    return f"{good} | {len(events) - good} | {precision:.2f} | {player.hits(events)} of {wanted}"


def _fewer(player: Player, before: Sequence[Event], after: Sequence[Event], *, good: bool) -> str:
    """By which share there are fewer events of a kind, with a 95 % interval by resampling the clips."""
    counts = np.zeros((2, len(player.scene.clips)))
    for row, events in enumerate((before, after)):
        for event in events:
            counts[row, player.clip_of(event)] += player.is_good(event) == good
    drawn = np.random.default_rng(0).integers(counts.shape[1], size=(RESAMPLINGS, counts.shape[1]))
    sums = counts[:, drawn].sum(axis=2)  # (2, RESAMPLINGS)
    shares = 1 - sums[1] / np.maximum(sums[0], 1)
    low, high = np.quantile(shares, (0.025, 0.975))
    share = 1 - counts[1].sum() / max(counts[0].sum(), 1)
    return f"{100 * share:.0f} % [{100 * low:.0f} to {100 * high:.0f}]"


def main() -> None:
    torch.set_num_threads(1)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))  # what is spared is counted here
    paths = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    folder = Path(paths[0] if paths else "../shared/data")
    with TemporaryDirectory() as cache:
        encoder = KeptEmbeddings(BuiltinEncoder(cache_dir=Path(cache), threads=1))
    print(f"encoder {encoder.name}; each clip with a head taught by the others\n")
    print("| camera, owner | severity | | true events | false events | precision | clips found |")
    print("|---|---|---|---|---|---|---|")
    for scene in scenes(folder, quick="--quick" in sys.argv):
        for severity in (Severity.INFO, Severity.ALERT):
            measure(scene, encoder, severity)
    print("\n| camera, owner | learned from | held out good/bad | AUC before | after | | trained | size | took |")
    print("|---|---|---|---|---|---|---|---|---|")
    for scene in scenes(folder, quick="--quick" in sys.argv):
        adapt(scene, encoder)


if __name__ == "__main__":
    main()
