"""Recorded clips as models see them: the encoder's view and what moved, at the daemon's busy rate; kept on disk.

Decoding and embedding cost minutes, training and measuring seconds. So what a clip gives is a file in the cache, named
by the clip's content, the encoder and the rate: a renamed clip is not read again, a changed one is. Pictures are scaled
by capture itself, so that a head trained here sees in the daemon what it has seen here. Called by `vidsense train
actions` and `vidsense evaluate`, in the caller's thread.

T = frames of a clip, K = tiles of a picture, D = dimension of the embedding space.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.base.files import sha256_of
from vidsense_daemon.capture.change import GATE_HEIGHT_PX, GATE_WIDTH_PX
from vidsense_daemon.capture.faults import CameraError
from vidsense_daemon.capture.source import UNKNOWN_FPS, Source
from vidsense_daemon.capture.views import Scaler, WorkingPicture
from vidsense_daemon.domain.frames import Picture
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.learning.cache import keep_arrays, kept_arrays

BUSY_FPS = 5.0  # as the daemon looks at what moves; 2 fps cost 6 to 8 points (docs/perception.md)

_VERSION = 1  # counts up when this file measures something else: kept features are then made again
_BATCH = 32
_BLOCK_PX = 16  # not capture's blocks of 16 × 12 px: docs/evaluation.md's baselines were measured with squares
_NUMBERED = re.compile(r"(?P<number>\d+)(?P<suffix>\.(tif|tiff|png|jpg|jpeg|bmp))", re.IGNORECASE)

Luma = NDArray[np.uint8]  # (180, 320)


@dataclass(frozen=True, slots=True, eq=False)
class ClipFeatures:
    """One clip, a row a frame."""

    seconds: NDArray[np.float32]  # (T,) since the clip's first frame
    whole: NDArray[np.float32]  # (T, D)
    tiles: NDArray[np.float16]  # (T, K, D); K = 0 without tiles
    frame_difference: NDArray[np.float32]  # (T,) grey levels, against the frame before: the picture's mean
    block_difference: NDArray[np.float32]  # (T,) grey levels: the most changed 16-px block of a 320×180 picture

    def __len__(self) -> int:
        """T."""
        return len(self.seconds)

    def rows(self, chosen: NDArray[np.intp] | slice) -> ClipFeatures:
        """The chosen frames only; their differences stay those to the frame that was before them."""
        return ClipFeatures(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def between(self, start_s: float, end_s: float) -> ClipFeatures:
        """The frames of ``start_s`` ≤ t < ``end_s``."""
        return self.rows(np.flatnonzero((self.seconds >= start_s) & (self.seconds < end_s)))


class ClipReader:
    """Clips to features; not thread-safe, like its encoder."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        cache_dir: Path,
        fps: float = BUSY_FPS,
        folder_fps: float = UNKNOWN_FPS,
        with_tiles: bool = False,
    ) -> None:
        """``cache_dir`` may be emptied at any time; ``folder_fps`` is the rate of clips that are folders of pictures.

        Without ``with_tiles`` there are none: they take twenty times the room of everything else.
        """
        self._encoder = encoder
        self._with_tiles = with_tiles
        self._folder_fps = folder_fps
        self._folder = cache_dir / "clips"
        self._fps = fps
        self._scaler = Scaler(picture_px=encoder.picture_px)

    def read(self, clip: Path) -> ClipFeatures:
        """The clip's features, from the cache or made now: seconds of work for each minute of clip.

        Raises:
            PermanentError: the clip cannot be opened, or shows nothing.
        """
        file = self._folder / f"{self._key_of(clip)}.npz"
        if (kept := kept_arrays(file)) is not None:
            return ClipFeatures(**kept)
        features = self._look_through(clip)
        keep_arrays(file, **{field.name: getattr(features, field.name) for field in fields(features)})
        return features

    def _key_of(self, clip: Path) -> str:
        content = hashlib.sha256()
        try:
            for path in _pictures_in(clip) if clip.is_dir() else [clip]:
                content.update(bytes.fromhex(sha256_of(path)))
        except OSError as error:
            raise PermanentError(f"cannot read the clip {clip}: {error.strerror}") from error
        rates = (self._fps, self._folder_fps) if clip.is_dir() else (self._fps,)
        rate = " ".join(f"{fps:g}" for fps in rates)
        made_of = f"{_VERSION} {content.hexdigest()} {self._encoder.name} {rate} {self._with_tiles}"
        return hashlib.sha256(made_of.encode()).hexdigest()[:24]

    def _look_through(self, clip: Path) -> ClipFeatures:
        seconds: list[float] = []
        embedded: list[tuple[NDArray[np.float32], NDArray[np.float16]]] = []
        changes: list[tuple[float, float]] = []
        waiting: list[Picture] = []
        before: Luma | None = None
        for at_s, picture, luma in looks(clip, scaler=self._scaler, fps=self._fps, folder_fps=self._folder_fps):
            seconds.append(at_s)
            changes.append(differences(luma, before))
            before = luma
            waiting.append(picture)
            if len(waiting) == _BATCH:
                embedded.append(self._embed(waiting))
                waiting.clear()
        if waiting:
            embedded.append(self._embed(waiting))
        if not embedded:
            raise PermanentError(f"cannot use the clip {clip}: not one picture of it can be decoded")
        whole, tiles = (np.concatenate(parts) for parts in zip(*embedded, strict=True))
        change = np.array(changes, np.float32)
        return ClipFeatures(np.array(seconds, np.float32), whole, tiles, change[:, 0], change[:, 1])

    def _embed(self, pictures: list[Picture]) -> tuple[NDArray[np.float32], NDArray[np.float16]]:
        tiles = None
        if self._with_tiles:
            whole, tiles = self._encoder.embed_scenes(pictures)  # (B, D), (B, K, D)
        else:
            whole = self._encoder.embed_pictures(pictures)
        if tiles is None:
            tiles = np.empty((len(pictures), 0, self._encoder.dimension), np.float32)
        return whole, tiles.astype(np.float16)


