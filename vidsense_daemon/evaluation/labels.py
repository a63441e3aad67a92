"""The owner's own labels: which clip shows what, and when. A YAML file, read strictly; every mistake has its line.

    garden/monday.mp4:             the clip's path, from this file's folder
      group: garden                clips that must not be torn apart in a test: one recording, one day (default: itself)
      actions:                     what somebody does: learnt by `vidsense train actions`
        fight: [[3.0, 7.5]]        seconds of the clip's own time, from and to
      triggers:                    what must make an event
        person: [[2.0, 9.0]]       a trigger of the configuration, or one described here:
        car: {prompt: "a car", contrast: ["an empty drive"], present_s: [[4.5, 8.7]]}
      background: empty.png        a picture of the place with nobody in it: for `vidsense train bridge`
      scene: free text

All mistakes are reported at once, and nothing is measured before they are mended: a figure from half of the labels
would look like one from all. docs/evaluation.md describes the file for its author.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.evaluation.sets import ClassedClip, ClassedClips
from vidsense_daemon.perception.actions import NOTHING
from vidsense_daemon.settings.blocks import NAME_PATTERN
from vidsense_daemon.settings.load import text_of
from vidsense_daemon.settings.marked import MarkedValues, read_marked
from vidsense_daemon.settings.mistakes import KeyPath, Mistake, Place, nearest, refusal

_KEYS = ("group", "actions", "triggers", "background", "scene", "fps")  # the last two are notes for people
_TRIGGER_KEYS = ("prompt", "contrast", "present_s")
_SECONDS = "[[from, to], …] in seconds of the clip's own time"

Interval = tuple[float, float]  # seconds of the clip's own time


@dataclass(frozen=True, slots=True)
class TriggerLabel:
    """What a trigger looks for and when it is there."""

    prompt: str
    contrast: tuple[str, ...]
    present_s: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class LabelledClip:
    """One clip and what it shows."""

    path: Path
    group: str
    actions: Mapping[str, tuple[Interval, ...]] | None  # none: nobody has looked for actions
    triggers: Mapping[str, TriggerLabel]
    background: Path | None = None  # a picture of the place with nobody in it


@dataclass(frozen=True, slots=True)
class Labels:
    """A file of labels."""

    clips: tuple[LabelledClip, ...]
    notes: tuple[str, ...]  # what was passed over

    @property
    def actions(self) -> tuple[str, ...]:
        """Every action that some clip shows, by name."""
        return tuple(sorted({name for clip in self.clips for name, spans in (clip.actions or {}).items() if spans}))


def classed(labels: Labels) -> ClassedClips:
    """The clips in which somebody has looked for actions, cut into what shows one and what shows none.

    Raises:
        ConfigError: no clip shows an action.
    """
    names = (NOTHING, *labels.actions)
    if len(names) == 1:
        raise ConfigError("no clip is labelled with an action: write when it happens under the clip's 'actions'")
    cut = [
        ClassedClip(clip.path, names.index(name), clip.group, start_s, end_s)
        for clip in labels.clips
        if clip.actions is not None
        for name, start_s, end_s in _cut(clip.actions)
    ]
    return ClassedClips("labelled actions", names, tuple(cut))


def _cut(actions: Mapping[str, tuple[Interval, ...]]) -> Iterator[tuple[str, float, float]]:
    """Every interval under its action's name, and what lies between them as nothing."""
    done_s = 0.0
    for (start_s, end_s), name in sorted((span, name) for name, spans in actions.items() for span in spans):
        if start_s > done_s:
            yield NOTHING, done_s, start_s
        yield name, start_s, end_s
        done_s = end_s
    yield NOTHING, done_s, math.inf


@dataclass(slots=True)
class _Reading:
    """What is known while a file is read."""

    file: Path
    marked: MarkedValues
    known: Mapping[str, tuple[str, tuple[str, ...]]]
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def mistake(self, path: KeyPath, problem: str, allowed: str = "", meant: str = "") -> None:
        self.mistakes.append(Mistake(self.marked.place_of(path), path, problem, allowed, meant))


def read_labels(file: Path, *, triggers: Mapping[str, tuple[str, tuple[str, ...]]] | None = None) -> Labels:
    """The labels in ``file``; ``triggers`` are the configuration's, name → prompt and contrasts.

    Raises:
        ConfigError: the file cannot be read or holds mistakes; the message is the whole report.
    """
    marked = read_marked(_text_of(file), substitute=lambda text: text)
    reading = _Reading(file, marked, triggers or {}, list(marked.mistakes))
    blocks = marked.values if isinstance(marked.values, dict) else {}
    if not blocks and not reading.mistakes:
        reading.mistakes.append(Mistake(Place(1), (), "found no clips", "a clip's path, and its labels below it"))
    clips = [clip for name, block in blocks.items() if (clip := _clip(reading, name, block)) is not None]
    if reading.mistakes:
        raise refusal(str(file), reading.mistakes, redactor=Redactor())
    if not clips:
        raise ConfigError(f"{file} labels no clip with actions or triggers: there is nothing to measure")
    return Labels(tuple(clips), tuple(reading.notes))


def _text_of(file: Path) -> str:
    if not file.exists():
        raise ConfigError(f"there are no labels in {file}: no such file")
    return text_of(file)


