"""What is wrong with a configuration, all of it at once, in words for the person who wrote it.

A `Mistake` stands at a place in the file; `ConfigError` carries the whole report, so that one run shows everything
that has to be mended. Nothing here knows pydantic or YAML: `explain` and `marked` translate from those.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.redact import Redactor

KeyPath = tuple[str | int, ...]

_MOST_SHOWN = 50  # a screenful or two; a file with more is the wrong file
_LONGEST_FOUND = 60  # characters; enough to recognise one's own value


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the file, counted from 1 as editors do."""

    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend."""

    place: Place
    path: KeyPath  # () when it concerns the whole file
    problem: str  # what was found, and why that is wrong
    allowed: str = ""  # what could stand there
    meant: str = ""  # the nearest thing that exists


def refusal(source: str, mistakes: Iterable[Mistake], *, redactor: Redactor) -> ConfigError:
    """The error that reports every mistake in ``source``, in the order of its lines and without passwords."""
    ordered = sorted(mistakes, key=lambda mistake: (mistake.place, key_name(mistake.path)))
    count = "a mistake" if len(ordered) == 1 else f"{len(ordered)} mistakes"
    lines = [f"{source} has {count}:"]
    for mistake in ordered[:_MOST_SHOWN]:
        lines += ["", *_paragraph(source, mistake)]
    if len(ordered) > _MOST_SHOWN:
        lines += ["", f"… and {len(ordered) - _MOST_SHOWN} more"]
    return ConfigError(redactor.text("\n".join(lines)))


def key_name(path: KeyPath) -> str:
    """`hooks[0].url`, as the docs write keys."""
    name = ""
    for step in path:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
    return name


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choice that ``word`` was probably meant to be, or ``""``."""
    by_small_letters = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(word.lower(), by_small_letters, n=1, cutoff=0.6)
    return by_small_letters[close[0]] if close else ""


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """`there is no camera 'yrad' (there are: yard, attic); did you mean 'yard'?`, for a name from outside the file."""
    names = list(known)
    meant = nearest(name, names)
    told = f"there are: {', '.join(names)}" if names else "there are none"
    return f"there is no {kind} {name!r} ({told})" + (f"; did you mean {meant!r}?" if meant else "")


def shortened(text: str) -> str:
    """``text`` in quotes on one line, cut to a length that fits a report."""
    line = "".join(letter if letter.isprintable() else "·" for letter in text)
    return f"'{line}'" if len(line) <= _LONGEST_FOUND else f"'{line[:_LONGEST_FOUND]}…'"


def in_words(choices: Sequence[str]) -> str:
    """`a, b or c`."""
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _paragraph(source: str, mistake: Mistake) -> list[str]:
    where = f"{source}:{mistake.place.line}:{mistake.place.column}"
    lines = [f"{where}: {key_name(mistake.path)}" if mistake.path else where, f"    {mistake.problem}"]
    if mistake.allowed:
        lines.append(f"    allowed: {mistake.allowed}")
    if mistake.meant:
        lines.append(f"    did you mean '{mistake.meant}'?")
    return lines
