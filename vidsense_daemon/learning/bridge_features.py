"""What the two frozen networks say about the training pictures and captions, computed once and kept on disk.

Training the bridge takes seconds, these features minutes: so each view's features are a file of their own in the
cache, named by what went into it, and a stopped run goes on where it was. `bridge.py` calls this, in the caller's
thread. Legend: `N` pictures, `F` = 1280 picture features, `K` captions, `W` = 384 word features.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.learning.cache import keep_arrays, kept_arrays
from vidsense_daemon.learning.progress import Progress
from vidsense_daemon.learning.views import degraded, plainest_border, read_picture
from vidsense_daemon.perception.encoders.lite0 import FEATURES, PICTURE_PX, Lite0, to_input
from vidsense_daemon.perception.encoders.minilm import MiniLM
from vidsense_daemon.perception.runtimes.stills import squashed

CLEAN = "clean"
DEGRADED = ("degraded-1", "degraded-2", "degraded-3")
BORDERS = ("border-1", "border-2")

_VIEWS = (CLEAN, *DEGRADED, *BORDERS)
_VIEWS_VERSION = 1  # counts up when views.py changes what it makes: kept features are then made again
_BATCH = 16


@dataclass(frozen=True, slots=True)
class CaptionedPictures:
    """Image files and what people wrote under each."""

    paths: tuple[Path, ...]
    captions: tuple[tuple[str, ...], ...]  # of each picture; at least one


def read_captions(images_dir: Path, captions_csv: Path) -> CaptionedPictures:
    """The pictures of ``images_dir`` that ``captions_csv`` (columns image, caption) knows, in order of their names.

    Raises:
        ConfigError: the file is missing, lacks the columns, or names no picture of the folder.
    """
    captions: dict[str, list[str]] = {}
    try:
        with captions_csv.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                captions.setdefault(row["image"], []).append(row["caption"])
    except OSError as error:
        raise ConfigError(f"cannot read the captions in {captions_csv}: {error.strerror}") from error
    except KeyError as error:
        raise ConfigError(f"{captions_csv} has no column {error}: it needs `image` and `caption`") from error
    names = sorted(name for name in captions if (images_dir / name).is_file())
    if not names:
        raise ConfigError(f"{captions_csv} names no picture that lies in {images_dir}")
    return CaptionedPictures(tuple(images_dir / name for name in names), tuple(tuple(captions[name]) for name in names))


def picture_features(
    view: str, paths: Sequence[Path], *, network: Lite0, cache_dir: Path, on_progress: Progress
) -> NDArray[np.float16]:
    """Lite0's features (N, F) of one view of every picture; minutes when they are not in the cache."""
    file = cache_dir / f"{view}-{_fingerprint([path.name for path in paths])}.npz"
    if (kept := kept_arrays(file)) is not None:
        return np.asarray(kept["features"], np.float16)
    features = np.empty((len(paths), FEATURES), np.float16)
    for start in range(0, len(paths), _BATCH):
        batch = [_view(view, path, index) for index, path in enumerate(paths[start : start + _BATCH], start)]
        with torch.inference_mode():
            features[start : start + len(batch)] = network(to_input(batch)).numpy()
        on_progress(f"looking at pictures, {view}", start + len(batch), len(paths))
    keep_arrays(file, features=features)
    return features


def caption_features(
    captions: Sequence[str], *, language: MiniLM, cache_dir: Path, on_progress: Progress
) -> NDArray[np.float32]:
    """MiniLM's features (K, W) of every caption."""
    file = cache_dir / f"captions-{_fingerprint(captions)}.npz"
    if (kept := kept_arrays(file)) is not None:
        return np.asarray(kept["features"], np.float32)
    longest_last = sorted(range(len(captions)), key=lambda index: len(captions[index]))  # little padding in a batch
    features = np.empty((len(captions), language.features), np.float32)
    for start in range(0, len(captions), _BATCH * 8):
        batch = longest_last[start : start + _BATCH * 8]
        features[batch] = language([captions[index] for index in batch])
        on_progress("reading captions", start + len(batch), len(captions))
    keep_arrays(file, features=features)
    return features


def _view(view: str, path: Path, index: int) -> Picture:
    """One view of one picture, the same in every run."""
    random = np.random.default_rng((_VIEWS.index(view), index))
    picture = read_picture(path)
    if view in DEGRADED:
        picture = degraded(picture, random)
    elif view in BORDERS:
        picture = plainest_border(picture, random)
    return squashed(picture, PICTURE_PX)


def _fingerprint(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join([str(_VIEWS_VERSION), *names]).encode()).hexdigest()[:12]
