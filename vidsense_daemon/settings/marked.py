"""YAML text into plain values, remembering the place of each.

PyYAML composes the nodes (they carry line and column), and the values are built here: plain types only, so that no
tag can make an object; `{NAME}` replaced; a key that stands twice, an alias bomb and a value that is no text are
mistakes with a place. Plain scalars follow YAML 1.2: `no`, `12:30` and `2024-01-01` stay text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from vidsense_daemon.settings.mistakes import KeyPath, Mistake, Place, shortened
from vidsense_daemon.settings.substitute import SubstitutionError

_DEEPEST = 40  # the settings are 5 deep; PyYAML recurses, and Python stops a recursion at about 1000
_MOST_VALUES = 100_000  # a hundred cameras with every key are about 4000; aliases can multiply without end
_LONGEST_NUMBER = 40  # characters; more is no number that a setting could hold

_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z")
_MERGE = re.compile(r"<<\Z")
_PLAIN_SCALARS = ("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT), ("merge", _MERGE)
# C0 and C1 controls but tab and newline, and halves of characters: nobody can read them, and a terminal may obey them
_UNREADABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")

# what PyYAML says → what to do about it; the first that matches, so the narrow ones come first
_ADVICE = (
    ("'\\t' that cannot start any token", "indent with spaces: a tab may not stand there"),
    ("mapping values are not allowed here", "check the indentation; text that holds ': ' needs quotes"),
    ("could not find expected ':'", "a key ends with a colon and a space; check the line above, too"),
    ("found unexpected end of stream", "a quote that was opened is never closed"),
    (
        "found undefined alias",
        "a * refers to an & that stands earlier in the file; text that begins with * needs quotes",
    ),
    ("found duplicate anchor", "give each & a name of its own"),
    ("but found another document", "one file holds one configuration: remove the '---' between two"),
    ("expected ',' or", "inside { } and [ ], text that holds braces, commas or colons needs quotes"),
    ("expected <block end>", "check the indentation: this line does not fit those above it"),
    ("that cannot start any token", "text that begins with this character needs quotes"),
)
_ADVICE_ELSE = "check the indentation and the quotes of this line and the one above it"


class Unknown:
    """Stands for a value that could not be read; its own mistake is already reported, so no second one is."""


UNKNOWN = Unknown()


@dataclass
class MarkedValues:
    """What a file says, and where it says it."""

    values: Any = None
    places: dict[KeyPath, Place] = field(default_factory=dict)  # of a key where there is one, else of the value
    mistakes: list[Mistake] = field(default_factory=list)

    def place_of(self, path: KeyPath) -> Place:
        """Where ``path`` stands, or else the nearest thing around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return Place(1)


def read_marked(text: str, *, substitute: Callable[[str], str]) -> MarkedValues:
    """The values of ``text``; what could not be read is in ``mistakes`` and missing from ``values``."""
    marked = MarkedValues()
    try:
        node = _compose(text)
        if node is None:
            marked.mistakes.append(Mistake(Place(1), (), "the file is empty", "at least one camera, under 'cameras:'"))
        else:
            marked.values = _Builder(marked, substitute).build(node, ())
    except _MistakeFoundError as error:
        marked.mistakes.append(error.mistake)
        marked.values = None
    return marked


