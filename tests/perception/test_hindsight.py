"""An event that is over is understood from its last frames, too; one that goes on is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from vidsense_daemon.domain.events import Event, EventStill, Source
from vidsense_daemon.domain.windows import Window
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.temporal import TemporalTransformer
from vidsense_daemon.perception.triggers import TriggerRule
from vidsense_daemon.perception.windows import inputs_of, seconds_of

from .fakes import DIMENSION, Camera, ColourEncoder, RememberingSink


@dataclass
class WindowSink(RememberingSink):
    opened_windows: list[Window] = field(default_factory=list)
    closed_windows: list[Window] = field(default_factory=list)

    def opened(self, event: Event, first: EventStill | None, window: Window) -> None:
        self.opened_windows.append(window)
        super().opened(event, first, window)

    def closed(self, event: Event, stills: Sequence[EventStill], window: Window) -> None:
        self.closed_windows.append(window)
        super().closed(event, stills, window)


def trained() -> TemporalTransformer:
    torch.manual_seed(0)
    model = TemporalTransformer(dimension=DIMENSION).eval()
    with torch.no_grad():
        model.gate.fill_(0.7)
    return model


def visited(model: TemporalTransformer) -> WindowSink:
    sink, camera = WindowSink(), Camera()
    perception = Perceiver(
        encoder=ColourEncoder(),
        sink=sink,
        mailbox=FrameMailbox(),
        triggers={"door": (TriggerRule("visitor", "a person walking"),)},
        source=Source.REPLAY,
        temporal=model,
    )
    for thing, count in (("empty", 10), ("person", 11), ("empty", 30)):
        perception.process(camera.frames(thing, count))
    return sink


def expected(model: TemporalTransformer, window: Window, *, causal: bool) -> NDArray[np.float32]:
    x, seconds = (torch.from_numpy(made(window.frames))[None] for made in (inputs_of, seconds_of))
    with torch.no_grad():
        frames: NDArray[np.float32] = model(x, seconds, causal=causal).frames[0].numpy()
    return frames


def test_a_window_looks_back_only_while_its_event_goes_on_and_both_ways_when_it_is_over() -> None:
    """What is stored with an event's end knows how it went out; what opened it could not."""
    model = trained()
    sink = visited(model)
    (opening,), (closing,) = sink.opened_windows, sink.closed_windows

    assert np.allclose(expected(model, opening, causal=True), opening.contextualised, atol=1e-5)
    assert np.allclose(expected(model, closing, causal=False), closing.contextualised, atol=1e-5)
    assert not np.allclose(expected(model, closing, causal=True), closing.contextualised, atol=1e-3)


def test_before_anything_was_learnt_hindsight_changes_nothing() -> None:
    """An untrained model's windows are their frames' mean, to the last bit, at an event's end as at its start."""
    (closing,) = visited(TemporalTransformer(dimension=DIMENSION)).closed_windows

    assert np.array_equal(inputs_of(closing.frames), closing.contextualised)
