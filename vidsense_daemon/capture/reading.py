"""How much of a recording there was: files end early, silently, when a copy was broken off. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from av.packet import Packet
from av.video.stream import VideoStream

# sound often lasts a little longer than the picture, and some writers round their lengths
_MISSING_S, _MISSING_RATIO = 2.0, 0.1


@dataclass(slots=True)
class Reading:
    """One pass over a recording."""

    pictures: int = 0  # decoded
    from_s: float | None = None  # the file's own time
    to_s: float = 0.0

    def saw(self, packet: Packet[VideoStream]) -> None:
        """Take one packet into account, decoded or not."""
        if packet.pts is not None and packet.time_base is not None:
            at_s = float(packet.pts * packet.time_base)
            self.from_s = at_s if self.from_s is None else min(self.from_s, at_s)
            self.to_s = max(self.to_s, at_s)

    def shortcoming(self, length_s: float | None) -> str:
        """What was wrong with a recording that says to last ``length_s``; empty when nothing was."""
        if self.pictures == 0:
            return "no picture of it could be decoded"
        if self.pictures == 1:
            return "it holds a single picture, and events need some seconds of video"
        read_s = self.to_s - (self.from_s or 0.0)
        if length_s is None or length_s - read_s < max(_MISSING_S, _MISSING_RATIO * length_s):
            return ""
        return f"it could be read for {read_s:.1f} s of the {length_s:.1f} s that it should last: the rest is missing"
