"""Turn sampled frames into embedded frames: all cameras' waiting pictures pass the encoder together.

A frame costs up to four pictures: whole, crop, and both cut from the camera's background. Backgrounds hardly change, so
their embeddings are kept and used again while the picture still looks the same. The whole picture's tiles fall out of
the same pass. A picture that the encoder can't take, or answers with values that are no numbers, costs its own frame
only. Called by the perception thread.

B = pictures, S = picture side in px, D = dimension of the embedding space.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from vidsense_daemon.domain.frames import Frame, Picture, View
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.domain.windows import EmbeddedFrame, Embedding

# backgrounds are compared by the means of 16 × 16 blocks: a new thing changes some block, noise none
_BLOCKS_PER_SIDE = 16
_SAME_GREY_LEVELS = 4.0
_BACKGROUNDS_KEPT = 16  # per camera: the whole picture's, and those of boxes that things stop in


@dataclass(slots=True, eq=False)
class _Wanted:
    """A picture on its way through the encoder."""

    picture: Picture  # (S, S, 3)
    is_scene: bool = False  # a frame's whole picture: its tiles are wanted, too
    vector: Embedding | None = None  # (D,); none when the encoder gave no numbers
    tiles: Embedding | None = None  # (TILES, D)


@dataclass(slots=True, eq=False)
class _Background:
    blocks: NDArray[np.float32]  # (16, 16, 3)
    wanted: _Wanted


@dataclass(slots=True, eq=False)
class _Plan:
    """What a frame needs from the encoder."""

    frame: Frame
    whole: _Wanted
    whole_background: _Wanted | None
    crop: _Wanted | None
    crop_background: _Wanted | None


class FrameEmbedder:
    """Owns the encoder's pictures; not thread-safe."""

    def __init__(self, encoder: Encoder, *, max_batch_pictures: int = 32, keep_pictures: bool = False) -> None:
        self._keep_pictures = keep_pictures
        self._encoder = encoder
        self._max_batch_pictures = max_batch_pictures
        self._backgrounds: dict[str, deque[_Background]] = {}  # least recently used first
        self._log = structlog.get_logger()
        self.embedded_pictures = 0
        self.reused_backgrounds = 0
        self.unusable_frames: Counter[str] = Counter()  # per camera

    def embed(self, frames: Sequence[Frame]) -> list[EmbeddedFrame]:
        """The frames that could be embedded, in the same order."""
        batch: list[_Wanted] = []
        new: dict[str, list[_Background]] = {}
        plans = [self._plan(frame, batch, new.setdefault(frame.camera, [])) for frame in frames if self._fits(frame)]
        self._run(batch)
        for camera, backgrounds in new.items():
            kept = self._backgrounds.setdefault(camera, deque(maxlen=_BACKGROUNDS_KEPT))
            kept.extend(background for background in backgrounds if background.wanted.vector is not None)
        embedded = [_embedded(plan, keep_picture=self._keep_pictures) for plan in plans]
        for plan, result in zip(plans, embedded, strict=True):
            if result is None:
                self.refuse(plan.frame, "the encoder answered with values that are no numbers")
        return [result for result in embedded if result is not None]

    def refuse(self, frame: Frame | EmbeddedFrame, reason: str) -> None:
        """Leave the frame out; a camera's first is logged, the others are counted."""
        if not self.unusable_frames[frame.camera]:
            self._log.warning(
                "frame_unusable", camera=frame.camera, run_id=frame.run_id, index=frame.index, reason=reason
            )
        self.unusable_frames[frame.camera] += 1

    def _plan(self, frame: Frame, batch: list[_Wanted], new: list[_Background]) -> _Plan:
        def want(view: View, *, is_scene: bool = False) -> tuple[_Wanted, _Wanted | None]:
            batch.append(wanted := _Wanted(view.picture, is_scene))
            return wanted, None if view.background is None else self._background(
                frame.camera, view.background, batch, new
            )

        crop, crop_background = want(frame.crop) if frame.crop is not None else (None, None)
        return _Plan(frame, *want(frame.whole, is_scene=True), crop=crop, crop_background=crop_background)

    def _background(self, camera: str, picture: Picture, batch: list[_Wanted], new: list[_Background]) -> _Wanted:
        """The background picture's embedding: a kept one of the same look, or a new place in the batch."""
        blocks = blocks_of(picture)
        kept = self._backgrounds.get(camera, deque())
        for background in (*reversed(kept), *new):
            if np.abs(background.blocks - blocks).max() <= _SAME_GREY_LEVELS:
                self.reused_backgrounds += 1
                if background in kept:
                    kept.remove(background)
                    kept.append(background)
                return background.wanted
        batch.append(wanted := _Wanted(picture))
        new.append(_Background(blocks, wanted))
        return wanted

    def _run(self, batch: list[_Wanted]) -> None:
        for part in self._parts([wanted for wanted in batch if wanted.is_scene]):
            vectors, tiles = self._encoder.embed_scenes([wanted.picture for wanted in part])  # (B, D), (B, TILES, D)
            _fill(part, vectors)
            if tiles is not None:
                for wanted, of_picture in zip(part, tiles, strict=True):
                    wanted.tiles = of_picture if np.isfinite(of_picture).all() else None
        for part in self._parts([wanted for wanted in batch if not wanted.is_scene]):
            _fill(part, self._encoder.embed_pictures([wanted.picture for wanted in part]))  # (B, D)
        self.embedded_pictures += len(batch)

    def _parts(self, batch: list[_Wanted]) -> Iterator[list[_Wanted]]:
        for start in range(0, len(batch), self._max_batch_pictures):
            yield batch[start : start + self._max_batch_pictures]

    def _fits(self, frame: Frame) -> bool:
        shape = (self._encoder.picture_px, self._encoder.picture_px, 3)
        views = [frame.whole] if frame.crop is None else [frame.whole, frame.crop]
        pictures = [picture for view in views for picture in (view.picture, view.background) if picture is not None]
        wrong = next((p for p in pictures if p.shape != shape or p.dtype != np.uint8), None)
        if wrong is not None:
            self.refuse(frame, f"the picture is {wrong.shape} of {wrong.dtype}, the encoder takes {shape} of uint8")
        return wrong is None


