"""How much memory the daemon may take, as the kernel's files tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsense_daemon.daemon.memory import limit_bytes, memory_shortage


def groups(root: Path, own: str, **limits: str) -> int | None:
    """The limit that is found with these files below the control groups; ``__`` stands for a slash."""
    for name, text in limits.items():
        file = root / "groups" / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "own").write_text(own)
    return limit_bytes(cgroups=root / "groups", own=root / "own")


def test_the_smallest_limit_around_the_service_counts(tmp_path: Path) -> None:
    """MemoryMax= may stand at the service, or at a slice above it."""
    service = "system.slice__vidsense.service__memory.max"
    limits = {service: "max\n", "system.slice__memory.max": "700000000\n"}

    assert groups(tmp_path, "0::/system.slice/vidsense.service\n", **limits) == 700_000_000


@pytest.mark.parametrize(
    ("own", "file"),
    [
        ("0::/\n", "memory.max"),
        ("4:memory:/docker/0a1b\n1:cpu:/\n", "memory__memory.limit_in_bytes"),
    ],
)
def test_a_containers_limit_is_found(tmp_path: Path, own: str, file: str) -> None:
    """Under both versions of control groups; a container may be shown a path that it cannot see."""
    assert groups(tmp_path, own, **{file: "536870912\n"}) == 536_870_912


def test_without_a_limit_nothing_is_said(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/\n", **{"memory.max": "max\n"}) is None
    assert memory_shortage(20, limit=None) is None


def test_too_little_memory_is_said_with_what_is_wanted() -> None:
    """Otherwise the kernel ends the daemon without a word, and systemd starts it again and again."""
    assert memory_shortage(1, limit=700_000_000) is None
    assert "1 camera wants 690 MB" in (memory_shortage(1, limit=450_000_000) or "")
    assert "8 cameras want 1320 MB" in (memory_shortage(8, limit=700_000_000) or "")
