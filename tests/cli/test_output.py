"""What commands print, on terminals of all widths and into pipes."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from vidsense_daemon.__main__ import entry_point
from vidsense_daemon.cli.output import say_table

HEADINGS = ("time", "camera", "id", "description")
ROW = ("2026-11-23 00:22:17", "front_door", "1795393337844-cvpxfb", "a van drives up [b]and[/b] stops " * 2 + "twice")


class Terminal(io.StringIO):
    """Standard output that somebody looks at."""

    def isatty(self) -> bool:
        return True


def printed(monkeypatch: pytest.MonkeyPatch, out: io.StringIO, *, columns: int) -> list[str]:
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    say_table(HEADINGS, [ROW])
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("columns", [80, 30, 1])
def test_a_terminal_that_is_too_narrow_gets_the_sentence_below_its_row(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column of four letters cannot be read, and a cut id cannot be copied."""
    lines = printed(monkeypatch, Terminal(), columns=columns)

    assert lines[2:] == ["  ".join(ROW[:3]), "    " + ROW[3]]


def test_a_wide_terminal_gets_a_table_whose_last_column_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence stays beside its row."""
    lines = printed(monkeypatch, Terminal(), columns=110)

    assert lines[1].startswith("  ".join(ROW[:3]) + "  a van drives up [b]and[/b]")
    assert len(lines) == 3
    assert lines[2].strip().endswith("stops twice")


def test_a_pipe_gets_one_line_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is: cut and awk count on it."""
    assert printed(monkeypatch, io.StringIO(), columns=20)[1] == "  ".join(ROW)


def test_who_stops_reading_hears_nothing_more(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`vidsense config schema | head -1` is no failure."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        patched.setattr(sys, "argv", ["vidsense", "config", "schema"])
        with pytest.raises(SystemExit) as ended:
            entry_point()

    assert ended.value.code == 0
    assert capfd.readouterr().err == ""


def test_a_letter_that_the_locale_does_not_have_becomes_a_question_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old locale costs a letter, not the answer."""
    answer = tmp_path / "answer"
    with answer.open("w", encoding="ascii") as out, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        patched.setattr(sys, "argv", ["vidsense", "config", "schema"])
        with pytest.raises(SystemExit) as ended:
            entry_point()

    assert ended.value.code == 0
    assert "?" in answer.read_text(encoding="ascii")


def test_a_closed_output_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`vidsense config schema >&-`, as some schedulers start programs."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "argv", ["vidsense", "config", "schema"])
    with pytest.raises(SystemExit) as ended:
        entry_point()
    sys.stdout.close()

    assert ended.value.code == 0
