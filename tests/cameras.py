"""Cameras for tests: clips that are made here, and a real RTSP server (from pip) that plays them.

    clip = make_clip(folder / "yard.mp4", seconds=6, walks=[(2.0, 4.0)])      # someone walks through from 2 s to 4 s
    with RtspCamera(folder) as camera:
        camera.url("yard.mp4")          # rtsp://127.0.0.1:…/yard.mp4, for ever from the start again
        camera.freeze(); camera.thaw()  # the process stands still: connections stay open, nothing comes
        camera.kill(); camera.start()   # gone, and back on the same port

The fixtures `clips` (a folder for the whole run) and `rtsp_camera` are in conftest.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from fakes import wait_until
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

_NOISE_SHIFT_PX = 64

# the package's own command also opens a second port, on all interfaces
_SERVER = """
import asyncio, sys
from aio_rtsp_toolkit.server import RtspServer
asyncio.run(RtspServer(sys.argv[1], "127.0.0.1", int(sys.argv[2])).serve_forever())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def yard(width_px: int, height_px: int, *, seed: int = 7) -> Picture:
    """(H, W, 3): a still scene with structure: smooth blotches, as a wall or a lawn has them."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, size=(height_px // 16 + 2, width_px // 16 + 2, 3)).astype(np.float32)
    rows = np.linspace(0, coarse.shape[0] - 1.001, height_px)
    columns = np.linspace(0, coarse.shape[1] - 1.001, width_px)
    y, x = rows.astype(int), columns.astype(int)
    fy, fx = (rows - y)[:, None, None], (columns - x)[None, :, None]
    top = coarse[y][:, x] * (1 - fx) + coarse[y][:, x + 1] * fx
    bottom = coarse[y + 1][:, x] * (1 - fx) + coarse[y + 1][:, x + 1] * fx
    return (top * (1 - fy) + bottom * fy).astype(np.uint8)


def with_walker(scene: Picture, place: float) -> Picture:
    """Someone tall and dark at ``place`` (0 left … 1 right), a sixth of the picture high."""
    height_px, width_px = scene.shape[:2]
    tall, wide = height_px // 6, max(4, height_px // 14)
    left = int(place * (width_px - wide))
    top = height_px // 2
    picture = scene.copy()
    picture[top : top + tall, left : left + wide] = (200, 30, 30)
    picture[top : top + tall // 4, left : left + wide] = (240, 200, 170)
    return picture


def make_clip(
    path: Path,
    *,
    seconds: float = 6.0,
    width_px: int = 320,
    height_px: int = 240,
    fps: int = 10,
    walks: Sequence[tuple[float, float]] = (),
    noise_levels: float = 2.0,
    picture_at: Callable[[float], Picture] | None = None,
    codec: str = "libx264",
    keyframe_every_s: float = 1.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode a clip of a still, noisy scene; during each of ``walks`` someone crosses it from left to right.

    ``picture_at`` gives the (H, W, 3) picture at a time instead, for scenes of a test's own.
    """
    rng = np.random.default_rng(11)
    # one large grain, at another place in each frame: drawing new noise each time takes longer than encoding it
    grain = rng.normal(0, noise_levels, (height_px + _NOISE_SHIFT_PX, width_px + _NOISE_SHIFT_PX, 1)).astype(np.int16)
    scene = yard(width_px, height_px)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options={"preset": "ultrafast", "bf": "0", **(options or {})})
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.codec_context.gop_size = max(1, round(keyframe_every_s * fps))
        for number in range(round(seconds * fps)):
            at_s = number / fps
            picture = picture_at(at_s) if picture_at else _walked(scene, walks, at_s)
            y, x = rng.integers(0, _NOISE_SHIFT_PX, 2)
            noisy = picture + grain[y : y + height_px, x : x + width_px]
            frame = av.VideoFrame.from_ndarray(np.clip(noisy, 0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _walked(scene: Picture, walks: Sequence[tuple[float, float]], at_s: float) -> Picture:
    for start_s, end_s in walks:
        if start_s <= at_s <= end_s:
            return with_walker(scene, (at_s - start_s) / (end_s - start_s))
    return scene


class RtspCamera:
    """A real RTSP server (TCP) that plays the clips of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, clip: str, *, user: str = "", password: str = "", plays: int = 0) -> str:
        """The clip's url; ``plays`` = 0 begins again for ever."""
        login = f"{user}:{password}@" if user else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/{clip}?play_count={plays}"

    @property
    def command(self) -> list[str]:
        """What `start` runs."""
        return [sys.executable, "-c", _SERVER, str(self._folder), str(self.port)]

    def start(self) -> None:
        """Listen, on the same port each time; returns when it does."""
        self._process = subprocess.Popen(
            self.command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._listens, what="the RTSP server to listen")

    def kill(self) -> None:
        """Gone at once, as by a power cut of the camera's software: the sockets are closed by the kernel."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Nothing comes any more, but the connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _signal(self, number: int) -> None:
        assert self._process
        os.kill(self._process.pid, number)

    def _listens(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise AssertionError("the RTSP server ended: is aio-rtsp-toolkit[server] installed?")
        with contextlib.closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
