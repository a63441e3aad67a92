"""Fetching, listing, verifying and removing weights, against a hub on loopback."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import ConfigError, TransientError
from vidsense_daemon.perception.encoders.clip import ClipEncoder, available
from vidsense_daemon.perception.models import installed, pull, remove, verify

from .encoders.tiny_models import save_clip
from .hub import REVISION, Hub, serving

NAME = "someone/tiny-clip"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """It holds a tiny CLIP, and beside it files that nobody needs."""
    folder = save_clip(tmp_path / "origin")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    with serving(Hub()) as hub:
        hub.models[NAME] = files | {
            "README.md": b"read me",
            "pytorch_model.bin": b"a pickle",
            "onnx/model.safetensors": b"for another runtime",
        }
        yield hub


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    return tmp_path / "models"


def fetch(hub: Hub, models_dir: Path, name: str = NAME) -> list[tuple[str, int, int]]:
    """The progress that was told."""
    told: list[tuple[str, int, int]] = []
    pull(name, models_dir=models_dir, on_progress=lambda *step: told.append(step), hub_url=hub.url)
    return told


def fetched_files(hub: Hub) -> set[str]:
    return {path.rpartition("/")[2] for path, _ in hub.asked if path.startswith("/elsewhere/")}


def test_a_fetched_model_can_be_used_by_its_name(hub: Hub, models_dir: Path) -> None:
    assert not available(NAME, models_dir=models_dir)
    fetch(hub, models_dir)

    assert available(NAME, models_dir=models_dir)
    assert ClipEncoder(NAME, threads=1, models_dir=models_dir).embed_texts(["a person"]).shape[0] == 1


def test_only_what_the_encoder_reads_is_fetched(hub: Hub, models_dir: Path) -> None:
    """No pickles, no other runtime's weights."""
    fetch(hub, models_dir)

    assert {"config.json", "model.safetensors", "preprocessor_config.json"} <= fetched_files(hub)
    assert not fetched_files(hub) & {"README.md", "pytorch_model.bin"}
    assert not any("onnx" in path for path, _ in hub.asked)


def test_progress_goes_on_to_the_end_of_every_file(hub: Hub, models_dir: Path) -> None:
    told = fetch(hub, models_dir)
    last = {file: (here, whole) for file, here, whole in told}

    assert set(last) == fetched_files(hub)
    assert all(here == whole for here, whole in last.values())


def test_all_files_are_of_one_revision(hub: Hub, models_dir: Path) -> None:
    """A model that changes on the hub meanwhile is not fetched half and half."""
    fetch(hub, models_dir)

    assert all(f"/resolve/{REVISION}/" in path for path, _ in hub.asked if not path.startswith("/api/"))


def test_a_broken_download_goes_on_where_it_stopped(hub: Hub, models_dir: Path) -> None:
    hub.stops_after_bytes = 2000
    with pytest.raises(TransientError, match="run the command again"):
        fetch(hub, models_dir)  # what is shorter than that arrives
    hub.stops_after_bytes = None
    hub.asked.clear()
    fetch(hub, models_dir)
    ranges = [asked_range for path, asked_range in hub.asked if path.startswith("/elsewhere/") and asked_range]

    assert ranges == ["bytes=2000-"]
    assert verify(NAME, models_dir=models_dir) == []


def test_a_hub_that_knows_no_ranges_sends_all_again(hub: Hub, models_dir: Path) -> None:
    hub.stops_after_bytes = 2000
    with pytest.raises(TransientError):
        fetch(hub, models_dir)
    hub.stops_after_bytes, hub.ranges = None, False
    fetch(hub, models_dir)

    assert verify(NAME, models_dir=models_dir) == []


def test_what_is_here_already_is_not_fetched_again(hub: Hub, models_dir: Path) -> None:
    fetch(hub, models_dir)
    hub.asked.clear()
    fetch(hub, models_dir)

    assert fetched_files(hub) == set()


def test_a_damaged_file_is_refused_and_not_kept(hub: Hub, models_dir: Path) -> None:
    hub.garbles = True
    with pytest.raises(TransientError, match="damaged"):
        fetch(hub, models_dir)

    assert installed(models_dir)[0].size_bytes == 0
    hub.garbles = False
    fetch(hub, models_dir)
    assert installed(models_dir)[0].complete