def _clip(reading: _Reading, name: str, block: Any) -> LabelledClip | None:
    path = reading.file.parent / name
    if not path.exists():
        near = [str(each.relative_to(reading.file.parent)) for each in path.parent.glob("*")]
        reading.mistake((name,), f"there is no clip {path}", "a path from the labels' own folder", nearest(name, near))
    if not isinstance(block, dict):
        reading.mistake((name,), "found no labels", ", ".join(_KEYS))
        return None
    _only_known(reading, (name,), block, _KEYS)
    group = block.get("group", name)
    if not isinstance(group, str | int):
        reading.mistake((name, "group"), "found no name", "a name that other clips of this recording have, too")
    if "actions" not in block and "triggers" not in block:
        reading.notes.append(f"{name}: neither actions nor triggers are labelled")
        return None
    if path.is_dir():
        reading.mistake((name,), f"{path} is a folder", "a video file")
    actions = _actions(reading, name, block["actions"]) if "actions" in block else None
    triggers = _triggers(reading, name, block.get("triggers", {}))
    return LabelledClip(path, str(group), actions, triggers, _background(reading, name, block.get("background")))


def _background(reading: _Reading, name: str, value: Any) -> Path | None:
    if value is None:
        return None
    path = reading.file.parent / str(value)
    if not path.is_file():
        near = [str(each.relative_to(reading.file.parent)) for each in path.parent.glob("*")]
        reading.mistake((name, "background"), f"there is no picture {path}",
                        "a picture's path from the labels' own folder", nearest(str(value), near))  # fmt: skip
    return path


def _actions(reading: _Reading, name: str, block: Any) -> dict[str, tuple[Interval, ...]]:
    at: KeyPath = (name, "actions")
    found: dict[str, tuple[Interval, ...]] = {}
    for action, spans in _block(reading, at, block).items():
        if not re.match(NAME_PATTERN, action) or action == NOTHING:
            reading.mistake((*at, action), f"'{action}' can't be an action's name",
                            f"small letters, digits and _, but not '{NOTHING}'")  # fmt: skip
        found[action] = _intervals(reading, (*at, action), spans)
    flat = sorted((span, action) for action, spans in found.items() for span in spans)
    for (one, first), (other, second) in itertools.pairwise(flat):
        if first != second and other[0] < one[1]:
            reading.mistake((*at, second), f"{_shown(other)} overlaps {_shown(one)} of '{first}'",
                            "one action at a time; cut the intervals where the other begins")  # fmt: skip
    return found


def _triggers(reading: _Reading, name: str, block: Any) -> dict[str, TriggerLabel]:
    found: dict[str, TriggerLabel] = {}
    for trigger, about in _block(reading, (name, "triggers"), block).items():
        if (label := _trigger(reading, (name, "triggers", trigger), trigger, about)) is not None:
            found[trigger] = label
    return found


def _trigger(reading: _Reading, at: KeyPath, name: str, about: Any) -> TriggerLabel | None:
    about = about if isinstance(about, dict) else {"present_s": about}
    _only_known(reading, at, about, _TRIGGER_KEYS)
    prompt, contrast = about.get("prompt"), about.get("contrast", [])
    if prompt is None and name in reading.known:
        prompt, contrast = reading.known[name]
    if not isinstance(prompt, str):
        reading.mistake(at, f"no trigger '{name}' is in the configuration, and none is described here",
                        "a trigger of the configuration, or a 'prompt'", nearest(name, reading.known))  # fmt: skip
        return None
    if not all(isinstance(text, str) for text in contrast):
        reading.mistake((*at, "contrast"), "found something else than sentences", "a list of sentences")
    spans = about.get("present_s")
    if isinstance(spans, str):  # a remark instead of times
        reading.notes.append(f"{at[0]}: when '{name}' is there is not labelled ({spans})")
        return None
    path = (*at, "present_s") if (*at, "present_s") in reading.marked.places else at
    return TriggerLabel(prompt, tuple(str(text) for text in contrast), _intervals(reading, path, spans))


def _intervals(reading: _Reading, at: KeyPath, spans: Any) -> tuple[Interval, ...]:
    """The intervals in order of time; what is none is a mistake."""
    if not isinstance(spans, list):
        reading.mistake(at, "found no intervals", _SECONDS)
        return ()
    found = sorted(_checked(reading, at, spans))
    for one, other in itertools.pairwise(found):
        if other[0] < one[1]:
            reading.mistake(at, f"{_shown(other)} overlaps {_shown(one)}", "intervals that do not overlap")
    return tuple(found)


def _checked(reading: _Reading, at: KeyPath, spans: list[Any]) -> Iterator[Interval]:
    for place, span in enumerate(spans):
        if not (isinstance(span, list) and len(span) == 2 and all(_is_time(value) for value in span)):
            reading.mistake((*at, place), "found no interval", _SECONDS)
        elif span[0] < 0 or span[1] <= span[0]:
            reading.mistake((*at, place), f"{_shown((span[0], span[1]))} is no interval", "0 ≤ from < to")
        else:
            yield float(span[0]), float(span[1])


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _shown(span: tuple[float, float]) -> str:
    return f"[{span[0]:g}, {span[1]:g}]"


def _block(reading: _Reading, at: KeyPath, block: Any) -> dict[str, Any]:
    if block is None:
        return {}
    if not isinstance(block, dict):
        reading.mistake(at, "found no block", "names, each with its intervals")
        return {}
    return block


def _only_known(reading: _Reading, at: KeyPath, block: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in block:
        if key not in known:
            reading.mistake((*at, key), "no such key here", ", ".join(known), nearest(key, known))