_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


def _fill(part: Sequence[_Wanted], vectors: NDArray[np.float32]) -> None:
    for wanted, vector in zip(part, vectors, strict=True):
        wanted.vector = vector if np.isfinite(vector).all() else None
        wanted.picture = _NO_PICTURE  # kept backgrounds shall not hold their pixels


def _embedded(plan: _Plan, *, keep_picture: bool) -> EmbeddedFrame | None:
    frame, whole = plan.frame, plan.whole.vector
    if whole is None or (plan.crop is not None and plan.crop.vector is None):
        return None
    return EmbeddedFrame(
        camera=frame.camera,
        run_id=frame.run_id,
        index=frame.index,
        captured_at=frame.captured_at,
        pts_s=frame.pts_s,
        whole=whole,
        whole_background=plan.whole_background.vector if plan.whole_background else None,
        crop=plan.crop.vector if plan.crop else None,
        crop_background=plan.crop_background.vector if plan.crop_background else None,
        box=frame.box,
        moving=frame.moving,
        changed_ratio=frame.changed_ratio,
        scene_changed=frame.scene_changed,
        zones=frame.zones,
        still=frame.still,
        tiles=plan.whole.tiles,
        block_changes=frame.block_changes,
        picture=frame.whole.picture if keep_picture else None,
    )


def blocks_of(picture: Picture) -> NDArray[np.float32]:
    """Means of 16 × 16 blocks. (16, 16, 3)"""
    block_px = max(1, picture.shape[0] // _BLOCKS_PER_SIDE)
    side_px = block_px * min(_BLOCKS_PER_SIDE, picture.shape[0])
    blocks = picture[:side_px, :side_px].reshape(side_px // block_px, block_px, side_px // block_px, block_px, 3)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return means
