"""What each camera saw, as embeddings, kept a while for training: a bounded ring of short clips.

    <state dir>/experience/<camera>/<ms of its first frame>-<busy|calm>.safetensors

A clip is some frames in a row of one run, with the embedding of the whole picture and of its tiles in half precision.
No picture is kept. The recorder (`recording`) writes clips while the daemon runs, `vidsense learn` reads them, at the
same time or not: a clip is written whole or not at all, and never changed. The oldest go first when the camera's share
of the disk is used up. Clips of another encoder lie in another space: they are never read, and `remove_unusable`
deletes them.

N = frames of a clip, K = tiles of a picture, D = dimension of the embedding space.
"""

from __future__ import annotations

import errno
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vidsense_daemon.base.clock import from_ms
from vidsense_daemon.base.files import PART_SUFFIX, make_private, replace_file

_SUFFIX = ".safetensors"
_UNREADABLE = (OSError, SafetensorError, KeyError, ValueError, struct.error)


class Pace(StrEnum):
    """What was going on when a clip began."""

    BUSY = "busy"  # something moved
    CALM = "calm"


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Some frames in a row of one run, oldest first; between them nothing was left out."""

    camera: str
    encoder: str
    run_id: str
    pace: Pace
    at_ms: NDArray[np.int64]  # (N,)
    pts_s: NDArray[np.float64]  # (N,)
    whole: NDArray[np.float16]  # (N, D)
    tiles: NDArray[np.float16]  # (N, K, D); K = 0 when the encoder has no tiles

    @property
    def started_at(self) -> datetime:
        return from_ms(int(self.at_ms[0]))

    @property
    def ended_at(self) -> datetime:
        return from_ms(int(self.at_ms[-1]))

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip on disk; its name says when it began and at what pace."""

    path: Path
    started_at: datetime
    pace: Pace
    size_bytes: int


class ExperienceFolder:
    """The ring of every camera; safe for one writer and any number of readers, in any processes."""

    def __init__(
        self, root: Path, *, keep_bytes: int = 200_000_000, keep: timedelta = timedelta(days=7), min_free_bytes: int = 0
    ) -> None:
        """``keep_bytes`` is each camera's share of the disk; what is older than ``keep`` goes in any case.

        Nothing is written on a disk with less than ``min_free_bytes`` left: events come first.
        """
        self.root = root
        self.keep_bytes = keep_bytes
        self.keep = keep
        self._min_free_bytes = min_free_bytes
        self._log = structlog.get_logger()

    def add(self, clip: Clip) -> None:
        """Keep a clip, and delete what it leaves no room for.

        Raises:
            OSError: the disk takes nothing.
        """
        arrays: dict[str, NDArray[np.generic]] = {
            "at_ms": clip.at_ms,
            "pts_s": clip.pts_s,
            "whole": clip.whole,
            "tiles": clip.tiles,
        }
        content = save(arrays, {"encoder": clip.encoder, "run_id": clip.run_id})
        self._trim(clip.camera, now=clip.ended_at, room_bytes=len(content))
        path = self.root / clip.camera / f"{clip.at_ms[0]}-{clip.pace}{_SUFFIX}"
        make_private(path.parent)
        if shutil.disk_usage(path.parent).free - len(content) < self._min_free_bytes:
            raise OSError(errno.ENOSPC, "the disk is nearly full")
        replace_file(path, content)

    def files(self, camera: str) -> list[ClipFile]:
        """The camera's clips, oldest first."""
        found = [_file_of(path) for path in (self.root / camera).glob(f"*{_SUFFIX}")]
        return sorted((file for file in found if file is not None), key=lambda file: file.started_at)

    def cameras(self) -> list[str]:
        """The cameras of which something is kept."""
        return sorted(path.name for path in self.root.glob("*") if path.is_dir())

    def clips(self, camera: str, *, since: datetime | None = None, encoder: str | None = None) -> Iterator[Clip]:
        """The camera's clips, oldest first; without ``encoder``, those of the encoder that made the newest one.

        What can't be read, because the power went or somebody changed it, is named in the log and left out.
        """
        files = [file for file in self.files(camera) if since is None or file.started_at >= since]
        for file in reversed(files) if encoder is None else ():
            if (newest := self._read(file, camera)) is not None:
                encoder = newest.encoder
                break
        for file in files:
            clip = self._read(file, camera)
            if clip is not None and clip.encoder == encoder:
                yield clip

    def remove_unusable(self, *, encoder: str) -> int:
        """Delete clips of other encoders and what a kill left half-written; how many clips went. For the one writer."""
        for part in self.root.glob(f"*/*{PART_SUFFIX}"):
            part.unlink(missing_ok=True)
        others = [file for camera in self.cameras() for file in self.files(camera) if _encoder_of(file.path) != encoder]
        for file in others:
            file.path.unlink(missing_ok=True)
        return len(others)

    def forget(self, camera: str) -> int:
        """Delete all that is kept of a camera; how many clips it was."""
        count = len(self.files(camera))
        shutil.rmtree(self.root / camera, ignore_errors=True)
        return count

    def _trim(self, camera: str, *, now: datetime, room_bytes: int) -> None:
        files: Sequence[ClipFile] = self.files(camera)
        left_bytes = sum(file.size_bytes for file in files) + room_bytes
        for file in files:
            if left_bytes <= self.keep_bytes and now - file.started_at <= self.keep:
                return
            file.path.unlink(missing_ok=True)
            left_bytes -= file.size_bytes

    def _read(self, file: ClipFile, camera: str) -> Clip | None:
        try:
            with safe_open(file.path, "np") as tensors:
                metadata = tensors.metadata()
                return Clip(
                    camera=camera,
                    encoder=metadata["encoder"],
                    run_id=metadata["run_id"],
                    pace=file.pace,
                    at_ms=tensors.get_tensor("at_ms"),
                    pts_s=tensors.get_tensor("pts_s"),
                    whole=tensors.get_tensor("whole"),
                    tiles=tensors.get_tensor("tiles"),
                )
        except FileNotFoundError:  # the writer has made room meanwhile
            return None
        except _UNREADABLE as error:
            self._log.warning("clip_unreadable", camera=camera, file=str(file.path), reason=str(error))
            return None


def _file_of(path: Path) -> ClipFile | None:
    at_ms, _, pace = path.stem.partition("-")
    try:
        return ClipFile(path, from_ms(int(at_ms)), Pace(pace), path.stat().st_size)
    except (ValueError, OverflowError, FileNotFoundError):  # not ours, or gone meanwhile
        return None


def _encoder_of(path: Path) -> str | None:
    try:
        with safe_open(path, "np") as tensors:
            return str(tensors.metadata()["encoder"])
    except _UNREADABLE:
        return None
