"""One daemon a state folder: an flock that the kernel takes back however the process ends.

The file also remembers whether the last holder said goodbye: its process id stays in it after a kill, and the next
start then checks the database first.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from vidsense_daemon.base.errors import ConfigError, StoreError
from vidsense_daemon.base.files import hand_over, make_private
from vidsense_daemon.store.state_folder import lock_file


class StateLock:
    """The right to run on a state folder; held until `release` or the end of the process.

    Raises:
        ConfigError: another daemon runs on it.
        StoreError: the folder can't be made, or not be written to.
    """

    def __init__(self, state_dir: Path) -> None:
        try:
            make_private(state_dir)
            # a child process must not inherit it: Python opens with O_CLOEXEC, and cameras' children are exec'ed
            self._descriptor = os.open(lock_file(state_dir), os.O_CREAT | os.O_RDWR, 0o600)
            hand_over(self._descriptor, of=state_dir)
        except OSError as error:
            raise StoreError(
                f"the state folder {state_dir} cannot be used: {error.strerror}; "
                "make it writable for this user, or name another one in VIDSENSE_STATE_DIR"
            ) from None
        holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise ConfigError(
                f"vidsense already runs on {state_dir} as process {holder or 'unknown'}: stop it first, "
                "or give this one a state folder of its own in VIDSENSE_STATE_DIR"
            ) from None
        self.after_unclean_exit = holder != ""
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        os.fsync(self._descriptor)

    def release(self) -> None:
        """Say goodbye: the next start trusts the database."""
        os.truncate(self._descriptor, 0)
        os.fsync(self._descriptor)
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_where: object) -> None:
        if kind is None:
            self.release()
        else:
            os.close(self._descriptor)  # no goodbye: the next start had better look
