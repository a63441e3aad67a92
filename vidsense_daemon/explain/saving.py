"""The report as files: one page, one PNG a figure, and the arrays that the figures were drawn from."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.explain.arrays import arrays
from vidsense_daemon.explain.explanation import Explanation
from vidsense_daemon.explain.sections import figures

PAGE = "report.html"
ARRAYS = "report.json"


def check_folder(folder: Path) -> None:
    """Make the folder, before minutes of work are spent on what cannot be kept.

    Raises:
        PermanentError: it cannot be written.
    """
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise PermanentError(
            f"cannot write the report to {folder}: {error.strerror or error}; name another folder with --out"
        ) from None


def save(explanation: Explanation, folder: Path, *, with_arrays: bool) -> list[Path]:
    """Write everything; the files, the page first.

    Raises:
        PermanentError: the folder cannot be written.
    """
    check_folder(folder)
    page = folder / PAGE
    written = [page]
    try:
        page.write_text(explanation.html(), encoding="utf-8")
        if importlib.util.find_spec("PIL") is not None:
            from vidsense_daemon.explain.png import write_png

            for figure in figures(explanation):
                written.append(folder / f"{figure.name}.png")
                write_png(figure, written[-1])
        if with_arrays:
            written.append(folder / ARRAYS)
            written[-1].write_text(json.dumps(arrays(explanation)), encoding="utf-8")
    except OSError as error:
        raise PermanentError(f"cannot write the report to {folder}: {error.strerror or error}") from None
    return written
