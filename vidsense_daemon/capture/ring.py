"""The packets of the last seconds, still encoded, so that a clip can begin before its event was noticed. Pure.

Whole groups of pictures are kept and dropped, because a clip can begin at a keyframe only. At least ``seconds`` are
there, as long as they fit into ``max_bytes``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from av.packet import Packet
from av.video.stream import VideoStream


@dataclass(slots=True)
class _Group:
    """A keyframe and what follows it up to the next."""

    arrived_at: datetime
    packets: list[Packet[VideoStream]] = field(default_factory=list)
    size_bytes: int = 0


class PacketRing:
    """Not thread-safe: its owner locks."""

    def __init__(self, *, seconds: float, max_bytes: int) -> None:
        self._span = timedelta(seconds=seconds)
        self._max_bytes = max_bytes
        self._groups: deque[_Group] = deque()
        self.size_bytes = 0

    def add(self, packet: Packet[VideoStream], arrived_at: datetime) -> None:
        """Keep one more packet, and drop what is too old or too much."""
        if packet.is_keyframe:
            self._groups.append(_Group(arrived_at))
        elif not self._groups:
            return  # without its keyframe it is of no use
        newest = self._groups[-1]
        newest.packets.append(packet)
        newest.size_bytes += packet.size
        self.size_bytes += packet.size
        while self._drops_oldest(arrived_at):
            self.size_bytes -= self._groups.popleft().size_bytes

    def since(self, moment: datetime) -> Iterator[tuple[datetime, Packet[VideoStream]]]:
        """What came from the last keyframe before ``moment`` on, else all: (arrival of its keyframe, packet)."""
        first = max((n for n, group in enumerate(self._groups) if group.arrived_at <= moment), default=0)
        for group in list(self._groups)[first:]:
            for packet in group.packets:
                yield group.arrived_at, packet

    def clear(self) -> None:
        """The stream has ended, or goes on as another one."""
        self._groups.clear()
        self.size_bytes = 0

    def _drops_oldest(self, now: datetime) -> bool:
        if self.size_bytes > self._max_bytes:
            return bool(self._groups)
        # the second group alone must reach back far enough
        return len(self._groups) > 1 and self._groups[1].arrived_at <= now - self._span
