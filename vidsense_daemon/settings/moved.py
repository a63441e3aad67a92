"""Keys that have another name now: read for one minor version more, with a warning that says what to write.

To move a key: change the schema, and add its row to `MOVED` with the version in which the old name ends. A test fails
when a row has outlived that version; then the row goes, and the old name is a mistake like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vidsense_daemon.settings.marked import MarkedValues
from vidsense_daemon.settings.mistakes import KeyPath, Mistake, key_name

_ANY = "*"


@dataclass(frozen=True, slots=True)
class Move:
    """One key and its new place; `*` is any camera, trigger or zone, and the same one in both."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    gone_in: str  # the version that no longer reads the old name, such as "0.3"


MOVED: tuple[Move, ...] = ()


def bring_up_to_date(marked: MarkedValues, moves: Sequence[Move] = MOVED) -> list[str]:
    """Put what stands under an old name under its new one; a warning for each. Both at once is a mistake."""
    warnings = []
    for move in moves:
        for old in list(_found(marked.values, move.old)):
            new = _matching(move, old)
            place = marked.place_of(old)
            if _has(marked.values, new):
                problem = f"the key is called {key_name(new)} now, and stands there, too"
                marked.mistakes.append(Mistake(place, old, problem, "once, under the new name"))
                _take(marked.values, old)
                continue
            _put(marked.values, new, _take(marked.values, old))
            marked.places[new] = place
            name = f"line {place.line}: {key_name(old)} is called {key_name(new)} now"
            warnings.append(f"{name}; version {move.gone_in} no longer reads the old name")
    return warnings


def _found(values: Any, pattern: tuple[str, ...], path: KeyPath = ()) -> Iterator[KeyPath]:
    if not pattern:
        yield path
    elif isinstance(values, dict):
        for name in list(values) if pattern[0] == _ANY else [pattern[0]]:
            if name in values:
                yield from _found(values[name], pattern[1:], (*path, name))


def _matching(move: Move, old: KeyPath) -> KeyPath:
    """The new path with the names that `*` stood for in the old one."""
    names = iter([step for step, pattern in zip(old, move.old, strict=True) if pattern == _ANY])
    return tuple(next(names) if step == _ANY else step for step in move.new)


def _has(values: Any, path: KeyPath) -> bool:
    for step in path:
        if not isinstance(values, dict) or step not in values:
            return False
        values = values[step]
    return True


def _take(values: dict[Any, Any], path: KeyPath) -> Any:
    """Remove a key; a block that is empty without it goes with it."""
    if len(path) == 1:
        return values.pop(path[0])
    inner = values[path[0]]
    taken = _take(inner, path[1:])
    if not inner:
        del values[path[0]]
    return taken


def _put(values: dict[Any, Any], path: KeyPath, value: Any) -> None:
    block: Any = values
    for step in path[:-1]:
        if block.get(step) is None:
            block[step] = {}
        block = block[step]
        if not isinstance(block, dict):
            return  # what stands there is wrong in any case, and is reported as such
    block[path[-1]] = value
