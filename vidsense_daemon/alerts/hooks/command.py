"""Run a program of the operator's, with the event as JSON on its standard input.

The argument list comes from the configuration alone, no shell is involved, and nothing that a camera or a language
model said ever becomes an argument or an environment variable: it is data on standard input, and the program decides.
The program runs in a process group of its own, which is killed at the limit, and also when the program ends and
leaves children behind: bounded hooks are what keeps a hundred stuck ones from eating the memory.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from vidsense_daemon.alerts.announcement import Announcement, announcement_bytes
from vidsense_daemon.alerts.payload import event_payload, payload_bytes
from vidsense_daemon.base.errors import ConfigError, DeliveryError
from vidsense_daemon.domain.events import Delivery, EventRecord

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT_OUTPUT_BYTES = 400  # a program's last words, short enough to be stored; the rest is read and dropped
_READ_BYTES = 65536
_LOOK_EVERY_S = 0.05


class Command:
    """A hook that runs a program; one at a time.

    Args:
        name: the hook's own, for logs and the outbox.
        argv: the program and its arguments, used as they are.
        timeout_s: the program and all it started are killed then.
        environment: all that the program gets beside PATH and LANG; the daemon's own environment holds passwords.
    """

    def __init__(
        self,
        *,
        name: str,
        argv: Sequence[str],
        timeout_s: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._environment = {"PATH": _PATH, "LANG": "C.UTF-8", **(environment or {})}
        self._timeout_s = timeout_s
        self._argv = list(argv)
        if not argv or shutil.which(argv[0], path=self._environment["PATH"]) is None:
            program = argv[0] if argv else "(empty)"
            raise ConfigError(
                f"hook {name!r}: the program {program} cannot be run; give its full path and make it executable"
            )

    def deliver(self, delivery: Delivery, record: EventRecord, others: Sequence[EventRecord] = ()) -> None:
        """Run the program once; blocks up to ``timeout_s``.

        Raises:
            DeliveryError: it did not start, did not end in time, or ended with a status other than 0.
        """
        self._run(payload_bytes(event_payload(record, delivery.phase, others)))

    def announce(self, announcement: Announcement) -> None:
        """Run the program once for it; raises as `deliver` does."""
        self._run(announcement_bytes(announcement))

    def _run(self, message: bytes) -> None:
        with tempfile.TemporaryFile() as stdin:
            # a file, not a pipe: a program that does not read its input must not hold up the daemon
            stdin.write(message)
            stdin.seek(0)
            try:
                process = subprocess.Popen(  # noqa: S603 - the operator's own argument list, and no shell
                    self._argv,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    cwd=Path("/"),
                    start_new_session=True,
                    bufsize=0,
                )
            except OSError as error:
                raise DeliveryError(f"hook {self.name!r}: {self._argv[0]} did not start: {error.strerror}") from error
        self._judge(*self._finish(process))

    def _finish(self, process: subprocess.Popen[bytes]) -> tuple[int | None, bytes]:
        """The exit status, none when it was killed at the limit, and the end of what it wrote."""
        with process:
            try:
                said = _read_until_exit(process, self._timeout_s)
                status = process.poll()
            finally:
                with contextlib.suppress(ProcessLookupError):  # the whole group has ended
                    os.killpg(process.pid, signal.SIGKILL)
        return status, said

    def _judge(self, status: int | None, said: bytes) -> None:
        if status == 0:
            return
        if status is None:
            fate = f"was killed after {self._timeout_s:g} s"
        elif status < 0:
            fate = f"was ended by signal {-status}"
        else:
            fate = f"ended with status {status}"
        words = said.decode(errors="replace").strip()
        raise DeliveryError(f"hook {self.name!r}: {self._argv[0]} {fate}" + (f": {words}" if words else ""))


def _read_until_exit(process: subprocess.Popen[bytes], limit_s: float) -> bytes:
    """The last bytes that the program wrote before it ended, or before ``limit_s``."""
    assert process.stdout is not None
    said, reading = b"", True
    end_mono_s = time.monotonic() + limit_s
    while (left_s := end_mono_s - time.monotonic()) > 0:
        ended = process.poll() is not None
        # once more after the end: what it wrote last is still in the pipe
        if reading and select.select([process.stdout], [], [], 0 if ended else min(left_s, _LOOK_EVERY_S))[0]:
            chunk = os.read(process.stdout.fileno(), _READ_BYTES)
            said = (said + chunk)[-_KEPT_OUTPUT_BYTES:]
            reading = bool(chunk)
        elif ended:
            break
        elif not reading:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(min(left_s, _LOOK_EVERY_S))
    return said
