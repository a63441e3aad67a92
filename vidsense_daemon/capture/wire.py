"""The language of the pipe between a capture child and its supervisor.

One message is a length-prefixed JSON header and raw bytes behind it:

    4 bytes  length of the header, big-endian        4 bytes  length of all blobs together
    header   {"kind": …, "sizes": [length of each blob], …}
    blobs    pictures as (S, S, 3) RGB bytes, the blocks' changes as (15, 20) little-endian half floats, a still as JPEG

A background picture is the same for minutes: it is sent once, and then named (`as_before`) until there is another one.

No pickle: the child reads what a stranger's camera sends, so the parent takes nothing from it that could be code, and
checks every length. Everything here is pure; the two ends do the reading and writing.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vidsense_daemon.base.clock import from_ms, to_ms
from vidsense_daemon.capture.faults import CameraError, Fault
from vidsense_daemon.domain.frames import BLOCK_COLUMNS, BLOCK_ROWS, Blocks, Box, Frame, Picture, Still, View

_PREFIX = struct.Struct("!II")
_JSON = json.JSONEncoder(separators=(",", ":"))  # json.dumps would make one for each message
_BLOCK = np.dtype("<f2")
_BACKGROUNDS = (1, 3)  # their places among a frame's pictures: the whole picture's and the crop's
_LONGEST_HEADER_BYTES = 64 * 1024
_LONGEST_BLOBS_BYTES = 64 * 1024 * 1024  # four 1024-px pictures and a 4K JPEG fit several times


@dataclass(frozen=True, slots=True)
class Message:
    """One message, as it came out of the pipe."""

    header: dict[str, Any]
    blobs: tuple[memoryview, ...] = ()

    @property
    def kind(self) -> str:
        """What it is: frame, opened, progress, fault, ended."""
        return str(self.header.get("kind", ""))


def pack(header: dict[str, Any], blobs: Sequence[bytes | memoryview] = ()) -> list[bytes | memoryview]:
    """The pieces to write, in order."""
    head = _JSON.encode({**header, "sizes": [len(blob) for blob in blobs]}).encode()
    return [_PREFIX.pack(len(head), sum(len(blob) for blob in blobs)) + head, *blobs]


def rest_of(pieces: Sequence[bytes | memoryview], written_bytes: int) -> list[bytes | memoryview]:
    """What is left to write when so many bytes of the pieces are written."""
    rest: list[bytes | memoryview] = []
    for piece in pieces:
        if written_bytes < len(piece):
            rest.append(memoryview(piece)[written_bytes:] if written_bytes else piece)
        written_bytes = max(0, written_bytes - len(piece))
    return rest


class Assembler:
    """Puts the pieces that a pipe gives back together into messages; one for each pipe."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._backgrounds: dict[int, memoryview] = {}  # the newest of each kind, by its place among a frame's pictures

    def feed(self, piece: bytes) -> Iterator[Message]:
        """Every message that is complete now.

        Raises:
            CameraError: what came is no message; nothing after it can be trusted.
        """
        self._waiting += piece
        while (message := self._take()) is not None:
            yield message

    def _take(self) -> Message | None:
        if len(self._waiting) < _PREFIX.size:
            return None
        head_bytes, blobs_bytes = _PREFIX.unpack_from(self._waiting)
        if head_bytes > _LONGEST_HEADER_BYTES or blobs_bytes > _LONGEST_BLOBS_BYTES:
            raise _garbled("a message longer than any can be")
        end = _PREFIX.size + head_bytes + blobs_bytes
        if len(self._waiting) < end:
            return None
        with memoryview(self._waiting) as view:
            body = bytes(view[_PREFIX.size : end])
        del self._waiting[:end]
        message = _parse(body, head_bytes)
        return self._completed(message) if message.header.get("as_before") else self._remembered(message)

    def _completed(self, message: Message) -> Message:
        """With the backgrounds that were not sent again."""
        sent = iter(message.blobs)
        try:
            as_before = set(message.header["as_before"])
            places = [place for place, there in enumerate(message.header["pictures"]) if there]
            blobs = [self._backgrounds[place] if place in as_before else next(sent) for place in places]
        except (KeyError, TypeError, StopIteration):
            raise _garbled("a frame that does not hold together") from None
        return self._remembered(Message(message.header, (*blobs, *sent)))

    def _remembered(self, message: Message) -> Message:
        if message.kind == "frame" and isinstance(there := message.header.get("pictures"), list):
            places = [place for place, is_there in enumerate(there) if is_there]
            blobs = dict(zip(places, message.blobs, strict=False))
            self._backgrounds |= {place: blobs[place] for place in _BACKGROUNDS if place in blobs}
        return message


def _parse(body: bytes, head_bytes: int) -> Message:
    try:
        header = json.loads(body[:head_bytes])
        sizes = [int(size) for size in header["sizes"]]
    except (ValueError, KeyError, TypeError):
        raise _garbled("a header that is no JSON object with sizes") from None
    if min(sizes, default=0) < 0 or sum(sizes) != len(body) - head_bytes:
        raise _garbled("sizes that do not add up")
    view, start, blobs = memoryview(body), head_bytes, []
    for size in sizes:
        blobs.append(view[start : start + size])
        start += size
    return Message(header, tuple(blobs))


