"""Take a live stream's packets in gulps: let them gather in the kernel's buffer, then read them all at once.

A camera sends 50 to 700 small pieces a second, and to be woken for each costs more than to read it: 4.5 ms of processor
time a camera-second for 1080p15 at 0.7 Mbit/s, 1.1 when it is read twice a second. What is read late is seen late, so
the naps are short; and a stream that falls behind (the buffer was too small for a nap) is read without naps until it
has caught up. Over TCP only: a full UDP buffer loses packets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from av.packet import Packet
from av.video.stream import VideoStream

_WAITED_S = 0.005  # a packet that took this long to come was the last one there
_BEHIND_S = 1.0  # more than a nap and an uneven network together
_JUMP_S = 5.0  # stream time itself has jumped


class Lateness:
    """Whether a stream falls behind: its packets come ever later than their stream time says. Pure."""

    def __init__(self) -> None:
        self._least_s = float("inf")  # the smallest arrival - stream time

    def behind(self, pts_s: float, arrived_mono_s: float) -> bool:
        """Whether this packet is much later than the one that was held up least."""
        delay_s = arrived_mono_s - pts_s
        if delay_s - self._least_s > _JUMP_S:
            self._least_s = delay_s
        self._least_s = min(self._least_s, delay_s)
        return delay_s - self._least_s > _BEHIND_S


def in_gulps(
    packets: Iterable[Packet[VideoStream]],
    nap_s: Callable[[], float],
    *,
    mono_s: Callable[[], float],
    sleep: Callable[[float], object],
) -> Iterator[Packet[VideoStream]]:
    """The packets; before the next one is waited for, a nap of ``nap_s()`` seconds, asked anew each time."""
    lateness = Lateness()
    asked_mono_s = mono_s()
    for packet in packets:
        arrived_mono_s = mono_s()
        yield packet
        if arrived_mono_s - asked_mono_s >= _WAITED_S and _on_time(packet, arrived_mono_s, lateness):
            sleep(nap_s())
        asked_mono_s = mono_s()


def _on_time(packet: Packet[VideoStream], arrived_mono_s: float, lateness: Lateness) -> bool:
    pts = packet.pts if packet.pts is not None else packet.dts
    if pts is None or packet.time_base is None:
        return False
    return not lateness.behind(float(pts * packet.time_base), arrived_mono_s)
