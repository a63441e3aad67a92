"""The stages' own numbers in the form of `/metrics`: what neither the database nor the camera board can tell."""

from __future__ import annotations

from collections.abc import Iterator

from vidsense_daemon.daemon.perceiving import LivePerception
from vidsense_daemon.description.tally import BreakerState, DescriptionTally
from vidsense_daemon.review.ports import Measurement


def of_perception(perception: LivePerception) -> Iterator[Measurement]:
    """What was looked at since the start; nothing before the encoder is loaded."""
    if perception.ready.is_set():
        for name, count in perception.perceiver.counts().items():
            text = f"{name.replace('_', ' ').capitalize()} since the start"
            yield Measurement(f"vidsense_perception_{name}_total", text, count, kind="counter")


def of_descriptions(tally: DescriptionTally) -> Iterator[Measurement]:
    """What became of descriptions since the start, how long they took, and whether the describer is asked."""
    for status, count in tally.counts().items():
        yield Measurement(
            "vidsense_describer_events_total",
            "Events that got words since the start",
            count,
            "counter",
            {"status": status},
        )
    for reason, count in tally.failures().items():
        text = "Requests to the describer in vain since the start"
        yield Measurement("vidsense_describer_failures_total", text, count, "counter", {"reason": reason})
    state = tally.breaker()
    for one in BreakerState:
        text = "Whether the describer is asked (closed), left alone (open) or about to be tried (half_open)"
        yield Measurement("vidsense_describer_breaker", text, float(one is state), labels={"state": one.value})
    seconds = tally.seconds()
    yield Measurement(
        "vidsense_describer_seconds",
        "Seconds that the describer took for an event",
        seconds.total,
        "histogram",
        buckets=seconds.buckets,
    )
