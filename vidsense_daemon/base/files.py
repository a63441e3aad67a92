"""Write a file so that a kill or a power cut leaves the old one or the new one, never half of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

PART_SUFFIX = ".part"  # of what is still being written; whoever owns the folder may delete what a kill left


def replace_file(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``, readable by its owner only; folders that are missing are made.

    Raises:
        OSError: it could not be written, for instance because the disk is full; what was there before stays.
    """
    make_private(path.parent)
    part = path.with_name(path.name + PART_SUFFIX)
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            hand_over(descriptor, of=path.parent)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def make_private(folder: Path) -> None:
    """Make ``folder`` and the folders above it that are missing, for this user only; those that are there stay.

    `Path.mkdir(parents=True)` gives its mode to the last folder alone: a state folder that its cache brought along
    would stand open.

    Raises:
        OSError: it can't be made.
    """
    for missing in reversed([folder, *folder.parents]):
        if not missing.is_dir():
            missing.mkdir(mode=0o700, exist_ok=True)
            hand_over(missing, of=missing.parent)


def hand_over(new: Path | int, *, of: Path) -> None:
    """What root makes in somebody's folder is theirs: `sudo vidsense check` must not shut the service out of its cache.

    ``new`` is a folder, or an open file. Links are not followed: the folder's owner might put one in the way. Where a
    network folder or a container does not let even root do it, it stays root's.
    """
    if os.geteuid() != 0:
        return
    owner = of.stat()
    with contextlib.suppress(OSError):
        if isinstance(new, int):
            os.fchown(new, owner.st_uid, owner.st_gid)
        else:
            os.chown(new, owner.st_uid, owner.st_gid, follow_symlinks=False)


def sha256_of(path: Path) -> str:
    """The checksum of a file's content, in hexadecimal.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settle_file(part: Path, path: Path) -> None:
    """Give a finished file its name, in the place of what has it; a power cut can't take either when this returns.

    Raises:
        OSError: the disk does not take it.
    """
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.rename(path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files behind them.

    Raises:
        OSError: the disk does not take it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
