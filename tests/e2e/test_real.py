"""The pipeline on labelled footage of a real car park; skipped where the footage is not beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from .conftest import Household

_FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "data"
_CLIP = "clips/car-detection.mp4"

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not (_FOOTAGE / _CLIP).exists(), reason="no labelled footage beside the checkout"),
]


def test_every_car_of_the_car_park_is_an_event_and_nothing_else_is(household: Household) -> None:
    """Three cars drive through, nobody walks: three events, each while its car is there, and none of a person."""
    labels = yaml.safe_load((_FOOTAGE / "labels.yaml").read_text())[_CLIP]
    triggers = {
        name: {"prompt": trigger["prompt"], "contrast": trigger["contrast"]}
        for name, trigger in labels["triggers"].items()
    }
    household.configure(
        "rtsp://127.0.0.1/unused",
        cameras={"yard": {"url": "rtsp://127.0.0.1/unused", "triggers": list(triggers)}},
        triggers=triggers,
    )

    answer = household.vidsense("replay", str(_FOOTAGE / _CLIP), "--config", str(household.config), limit_s=280)

    events = [json.loads(line) for line in answer.stdout.splitlines()]
    seen = sorted((event["trigger"], event["started_pts_s"], event["ended_pts_s"]) for event in events)
    present_s = labels["triggers"]["car"]["present_s"]
    assert [trigger for trigger, _, _ in seen] == ["car"] * len(present_s)
    for (_, started_s, ended_s), (there_s, gone_s) in zip(seen, present_s, strict=True):
        assert there_s - 0.5 <= started_s <= gone_s
        assert ended_s <= gone_s + 0.5
