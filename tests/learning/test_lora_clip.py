"""An adapter of CLIP's last blocks, on a tiny CLIP of random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from perception.encoders.pictures import plain
from perception.encoders.tiny_models import PICTURE_PX, save_clip
from perception.lessons import lesson
from structlog.testing import capture_logs

from vidsense_daemon.domain.events import Verdict
from vidsense_daemon.learning.lora import Example
from vidsense_daemon.learning.lora_clip import Sight, train_clip
from vidsense_daemon.learning.lora_files import LoraFolder
from vidsense_daemon.perception.adapters import read_adapter
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.scoring import TriggerTexts

pytestmark = pytest.mark.timeout(120)  # PEFT brings half of its world along: seconds, and many on a busy machine


def sights(encoder: ClipEncoder, count: int = 24) -> list[Sight]:
    """Dark pictures were right to tell of, bright ones not; four events a day."""
    texts = encoder.embed_texts(["a person", "an empty room", "a dog"])
    of_trigger = TriggerTexts(own=texts[:1] * 40, nothing=texts[1:2] * 40, rivals=texts[2:] * 40)
    made = []
    for number in range(count):
        verdict, grey = ((Verdict.GOOD, 40), (Verdict.BAD, 200))[number % 2]
        one = lesson(verdict, np.ones(encoder.dimension), hours=6 * number)
        made.append(Sight(Example(one, of_trigger), plain(grey + number % 5, px=PICTURE_PX)))
    return made


def test_an_adapted_clip_has_another_space_and_another_name_until_it_is_rolled_back(tmp_path: Path) -> None:
    """Trained on its own last blocks, merged at the next load; embeddings of before are never compared with it."""
    model, folder = save_clip(tmp_path / "clip"), LoraFolder(tmp_path / "adapters")
    encoder = ClipEncoder(str(model), threads=1)
    report = train_clip(sights(encoder), encoder=encoder, folder=folder, min_events=20, epochs=2)
    if not report.promoted:  # whether random weights can be taught is not the matter here
        folder.settle(replace(report, promoted=True))

    assert (report.part, report.days_held_out) == ("clip", 2)
    assert 0 < report.parameters_trained < report.parameters_frozen
    pictures = [plain(40, px=PICTURE_PX), plain(200, px=PICTURE_PX)]
    unadapted, adapted = (ClipEncoder(str(model), threads=1, adapter=path) for path in (None, folder.live))
    assert adapted.name.startswith(f"{unadapted.name}-lora")
    assert not np.array_equal(adapted.embed_pictures(pictures), unadapted.embed_pictures(pictures))
    assert np.array_equal(adapted.embed_texts(["a dog"]), unadapted.embed_texts(["a dog"]))

    folder.roll_back()
    assert ClipEncoder(str(model), threads=1, adapter=folder.live).name == unadapted.name


def test_only_queries_and_values_of_the_last_blocks_are_adapted(tmp_path: Path) -> None:
    encoder, folder = ClipEncoder(str(save_clip(tmp_path / "clip")), threads=1), LoraFolder(tmp_path / "adapters")
    train_clip(sights(encoder), encoder=encoder, folder=folder, min_events=20, epochs=1)

    path = folder.live if folder.live.exists() else folder.shadow
    _card, tensors = read_adapter(path)
    assert {name.split(".")[-3] for name in tensors} == {"q_proj", "v_proj"}
    assert all("vision_model" in name for name in tensors)


def test_an_adapter_of_another_clip_is_left_out_in_one_line(tmp_path: Path) -> None:
    """Who changes the model goes on with the plain one, and is told why."""
    encoder, folder = ClipEncoder(str(save_clip(tmp_path / "clip")), threads=1), LoraFolder(tmp_path / "adapters")
    report = train_clip(sights(encoder), encoder=encoder, folder=folder, min_events=20, epochs=1)
    if not report.promoted:
        folder.settle(replace(report, promoted=True))
    other = save_clip(tmp_path / "other", seed=1)

    with capture_logs() as logs:
        name = ClipEncoder(str(other), threads=1, adapter=folder.live).name
    assert name == ClipEncoder(str(other), threads=1).name
    assert [line["event"] for line in logs] == ["adapter_left_out"]
