"""The stages' own numbers in the form of `/metrics`: what neither the database nor the camera board can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from vidsense_daemon.daemon.perceiving import LivePerception
from vidsense_daemon.description.tally import BreakerState, DescriptionTally
from vidsense_daemon.perception.pace import Pace
from vidsense_daemon.perception.runtimes.choosing import Standing
from vidsense_daemon.review.ports import Measurement


def of_perception(perception: LivePerception) -> Iterator[Measurement]:
    """What was looked at since the start; nothing before the encoder is loaded."""
    if perception.ready.is_set():
        for name, count in perception.perceiver.counts().items():
            text = f"{name.replace('_', ' ').capitalize()} since the start"
            yield Measurement(f"vidsense_perception_{name}_total", text, count, kind="counter")
        yield from of_pace(perception.pace)
        yield from of_runtimes(perception.runtimes.standing())


def of_runtimes(standing: Standing | None) -> Iterator[Measurement]:
    """What computes the pictures, and what has failed to."""
    if standing is None:
        return
    yield Measurement(
        "vidsense_perception_runtime", "What computes the pictures", 1.0, labels={"runtime": standing.label}
    )
    text = "Times that a runtime failed and another one took its place, since the start"
    for runtime, count in Counter(handover.runtime for handover in standing.handovers).items():
        yield Measurement("vidsense_perception_runtime_failures_total", text, count, "counter", {"runtime": runtime})
    text = "Failed before the start, and is left out until `vidsense models measure` or quantize"
    for runtime in standing.left_out:
        yield Measurement("vidsense_perception_runtime_left_out", text, 1.0, labels={"runtime": runtime})


def of_pace(pace: Pace) -> Iterator[Measurement]:
    """How late perception is, how busy, and what it lets the cameras send."""
    if (latency := pace.latency()) is not None:
        for quantile, seconds in (("0.5", latency.median_s), ("0.95", latency.p95_s)):
            yield Measurement(
                "vidsense_perception_latency_seconds",
                "From a frame's capture until it is perceived, over the last minutes",
                seconds,
                labels={"quantile": quantile},
            )
    yield Measurement(
        "vidsense_perception_busy_ratio", "The share of its time that perception works; 1 is all of it", pace.busy_ratio
    )
    yield Measurement(
        "vidsense_perception_limit_frames_per_second",
        "What all cameras together may send: less than max_frames_per_s while perception can't keep up",
        pace.limit_fps,
    )
    text = "Times that the cameras' rates were lowered since the start"
    yield Measurement("vidsense_perception_rates_lowered_total", text, pace.times_lowered, kind="counter")


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