class FramePacker:
    """Makes messages of one pipe's frames; knows which backgrounds its other end has already."""

    def __init__(self) -> None:
        self._sent: dict[int, Picture] = {}

    def pack(self, frame: Frame) -> list[bytes | memoryview]:
        """A frame as pieces to write. The camera's name stays out: the supervisor knows it."""
        pictures = _pictures_of(frame)
        shown = {place: picture for place in _BACKGROUNDS if (picture := pictures[place]) is not None}
        as_before = [place for place, picture in shown.items() if picture is self._sent.get(place)]
        self._sent |= shown
        return pack_frame(frame, as_before=as_before)


def _pictures_of(frame: Frame) -> list[Picture | None]:
    """In the order in which they cross the pipe."""
    crop = frame.crop
    return [
        frame.whole.picture,
        frame.whole.background,
        crop.picture if crop else None,
        crop.background if crop else None,
    ]


def pack_frame(frame: Frame, *, as_before: Sequence[int] = ()) -> list[bytes | memoryview]:
    """A frame as pieces to write, without the pictures that are the same ``as_before``, by their places."""
    pictures = _pictures_of(frame)
    header = {
        "kind": "frame",
        "run_id": frame.run_id,
        "index": frame.index,
        "captured_at_ms": to_ms(frame.captured_at),
        "pts_s": frame.pts_s,
        "picture_px": frame.whole.picture.shape[0],
        "pictures": [picture is not None for picture in pictures],
        "as_before": list(as_before),
        "box": _box_out(frame.box),
        "moving": frame.moving,
        "changed_ratio": frame.changed_ratio,
        "scene_changed": frame.scene_changed,
        "zones": list(frame.zones),
        "still": _still_out(frame.still),
        "blocks": frame.block_changes is not None,
    }
    blobs: list[bytes | memoryview] = [
        np.ascontiguousarray(picture).reshape(-1).data
        for place, picture in enumerate(pictures)
        if picture is not None and place not in as_before
    ]
    if frame.block_changes is not None:
        blobs.append(frame.block_changes.astype(_BLOCK).tobytes())
    if frame.still:
        blobs.append(frame.still.jpeg)
    return pack(header, blobs)


def unpack_frame(message: Message, *, camera: str, picture_px: int) -> Frame:
    """The frame of a message of kind `frame`.

    Raises:
        CameraError: it does not hold together.
    """
    head, blobs = message.header, list(message.blobs)
    try:
        still = _still_in(head["still"], bytes(blobs.pop())) if head["still"] else None
        blocks = _blocks(blobs.pop()) if head["blocks"] else None
        whole, whole_background, crop, crop_background = (
            _picture(blobs.pop(0), picture_px) if there else None for there in head["pictures"]
        )
        if whole is None or blobs:
            raise _garbled("a frame without its picture")
        return Frame(
            camera=camera,
            run_id=str(head["run_id"]),
            index=int(head["index"]),
            captured_at=from_ms(int(head["captured_at_ms"])),
            pts_s=float(head["pts_s"]),
            whole=View(whole, whole_background),
            crop=View(crop, crop_background) if crop is not None else None,
            box=_box_in(head["box"]),
            moving=bool(head["moving"]),
            changed_ratio=float(head["changed_ratio"]),
            scene_changed=bool(head["scene_changed"]),
            zones=tuple(str(zone) for zone in head["zones"]),
            still=still,
            block_changes=blocks,
        )
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        raise _garbled("a frame that does not hold together") from None


def _picture(blob: memoryview, picture_px: int) -> Picture:
    return np.frombuffer(blob, dtype=np.uint8).reshape(picture_px, picture_px, 3)


def _blocks(blob: memoryview) -> Blocks:
    return np.frombuffer(blob, dtype=_BLOCK).reshape(BLOCK_ROWS, BLOCK_COLUMNS).astype(np.float16)


def _box_out(box: Box | None) -> list[float] | None:
    return [box.left, box.top, box.right, box.bottom] if box else None


def _box_in(numbers: list[float] | None) -> Box | None:
    return Box(*(float(number) for number in numbers)) if numbers else None


def _still_out(still: Still | None) -> dict[str, Any] | None:
    if still is None:
        return None
    return {
        "width_px": still.width_px,
        "height_px": still.height_px,
        "captured_at_ms": to_ms(still.captured_at),
        "box": _box_out(still.box),
    }


def _still_in(head: dict[str, Any], jpeg: bytes) -> Still:
    return Still(
        jpeg=jpeg,
        width_px=int(head["width_px"]),
        height_px=int(head["height_px"]),
        captured_at=from_ms(int(head["captured_at_ms"])),
        box=_box_in(head["box"]),
    )


def _garbled(what: str) -> CameraError:
    return CameraError(Fault.CRASHED, f"the capture process sent {what}; it is started again")
