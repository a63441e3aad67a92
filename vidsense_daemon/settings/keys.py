"""The tree of all keys, read from the JSON schema: for mistakes, for the reference and for the docs' tests.

It follows the few forms that the schema takes: blocks of known keys, blocks whose names are the operator's own,
lists, and hooks, whose keys depend on their kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vidsense_daemon.settings.blocks import CONTENT_TYPE_PATTERN, HEADER_PATTERN, NAME_PATTERN, TOPIC_PATTERN
from vidsense_daemon.settings.mistakes import KeyPath, in_words
from vidsense_daemon.settings.schema import Settings

Node = Mapping[str, Any]  # a part of a JSON schema

ANY_NAME = "*"

_UNITS = (
    ("max_frames_per_s", "frames a second"),
    ("_fps", "frames a second"),
    ("_s", "seconds"),
    ("_mb", "MiB"),
    ("_levels", "levels of brightness"),
    ("_ratio", "share, 0 to 1"),
    ("_pixels", "pixels"),
    ("frames", "frames"),
    ("threads", "processor threads"),
)
_FORMATS = {
    "camera-url": "rtsp://…, rtsps://…, http://…, https://…, or an absolute path",
    "http-url": "http://… or https://…",
    "path": "an absolute path",
    "hours": '"22:00-07:00"; with days before it when not every day: "mon-fri 22:00-07:00", "sat,sun 00:00-24:00"',
    "outline": '"x,y,x,y,…": at least 3 points, each number from 0 to 1',
}
_PATTERNS = {
    NAME_PATTERN: "a name: lower-case letters, digits and _, at most 64",
    HEADER_PATTERN: "a header's name: letters, digits and -",
    CONTENT_TYPE_PATTERN: "a media type, such as text/plain or application/json",
    TOPIC_PATTERN: "levels of an MQTT topic: letters, digits, _ and -, with / between",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration."""

    path: tuple[str, ...]  # ("cameras", "*", "url"): * is any name; a list's items add no step
    text: str  # what it is for
    allowed: str
    unit: str
    default: Any  # None when there is none
    required: bool
    kind: str  # of the hook that has it: webhook …; else ""
    is_block: bool  # it holds keys of its own


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an error of pydantic's happened."""

    path: KeyPath  # as the file has it
    node: Node  # the schema of what should stand there; empty when nothing is known of it
    block: Node  # the schema of the block around it


class KeyTree:
    """Answers questions about keys."""

    def __init__(self) -> None:
        self._root: Node = json_schema()
        self._definitions: Mapping[str, Node] = self._root.get("$defs", {})

    def follow(self, location: KeyPath) -> Spot:
        """Where pydantic's ``location`` is; it has tags of unions and marks of keys between the file's own steps."""
        node, block = self._root, self._root
        path: list[str | int] = []
        for step in location:
            variants = self.variants(node)
            if step in variants:
                node = variants[str(step)]
            elif step != "[key]":
                path.append(step)
                node, block = self._plain(_child(node, step)), node
        return Spot(tuple(path), node, block)

    def variants(self, node: Node) -> dict[str, Node]:
        """The blocks that may stand there by their kind; empty when there is but one."""
        mapping = node.get("discriminator", {}).get("mapping", {})
        return {tag: self._plain({"$ref": reference}) for tag, reference in mapping.items()}

    def allowed(self, node: Node) -> str:
        """What may stand there, in words."""
        if choices := choices_of(node):
            return in_words(choices)
        if variants := self.variants(node):
            return f"a block with kind: {in_words(list(variants))}"
        match node.get("type"):
            case "boolean":
                return "true or false"
            case "integer":
                return f"a whole number{_bounds(node)}"
            case "number":
                return f"a number{_bounds(node)}"
            case "string":
                return _allowed_text(node)
            case "array":
                return f"a list; each item {self.allowed(self._plain(node['items']))}"
            case "object":
                return _allowed_block(node)
        return ""

    def all_keys(self) -> Iterator[Key]:
        """Every key, in the schema's order, blocks before what they hold."""
        yield from self._keys(self._root, (), "")

    def _keys(self, node: Node, path: tuple[str, ...], kind: str) -> Iterator[Key]:
        for variant_kind, variant in self.variants(node).items():
            yield from self._keys(variant, path, variant_kind)
        if node.get("type") == "array":
            yield from self._keys(self._plain(node["items"]), path, kind)
        if values := _values_of(node):
            yield from self._keys(self._plain(values), (*path, ANY_NAME), kind)
        for name, declared in node.get("properties", {}).items():
            plain = self._plain(declared)
            below = list(self._keys(plain, (*path, name), kind))
            yield Key(
                path=(*path, name),
                text=declared.get("description", plain.get("description", "")),  # a block may speak for itself
                allowed=self.allowed(plain),
                unit=unit_of(name),
                default=declared.get("default"),
                required=name in node.get("required", ()),
                kind=kind,
                is_block=bool(below),
            )
            yield from below

    def _plain(self, node: Node) -> Node:
        """``node`` without references and without "or null"."""
        while True:
            if "$ref" in node:
                node = self._definitions[node["$ref"].rpartition("/")[2]]
            elif "anyOf" in node:
                node = next(option for option in node["anyOf"] if option.get("type") != "null")
            else:
                return node


