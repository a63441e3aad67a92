"""Which runtime computes the pictures: measured, checked, remembered, and never a reason to stop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from perception.encoders.tiny_models import save_clip
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.runtimes.gate import made_up_pictures
from vidsense_daemon.perception.runtimes.in_openvino import converted, is_installed, read_card, save_graph
from vidsense_daemon.perception.runtimes.machine import Machine, this_machine

from .conftest import PLAIN, Load

pytestmark = [
    # asked, not imported: on its own OpenVINO reports to its makers
    pytest.mark.skipif(not is_installed(), reason="OpenVINO is not installed"),
    pytest.mark.timeout(120),  # the first one converts and quantizes: four seconds, on a busy machine a minute
]

PICTURES = made_up_pictures(32)


def chosen(logs: list[dict[str, object]]) -> dict[str, object]:
    return next(line for line in logs if line["event"] == "runtime_chosen")


def test_openvino_says_what_pytorch_says(load: Load, clip_folder: Path) -> None:
    """Wholes and tiles, in any batch, to within what half precision of the weights costs."""
    exact, other = ClipEncoder(str(clip_folder), threads=1), load(runtime="openvino")
    expected_whole, expected_tiles = exact.embed_scenes(PICTURES)
    whole, tiles = other.embed_scenes(PICTURES)

    assert expected_tiles is not None
    assert tiles is not None
    assert whole == pytest.approx(expected_whole, abs=2e-3)
    assert tiles == pytest.approx(expected_tiles, abs=5e-3)
    assert other.embed_pictures(PICTURES[:1])[0] == pytest.approx(whole[0], abs=1e-5)
    assert other.embed_texts(["a person"]) == pytest.approx(exact.embed_texts(["a person"]), abs=1e-6)
    assert other.name == exact.name


def test_auto_measures_once_and_says_so_in_one_line(load: Load) -> None:
    with capture_logs() as first:
        load()
    with capture_logs() as second:
        load()

    measured, ms = chosen(first)["measured"], chosen(first)["ms_per_picture"]
    assert measured == "now"
    assert isinstance(ms, dict)
    assert set(ms) == {"torch fp32", "openvino fp32"}
    assert [line["event"] for line in second] == ["runtime_chosen"]
    assert (chosen(second)["measured"], chosen(second)["runtime"]) == ("before", chosen(first)["runtime"])


@pytest.mark.parametrize("content", ["{", '{"choice": {"runtime": "abacus"}, "key": {}}', "null"])
def test_a_damaged_note_is_measured_again(load: Load, cache: Path, content: str) -> None:
    load(runtime="openvino")
    (note,) = (cache / "runtimes").glob("*-choice.json")
    note.write_text(content)
    with capture_logs() as logs:
        load(runtime="openvino")

    assert chosen(logs)["measured"] == "now"
    assert "choice" in json.loads(note.read_text())


def test_another_processor_measures_for_itself(load: Load) -> None:
    """A disk that moved into another machine brings no wrong choice with it."""
    load(runtime="openvino")
    with capture_logs() as logs:
        load(runtime="openvino", machine=Machine(PLAIN.name, PLAIN.flags | {"avx512f"}))

    assert chosen(logs)["measured"] == "now"


def test_a_damaged_graph_is_converted_again(load: Load, cache: Path) -> None:
    expected = load(runtime="openvino").embed_pictures(PICTURES)
    weights = next((cache / "runtimes").glob("*.bin"))
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 0xFF
    weights.write_bytes(content)

    assert load(runtime="openvino").embed_pictures(PICTURES) == pytest.approx(expected, abs=1e-6)


def test_eight_bits_are_used_once_they_are_made(load: Load, with_int8: Path) -> None:
    with capture_logs() as logs:
        encoder = load(cache_dir=with_int8, machine=this_machine(), precision="int8")
    whole, tiles = encoder.embed_scenes(PICTURES)

    assert chosen(logs)["runtime"] == "openvino int8"
    assert tiles is not None
    assert np.linalg.norm(whole, axis=1) == pytest.approx(np.ones(len(PICTURES)), abs=1e-5)


def test_eight_bits_that_were_damaged_give_way_with_a_line(load: Load, with_int8: Path) -> None:
    weights = next((with_int8 / "runtimes").glob("*-int8.bin"))
    weights.write_bytes(weights.read_bytes()[:-100])
    with capture_logs() as logs:
        encoder = load(cache_dir=with_int8, machine=this_machine(), precision="int8")
    refused = next(line for line in logs if line["event"] == "runtime_refused")

    assert "run `vidsense models quantize` again" in str(refused["reason"])
    assert chosen(logs)["runtime"] == "torch fp32"
    assert encoder.embed_pictures(PICTURES).shape == (len(PICTURES), encoder.dimension)


def test_eight_bits_of_another_machine_are_not_trusted(load: Load, with_int8: Path) -> None:
    """Their figures hold for the processor on which they were measured."""
    with capture_logs() as logs:
        load(cache_dir=with_int8, precision="int8")

    assert any("made on another machine" in str(line.get("reason")) for line in logs)


def test_a_runtime_that_moves_the_embeddings_is_refused(load: Load, with_int8: Path, tmp_path: Path) -> None:
    """Here it computes another model's."""
    other = ClipEncoder(str(save_clip(tmp_path / "other", seed=1)), threads=1).vision
    path = next((with_int8 / "runtimes").glob("*-int8.xml"))
    card = read_card(path)
    save_graph(converted(other, folder=tmp_path), path, card)
    with capture_logs() as logs:
        load(cache_dir=with_int8, machine=this_machine(), precision="int8")
    (refused,) = (line for line in logs if line["event"] == "runtime_refused")

    assert "differs from fp32: cosine" in str(refused["reason"])
    assert chosen(logs)["runtime"] == "torch fp32"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"runtime": "openvino", "precision": "int8"}, "run `vidsense models quantize`"),
        ({"runtime": "cuda"}, "no such device"),
        ({"runtime": "torch", "precision": "bf16"}, "has no bfloat16"),
    ],
)
def test_what_is_asked_for_and_not_there_is_said_and_pytorch_goes_on(
    load: Load, options: dict[str, str], says: str
) -> None:
    with capture_logs() as logs:
        encoder = load(**options)

    assert [line["event"] for line in logs] == ["runtime_unavailable"]
    assert says in str(logs[0]["reason"])
    assert logs[0]["instead"] == "torch fp32"
    assert encoder.embed_pictures(PICTURES).shape == (len(PICTURES), encoder.dimension)


def test_nothing_is_measured_where_nothing_is_to_choose(load: Load) -> None:
    with capture_logs() as logs:
        load(runtime="torch", precision="fp32")

    assert logs == []


def test_bfloat16_is_tried_only_where_the_processor_has_it(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some Xeon\nflags\t\t: fpu avx512f amx_bf16\n\nprocessor\t: 1\n")
    arm = tmp_path / "arm"
    arm.write_text("processor\t: 0\nFeatures\t: fp asimd bf16\n")

    assert this_machine(cpuinfo).has_bf16
    assert this_machine(cpuinfo).name == "Some Xeon"
    assert this_machine(arm).has_bf16
    assert not PLAIN.has_bf16
    assert this_machine(tmp_path / "none").flags == frozenset()


def test_openvino_does_not_report_to_anybody(tmp_path: Path) -> None:
    """Its package tells Google Analytics of every import, and keeps an identity in the home folder for it."""
    script = (
        "from vidsense_daemon.perception.runtimes.in_openvino import library; library(); import openvino.tools.ovc;"
        "import sys; print(sys.modules['openvino_telemetry'])"
    )
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)

    assert done.stdout.strip() == "None"
    assert not (tmp_path / "intel").exists()
