"""pydantic's errors as mistakes in the operator's words, with places and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic_core import ErrorDetails

from vidsense_daemon.settings.keys import KeyTree, Node, Spot, allowed_by_pattern, choices_of, names_in
from vidsense_daemon.settings.marked import MarkedValues, Unknown
from vidsense_daemon.settings.mistakes import Mistake, nearest, shortened


def explain(errors: Iterable[ErrorDetails], *, tree: KeyTree, marked: MarkedValues) -> Iterator[Mistake]:
    """One mistake for each error that ``marked`` has not reported already."""
    reported = {mistake.path for mistake in marked.mistakes}
    for error in errors:
        spot = tree.follow(error["loc"])
        path = (*spot.path, "kind") if error["type"].startswith("union_tag") else spot.path
        if path in reported or isinstance(error["input"], Unknown):
            continue
        problem, allowed, meant = _explained(error, spot, tree)
        yield Mistake(marked.place_of(path), path, problem, allowed, meant)


def _explained(error: ErrorDetails, spot: Spot, tree: KeyTree) -> tuple[str, str, str]:
    """The problem, what is allowed, what was probably meant."""
    allowed = tree.allowed(spot.node)
    found = _found(error["input"], spot.node)
    match error["type"]:
        case "extra_forbidden":
            names = names_in(spot.block)
            return "no such key here", ", ".join(names), nearest(str(spot.path[-1]), names)
        case "missing":
            return f"the key '{spot.path[-1]}' is missing", allowed, ""
        case "union_tag_not_found":
            return "the key 'kind' is missing", allowed, ""
        case "union_tag_invalid":
            tag = str(error["ctx"]["tag"])
            return f"found {shortened(tag)}", allowed, nearest(tag, tree.variants(spot.node))
        case "literal_error" | "enum":
            return f"found {found}", allowed, nearest(str(error["input"]), choices_of(spot.node))
        case "string_pattern_mismatch":
            return f"found {found}", allowed_by_pattern(error["ctx"]["pattern"]), _as_name(str(error["input"]))
        case "value_error":
            return str(error["ctx"]["error"]), allowed, ""
        case "too_short" | "string_too_short":
            return "found nothing in it", allowed, ""
        case "too_long" | "string_too_long":
            return f"found more than {error['ctx']['max_length']} {_counted(error['input'])}", allowed, ""
    return f"found {found}", allowed, ""


def _found(value: Any, node: Node) -> str:
    if node.get("writeOnly"):
        return "a value that is not shown here, of the wrong kind"
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}" + ("; text needs quotes" if node.get("type") == "string" else "")
        case str():
            return shortened(value)
        case list():
            return "a list"
        case dict() if list(value.values()) == [None]:
            return 'a block; if {NAME} is meant, it needs quotes: "{NAME}"'
    return "a block"


def _as_name(text: str) -> str:
    """`Front Door` → `front_door`; nothing for an address: as a name, its password would pass unmasked."""
    return "" if "://" in text else re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:64]


def _counted(value: Any) -> str:
    return "characters" if isinstance(value, str) else "items"
