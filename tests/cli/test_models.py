"""A model that somebody copied, half fetched or damaged: what `vidsense` says of it, and what goes on all the same."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from perception.encoders.tiny_models import save_bert, save_clip
from safetensors.torch import load_file, save_file
from structlog.testing import capture_logs

from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ConfigError
from vidsense_daemon.cli.main import main
from vidsense_daemon.daemon.backends import open_encoder
from vidsense_daemon.perception.runtimes.in_openvino import is_installed, read_graph, save_graph
from vidsense_daemon.settings.schema import EncoderBlock

pytestmark = [
    pytest.mark.timeout(90),  # whichever test comes first imports PyTorch
    pytest.mark.usefixtures("state_dir"),
]

_NOBODY = 65534
Change = Callable[[Path], object]
Found = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture
def copied(clip: Path, tmp_path: Path) -> Path:
    """The model's folder, copied by hand."""
    return shutil.copytree(clip, tmp_path / "copied")


def configured(folder: Path, model: Path | str, *, backend: str = "clip", prompt: str = "a person", **more: Any) -> str:
    path = folder / "vidsense.yaml"
    settings = {
        "cameras": {"yard": {"url": "rtsp://127.0.0.1:9/none", "triggers": ["person"]}},
        "triggers": {"person": {"prompt": prompt, "contrast": ["an empty room"]}},
        "encoder": {"backend": backend, "model": str(model)},
        "describer": {"backend": "builtin"},
        "review": {"enabled": False},
        **more,
    }
    path.write_text(json.dumps(settings))
    return str(path)


def checked(config: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, Found]:
    status = main(["check", "--offline", "--json", "--config", config])
    return status, {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}


def weights_with(folder: Path, key: str, value: Callable[[torch.Tensor], torch.Tensor]) -> None:
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file(weights | {key: value(weights[key])}, path, {"format": "pt"})


def cut_off(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def rot(folder: Path) -> None:
    """A disk that lost some bits since `vidsense models pull`."""
    path = folder / "model.safetensors"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  model.safetensors\n")
    content = bytearray(path.read_bytes())
    content[-8:] = b"\x55" * 8
    path.write_bytes(content)


def half_fetch(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model.safetensors.0123456789ab.partial")


def lose_the_preprocessing(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def take_another_config(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["vocab_size"] = 5
    (folder / "config.json").write_text(json.dumps(config))


def poison_the_temperature(folder: Path) -> None:
    weights_with(folder, "logit_scale", lambda value: value * torch.nan)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (cut_off, "incomplete metadata"),
        (rot, "model.safetensors is not what was fetched: its checksum differs"),
        (half_fetch, "lacks weights in safetensors"),
        (lose_the_preprocessing, "lacks preprocessor_config.json"),
        (take_another_config, "of another shape, such as text_model.embeddings.token_embedding.weight"),
        (poison_the_temperature, "numbers that are none (NaN)"),
        (save_bert, "it is a bert, not a dual encoder"),
        (shutil.rmtree, "is not there: correct encoder.model"),
    ],
)
def test_a_folder_that_cannot_be_used_is_told_with_what_to_do(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Change, says: str
) -> None:
    """A folder of one's own comes from no hub: nobody is told to pull it from there."""
    spoil(copied)
    status, found = checked(configured(tmp_path, copied), capsys)

    assert status == EXIT_FAILED
    assert found["encoder"]["verdict"] == "failed"
    assert says in found["encoder"]["says"]
    assert "encoder.backend: builtin" in found["encoder"]["says"]
    assert "models pull" not in found["encoder"]["says"] + found["encoder"]["mend"]


def test_auto_goes_on_with_the_builtin_encoder(
    copied: Path, tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A house is watched less well for a damaged disk, not left alone; who asked for CLIP by name is told instead."""
    cut_off(copied)
    status, found = checked(configured(tmp_path, copied, backend="auto"), capsys)
    with capture_logs() as logs:
        encoder, backend = open_encoder(EncoderBlock(backend="auto", model=str(copied)), state_dir=state_dir)

    assert status == EXIT_OK
    assert found["encoder"]["says"] == f"builtin: {encoder.name}"
    assert found["triggers of yard"]["verdict"] == "ok"
    assert backend == "builtin"
    assert ("encoder_unusable", "builtin") in [(line["event"], line.get("instead")) for line in logs]
    with pytest.raises(ConfigError, match="cannot use"):
        open_encoder(EncoderBlock(backend="clip", model=str(copied)), state_dir=state_dir)


def test_a_download_that_broke_off_is_told_with_the_command_that_goes_on(
    copied: Path, tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    half_fetch(copied)
    shutil.copytree(copied, state_dir / "models" / "somebody--tiny")
    _, found = checked(configured(tmp_path, "somebody/tiny"), capsys)

    assert "is not complete in" in found["encoder"]["says"]
    assert found["encoder"]["mend"] == "vidsense models pull somebody/tiny"


def test_a_folder_that_was_copied_by_hand_is_used(
    clip: Path, tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(clip, state_dir / "models" / "somebody--tiny")
    status, found = checked(configured(tmp_path, "somebody/tiny"), capsys)
    listed = main(["models", "list"]), capsys.readouterr().out
    verified = main(["models", "verify", "somebody/tiny"]), capsys.readouterr().err

    assert (status, found["encoder"]["verdict"]) == (EXIT_OK, "ok")
    assert listed[0] == EXIT_OK
    assert "somebody/tiny" in listed[1]
    assert verified[0] == EXIT_CONFIG
    assert "has no SHA256SUMS to compare with" in verified[1]


def test_a_folder_that_may_not_be_read_is_told(
    copied: Path, tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was copied by root; the service runs as another user."""
    config = configured(tmp_path, copied)
    with somebody_else(tmp_path, sealed=copied):
        status, found = checked(config, capsys)

    assert status == EXIT_FAILED
    assert "may not be read by this user; check its owner and mode" in found["encoder"]["says"]


@contextmanager
def somebody_else(open_to_all: Path, *, sealed: Path) -> Iterator[None]:
    """Nobody may enter ``sealed``, and root, who might, becomes nobody."""
    modes = {path: path.stat().st_mode for path in (open_to_all, *open_to_all.parents, *open_to_all.rglob("*"), sealed)}
    was_root = os.geteuid() == 0
    for path in modes if was_root else ():
        path.chmod(0o755)
    sealed.chmod(0)
    try:
        if was_root:
            os.seteuid(_NOBODY)
        yield
    finally:
        if was_root:
            os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("a red car " * 60, "is too long by"),
        ("eine Person mit einem roten Mantel", "not in English"),
        ("门口有人", "not in English"),
    ],
)
def test_a_sentence_that_the_model_may_not_understand_is_a_warning(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], prompt: str, says: str
) -> None:
    """Some of these models read many languages: nobody is forbidden to try."""
    status, found = checked(configured(tmp_path, clip, prompt=prompt), capsys)

    assert status == EXIT_OK
    assert says in found["trigger person"]["says"]
    assert found["triggers of yard"]["verdict"] == "ok"


