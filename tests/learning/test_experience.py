"""What cameras saw, kept for training: sampled, bounded, and never half a clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from perception.fakes import embedded

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.domain.windows import TILES, EmbeddedFrame
from vidsense_daemon.learning.experience import Clip, ExperienceFolder, Pace
from vidsense_daemon.learning.recording import CLIP_FRAMES, Allowance, ExperienceRecorder

D = 8
NOON = datetime(2030, 5, 4, 12, tzinfo=UTC)
CLIP_BYTES = 2 * CLIP_FRAMES * (TILES + 1) * D  # of embeddings


@dataclass
class Street:
    """Writes embedded frames of one camera, five a second."""

    camera: str = "street"
    run_id: str = "run-1"
    at: datetime = NOON
    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def frames(self, count: int, **changes: object) -> Iterator[EmbeddedFrame]:
        for index in range(count):
            values: dict[str, object] = {
                "camera": self.camera,
                "captured_at": self.at,
                "whole": self._random.standard_normal(D).astype(np.float32),
                "whole_background": None,
                "tiles": self._random.standard_normal((TILES, D)).astype(np.float32),
            }
            at_s = (self.at - NOON).total_seconds()
            yield embedded(index, at_s=at_s, run_id=self.run_id, **{**values, **changes})
            self.at += timedelta(seconds=0.2)

    def waits(self, **span: float) -> None:
        self.at += timedelta(**span)


def write(recorder: ExperienceRecorder, frames: Iterator[EmbeddedFrame]) -> list[EmbeddedFrame]:
    seen = []
    for frame in frames:
        seen.append(frame)
        recorder.record(frame)
        recorder.write_next(timeout_s=0)
    return seen


def clip(at: datetime, *, encoder: str = "eye", pace: Pace = Pace.CALM, camera: str = "street") -> Clip:
    at_ms = to_ms(at) + 200 * np.arange(CLIP_FRAMES)
    return Clip(
        camera=camera,
        encoder=encoder,
        run_id="run-1",
        pace=pace,
        at_ms=at_ms,
        pts_s=at_ms / 1000,
        whole=np.ones((CLIP_FRAMES, D), np.float16),
        tiles=np.ones((CLIP_FRAMES, TILES, D), np.float16),
    )


def test_what_a_camera_sees_is_kept_as_it_was(tmp_path: Path) -> None:
    """Tiles, whole picture, times and pace come back, in half precision."""
    folder = ExperienceFolder(tmp_path)
    seen = write(ExperienceRecorder(folder, encoder="eye"), Street().frames(CLIP_FRAMES, moving=True))
    (kept,) = folder.clips("street")

    assert (kept.encoder, kept.run_id, kept.pace, len(kept)) == ("eye", "run-1", Pace.BUSY, CLIP_FRAMES)
    assert kept.started_at == NOON
    assert np.allclose(np.stack([frame.tiles for frame in seen if frame.tiles is not None]), kept.tiles, atol=2e-3)
    assert np.allclose(np.stack([frame.whole for frame in seen]), kept.whole, atol=2e-3)
    assert list(kept.pts_s) == [frame.pts_s for frame in seen]


def test_an_encoder_without_tiles_is_recorded_too(tmp_path: Path) -> None:
    folder = ExperienceFolder(tmp_path)
    write(ExperienceRecorder(folder, encoder="eye"), Street().frames(CLIP_FRAMES, tiles=None))
    (kept,) = folder.clips("street")

    assert kept.tiles.shape[:2] == (CLIP_FRAMES, 0)
    assert kept.whole.shape == (CLIP_FRAMES, D)


def test_a_busy_hour_does_not_use_up_the_days_share(tmp_path: Path) -> None:
    """An hour of traffic leaves its part, and the calm night after it still finds room."""
    folder = ExperienceFolder(tmp_path, keep_bytes=20 * CLIP_BYTES, keep=timedelta(days=1))
    street, recorder = Street(), ExperienceRecorder(folder, encoder="eye")
    for _ in range(60):
        write(recorder, street.frames(CLIP_FRAMES, moving=True))
        street.waits(minutes=1)
    busy = len(folder.files("street"))
    for _ in range(3):
        write(recorder, street.frames(CLIP_FRAMES))
        street.waits(minutes=20)

    assert busy == 10
    assert [file.pace for file in folder.files("street")].count(Pace.CALM) == 3


def test_a_daemon_that_restarts_all_day_gets_no_new_allowance() -> None:
    """What was taken before counts."""
    taken = [NOON + timedelta(minutes=2 * number) for number in range(10)]
    later = NOON + timedelta(minutes=30)

    assert Allowance(clips_a_day=10).take(later)
    assert not Allowance(clips_a_day=10, taken=taken).take(later)
    assert Allowance(clips_a_day=10, taken=taken).take(later + timedelta(hours=3))


def test_no_clip_goes_over_the_end_of_a_run_or_a_changed_scene(tmp_path: Path) -> None:
    """What comes after a lost stream or an infrared switch can't be foretold from what was before."""
    folder = ExperienceFolder(tmp_path)
    street, recorder = Street(), ExperienceRecorder(folder, encoder="eye")
    write(recorder, street.frames(9))
    street.run_id = "run-2"
    street.waits(minutes=2)
    write(recorder, street.frames(8))
    write(recorder, street.frames(1, scene_changed=True))
    clips = list(folder.clips("street"))

    assert [(kept.run_id, len(kept)) for kept in clips] == [("run-1", 9), ("run-2", 8)]


