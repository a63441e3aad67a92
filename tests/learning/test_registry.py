"""Which model is live: three are kept, one is chosen, damage is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.learning.registry import Card, ModelRegistry
from vidsense_daemon.perception.surprise import RidgeAR

from .scenes import clip

ENCODER = "eye"


@pytest.fixture(scope="module")
def ridge() -> RidgeAR:
    sequences = [(each.tiles.astype("float32"), each.pts_s) for each in map(clip, range(10))]
    return RidgeAR.fit(sequences, encoder=ENCODER)


def card(number: int, *, encoder: str = ENCODER) -> Card:
    return Card(
        id=f"{1000 + number}-ridge-ar",
        camera="street",
        kind="ridge-ar",
        encoder=encoder,
        seed=0,
        trained_at_ms=1000 + number,
        begins_at_ms=0,
        held_out_from_ms=500,
        ends_at_ms=900,
        clips=30,
        steps=0,
        error=0.5,
        ridge_error=0.5,
        persistence_error=1.0,
        incumbent=None,
        incumbent_error=None,
        feedback="no feedback yet",
        verdict="live",
    )


@pytest.fixture
def registry(tmp_path: Path, ridge: RidgeAR) -> ModelRegistry:
    """Five models were live one after the other; the fifth is."""
    registry = ModelRegistry(tmp_path)
    for number in range(5):
        registry.add(ridge, card(number))
        registry.promote("street", card(number).id)
    return registry


def states(registry: ModelRegistry) -> dict[str, str]:
    return {kept.card.id: kept.state for kept in registry.kept("street")}


def live(registry: ModelRegistry, encoder: str = ENCODER) -> str | None:
    found = registry.load("street", encoder=encoder)[1]
    return found.id if found is not None else None


def test_the_last_three_are_kept(registry: ModelRegistry) -> None:
    assert states(registry) == {"1004-ridge-ar": "live", "1003-ridge-ar": "before", "1002-ridge-ar": "before"}
    assert len(list((registry.root / "street").glob("*.safetensors"))) == 3


def test_one_more_in_shadow_is_kept_the_newest(registry: ModelRegistry, ridge: RidgeAR) -> None:
    """It shows why it did not go live; older ones tell nobody anything."""
    for number in (5, 6):
        registry.add(ridge, card(number))

    assert states(registry)["1006-ridge-ar"] == "shadow"
    assert "1005-ridge-ar" not in states(registry)
    assert live(registry) == "1004-ridge-ar"


def test_a_rollback_goes_one_back_and_another_one_further(registry: ModelRegistry) -> None:
    assert registry.rollback("street").card.id == "1003-ridge-ar"
    assert registry.rollback("street").card.id == "1002-ridge-ar"
    with pytest.raises(PermanentError, match="no earlier model"):
        registry.rollback("street")
    assert live(registry) == "1002-ridge-ar"


def test_a_change_can_be_seen_from_outside(registry: ModelRegistry) -> None:
    """The running daemon takes another model without a restart."""
    before = registry.changed_at_ns("street")
    registry.rollback("street")

    assert registry.changed_at_ns("street") != before
    assert registry.changed_at_ns("garden") == 0


def test_damaged_weights_are_refused_and_older_ones_stand_in(registry: ModelRegistry) -> None:
    """One flipped bit is enough; the log names the file."""
    weights = registry.root / "street" / "1004-ridge-ar.safetensors"
    content = bytearray(weights.read_bytes())
    content[-7] ^= 1
    weights.write_bytes(content)
    with capture_logs() as logs:
        assert live(registry) == "1003-ridge-ar"

    assert str(weights) in next(log["reason"] for log in logs if log["event"] == "learned_weights_refused")


def test_when_all_are_damaged_persistence_stands_in(registry: ModelRegistry) -> None:
    for weights in (registry.root / "street").glob("*.safetensors"):
        weights.write_bytes(b"gone")
    with capture_logs():
        model, found = registry.load("street", encoder=ENCODER)

    assert (model.name, found) == ("persistence", None)


@pytest.mark.parametrize("content", ["", "[]", '{"live": 7', "null"])
def test_a_damaged_record_of_what_is_live_is_no_crash(registry: ModelRegistry, content: str) -> None:
    (registry.root / "street" / "live.json").write_text(content)
    with capture_logs() as logs:
        assert live(registry) is None

    assert logs[0]["event"] == "learned_line_refused"


def test_another_encoders_model_is_not_taken(registry: ModelRegistry) -> None:
    """Its numbers mean something else."""
    assert live(registry, encoder="another eye") is None


def test_two_trainings_never_run_at_once(registry: ModelRegistry) -> None:
    """The nightly one and somebody's own: the second says so and ends."""
    with registry.locked(), pytest.raises(PermanentError, match="another training runs"), registry.locked():
        pass
    with registry.locked():
        pass


def test_a_camera_can_be_forgotten(registry: ModelRegistry) -> None:
    assert registry.forget("street") == 3
    assert live(registry) is None
    assert registry.changed_at_ns("street") == 0
