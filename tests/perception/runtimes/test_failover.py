"""A runtime that fails in the middle of a day gives way to the next one, and no frame is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from structlog.testing import capture_logs
from torch import Tensor, nn

from perception.encoders.tiny_models import DIMENSION, save_clip
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.runtimes.failover import FailoverTower, Handover
from vidsense_daemon.perception.runtimes.gate import made_up_pictures
from vidsense_daemon.perception.runtimes.in_openvino import converted, is_installed, read_graph, save_graph
from vidsense_daemon.perception.runtimes.tower import RuntimeUnusableError, TorchTower, Tower, VisionModel, embed

from .conftest import Load

needs_openvino = [
    pytest.mark.skipif(not is_installed(), reason="OpenVINO is not installed"),
    pytest.mark.timeout(120),  # the first one converts and quantizes: four seconds, on a busy machine a minute
]

PICTURES = made_up_pictures(32)
PETABYTE = 1 << 50


def kept_graph(cache: Path) -> Path:
    return next(path for path in (cache / "runtimes").glob("*.xml") if "int8" not in path.name)


def compile_for_one_picture(cache: Path, _folder: Path) -> None:
    """As a graph that was made for another batch: OpenVINO raises."""
    graph = read_graph(kept_graph(cache))
    graph.reshape([1, 32, 32, 3])
    save_graph(graph, kept_graph(cache))


def answer_with_nan(cache: Path, folder: Path) -> None:
    """As a driver that computes wrongly: what comes out is no number."""
    poisoned = ClipEncoder(str(save_clip(folder / "poisoned")), threads=1).vision
    for parameter in poisoned.network.parameters():
        parameter.fill_(torch.nan)
    save_graph(converted(poisoned, folder=folder), kept_graph(cache))


def answer_in_another_space(cache: Path, folder: Path) -> None:
    """As a graph that was mixed up with another model's."""
    other = ClipEncoder(str(save_clip(folder / "other", dimension=DIMENSION // 2)), threads=1).vision
    save_graph(converted(other, folder=folder), kept_graph(cache))


SPOILT: dict[Callable[[Path, Path], None], str] = {
    compile_for_one_picture: "shape",
    answer_with_nan: "no numbers (NaN)",
    answer_in_another_space: f"({len(PICTURES[:8])}, {DIMENSION // 2}) instead of ({len(PICTURES[:8])}, {DIMENSION})",
}


@pytest.mark.parametrize("spoil", SPOILT)
class TestAGraphThatFailsWhileItComputes:
    pytestmark = needs_openvino

    def test_is_replaced_by_pytorch_with_one_line_and_the_same_batch(
        self, load: Load, cache: Path, tmp_path: Path, clip_folder: Path, spoil: Callable[[Path, Path], None]
    ) -> None:
        expected = ClipEncoder(str(clip_folder), threads=1).embed_pictures(PICTURES)
        load(runtime="openvino")
        spoil(cache, tmp_path)
        encoder = load(runtime="openvino")
        with capture_logs() as logs:
            found = encoder.embed_pictures(PICTURES)
            again = encoder.embed_pictures(PICTURES)

        assert found == pytest.approx(expected, abs=1e-5)
        assert again == pytest.approx(expected, abs=1e-5)
        (line,) = logs
        assert (line["event"], line["runtime"], line["instead"]) == ("runtime_failed", "openvino fp32", "torch fp32")
        assert SPOILT[spoil] in line["reason"]
        assert "vidsense models measure" in line["next_step"]

    def test_is_left_out_at_the_next_start_and_tried_again_when_it_has_changed(
        self, load: Load, cache: Path, tmp_path: Path, spoil: Callable[[Path, Path], None]
    ) -> None:
        load(runtime="openvino")
        spoil(cache, tmp_path)
        load(runtime="openvino").embed_pictures(PICTURES)
        with capture_logs() as next_start:
            load(runtime="openvino").embed_pictures(PICTURES)
        (note,) = (cache / "runtimes").glob("*-failed.json")
        failed = json.loads(note.read_text())
        failed["openvino fp32"]["made_of"]["openvino"] = "an older version"
        note.write_text(json.dumps(failed))
        with capture_logs() as after_an_upgrade:
            load(runtime="openvino")

        assert [line["event"] for line in next_start] == ["runtime_left_out"]
        assert SPOILT[spoil] in next_start[0]["reason"]
        assert "runtime_left_out" not in [line["event"] for line in after_an_upgrade]


@pytest.mark.parametrize("spoil", [answer_with_nan, answer_in_another_space])
class TestAGraphThatIsWrongFromTheStart:
    pytestmark = needs_openvino

    def test_is_refused_before_it_is_used(
        self, load: Load, cache: Path, tmp_path: Path, spoil: Callable[[Path, Path], None]
    ) -> None:
        spoil(cache, tmp_path)
        with capture_logs() as logs:
            encoder = load(runtime="openvino")

        assert [line["event"] for line in logs] == ["runtime_refused", "runtime_unavailable", "runtime_chosen"]
        assert encoder.embed_pictures(PICTURES).shape == (len(PICTURES), DIMENSION)


class Fixed:
    """A runtime that answers everything with one number, or fails: a fault that is injected behind the port."""

    pictures_at_once = 8
    runs_network = False

    def __init__(self, label: str, answer: float | Exception) -> None:
        self.label = label
        self.asked: list[int] = []
        self._answer = answer

    def __call__(self, pictures: np.ndarray) -> tuple[np.ndarray, None]:
        self.asked.append(len(pictures))
        if isinstance(self._answer, Exception):
            raise self._answer
        return np.full((len(pictures), DIMENSION), self._answer, np.float32), None


def tried_in_order(*towers: Tower) -> tuple[FailoverTower, list[Handover]]:
    told: list[Handover] = []
    others: Iterator[Tower] = iter(towers[1:])
    return FailoverTower(towers[0], dimension=DIMENSION, others=others, on_handover=told.append), told


def test_each_is_tried_once_and_the_one_that_works_stays() -> None:
    broken, sick, well = Fixed("a", RuntimeError("the device is gone")), Fixed("b", np.nan), Fixed("c", 1.0)
    tower, told = tried_in_order(broken, sick, well, Fixed("d", 1.0))
    embed(tower, PICTURES)
    embed(tower, PICTURES)

    assert tower.label == "c"
    assert (broken.asked, sick.asked, well.asked) == ([8], [8], [8, 4, 8, 4])
    assert [(one.runtime, one.instead) for one in told] == [("a", "c"), ("b", "c")]
    assert told[0].reason == "the device is gone"
    assert tower.handovers == tuple(told)


def test_what_the_last_resort_cannot_do_either_is_nobodys_fault() -> None:
    """A model that answers a picture with values that are no numbers costs that frame, not a runtime."""
    tower, told = tried_in_order(Fixed("a", np.nan), Fixed("torch fp32", np.nan))
    whole, _ = tower(np.stack(PICTURES))

    assert np.isnan(whole).all()
    assert told == []


def test_an_error_of_the_last_resort_is_told() -> None:
    tower, told = tried_in_order(Fixed("a", RuntimeError("gone")), Fixed("torch fp32", RuntimeError("gone, too")))
    with pytest.raises(RuntimeError, match="gone, too"):
        tower(np.stack(PICTURES))

    assert told == []


class Hungry(nn.Module):
    """Needs more memory than any machine has, unless the batch is small: PyTorch's own allocator refuses."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def forward(self, pictures: Tensor) -> Tensor:
        if len(pictures) > self._most:
            torch.empty(PETABYTE)
        return pictures.float().mean((1, 2, 3))[:, None].expand(-1, DIMENSION)


def hungry(most: int) -> TorchTower:
    return TorchTower(
        VisionModel(
            Hungry(most),
            key="hungry",
            picture_px=32,
            dimension=DIMENSION,
            pictures_at_once=8,
            attends=False,
            exact_parts=(),
            worth_converting=False,
        )
    )


def test_too_little_memory_makes_the_batch_smaller_before_anything_else() -> None:
    tower, told = tried_in_order(hungry(2))
    with capture_logs() as logs:
        whole, _ = tower(np.stack(PICTURES))
        embed(tower, PICTURES)

    expected = [picture.mean() for picture in PICTURES]
    assert whole[:, 0] == pytest.approx(expected, rel=1e-5)
    assert tower.pictures_at_once == 1  # of 12, 6, 3 and 1, what fitted first
    assert [line["event"] for line in logs] == ["runtime_batch_halved"] * 3
    assert told == []


def test_too_little_memory_for_one_picture_hands_over() -> None:
    tower, told = tried_in_order(hungry(0), Fixed("torch fp32", 1.0))
    tower(np.stack(PICTURES))

    assert [one.instead for one in told] == ["torch fp32"]
    assert "memory" in told[0].reason
    assert tower.pictures_at_once == 8  # another runtime, another memory


@pytest.mark.parametrize("seed", [0, 1])
def test_weights_that_were_let_go_are_loaded_again_if_they_are_still_the_same(tmp_path: Path, seed: int) -> None:
    encoder = ClipEncoder(str(save_clip(tmp_path)), threads=1)
    expected = encoder.embed_pictures(PICTURES)
    assert encoder.vision.fresh is not None
    if seed:
        weights = load_file(tmp_path / "model.safetensors")
        save_file(weights | {"logit_scale": torch.tensor(1.0)}, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(RuntimeUnusableError, match="restart the daemon"):
            encoder.vision.fresh()
        return
    again = encoder.vision.fresh()
    with torch.inference_mode():
        whole, _ = again(torch.from_numpy(np.stack(PICTURES)))

    assert nn.functional.normalize(whole, dim=-1).numpy() == pytest.approx(expected, abs=1e-5)
