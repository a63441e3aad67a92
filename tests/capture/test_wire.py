"""The language of the pipe, and what is refused in it."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidsense_daemon.capture.faults import CameraError
from vidsense_daemon.capture.wire import Assembler, FramePacker, Message, pack, pack_frame, rest_of, unpack_frame
from vidsense_daemon.domain.frames import Box, Frame, Still, View

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size=(8, 8, 3), dtype=np.uint8)


def frame(*, full: bool) -> Frame:
    box = Box(0.1, 0.2, 0.3, 0.4)
    return Frame(
        camera="yard",
        run_id="abc",
        index=7,
        captured_at=AT,
        pts_s=1.25,
        whole=View(picture(1), picture(2) if full else None),
        crop=View(picture(3), picture(4)) if full else None,
        box=box if full else None,
        moving=full,
        changed_ratio=0.5,
        scene_changed=False,
        zones=("drive", "Tür") if full else (),
        still=Still(b"\xff\xd8jpeg", 1920, 1080, AT, box) if full else None,
        block_changes=np.arange(0, 75, 0.25, dtype=np.float16).reshape(15, 20) if full else None,
    )


@given(st.lists(st.binary(max_size=5)), st.integers(min_value=0, max_value=30))
def test_what_is_left_to_write_begins_where_the_pipe_was_full(pieces: list[bytes], written_bytes: int) -> None:
    """A pipe that takes half a frame is given the other half next."""
    rest = rest_of(pieces, written_bytes)

    assert b"".join(rest) == b"".join(pieces)[written_bytes:]
    assert all(len(piece) for piece in rest)


@pytest.mark.parametrize("full", [True, False])
def test_a_frame_comes_out_as_it_went_in(full: bool) -> None:
    """Pictures, times and boxes cross the pipe unchanged."""
    sent = frame(full=full)
    (message,) = Assembler().feed(b"".join(pack_frame(sent)))
    got = unpack_frame(message, camera="yard", picture_px=8)

    assert (got.whole.picture == sent.whole.picture).all()
    assert (got.crop is None) == (sent.crop is None)
    assert (got.captured_at, got.box, got.zones, got.run_id) == (AT, sent.box, sent.zones, "abc")
    assert np.array_equal(got.block_changes, sent.block_changes)  # type: ignore[arg-type]
    assert (got.still and got.still.jpeg) == (sent.still and sent.still.jpeg)


def test_a_background_crosses_the_pipe_once() -> None:
    """It stays the same for minutes; the frames that come out have it all the same."""
    first = frame(full=True)
    again = replace(first, index=8, whole=View(picture(5), first.whole.background), still=None)
    other = replace(first, index=9, whole=View(picture(6), picture(7)), crop=None, still=None)
    packer, assembler = FramePacker(), Assembler()
    sizes, got = [], []
    for sent in (first, again, other, again):
        piece = b"".join(packer.pack(sent))
        sizes.append(len(piece))
        got += [unpack_frame(message, camera="yard", picture_px=8) for message in assembler.feed(piece)]

    assert sizes[1] < sizes[0] - 2 * 192
    for sent, came in zip((first, again, other, again), got, strict=True):
        assert (came.whole.picture == sent.whole.picture).all()
        assert (came.whole.background == sent.whole.background).all()
        assert (came.crop and came.crop.background.tolist()) == (sent.crop and sent.crop.background.tolist())


def test_a_background_that_was_never_sent_is_refused() -> None:
    """What a broken child names must not be taken from nowhere."""
    with pytest.raises(CameraError, match="does not hold together"):
        list(Assembler().feed(b"".join(pack_frame(frame(full=True), as_before=[1]))))


@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=40))
def test_messages_come_out_whole_however_the_pipe_cuts_them(cuts: list[int]) -> None:
    """A pipe gives back what it likes."""
    stream = b"".join(b"".join(pack({"kind": f"n{k}"}, [b"x" * k, b""])) for k in range(20))
    assembler, got, start = Assembler(), [], 0
    for cut in [*cuts, len(stream)]:
        got += [message.kind for message in assembler.feed(stream[start : start + cut])]
        start += cut

    assert got == [f"n{k}" for k in range(20)]


@pytest.mark.parametrize(
    "garbage",
    [
        struct.pack("!II", 1 << 30, 0) + b"x",
        struct.pack("!II", 2, 1 << 31),
        struct.pack("!II", 3, 0) + b"{]}",
        struct.pack("!II", 12, 0) + b'{"sizes":[5]}'[:12],
        struct.pack("!II", 14, 1) + b'{"sizes":[-1]}' + b"x",
    ],
)
def test_garbage_is_refused_and_never_waited_for(garbage: bytes) -> None:
    """A capture process that a stranger's stream has taken over cannot make the daemon eat memory."""
    with pytest.raises(CameraError):
        list(Assembler().feed(garbage))


@pytest.mark.parametrize(
    "change",
    [{"pictures": [True]}, {"blocks": True}, {"run_id": None, "index": "x"}, {"box": [1]}, {"captured_at_ms": 1e30}],
)
def test_a_frame_that_does_not_hold_together_is_refused(change: dict[str, object]) -> None:
    """Nothing half-right reaches perception."""
    (message,) = Assembler().feed(b"".join(pack_frame(frame(full=False))))
    broken = Message(json.loads(json.dumps({**message.header, **change})), message.blobs)

    with pytest.raises(CameraError):
        unpack_frame(broken, camera="yard", picture_px=8)
