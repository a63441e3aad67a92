"""How much memory the daemon may take: the machine's, or less where its service or its container is limited.

Who takes more is ended by the kernel without a word of its own (`oom-kill`), and started again by systemd, again and
again: so it is said at the start, while there is somebody to say it.
"""

from __future__ import annotations

import os
from pathlib import Path

_DAEMON_BYTES = 600_000_000  # with the builtin encoder: benchmarks/footprint.py
_CAMERA_BYTES = 90_000_000
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def machine_bytes() -> int:
    """What the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def limit_bytes(*, cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int | None:
    """The least that a control group around this process allows (cgroups(7), version 1 or 2); none without a limit."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    limits: list[int] = []
    for line in lines:
        _number, controllers, path = line.split(":", 2)
        if controllers == "":
            limits += _limits(cgroups, path, "memory.max")
        elif "memory" in controllers.split(","):
            limits += _limits(cgroups / "memory", path, "memory.limit_in_bytes")
    return min(limits, default=None)


def memory_shortage(cameras: int, *, limit: int | None) -> str | None:
    """Why ``limit`` is too little for so many cameras; none when it is enough."""
    wanted = _DAEMON_BYTES + _CAMERA_BYTES * cameras
    if limit is None or limit >= wanted:
        return None
    want = "1 camera wants" if cameras == 1 else f"{cameras} cameras want"
    return (
        f"the service may take {limit / 1e6:.0f} MB of memory, and {want} {wanted / 1e6:.0f} MB at least: "
        "raise MemoryMax=, or the container's limit, before the kernel ends it"
    )


def _limits(root: Path, path: str, name: str) -> list[int]:
    """Of the group and all above it; a container sees its own group as the root, whatever its path says."""
    group = root / path.lstrip("/")
    found = []
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            break
        try:
            found.append(int((folder / name).read_text()))
        except (OSError, ValueError):  # not there, or "max"
            continue
    return found
