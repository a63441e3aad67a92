"""One capture child as its parent holds it: started, read with a limit, ordered about, killed.

The options, which hold the password, go through its standard input. Its environment is an allow-list: the daemon's own
holds secrets that a decoder of strangers' streams has no use for.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from vidsense_daemon.base.redact import url_credentials
from vidsense_daemon.capture.faults import CameraError, Fault
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.wire import Assembler, Message

_PIPE_BYTES = 1024 * 1024  # a frame is some 600 kB: the default of 64 kB would wake both sides ten times for each
_READ_BYTES = 1024 * 1024
_LAST_WORDS = 20
_END_LIMIT_S = 2.0
_F_SETPIPE_SZ = 1031

# what Python, FFmpeg's hardware decoders and name look-up need
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "RES_OPTIONS", "LIBVA_DRIVER_NAME", "DISPLAY")
_PASSED_ON_PREFIXES = ("PYTHON", "NVIDIA_", "CUDA_", "COVERAGE_")
# numpy's BLAS would hold memory for each core, malloc an arena for each thread; and malloc would give every picture's
# memory back to the system and fetch it again for the next, at 0.3 ms each time: only what a still takes goes back
LEAN_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": str(2 * 1024 * 1024),
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024),
}


class CaptureProcess:
    """A running child; a context manager, so that none is left behind."""

    def __init__(self, options: StreamOptions) -> None:
        self._assembler = Assembler()
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._process = subprocess.Popen(
            # -P: the folder that the daemon was started in must not be able to replace a module
            [sys.executable, "-P", "-m", "vidsense_daemon.capture.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
        )
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.stderr
        self._stdin, self._stdout, self._stderr = self._process.stdin, self._process.stdout, self._process.stderr
        with contextlib.suppress(OSError):  # a smaller pipe works as well
            fcntl.fcntl(self._stdout, _F_SETPIPE_SZ, _PIPE_BYTES)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)
        self._selector.register(self._stderr, selectors.EVENT_READ)
        self._write(options.to_json())

    @property
    def pid(self) -> int:
        return self._process.pid

    def order(self, name: str, **values: Any) -> None:
        """Tell the child something; a child that is gone hears nothing, and `read` tells so."""
        self._write(json.dumps({"order": name, **values}))

    def read(self, timeout_s: float) -> Iterator[Message]:
        """What the child has said, waiting up to ``timeout_s`` for something.

        Raises:
            CameraError: it has ended without saying why, or talks nonsense.
        """
        for key, _ in self._selector.select(timeout_s):
            piece = os.read(key.fd, _READ_BYTES)
            if key.fileobj is self._stderr:
                self._hear(piece)
            elif piece:
                yield from self._assembler.feed(piece)
            else:
                raise self._death()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill it: whatever it still has to say comes too late, and nothing else stops a blocked read."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for pipe in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(OSError):
                pipe.close()

    def _write(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(line.encode() + b"\n")
            self._stdin.flush()

    def _hear(self, piece: bytes) -> None:
        if not piece:
            self._selector.unregister(self._stderr)
        self._last_words.extend(piece.decode(errors="replace").splitlines())

    def _death(self) -> CameraError:
        """Why it ended, from its status and its last words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_LIMIT_S)
        status = self._process.returncode
        if status is not None and status < 0:
            how = f"was killed by {signal.Signals(-status).name}"
        else:
            how = f"ended with status {status}"
        words = url_credentials(self._last_words[-1]) if self._last_words else "without a word"
        return CameraError(Fault.CRASHED, f"the capture process {how}: {words}")


def _environment() -> dict[str, str]:
    passed_on = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    return passed_on | LEAN_ENVIRONMENT
