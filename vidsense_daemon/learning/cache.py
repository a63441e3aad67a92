"""Features that take minutes to compute, kept on disk: arrays in a file that is named by all that went into them.

So nothing that is kept is ever out of date, and the folder may be emptied at any time. A run that is stopped leaves no
half of a file behind; a damaged one is made again. Called by what prepares a training, in the caller's thread.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.files import PART_SUFFIX, make_private


def kept_arrays(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays in the file, by name; none when it is not there, or damaged."""
    try:
        with np.load(path) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def keep_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Put the arrays into the file, under these names.

    Raises:
        OSError: the disk takes nothing.
    """
    make_private(path.parent)
    part = path.with_name(path.name + PART_SUFFIX)
    with part.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own option
    part.rename(path)