class _MistakeFoundError(Exception):
    """Reading cannot go on after this one."""

    def __init__(self, place: Place, problem: str, allowed: str, path: KeyPath = ()) -> None:
        super().__init__(problem)
        self.mistake = Mistake(place, path, problem, allowed)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the plain scalars of YAML 1.2, and a bottom."""

    # None: tried whatever the scalar's first character is
    yaml_implicit_resolvers = {None: [(_TAG + name, pattern) for name, pattern in _PLAIN_SCALARS]}  # noqa: RUF012

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _too_deep(_place(self.peek_event().start_mark))  # type: ignore[no-untyped-call]
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _compose(text: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        node: yaml.Node | None = loader.get_single_node()
        return node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        advice = next((advice for words, advice in _ADVICE if words in said), _ADVICE_ELSE)
        raise _MistakeFoundError(_place(mark) if mark else Place(1), f"this is not YAML: {said}", advice) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"found the unreadable character U+{ord(text[error.position]):04X}"
        raise _MistakeFoundError(Place(line), problem, "plain text in UTF-8") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML lets numbers escape that are too large for a character or a version: "\UFFFFFFFF", %YAML 9…
        raise _MistakeFoundError(Place(1), f"this is not YAML: {error}", "plain YAML 1.2") from None


class _Builder:
    """Nodes into values, once each and with a bound on how many."""

    def __init__(self, marked: MarkedValues, substitute: Callable[[str], str]) -> None:
        self._marked = marked
        self._substitute = substitute
        self._built = 0

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        place = _place(node.start_mark)
        self._marked.places.setdefault(path, place)
        self._built += 1
        if self._built > _MOST_VALUES:
            raise _MistakeFoundError(place, "the aliases (*) multiply to more values than a configuration has", "")
        if len(path) > _DEEPEST:
            raise _too_deep(place)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        return self._unknown_tag(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = _place(key_node.start_mark)
            if key_node.tag == _TAG + "merge":
                merged = {**self._merged(value_node, path), **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._mistake(
                    place, path, "found a list or a block where a key is wanted", 'text; "{NAME}" needs quotes'
                )
                continue
            key = self._readable(key_node.value, place, path)
            if key in values:
                first = self._marked.place_of((*path, key))
                self._mistake(place, (*path, key), f"the key stands twice; the first is in line {first.line}", "once")
                continue
            self._marked.places[*path, key] = place
            values[key] = self.build(value_node, (*path, key))
        return {**merged, **values}

    def _merged(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        """What `<<: *other` brings in; the block's own keys win over it."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for part in parts:
            if not isinstance(part, yaml.MappingNode):
                self._mistake(_place(part.start_mark), path, "found something else than a block after <<", "<<: *name")
                continue
            merged = {**self.build(part, path), **merged}
        return merged

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        place, text, tag = _place(node.start_mark), node.value, node.tag.removeprefix(_TAG)
        number_like = len(text) <= _LONGEST_NUMBER
        if tag == "null" and _NULL.match(text):
            return None
        if tag == "bool" and _BOOL.match(text):
            return text.lower() == "true"
        if tag == "int" and _INT.match(text) and number_like:
            return int(text)
        if tag == "float" and _FLOAT.match(text) and number_like:
            return float(text)
        if tag not in {"str", "int", "float", "merge"}:
            return self._unknown_tag(node, path)
        try:
            return self._readable(text if _is_template(path) else self._substitute(text), place, path)
        except SubstitutionError as error:
            self._marked.mistakes.append(Mistake(place, path, str(error), meant=error.meant))
            return UNKNOWN

    def _readable(self, text: str, place: Place, path: KeyPath) -> str:
        if found := _UNREADABLE.search(text):
            problem = f"found the unreadable character U+{ord(found[0]):04X} in {shortened(text)}"
            self._mistake(place, path, problem, "readable text")
            return _UNREADABLE.sub("·", text)
        return text

    def _unknown_tag(self, node: yaml.Node, path: KeyPath) -> Any:
        tag = node.tag.replace(_TAG, "!!")
        self._mistake(
            _place(node.start_mark), path, f"found the tag {shortened(tag)}", "no tags; secrets are written {NAME}"
        )
        return UNKNOWN

    def _mistake(self, place: Place, path: KeyPath, problem: str, allowed: str) -> None:
        self._marked.mistakes.append(Mistake(place, path, problem, allowed))


def _is_template(path: KeyPath) -> bool:
    """A hook's own words: their braces are Jinja's, and what is secret does not belong into a message."""
    match path:
        case ("hooks", int(), "title" | "body"):
            return True
    return False


def _too_deep(place: Place) -> _MistakeFoundError:
    return _MistakeFoundError(place, f"blocks are nested more than {_DEEPEST} deep", "the settings are 5 deep")


def _place(mark: yaml.Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)
