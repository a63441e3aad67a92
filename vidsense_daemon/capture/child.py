"""The capture child: one process that watches one camera and sends its sampled frames up a pipe.

Started by `capture.supervisor` as `python -m vidsense_daemon.capture.child`; reads its options (one line of JSON) and
later orders (a line each) on standard input, writes messages of `capture.wire` to standard output. It is a process
because nothing else ends a blocked read at once, and because a hostile stream may eat its memory or crash its decoder:
neither touches another camera (decision 0001). It imports no torch, no OpenCV and no database: it stays below 90 MiB.

It ends when its parent does: the kernel kills it (PR_SET_PDEATHSIG), and the end of standard input ends it as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from typing import Any

from vidsense_daemon.base.errors import VidsenseError
from vidsense_daemon.capture.faults import CameraError, Fault
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.redirects import RedirectGuard
from vidsense_daemon.capture.watching import Outlet, measured, watch
from vidsense_daemon.capture.wire import pack, rest_of

_PR_SET_PDEATHSIG = 1
_MIB = 1024 * 1024


class PipeOutlet(Outlet):
    """Writes messages to the parent; blocks while the parent does not read, which is how a replay is slowed down."""

    def __init__(self, pipe_fd: int) -> None:
        self._pipe_fd = pipe_fd
        self._lock = threading.Lock()  # the main stream's thread reports its faults

    def send(self, pieces: list[bytes | memoryview]) -> None:
        with self._lock:
            # all at once and from where they lie: a frame is some 450 kB
            written = os.writev(self._pipe_fd, pieces)
            while pieces := rest_of(pieces, written):
                written = os.writev(self._pipe_fd, pieces)

    def say(self, kind: str, **values: Any) -> None:
        self.send(pack({"kind": kind, **values}))


class Orders:
    """What the parent has ordered since the start; read by the watching loop, written by the listening thread."""

    def __init__(self) -> None:
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def put(self, order: dict[str, Any]) -> None:
        with self._lock:
            self._waiting.append(order)

    def take(self) -> list[dict[str, Any]]:
        """The orders that came since the last call, oldest first."""
        if not self._waiting:
            return []
        with self._lock:
            taken, self._waiting = self._waiting, []
        return taken


def main() -> int:
    """Watch until the stream ends or the parent does; 0 when all was said that there is to say."""
    _die_with_parent()
    # an operator's Ctrl-C reaches the whole terminal; the parent decides when its children end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # frames own the true standard output; whatever else prints goes to the log
    pipe_fd = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    outlet = PipeOutlet(pipe_fd)
    told = sys.stdin.readline()
    if not told:
        return 0  # the parent is gone already
    options = StreamOptions.from_json(told)
    orders = Orders()
    threading.Thread(target=_listen, args=(orders,), name="orders", daemon=True).start()
    _limit_memory(options.memory_limit_mb)
    RedirectGuard(
        [url for url in (options.url, options.substream_url) if url],
        on_other_host=lambda host: _end_redirected(outlet, host),
    ).install()
    outlet.say("started")  # from here on the camera's time counts
    try:
        if options.measure_s is not None:
            outlet.say("measured", **measured(options, mono_s=time.monotonic))
        else:
            watch(options, outlet, orders.take, now=_now, mono_s=time.monotonic, sleep=time.sleep)
    except CameraError as fault:
        outlet.say("fault", fault=fault.fault.value, message=str(fault))
    except VidsenseError as error:
        outlet.say("fault", fault=Fault.LOST.value, message=str(error))
    except MemoryError:
        outlet.say("fault", fault=Fault.MEMORY.value, message="the capture process ran out of the memory it may use")
    except BrokenPipeError:
        return 1  # the parent is gone
    return 0


def _end_redirected(outlet: PipeOutlet, host: str) -> None:
    """End here and now: FFmpeg would connect to the other host as soon as this returned."""
    outlet.say("fault", fault=Fault.REDIRECTED.value, message=f"the camera redirects to another host ({host[:80]!r})")
    os._exit(0)


def _now() -> datetime:
    return datetime.now(UTC)


def _listen(orders: Orders) -> None:
    """Orders come as lines of JSON; the end of the input is the parent's end."""
    for line in sys.stdin:
        with contextlib.suppress(ValueError):
            orders.put(json.loads(line))
    os._exit(0)


def _die_with_parent() -> None:
    """The kernel kills this process when the thread that started it ends.

    Elsewhere, and for a parent that ended before the kernel was told, the end of standard input does it. A parent that
    is process 1 says nothing: in a container the daemon itself is.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_memory(limit_mb: int) -> None:
    """Private memory only (RLIMIT_DATA): libraries' files, shared by all children, do not count."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit_mb * _MIB, limit_mb * _MIB))


if __name__ == "__main__":
    sys.exit(main())
