"""The public sets whose form we know, found in a folder: which clip belongs to which class, which source, which half.

    fights   labels.csv (file, fight, source_group), or folders fight/ and noFight/        Aktı et al. 2019
    ucf101   <class>/v_<Class>_g<source>_c<clip>.avi, or any folder of folders of clips    Soomro et al. 2012
    ped2     train_*.mp4 and test_*.mp4, or the archive's Train/ and Test/ with .tif       Mahadevan et al. 2010

Nothing is downloaded: their terms allow evaluation, not redistribution. What does not look as expected is refused with
what was looked for.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.perception.actions import NOTHING

VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".mpg", ".mpeg", ".webm", ".m4v")
PED2_FPS = 10.0  # of its frames, which carry no time

# The archive's own ground truth (UCSDped2.m): anomalous frames of each test, counted from 1, both ends included. It
# stands in for folders that hold the videos only.
_PED2_ANOMALOUS = (
    (61, 180), (95, 180), (1, 146), (31, 180), (1, 129), (1, 159),
    (46, 180), (1, 180), (1, 120), (1, 150), (1, 180), (88, 180),
)  # fmt: skip
_GROUND_TRUTH_LINE = re.compile(r"gt_frame\s*=\s*\[(?P<spans>[\d:,\s]+)\]")
_SPAN = re.compile(r"(\d+)\s*:\s*(\d+)")
_UCF_SOURCE = re.compile(r"_(?P<group>g\d+)_c\d+$")
_NO_FIGHT = ("nofight", "no_fight", "nonfight", "non_fight", "normal")
_FIGHT = ("fight", "fights")


@dataclass(frozen=True, slots=True)
class ClassedClip:
    """A clip, or a part of one, that shows one class from beginning to end."""

    path: Path
    label: int  # its place in the set's classes
    group: str  # the source it was cut from
    start_s: float = 0.0
    end_s: float = math.inf


@dataclass(frozen=True, slots=True)
class ClassedClips:
    """Clips of known classes."""

    name: str
    classes: tuple[str, ...]
    clips: tuple[ClassedClip, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TestVideo:
    """A video in which some frames are anomalous."""

    path: Path
    anomalous: tuple[tuple[int, int], ...]  # frames counted from 1, both ends included

    def truth(self, frames: int) -> NDArray[np.bool_]:
        """(frames,)."""
        number = np.arange(1, frames + 1)
        truth = np.zeros(frames, np.bool_)
        for first, last in self.anomalous:
            truth |= (number >= first) & (number <= last)
        return truth


@dataclass(frozen=True, slots=True)
class NoveltyVideos:
    """Videos of ordinary days, and others to be judged frame by frame."""

    name: str
    training: tuple[Path, ...]
    tests: tuple[TestVideo, ...]
    notes: tuple[str, ...] = ()


def fights(folder: Path) -> ClassedClips:
    """Fights and their opposite.

    Raises:
        ConfigError: the folder is missing, empty or of another form, or its labels name what is not there.
    """
    table = _existing(folder) / "labels.csv"
    if table.is_file():
        return ClassedClips("fights", (NOTHING, "fight"), tuple(_listed_fights(table)))
    below = {each.name.lower(): each for each in sorted(folder.iterdir()) if each.is_dir()}
    kinds = [next((below[name] for name in names if name in below), None) for names in (_NO_FIGHT, _FIGHT)]
    if None in kinds:
        raise ConfigError(f"{folder} is no set of fights: it has neither labels.csv nor the folders fight and noFight")
    clips = [
        ClassedClip(clip, label, clip.stem)
        for label, kind in enumerate(kinds) if kind is not None for clip in _videos(kind)
    ]  # fmt: skip
    note = (
        "no labels.csv says which clips were cut from one recording: each counts as a source of its own, so the "
        "figures may be a leak, and too high"
    )
    return ClassedClips("fights", (NOTHING, "fight"), tuple(_some(clips, folder)), (note,))


def ucf101(folder: Path) -> ClassedClips:
    """A folder for each class.

    Raises:
        ConfigError: the folder is missing, or holds fewer than two classes.
    """
    kinds = [each for each in sorted(_existing(folder).iterdir()) if each.is_dir() and _videos(each)]
    if len(kinds) < 2:
        raise ConfigError(
            f"{folder} is no set of classes: it holds {len(kinds)} folders with clips, and two are needed"
        )
    clips = [ClassedClip(clip, label, _source_of(clip)) for label, kind in enumerate(kinds) for clip in _videos(kind)]
    sourced = sum(_UCF_SOURCE.search(each.path.stem) is not None for each in clips)
    notes = () if sourced == len(clips) else (
        f"{len(clips) - sourced} file names do not end in _g<source>_c<clip>: each such clip is a source of its own",
    )  # fmt: skip
    return ClassedClips("ucf101", tuple(kind.name for kind in kinds), tuple(clips), notes)


def ped2(folder: Path) -> NoveltyVideos:
    """UCSD Ped2: videos re-encoded one file each, or folders of frames as in the archive.

    Raises:
        ConfigError: the folder is missing or of another form.
    """
    training = sorted(_existing(folder).glob("train_*.mp4"))
    tests = sorted(folder.glob("test_*.mp4"))
    if training and tests:
        note = f"{len(tests)} of {len(_PED2_ANOMALOUS)} test videos" if len(tests) < len(_PED2_ANOMALOUS) else ""
        videos = tuple(TestVideo(video, (_known_truth(video),)) for video in tests)
        return NoveltyVideos("ped2", tuple(training), videos, (note,) if note else ())
    train_folder, test_folder = folder / "Train", folder / "Test"
    training = [each for each in sorted(train_folder.glob("Train*")) if each.is_dir()]
    tests = [each for each in sorted(test_folder.glob("Test*")) if each.is_dir() and not each.name.endswith("_gt")]
    if not (training and tests):
        raise ConfigError(
            f"{folder} is no UCSD Ped2: it has neither train_*.mp4 and test_*.mp4 nor Train/Train001 and Test/Test001"
        )
    spans = _archive_truth(test_folder)
    return NoveltyVideos(
        "ped2",
        tuple(training),
        tuple(
            TestVideo(video, spans[place] if place < len(spans) else (_known_truth(video),))
            for place, video in enumerate(tests)
        ),
    )


CLASSED: Mapping[str, Callable[[Path], ClassedClips]] = {"fights": fights, "ucf101": ucf101}


def _listed_fights(table: Path) -> Sequence[ClassedClip]:
    clips = []
    try:
        with table.open(encoding="utf-8", newline="") as file:
            for line, row in enumerate(csv.DictReader(file), 2):
                clip = table.parent / row["file"]
                if not clip.is_file():
                    raise ConfigError(f"{table}:{line}: file: there is no clip {clip}")
                if row["fight"] not in ("0", "1"):
                    raise ConfigError(f"{table}:{line}: fight: found {row['fight']!r}, and 0 or 1 is wanted")
                clips.append(ClassedClip(clip, int(row["fight"]), row["source_group"]))
    except KeyError as error:
        raise ConfigError(f"{table} has no column {error}: it needs file, fight and source_group") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {table}: {error}") from error
    return _some(clips, table.parent)


def _archive_truth(test_folder: Path) -> list[tuple[tuple[int, int], ...]]:
    """What the archive's own Matlab file says of each test, in order; nothing when it is not there."""
    try:
        text = (test_folder / "UCSDped2.m").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [
        tuple((int(first), int(last)) for first, last in _SPAN.findall(line["spans"]))
        for line in _GROUND_TRUTH_LINE.finditer(text)
    ]


def _known_truth(video: Path) -> tuple[int, int]:
    digits = re.search(r"(\d+)$", video.stem)
    number = int(digits[1]) if digits else 0
    if not 1 <= number <= len(_PED2_ANOMALOUS):
        raise ConfigError(f"{video} is none of Ped2's {len(_PED2_ANOMALOUS)} tests, and no UCSDped2.m describes it")
    return _PED2_ANOMALOUS[number - 1]


def _source_of(clip: Path) -> str:
    found = _UCF_SOURCE.search(clip.stem)
    # the sources of each class are counted anew: g01 of two classes are two recordings
    return f"{clip.parent.name}/{found['group']}" if found else f"{clip.parent.name}/{clip.stem}"


def _videos(folder: Path) -> list[Path]:
    return [each for each in sorted(folder.iterdir()) if each.suffix.lower() in VIDEO_SUFFIXES]


def _some(clips: Sequence[ClassedClip], folder: Path) -> Sequence[ClassedClip]:
    if not clips:
        raise ConfigError(f"{folder} holds no clips")
    return clips


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    return folder
