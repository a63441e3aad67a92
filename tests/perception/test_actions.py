"""Trained actions in the daemon: what a model says of a window, how it is kept, and the events that it makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.perception.action_parts import CorrectedPart, Part, PooledPart, TemporalPart
from vidsense_daemon.perception.actions import NOTHING, ActionHead, ActionModel, Head, action_head
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import DIMENSION, Camera, ColourEncoder, RememberingSink, embedded

RESTLESS = TriggerRule("brawl", "fight", action="fight", cold_threshold=1.5)


def restless(**changes: object) -> ActionModel:
    """A model whose "fight" is the more there, the more the first two directions change from frame to frame."""
    weight = torch.zeros(2, DIMENSION)
    weight[1, :2] = 20.0
    part = PooledPart("difference", torch.zeros(DIMENSION), torch.ones(DIMENSION), weight, torch.tensor([2.0, 0.0]))
    values = {"encoder": "colours", "kind": "|difference|", "classes": (NOTHING, "fight"), "parts": (part,)}
    ordinary = np.array([[2.0, 1.0], [-2.0, 1.0]], np.float32)
    return ActionModel(**{**values, "ordinary": ordinary, **changes})  # type: ignore[arg-type]


def window_of(indices: list[int], *, step_s: float = 0.2, moving: bool = True) -> Window:
    frames = tuple(embedded(index, at_s=place * step_s, moving=moving) for place, index in enumerate(indices))
    whole = np.stack([frame.whole for frame in frames])
    return Window(frames, whole, whole.mean(axis=0))


def looking_for(rule: TriggerRule, head: Callable[[TriggerRule], Head], sink: RememberingSink) -> Perceiver:
    return Perceiver(
        encoder=ColourEncoder(), sink=sink, mailbox=FrameMailbox(), triggers={"door": [rule]}, action_head=head
    )


# ── What a head says ────────────────────────────────────────────────────────────────────────────────────────────


def test_more_of_the_action_scores_higher_and_nothing_scores_about_zero() -> None:
    """The unit is the spread of ordinary windows: calm footage scores around 0."""
    head = ActionHead(restless(), "fight")

    calm, wild = head.score_of(window_of([0] * 8)), head.score_of(window_of([0, 1] * 4))

    assert calm.presence == pytest.approx(0.0, abs=1e-4)
    assert wild.presence > 10
    assert wild.wins


@pytest.mark.parametrize(
    ("window", "why"),
    [
        (window_of([0, 1] * 2), "too short"),
        (window_of([0, 1] * 4, step_s=1.0), "a calm camera's frames lie too far apart"),
        (window_of([0, 1] * 4, moving=False), "nothing moves"),
    ],
)
def test_what_cannot_be_judged_is_no_sign_of_an_action(window: Window, why: str) -> None:
    """A model trained on five frames a second says nothing of a camera that is looked at once a second."""
    seen = ActionHead(restless(), "fight").score_of(window)

    assert (seen.presence, seen.wins) == (0.0, False), why


def test_a_closed_gate_leaves_the_pool_to_the_last_bit() -> None:
    """The transformer stands on the |difference| pool: untrained it adds exactly nothing."""
    [base] = restless().parts
    assert isinstance(base, PooledPart)
    part = CorrectedPart(base=base, projection=torch.eye(DIMENSION), layers=1, heads=4)
    x, seconds = torch.randn(3, 8, DIMENSION), torch.arange(8.0).expand(3, 8)

    assert torch.equal(part.log_probabilities(x, seconds), base.log_probabilities(x, seconds))


# ── The file ────────────────────────────────────────────────────────────────────────────────────────────────────


def parts() -> list[Part]:
    torch.manual_seed(0)
    [base] = restless().parts
    assert isinstance(base, PooledPart)
    corrected = CorrectedPart(base=base, projection=torch.eye(DIMENSION), layers=1, heads=4)
    torch.nn.init.ones_(corrected.gate)
    temporal = TemporalPart(projection=torch.eye(DIMENSION), classes=2, layers=2, heads=4)
    return [base, temporal.eval(), corrected.eval()]


@pytest.mark.parametrize("part", parts(), ids=["pooled", "temporal", "corrected"])
def test_a_model_says_after_loading_what_it_said_before(part: Part, tmp_path: Path) -> None:
    """What was measured in training is what runs."""
    model = restless(parts=(part, part))
    x = np.random.default_rng(0).standard_normal((2, 8, DIMENSION)).astype(np.float32)
    seconds = np.tile(np.arange(8, dtype=np.float32) / 5, (2, 1))

    model.save(tmp_path / "actions.safetensors")
    loaded = ActionModel.load(tmp_path / "actions.safetensors")

    assert (loaded.encoder, loaded.kind, loaded.actions) == ("colours", "|difference|", ("fight",))
    np.testing.assert_allclose(loaded.log_odds(x, seconds), model.log_odds(x, seconds), atol=1e-5)


def test_a_damaged_file_is_named_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "actions.safetensors"
    path.write_bytes(b"not a model")

    with pytest.raises(ConfigError, match=r"actions\.safetensors .*train them again"):
        ActionModel.load(path)


@pytest.mark.parametrize(
    ("action", "encoder", "says"),
    [("dance", "colours", 'knows no action "dance", only fight'), ("fight", "clip-x", "trained with the encoder")],
)
def test_what_the_file_cannot_give_is_said(action: str, encoder: str, says: str, tmp_path: Path) -> None:
    """An action nobody labelled, or embeddings of another encoder: told before a night has been watched in vain."""
    restless().save(tmp_path / "actions.safetensors")

    with pytest.raises(PermanentError, match=says):
        action_head(action, path=tmp_path / "actions.safetensors", encoder=encoder)


# ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_action_opens_an_event_like_any_trigger() -> None:
    """`brawl: {action: fight}`: calm passers-by make no event, restless ones do."""
    sink, camera = RememberingSink(), Camera()
    perceiver = looking_for(RESTLESS, lambda rule: ActionHead(restless(), rule.action), sink)

    for _ in range(10):
        perceiver.process([camera.frame("person")])
    assert not sink.opened_events
    for index in range(10):
        perceiver.process([camera.frame("person" if index % 2 else "car")])
    perceiver.finish()

    [(event, _)] = sink.opened_events
    assert (event.trigger, event.prompt, event.camera) == ("brawl", "fight", "door")
    [(closed, _)] = sink.closed_events
    assert closed.id == event.id


def test_an_action_nobody_trained_costs_its_own_trigger_only() -> None:
    """The camera goes on being watched for everything else."""
    sink, camera = RememberingSink(), Camera()
    perceiver = Perceiver(
        encoder=ColourEncoder(),
        sink=sink,
        mailbox=FrameMailbox(),
        triggers={"door": [RESTLESS, TriggerRule("visitor", "a person")]},
    )

    perceiver.process(camera.frames("empty", 2))
    perceiver.process(camera.frames("person", 6))

    assert [event.trigger for event, _ in sink.opened_events] == ["visitor"]