def looks(
    clip: Path, *, scaler: Scaler, fps: float, folder_fps: float = UNKNOWN_FPS
) -> Iterator[tuple[float, Picture, Luma]]:
    """The clip's frames at about ``fps``: seconds since the first, the encoder's picture, and a small luma.

    A folder of numbered pictures is a clip, too, of ``folder_fps``.

    Raises:
        PermanentError: as `working_pictures` does.
    """
    for at_s, picture in working_pictures(clip, scaler=scaler, fps=fps, folder_fps=folder_fps):
        yield at_s, scaler.whole(picture), scaler.small_luma(picture, GATE_WIDTH_PX, GATE_HEIGHT_PX)


def working_pictures(
    clip: Path, *, scaler: Scaler, fps: float, folder_fps: float = UNKNOWN_FPS
) -> Iterator[tuple[float, WorkingPicture]]:
    """The clip's frames at about ``fps``, as capture cuts from them: seconds since the first, and the picture.

    Raises:
        PermanentError: the clip cannot be opened, or breaks off in a way that nothing can be decoded after.
    """
    source = None
    try:
        source = Source(str(_numbered(clip)) if clip.is_dir() else str(clip))
        yield from _sampled(source, scaler=scaler, fps=fps, frame_s=1 / folder_fps if clip.is_dir() else None)
    except CameraError as error:
        raise PermanentError(f"cannot read the clip: {error}") from error
    finally:
        if source is not None:
            source.close()


def _sampled(
    source: Source, *, scaler: Scaler, fps: float, frame_s: float | None
) -> Iterator[tuple[float, WorkingPicture]]:
    """With ``frame_s`` the frames' number tells their time, not what the container says."""
    numbered, frame_s = frame_s is not None, frame_s or source.facts.frame_s
    first_s: float | None = None
    pts_s, due_s = -frame_s, 0.0
    for packet in source.packets():
        for decoded in source.decode(packet):
            pts_s = pts_s + frame_s if numbered or decoded.pts_s is None else decoded.pts_s
            first_s = pts_s if first_s is None else first_s
            at_s = pts_s - first_s
            if at_s < due_s - frame_s / 2:
                continue
            due_s = max(due_s + 1 / fps, at_s - frame_s)  # a gap in the recording is not made up for
            yield at_s, scaler.working_picture(decoded.video, quarter_turns=decoded.quarter_turns)


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if _NUMBERED.fullmatch(each.name))


def _numbered(folder: Path) -> Path:
    """What FFmpeg calls a row of pictures: `%03d.tif`."""
    pictures = _pictures_in(folder)
    if not pictures:
        raise PermanentError(f"cannot read the clip {folder}: it holds no numbered pictures such as 001.tif")
    found = _NUMBERED.fullmatch(pictures[0].name)
    assert found is not None
    return folder / f"%0{len(found['number'])}d{found['suffix']}"


def differences(luma: Luma, before: Luma | None) -> tuple[float, float]:
    """How far a picture differs from the one before, in grey levels: on average, and in its most changed block."""
    if before is None:
        return 0.0, 0.0
    difference = np.abs(luma.astype(np.int16) - before).astype(np.float32)
    rows, columns = (side_px // _BLOCK_PX for side_px in difference.shape)
    blocks = difference[: rows * _BLOCK_PX, : columns * _BLOCK_PX].reshape(rows, _BLOCK_PX, columns, _BLOCK_PX)
    return float(difference.mean()), float(blocks.mean(axis=(1, 3)).max())