def test_the_oldest_clips_make_room(tmp_path: Path) -> None:
    """A camera's share of the disk is not exceeded, whatever happens."""
    folder = ExperienceFolder(tmp_path, keep_bytes=3 * 12_000)
    for hour in range(6):
        folder.add(clip(NOON + timedelta(hours=hour)))
    files = folder.files("street")

    assert sum(file.size_bytes for file in files) <= folder.keep_bytes
    assert files[-1].started_at == NOON + timedelta(hours=5)
    assert 0 < len(files) < 6


def test_what_is_too_old_is_deleted(tmp_path: Path) -> None:
    folder = ExperienceFolder(tmp_path, keep=timedelta(days=7))
    folder.add(clip(NOON))
    folder.add(clip(NOON + timedelta(days=8)))

    assert [file.started_at for file in folder.files("street")] == [NOON + timedelta(days=8)]


def test_another_encoders_clips_are_neither_read_nor_kept(tmp_path: Path) -> None:
    """Two encoders' embeddings are never compared."""
    folder = ExperienceFolder(tmp_path)
    folder.add(clip(NOON, encoder="old eye"))
    folder.add(clip(NOON + timedelta(hours=1)))

    assert [kept.encoder for kept in folder.clips("street")] == ["eye"]
    assert folder.remove_unusable(encoder="eye") == 1
    assert len(folder.files("street")) == 1


@pytest.mark.parametrize("damage", [b"", b"\0" * 4000, b"{}"], ids=["empty", "zeros", "text"])
def test_a_damaged_clip_is_left_out(tmp_path: Path, damage: bytes) -> None:
    """A power cut costs the clip that it hit."""
    folder = ExperienceFolder(tmp_path)
    folder.add(clip(NOON))
    folder.add(clip(NOON + timedelta(hours=1)))
    folder.files("street")[1].path.write_bytes(damage)

    assert [kept.started_at for kept in folder.clips("street")] == [NOON]


def test_what_a_kill_left_half_written_goes_at_the_next_start(tmp_path: Path) -> None:
    folder = ExperienceFolder(tmp_path)
    folder.add(clip(NOON))
    half = tmp_path / "street" / "1-calm.safetensors.part"
    half.write_bytes(b"half")

    assert folder.remove_unusable(encoder="eye") == 0
    assert not half.exists()


def test_a_full_disk_costs_clips_and_nothing_else(tmp_path: Path) -> None:
    """The daemon goes on; what could not be kept is counted."""
    (tmp_path / "street").write_text("a file where the folder should be: nothing can be written below it")
    recorder = ExperienceRecorder(ExperienceFolder(tmp_path), encoder="eye")
    write(recorder, Street().frames(CLIP_FRAMES))

    assert (recorder.clips_kept, recorder.clips_left_out) == (0, 1)


def test_a_camera_can_be_forgotten(tmp_path: Path) -> None:
    """At its owner's word, all that was kept of it goes, and nothing of the others."""
    folder = ExperienceFolder(tmp_path)
    folder.add(clip(NOON))
    folder.add(clip(NOON, camera="garden"))

    assert folder.forget("street") == 1
    assert folder.cameras() == ["garden"]
    assert folder.forget("street") == 0