def test_a_prompt_without_words_is_refused(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = checked(configured(tmp_path, clip, prompt="  "), capsys)

    assert status == EXIT_FAILED
    assert "needs words" in found["trigger person on yard"]["says"]


def test_a_prompt_of_500_words_is_a_mistake_of_the_configuration(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(tmp_path, clip, prompt="a person " + "walking slowly " * 249)

    assert main(["check", "--offline", "--config", config]) == EXIT_CONFIG
    assert "triggers.person.prompt\n    found more than 1000 characters" in capsys.readouterr().err


def test_two_triggers_of_one_name_are_a_mistake_of_the_configuration(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "vidsense.yaml"
    config.write_text(
        "cameras: {yard: {url: 'rtsp://127.0.0.1:9/none', triggers: [person]}}\n"
        "triggers:\n  person: {prompt: a person}\n  person: {prompt: a car}\n"
    )

    assert main(["check", "--offline", "--config", str(config)]) == EXIT_CONFIG
    assert ":4:3: triggers.person\n    the key stands twice; the first is in line 3" in capsys.readouterr().err


@pytest.mark.skipif(not is_installed(), reason="OpenVINO is not installed")
def test_what_failed_is_told_until_everything_is_measured_anew(
    clip: Path, clips: Path, tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the converted graph is one for batches of seven pictures, which no camera sends.

    An empty vocabulary and a sentence in another language cost nobody more than themselves.
    """
    encoder = {"backend": "clip", "model": str(clip), "runtime": "openvino", "precision": "fp32"}
    config = configured(tmp_path, clip, prompt="eine Person", labels=[], encoder=encoder)
    replay = ["replay", "--config", config, str(clips / "yard.mp4")]
    assert main(replay) == EXIT_OK
    (path,) = (state_dir / "cache" / "runtimes").glob("*.xml")
    graph = read_graph(path)
    graph.reshape([7, *graph.input().partial_shape[1:]])
    save_graph(graph, path)
    assert main(replay) == EXIT_OK
    assert "Traceback" not in capsys.readouterr().err
    _, found = checked(config, capsys)
    path.unlink()  # as another version would convert it again
    measured = main(["models", "measure", "--config", config]), capsys.readouterr().out
    _, after = checked(config, capsys)

    assert "openvino fp32 computes no pictures any more" in found["runtime"]["says"]
    assert found["runtime"]["mend"] == "vidsense models measure"
    assert measured[0] == EXIT_OK
    assert "the next start of the daemon takes openvino fp32" in measured[1]
    assert "runtime" not in after
