"""What the picture network says about the cameras' pairs, computed once for each camera and kept on disk.

Every pair is seen as the camera gave it and in five more ways: worse pictures, the two kinds of night, a quarter turn.
A pair's crop and background get the same treatment, and grain of their own. `bridge.py` calls this, in the caller's
thread. `P` pairs, `V` views, `F` = 1280 picture features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.files import sha256_of
from vidsense_daemon.capture.views import Scaler
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.learning.bridge_pairs import CALM, Lessons, PairMaterial
from vidsense_daemon.learning.cache import keep_arrays, kept_arrays
from vidsense_daemon.learning.camera_pairs import CameraClip, Pair, pairs_of
from vidsense_daemon.learning.progress import Progress
from vidsense_daemon.learning.views import dark_pair, degraded_pair, infrared_pair, turned_pair
from vidsense_daemon.perception.encoders.lite0 import FEATURES, PICTURE_PX, Lite0, to_input
from vidsense_daemon.perception.encoders.minilm import MiniLM
from vidsense_daemon.perception.runtimes.stills import squashed

MOST_PAIRS = 120  # of a camera, and as many calm and disturbed ones: a clip's frames are much alike
_VERSION = 2  # counts up when what camera_pairs.py, disturbances.py or views.py make changes: features are made again

PairView = Callable[[Picture, Picture, Generator], tuple[Picture, Picture]]


def _as_seen(picture: Picture, background: Picture, _random: Generator) -> tuple[Picture, Picture]:
    return picture, background


VIEWS: tuple[PairView, ...] = (_as_seen, degraded_pair, degraded_pair, infrared_pair, dark_pair, turned_pair)


def gather_pairs(
    clips: Sequence[CameraClip],
    *,
    network: Lite0,
    language: MiniLM,
    cache_dir: Path,
    on_progress: Progress,
    most: int = MOST_PAIRS,
) -> PairMaterial:
    """Up to ``most`` pairs of each camera, as many calm and disturbed ones, and their labels' texts.

    It takes minutes if they are not in the cache.

    Raises:
        PermanentError: a clip cannot be read.
        ConfigError: the clips give no pair in which something labelled stands out.
    """
    labels = list(dict.fromkeys(shown for clip in clips for shown in clip.shown))
    cameras = [list(group) for _, group in groupby(sorted(clips, key=lambda clip: clip.camera), lambda c: c.camera)]
    features, of_pair, of_camera = [], [], []
    for number, camera in enumerate(cameras):
        on_progress("looking at cameras", number, len(cameras))
        seen, shown = _camera_features(camera, network=network, cache_dir=cache_dir, most=most)
        of_labels = [label for clip in camera for label in clip.shown]
        features.append(torch.from_numpy(seen.astype(np.float32)))
        of_pair += [CALM if row == CALM else labels.index(of_labels[row]) for row in shown]
        of_camera += [number] * len(shown)
    if not any(label != CALM for label in of_pair):
        raise ConfigError("in none of the labelled clips does anything labelled stand out of its background")
    both = torch.cat(features)  # (P, V, 2, F)
    lessons = Lessons.of(labels)
    return PairMaterial(
        pictures=both[:, :, 0],
        backgrounds=both[:, :, 1],
        cameras=np.array(of_camera),
        labels=np.array(of_pair),
        lessons=lessons,
        texts=torch.from_numpy(language(lessons.sentences)),
    )


def _camera_features(
    camera: Sequence[CameraClip], *, network: Lite0, cache_dir: Path, most: int
) -> tuple[NDArray[np.float16], NDArray[np.intp]]:
    """(P, V, 2, F) of the camera's pairs and backgrounds; and (P,): which of its labels each shows, or CALM."""
    file = cache_dir / f"pairs-{_fingerprint(camera, most)}.npz"
    if (kept := kept_arrays(file)) is not None:
        return np.asarray(kept["features"], np.float16), np.asarray(kept["labels"], np.intp)
    random = np.random.default_rng(0)
    pairs = pairs_of(camera, scaler=Scaler(picture_px=PICTURE_PX), random=random, most=most)
    features = np.empty((len(pairs), len(VIEWS), 2, FEATURES), np.float16)
    for row, pair in enumerate(pairs):
        features[row] = _features(pair, network, random)
    of_labels = [label for clip in camera for label in clip.shown]
    labels = np.array([CALM if pair.shown is None else of_labels.index(pair.shown) for pair in pairs], np.intp)
    keep_arrays(file, features=features, labels=labels)
    return features, labels


def _features(pair: Pair, network: Lite0, random: Generator) -> NDArray[np.float32]:
    """(V, 2, F)."""
    pictures = [
        squashed(picture, PICTURE_PX) for view in VIEWS for picture in view(pair.picture, pair.background, random)
    ]
    with torch.inference_mode():
        found = network(to_input(pictures)).numpy()
    return np.asarray(found.reshape(len(VIEWS), 2, FEATURES), np.float32)


def _fingerprint(camera: Sequence[CameraClip], most: int) -> str:
    """Of the clips' contents and labels: a renamed clip is not looked at again, a changed one is."""
    made_of = hashlib.sha256(f"{_VERSION} {most}".encode())
    for clip in camera:
        for path in (clip.path, clip.background):
            if path is not None:
                made_of.update(bytes.fromhex(sha256_of(path)))
        made_of.update(repr(clip.shown).encode())
    return made_of.hexdigest()[:12]
