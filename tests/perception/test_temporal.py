"""The temporal transformer: mean pooling until it is trained, and then blind to the future when it must be."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vidsense_daemon.perception.temporal import TemporalTransformer, positions


def windows(count: int = 3, frames: int = 8, dimension: int = 64, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Unit embeddings at uneven times: x (B, T, D), seconds (B, T)."""
    random = torch.Generator().manual_seed(seed)
    x = torch.nn.functional.normalize(torch.randn(count, frames, dimension, generator=random), dim=-1)
    return x, torch.rand(count, frames, generator=random).cumsum(dim=1)


def trained(dimension: int = 64, gate: float = 0.7) -> TemporalTransformer:
    """A model whose every weight matters."""
    torch.manual_seed(1)
    model = TemporalTransformer(dimension=dimension).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
        model.gate.fill_(gate)
    return model


@pytest.mark.parametrize("skip_closed_gate", [True, False], ids=["skipped", "computed"])
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "bidirectional"])
@given(count=st.integers(1, 5), frames=st.integers(1, 12), seed=st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_untrained_it_is_mean_pooling_to_the_last_bit(
    count: int, frames: int, seed: int, *, causal: bool, skip_closed_gate: bool
) -> None:
    """Before anything was learnt, nothing is invented: each frame is itself, and a window is its frames' mean."""
    x, seconds = windows(count, frames, seed=seed)
    model = TemporalTransformer(dimension=64).eval()
    with torch.no_grad():
        made = model(x, seconds, causal=causal, skip_closed_gate=skip_closed_gate)

    assert torch.equal(x, made.frames)
    assert torch.equal(x.mean(dim=1), made.pooled)


def test_untrained_it_stays_mean_pooling_after_a_save_and_a_load() -> None:
    """Weights that were stored before any training change nothing."""
    x, seconds = windows()
    saved = TemporalTransformer(dimension=64).state_dict()
    loaded = trained()
    loaded.load_state_dict(saved)
    with torch.no_grad():
        made = loaded(x, seconds, skip_closed_gate=False)

    assert torch.equal(x.mean(dim=1), made.pooled)


def test_trained_it_is_no_longer_mean_pooling() -> None:
    """The equality above is no accident of a model that does nothing."""
    x, seconds = windows()
    with torch.no_grad():
        made = trained()(x, seconds)

    assert not torch.allclose(x, made.frames, atol=1e-3)


@pytest.mark.parametrize("with_attention", [True, False])
def test_a_causal_model_does_not_see_the_future(*, with_attention: bool) -> None:
    """Live, what a frame means never depends on what comes later."""
    x, seconds = windows(frames=8)
    later = x.clone()
    later[:, 5:] = torch.nn.functional.normalize(torch.randn(3, 3, 64), dim=-1)
    model = trained()
    with torch.no_grad():
        before = model(x, seconds, causal=True, with_attention=with_attention).frames
        after = model(later, seconds, causal=True, with_attention=with_attention).frames

    assert torch.allclose(before[:, :5], after[:, :5], atol=1e-6)
    assert not torch.allclose(before[:, 5:], after[:, 5:], atol=1e-3)


def test_a_bidirectional_model_does() -> None:
    """Once an event is over, its first frames are understood from its last ones."""
    x, seconds = windows(frames=8)
    later = x.clone()
    later[:, 7] = -later[:, 7]
    model = trained()
    with torch.no_grad():
        before = model(x, seconds, causal=False).frames
        after = model(later, seconds, causal=False).frames

    assert not torch.allclose(before[:, 0], after[:, 0], atol=1e-4)


@pytest.mark.parametrize("causal", [True, False])
def test_asking_for_attention_changes_no_embedding(*, causal: bool) -> None:
    """What is explained is what was decided on."""
    x, seconds = windows()
    model = trained()
    with torch.no_grad():
        plain = model(x, seconds, causal=causal)
        explained = model(x, seconds, causal=causal, with_attention=True)

    assert plain.attention is None
    assert explained.attention is not None
    assert explained.attention.shape == (3, 2, 8, 8, 8)
    assert torch.allclose(plain.frames, explained.frames, atol=1e-5)
    assert torch.allclose(torch.ones(3, 2, 8, 8), explained.attention.sum(dim=-1), atol=1e-5)


def test_the_attention_of_a_causal_model_looks_back_only() -> None:
    """A frame attends to itself and earlier frames."""
    x, seconds = windows()
    with torch.no_grad():
        attention = trained()(x, seconds, causal=True, with_attention=True).attention

    assert attention.triu(1).abs().max() == 0


def test_windows_of_one_batch_keep_their_own_times() -> None:
    """A calm and a busy camera share a batch, and neither changes the other's result."""
    x, seconds = windows()
    model = trained()
    with torch.no_grad():
        together = model(x, seconds).frames
        alone = torch.cat([model(x[[row]], seconds[[row]]).frames for row in range(len(x))])

    assert torch.allclose(together, alone, atol=1e-5)


def test_the_same_pictures_at_another_pace_mean_something_else() -> None:
    """Running and standing around differ in seconds, not in the number of frames."""
    x, seconds = windows()
    model = trained()
    with torch.no_grad():
        assert not torch.allclose(model(x, seconds).pooled, model(x, 5 * seconds).pooled, atol=1e-4)


def test_only_the_time_within_a_window_counts() -> None:
    """The same scene means the same in the first minute of a stream and in the last."""
    x, seconds = windows()
    model = trained()
    with torch.no_grad():
        assert torch.allclose(model(x, seconds).pooled, model(x, seconds + 64).pooled, atol=1e-4)


def test_positions_are_as_long_as_embeddings() -> None:
    """Time doesn't drown what is seen."""
    _, seconds = windows()

    assert torch.allclose(torch.ones(3, 8), positions(seconds, 64).norm(dim=-1))


def test_training_can_open_the_gate() -> None:
    """A start at zero is no dead end: the gate has a gradient at once, the blocks as soon as it is open."""
    x, seconds = windows()
    model = TemporalTransformer(dimension=64)
    model(x, seconds).pooled.square().sum().backward()
    assert model.gate.grad is not None
    assert model.gate.grad != 0

    model = trained()
    model(x, seconds).pooled.square().sum().backward()

    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_heads_that_do_not_divide_the_dimension_are_refused() -> None:
    """A mistake in a configuration is named where it is made."""
    with pytest.raises(ValueError, match="8 heads"):
        TemporalTransformer(dimension=100)
