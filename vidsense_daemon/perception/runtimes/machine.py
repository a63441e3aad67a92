"""Which processor this is, and what it can compute with: a choice that was measured holds for one machine only."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

_BF16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})  # Intel's two, and Arm's
_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor's name and what it says it can do."""

    name: str
    flags: frozenset[str]

    @property
    def has_bf16(self) -> bool:
        return bool(self.flags & _BF16_FLAGS)

    @property
    def key(self) -> str:
        """The same for as long as nothing of it changes."""
        flags = hashlib.sha256(" ".join(sorted(self.flags)).encode()).hexdigest()[:12]
        return f"{self.name} {flags}"


def this_machine(cpuinfo: Path = _CPUINFO) -> Machine:
    """As the kernel describes it; of another system only the name is known."""
    try:
        lines = [line.partition(":") for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        lines = []
    said = {key.strip().lower(): value.strip() for key, _, value in reversed(lines)}  # the first processor counts
    flags = said.get("flags") or said.get("features") or ""
    return Machine(said.get("model name") or platform.machine(), frozenset(flags.split()))
