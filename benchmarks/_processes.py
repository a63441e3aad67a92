"""What the kernel says that a process costs. No benchmark itself."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def status_mib(pid: int, key: str) -> float:
    """A line of its `status` in MiB: VmRSS is what it holds, VmHWM the most that it ever held."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def cpu_s(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def camera_processes(pid: int) -> list[int]:
    """The capture children that any thread of ``pid`` started; other short-lived processes do not count."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in thread.read_text().split():
            with contextlib.suppress(OSError):
                if b"vidsense_daemon.capture" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found