def json_schema() -> dict[str, Any]:
    """The JSON schema of the configuration; in every block the keys that must be given come first."""
    schema = Settings.model_json_schema()
    for block in (schema, *schema["$defs"].values()):
        if "properties" in block:
            required = block.get("required", ())
            ordered = sorted(block["properties"].items(), key=lambda item: item[0] not in required)
            block["properties"] = dict(ordered)
    return schema


def editor_schema() -> dict[str, Any]:
    """The JSON schema as an editor wants it: with the units in the texts, without pydantic's titles."""
    schema = json_schema()
    for block in (schema, *schema["$defs"].values()):
        for name, declared in block.get("properties", {}).items():
            declared.pop("title", None)
            if unit := unit_of(name):
                declared["description"] += f" Unit: {unit}."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def unit_of(name: str) -> str:
    """What the number of a key counts, by the end of its name; ``""`` when it counts nothing."""
    return next((unit for ending, unit in _UNITS if name.endswith(ending)), "")


def names_in(node: Node) -> list[str]:
    """The keys that a block may hold; none when its names are the operator's own."""
    return list(node.get("properties", {}))


def choices_of(node: Node) -> list[str]:
    """The values that may stand there, when they can be counted."""
    return [str(choice) for choice in node.get("enum", [node["const"]] if "const" in node else [])]


def allowed_by_pattern(pattern: str) -> str:
    """What a pattern of the schema allows, in words."""
    return _PATTERNS[pattern]


def _child(node: Node, step: str | int) -> Node:
    if isinstance(step, int):
        items: Node = node.get("items", {})
        return items
    found: Node | None = node.get("properties", {}).get(step)
    return _values_of(node) if found is None else found


def _values_of(node: Node) -> Node:
    """The schema of a block's values when its names are the operator's own; else empty."""
    patterns: Mapping[str, Node] = node.get("patternProperties", {})
    return next(iter(patterns.values()), {})


def _allowed_text(node: Node) -> str:
    if "format" in node:
        return _FORMATS[node["format"]]
    if "pattern" in node:
        return _PATTERNS[node["pattern"]]
    return f"text of at most {node['maxLength']} characters" if "maxLength" in node else "text"


def _allowed_block(node: Node) -> str:
    if names := names_in(node):
        return f"a block; its keys are {', '.join(names)}"
    return "a block: under each name of your own a value" if _values_of(node) else "a block"


def _bounds(node: Node) -> str:
    low, above, high = node.get("minimum"), node.get("exclusiveMinimum"), node.get("maximum")
    words = []
    if low is not None:
        words.append(f"from {low}")
    if above is not None:
        words.append(f"above {above}")
    if high is not None:
        words.append(f"{'up to' if above is not None else 'to'} {high}")
    return "".join(f" {word}" for word in words)
