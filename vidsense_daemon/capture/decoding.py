"""Which packets are decoded. Decoding is what capture costs: 77 of 80 ms a camera-second at 1080p15.

    whole    every packet: a recording, the start, while something moves, and cameras with rare keyframes
    sparse   calm: keyframes only (a seventh of the cost). The packets since the last keyframe wait, undecoded

From sparse to whole nothing is lost: the waiting packets are decoded first, so that the moments before the motion was
noticed are looked at too. Motion shows at the next keyframe at the latest. Packets that suddenly grow wake earlier:
their size separates motion well at a variable bit rate and not at all at a constant one, so it may wake, but never
decide.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median

from av.packet import Packet
from av.video.stream import VideoStream

from vidsense_daemon.capture.source import DecodedFrame, Source

LONGEST_KEYFRAME_S = 2.5  # with rarer keyframes motion would be noticed too late
_WAITING_LIMIT_BYTES = 16 * 1024 * 1024
_SIZES = 60  # the packets that tell how large calm ones are
_SIZES_ENOUGH = 20
_GROWTH = 3.0  # over the median: twice is a breeze in a tree
_GROWN_IN_A_ROW = 2


class Waiting:
    """The packets since the last keyframe, that one included; none when they became too many."""

    def __init__(self) -> None:
        self.packets: list[Packet[VideoStream]] = []
        self._bytes = 0

    def add(self, packet: Packet[VideoStream]) -> None:
        if packet.is_keyframe:
            self.packets, self._bytes = [], 0
        elif not self.packets:
            return  # without their keyframe they are of no use
        self.packets.append(packet)
        self._bytes += packet.size
        if self._bytes > _WAITING_LIMIT_BYTES:
            self.packets = []


class KeyframeRhythm:
    """How far apart keyframes are. Pure."""

    def __init__(self) -> None:
        self._seen_mono_s: deque[float] = deque(maxlen=4)

    def saw_keyframe(self, at_mono_s: float) -> None:
        self._seen_mono_s.append(at_mono_s)

    @property
    def interval_s(self) -> float | None:
        """The mean of the last ones, since they arrive unevenly; none until two intervals were seen."""
        intervals = len(self._seen_mono_s) - 1
        return (self._seen_mono_s[-1] - self._seen_mono_s[0]) / intervals if intervals > 1 else None


class SizeWatch:
    """Whether packets have suddenly grown. Pure."""

    def __init__(self) -> None:
        self._sizes: deque[int] = deque(maxlen=_SIZES)
        self._grown = 0

    def saw(self, size_bytes: int) -> bool:
        """Take the size of a packet that is no keyframe; true when it and the one before are much larger than usual."""
        usual = median(self._sizes) if len(self._sizes) >= _SIZES_ENOUGH else float("inf")
        self._grown = self._grown + 1 if size_bytes > _GROWTH * usual else 0
        self._sizes.append(size_bytes)
        return self._grown >= _GROWN_IN_A_ROW


class Decoding:
    """Decodes one stream as sparsely as its scene allows."""

    def __init__(self, source: Source, *, always_whole: bool) -> None:
        self._source = source
        self._always_whole = always_whole
        self._waiting = Waiting()
        self._rhythm = KeyframeRhythm()
        self._sizes = SizeWatch()
        self._sparse = False
        self._awake = False  # grown packets woke it: whole until the next keyframe
        self.skipped_packets = 0
        self.wakes = 0

    def frames(
        self, packet: Packet[VideoStream], *, calm: bool, at_mono_s: float, for_still: bool = False
    ) -> Iterable[DecodedFrame]:
        """What to look at, now that this packet has come; one by one, since each holds a full picture.

        A keyframe of a calm scene is decoded roughly, unless it may become a still.
        """
        if not packet.size:
            return self._source.decode(packet)  # the end: what the decoder still holds
        self._note(packet, at_mono_s)
        interval_s = self._rhythm.interval_s
        rare = interval_s is None or interval_s > LONGEST_KEYFRAME_S
        if self._always_whole or rare or not calm or self._awake:
            return self._whole(packet)
        return self._keyframe(packet, rough=not for_still)

    def _note(self, packet: Packet[VideoStream], at_mono_s: float) -> None:
        self._waiting.add(packet)
        if packet.is_keyframe:
            self._rhythm.saw_keyframe(at_mono_s)
            self._awake = False
        elif self._sizes.saw(packet.size) and self._sparse:
            self._awake = True
            self.wakes += 1

    def _whole(self, packet: Packet[VideoStream]) -> Iterable[DecodedFrame]:
        if not self._sparse:
            return self._source.decode(packet)
        if not self._waiting.packets:
            self.skipped_packets += 1
            return []  # the decoder has nothing to go on from until the next keyframe
        self._sparse = False
        return (frame for waiting in list(self._waiting.packets) for frame in self._source.decode(waiting))

    def _keyframe(self, packet: Packet[VideoStream], *, rough: bool) -> list[DecodedFrame]:
        if not self._sparse:
            self._sparse = True
            self._source.forget()
        if not packet.is_keyframe:
            self.skipped_packets += 1
            return []
        return self._source.decode_alone(packet, rough=rough)