def test_a_file_that_rots_on_the_disk_is_found_and_fetched_again(hub: Hub, models_dir: Path) -> None:
    fetch(hub, models_dir)
    weights = models_dir / "someone--tiny-clip" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)

    assert verify(NAME, models_dir=models_dir) == ["model.safetensors"]
    fetch(hub, models_dir)
    assert verify(NAME, models_dir=models_dir) == []


def test_a_lost_file_is_found(hub: Hub, models_dir: Path) -> None:
    fetch(hub, models_dir)
    (models_dir / "someone--tiny-clip" / "config.json").unlink()

    assert verify(NAME, models_dir=models_dir) == ["config.json"]
    assert not installed(models_dir)[0].complete


def test_the_sums_are_those_of_sha256sum(hub: Hub, models_dir: Path) -> None:
    """So that the folder can be checked, and copied elsewhere, without us."""
    fetch(hub, models_dir)
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=models_dir / "someone--tiny-clip",
        check=False,
    )

    assert checked.returncode == 0


def test_a_folder_that_was_copied_by_hand_is_listed_and_usable(tmp_path: Path, models_dir: Path) -> None:
    save_clip(models_dir / "someone--tiny-clip")
    (model,) = installed(models_dir)

    assert (model.name, model.complete) == (NAME, True)
    assert model.size_bytes > 10_000
    assert available(NAME, models_dir=models_dir)
    with pytest.raises(ConfigError, match="has no SHA256SUMS"):
        verify(NAME, models_dir=models_dir)


def test_removing_takes_the_whole_folder(hub: Hub, models_dir: Path) -> None:
    fetch(hub, models_dir)
    removed = remove(NAME, models_dir=models_dir)

    assert removed.name == NAME
    assert installed(models_dir) == []
    with pytest.raises(ConfigError, match="vidsense models list"):
        remove(NAME, models_dir=models_dir)


def test_without_a_folder_no_models_are_installed(models_dir: Path) -> None:
    assert installed(models_dir) == []


@pytest.mark.parametrize("name", ["../../etc", "/etc", "a/b/c", "", "..", "a/..", "a b", "a\nb"])
def test_a_name_that_would_leave_the_folder_is_refused(hub: Hub, models_dir: Path, name: str) -> None:
    for act in (lambda: fetch(hub, models_dir, name), lambda: remove(name, models_dir=models_dir)):
        with pytest.raises(ConfigError, match="no name of a model"):
            act()

    assert hub.asked == []


def test_an_unknown_model_is_named(hub: Hub, models_dir: Path) -> None:
    with pytest.raises(ConfigError, match=r"the hub has no model nobody/nothing.*HF_TOKEN"):
        fetch(hub, models_dir, "nobody/nothing")


def test_a_model_without_safetensors_is_refused(hub: Hub, models_dir: Path) -> None:
    del hub.models[NAME]["model.safetensors"]

    with pytest.raises(ConfigError, match="no weights in safetensors"):
        fetch(hub, models_dir)


def test_a_hub_that_cannot_be_reached_is_a_matter_of_waiting(models_dir: Path) -> None:
    with serving(Hub()) as hub:
        gone = hub.url
    with pytest.raises(TransientError, match="run the command again later"):
        pull(NAME, models_dir=models_dir, on_progress=lambda *_: None, hub_url=gone)


def test_an_answer_that_makes_no_sense_is_a_matter_of_waiting(hub: Hub, models_dir: Path) -> None:
    hub.description = lambda name: b'{"siblings": 3}'  # type: ignore[method-assign]

    with pytest.raises(TransientError, match="cannot be read"):
        fetch(hub, models_dir)


def test_a_folder_that_cannot_be_written_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")

    with pytest.raises(ConfigError, match="cannot keep someone/tiny-clip"):
        fetch(hub, tmp_path / "models")


def test_the_recorded_hash_is_that_of_the_file(hub: Hub, models_dir: Path) -> None:
    fetch(hub, models_dir)
    folder = models_dir / "someone--tiny-clip"
    recorded = dict(reversed(line.split()) for line in (folder / "SHA256SUMS").read_text().splitlines())

    expected = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert recorded["model.safetensors"] == expected
