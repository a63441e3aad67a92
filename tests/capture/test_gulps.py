"""Reading in gulps loses nothing, and stops where it would make a stream late."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from av.packet import Packet
from av.video.stream import VideoStream

from vidsense_daemon.capture.gulps import Lateness, in_gulps


class ScriptedWire:
    """Packets that come at their times; the clock moves only while somebody waits or sleeps."""

    def __init__(self, arrivals_s: list[float], *, pts_s: list[float | None] | None = None) -> None:
        self.now_s = 0.0
        self.naps = 0
        self._arrivals = list(zip(arrivals_s, pts_s or arrivals_s, strict=True))

    def packets(self) -> Iterator[Packet[VideoStream]]:
        for arrives_s, pts_s in self._arrivals:
            self.now_s = max(self.now_s, arrives_s)
            packet: Packet[VideoStream] = Packet(b"x")
            packet.time_base = Fraction(1, 1000)
            packet.pts = None if pts_s is None else round(pts_s * 1000)
            yield packet

    def sleep(self, seconds: float) -> None:
        self.naps += seconds > 0
        self.now_s += seconds

    def read(self, nap_s: float) -> list[int | None]:
        packets = in_gulps(self.packets(), lambda: nap_s, mono_s=lambda: self.now_s, sleep=self.sleep)
        return [packet.pts for packet in packets]


def test_a_nap_lets_many_packets_gather() -> None:
    """Fifteen packets a second need no fifteen awakenings, and none gets lost."""
    wire = ScriptedWire([number / 15 for number in range(150)])
    read = wire.read(0.5)

    assert [round(number / 15 * 1000) for number in range(150)] == read
    assert 15 <= wire.naps <= 25


def test_a_stream_that_falls_behind_is_read_without_naps() -> None:
    """When naps hold the camera up, they stop until it has caught up."""
    late = ScriptedWire([2 * number / 15 for number in range(60)], pts_s=[number / 15 for number in range(60)])
    late.read(0.2)
    fine = ScriptedWire([2 * number / 15 for number in range(60)])
    fine.read(0.2)

    assert late.naps < fine.naps / 2


def test_packets_without_a_time_are_read_at_once() -> None:
    """Where nobody can tell whether the stream is late, nobody naps."""
    wire = ScriptedWire([0.1, 0.2, 0.3], pts_s=[None, None, None])
    wire.read(0.5)

    assert wire.naps == 0


def test_a_jump_of_the_cameras_clock_is_not_lateness() -> None:
    """After its restart a camera counts from zero again."""
    lateness = Lateness()
    before = [lateness.behind(100.0 + second, float(second)) for second in range(5)]
    after = [lateness.behind(float(second), 5.0 + second) for second in range(5)]

    assert not any(before + after)
