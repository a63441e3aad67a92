"""A safetensors file, read as a whole: what its header says, and its tensors."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from torch import Tensor


def read_tensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """What stands in the file's header, and its tensors by name.

    Raises:
        OSError, SafetensorError: it is missing, can't be read or is none.
    """
    with safe_open(path, "pt") as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
