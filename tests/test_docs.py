"""The docs say what is so: keys, commands, links and error texts are checked against the code."""

from __future__ import annotations

import argparse
import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from vidsense_daemon.settings.cameras import Stream
from vidsense_daemon.settings.keys import ANY_NAME, KeyTree, unit_of
from vidsense_daemon.settings.load import parse
from vidsense_daemon.settings.reference import with_tables

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "vidsense_daemon"
EXAMPLE = ROOT / "config" / "vidsense.example.yaml"
ENVIRON = {
    "CAM_USER": "viewer",
    "CAM_PASSWORD": "secret",
    "WEBHOOK_SECRET": "whsec_x",
    "WEBHOOK_TOKEN": "token",
    "MODEL_SERVER_KEY": "key",
    "REVIEW_PASSWORD_HASH": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
    "REVIEW_TOKEN": "a-token-of-some-length-that-nobody-guesses",
    "NTFY_TOPIC": "topic",
    "MQTT_PASSWORD": "secret",
}

_SWITCHED_OFF = re.compile(r"^(\s*)#(?=\S)", re.MULTILINE)
_KEY_LINE = re.compile(r"^\s*(?:- |#)?(\w+):")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"```[a-z]*\n(?P<block>.*?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_ELLIPSIS = "…"
_EMPTY: tuple[Any, ...] = (None, "", [], {})


def documents() -> list[Path]:
    """README and everything under docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="module")
def example() -> str:
    return EXAMPLE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def everything_on(example: str) -> str:
    """The example with every key that is switched off switched on."""
    return _SWITCHED_OFF.sub(r"\1", example)


# ── The example configuration ───────────────────────────────────────────────────────────────────────────────────


def test_the_example_is_a_configuration(example: str) -> None:
    """Copied as it stands, it is accepted."""
    assert parse(example, source="example", environ=ENVIRON).camera("front_door").triggers


def test_every_key_of_the_example_may_be_switched_on(everything_on: str) -> None:
    """Taking away a # never makes a mistake."""
    assert parse(everything_on, source="example", environ=ENVIRON).camera("front_door").zones


def test_the_example_shows_every_key(everything_on: str) -> None:
    """A key that the daemon knows and the example does not show would never be found."""
    shown = set(_paths(yaml.safe_load(everything_on)))

    assert sorted({(key.path, key.kind) for key in KeyTree().all_keys()} - shown) == []


def test_the_example_shows_the_defaults(everything_on: str) -> None:
    """What stands behind a # is what holds without it."""
    values = yaml.safe_load(everything_on)
    wrong = [
        (key.path, value, key.default)
        for key in KeyTree().all_keys()
        if key.default not in _EMPTY and not key.is_block
        for value in _values(values, key.path, key.kind)
        if value != key.default
    ]

    assert wrong == []


def test_the_example_names_every_unit(example: str) -> None:
    """The comment above a number says what it counts."""
    comment, silent = "", []
    for line in example.splitlines():
        if line.lstrip().startswith("# "):
            comment = line
        elif (found := _KEY_LINE.match(line)) and (unit := unit_of(found[1])) and unit.split(",")[0] not in comment:
            silent.append(line)

    assert silent == []


def _paths(values: Any, path: tuple[str, ...] = (), kind: str = "") -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(values, list):
        for item in values:
            yield from _paths(item, path, item.get("kind", "") if isinstance(item, dict) else "")
    if isinstance(values, dict):
        for name, value in values.items():
            key = ANY_NAME if path in {("cameras",), ("triggers",), ("cameras", ANY_NAME, "zones")} else name
            yield (*path, key), kind
            yield from _paths(value, (*path, key), kind)


def _values(values: Any, path: tuple[str, ...], kind: str) -> Iterator[Any]:
    if isinstance(values, list) and path:
        for item in values:
            if not kind or item.get("kind") == kind:
                yield from _values(item, path, "")
    elif not path:
        yield values
    elif isinstance(values, dict):
        for name, value in values.items():
            if path[0] in (ANY_NAME, name):
                yield from _values(value, path[1:], kind)


# ── Configuration ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_reference_is_what_the_schema_says() -> None:
    """Every key stands in docs/configuration.md with its text, unit and default.

    When this fails: python -m vidsense_daemon.settings.reference docs/configuration.md
    """
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert text == with_tables(text)


def test_every_key_is_explained() -> None:
    """No key without a sentence."""
    assert [key.path for key in KeyTree().all_keys() if not key.text.endswith((".", "`"))] == []


def test_every_key_is_read_by_the_code() -> None:
    """A key that nothing reads would be a promise that nothing keeps."""
    # of the settings' own files only the one that resolves a camera counts: it hands the values on
    readers = [file for file in PACKAGE.rglob("*.py") if "settings" not in file.parts or file.name == "resolved.py"]
    reads = {read for file in readers for read in _reads(file)}
    names = {name for _, name in reads}
    unread = {key.path for key in KeyTree().all_keys() if key.path[-1] not in names | {"kind"}}
    # the same name stands in a block, too: at the top it must be read from the settings themselves
    top = {key.path[0] for key in KeyTree().all_keys() if len(key.path) == 1} - set(Stream.model_fields)
    unread |= {(name,) for name in top - {name for owner, name in reads if owner.endswith("settings")}}

    assert sorted(unread) == []


def _reads(file: Path) -> Iterator[tuple[str, str]]:
    """`owner.name` wherever a source file has it; the owner is the word before the dot."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node.value).rpartition(".")[2], node.attr


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_configuration_in_the_docs_is_accepted(document: Path) -> None:
    """A YAML block that names cameras can be pasted into a file."""
    for block in re.findall(r"```yaml\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
        if block.startswith("cameras:") or "\ncameras:" in block:
            parse(block, source=document.name, environ=ENVIRON)


# ── Links ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    """Relative links point to files that are there, and to headings in them."""
    dead = [
        found["target"]
        for found in _LINK.finditer(_without_code(document.read_text(encoding="utf-8")))
        if not re.match(r"[a-z]+:", found["target"]) and not _is_alive(document, found["target"])
    ]

    assert dead == []


def _is_alive(document: Path, target: str) -> bool:
    path, _, heading = target.partition("#")
    file = document if not path else document.parent / path
    return file.exists() and (not heading or heading in _anchors(file))


def _anchors(file: Path) -> set[str]:
    """The anchors of the headings, made as GitHub makes them."""
    headings = _HEADING.findall(file.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _without_code(text: str) -> str:
    return _CODE.sub("", text)


def test_every_page_is_in_the_sites_order_and_every_decision_in_their_list() -> None:
    """A page that no list leads to is read by nobody."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    listed = {page for entry in site["nav"] for value in entry.values() for page in _pages_of(value)}
    decisions = (ROOT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")

    assert {path.name for path in (ROOT / "docs").glob("*.md")} - listed == set()
    assert [
        path.name for path in (ROOT / "docs" / "decisions").glob("0*.md") if f"({path.name})" not in decisions
    ] == []


def _pages_of(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


# ── Commands ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def parser() -> argparse.ArgumentParser:
    main = pytest.importorskip("vidsense_daemon.cli.main")
    built: argparse.ArgumentParser = main.build_parser()
    return built


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_every_command_in_the_docs_exists(document: Path, parser: argparse.ArgumentParser) -> None:
    """What a reader copies into a terminal is understood, options included."""
    wrong = [words for words in _commands(document) for problem in _problems(parser, words[1:]) if problem]

    assert wrong == []


def test_every_command_is_documented(parser: argparse.ArgumentParser) -> None:
    """A command that no page mentions is found by nobody."""
    mentioned = {tuple(words[1:]) for document in documents() for words in _commands(document)}

    undocumented = [
        command for command in _known(parser) if not any(words[: len(command)] == command for words in mentioned)
    ]
    assert undocumented == []


def _commands(document: Path) -> Iterator[list[str]]:
    """`vidsense …` in code, as words; `a|b` stands for two commands."""
    text = _HEADING.sub("", document.read_text(encoding="utf-8"))  # an error's text may begin with vidsense, too
    for code in _CODE.finditer(text):
        for line in (code["block"] or code["span"]).splitlines():
            if found := re.match(r"(?:\$ |sudo |[A-Z_]+=\S+ )*(vidsense [a-z][^#|>]*(?:\|[a-z]+)*[^#|>]*)", line):
                words = found[1].split()
                alternatives = next((word for word in words if re.fullmatch(r"[a-z]+(\|[a-z]+)+", word)), "")
                for choice in alternatives.split("|"):
                    yield [choice if word == alternatives else word for word in words]


def _problems(parser: argparse.ArgumentParser, words: list[str]) -> Iterator[str]:
    while words and not words[0].startswith("--") and (choices := _subcommands(parser)):
        if words[0] not in choices:
            yield f"no command {words[0]}"
            return
        parser, words = choices[words[0]], words[1:]
    for word in words:
        option = word.strip("[]").partition("=")[0]
        if option.startswith("--") and option not in parser._option_string_actions:
            yield f"no option {option}"


def _known(parser: argparse.ArgumentParser) -> Iterator[tuple[str, ...]]:
    for name, subparser in _subcommands(parser).items():
        inner = list(_known(subparser))
        yield from ((name, *rest) for rest in inner) if inner else [(name,)]


def _subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


# ── Error texts ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_heading_of_the_troubleshooting_is_an_error_text() -> None:
    """Who searches the page for what the daemon said finds it: the headings are the source's own words.

    `…` in a heading stands for what the message fills in.
    """
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    headings = [
        re.sub(r"^(`+) ?(.*?) ?\1$", r"\2", heading) for heading in re.findall(r"^### (.+)$", text, re.MULTILINE)
    ]
    templates = [template for file in PACKAGE.rglob("*.py") for template in _texts(file)]

    assert headings
    assert [heading for heading in headings if not any(heading in template for template in templates)] == []


def _texts(file: Path) -> Iterator[str]:
    """Every string of a source file, with `…` for what an f-string fills in."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else _ELLIPSIS for part in node.values)
            yield "".join(str(part) for part in parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_name_in_the_docs_is_one_of_the_programs() -> None:
    """Who looks for `camera_lost` in the log, or for `calm_fps` in the file, finds it by the docs' very word.

    Metrics have a page and a test of their own; a name may be put together (`f"steps_{order}"`).
    """
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    wrong = [
        (document.name, name)
        for document in documents()
        if document.parent.name != "decisions"  # what was tried and left stands there, too
        for name in re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", document.read_text(encoding="utf-8"))
        if name not in source and f"{name.partition('_')[0]}_{{" not in source and not name.startswith("vidsense_")
    ]

    assert wrong == []


# ── The project's own files ─────────────────────────────────────────────────────────────────────────────────────


def test_every_dependency_is_pinned() -> None:
    """constraints.txt names a version for each dependency, and nothing but names and versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]

    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", line)] == []
    pinned = {line.partition("==")[0] for line in lines}
    assert {_name_of(requirement) for requirement in wanted} - pinned - {"vidsense-daemon"} == set()


def _name_of(requirement: str) -> str:
    return re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0].lower()


def test_every_benchmark_has_a_short_way() -> None:
    """`make bench` runs them all within half an hour: by arguments of its own, or by their `--quick`."""
    folder = ROOT / "benchmarks"
    assignments = [
        node for node in ast.walk(ast.parse((folder / "_all.py").read_text())) if isinstance(node, ast.AnnAssign)
    ]
    [short] = [
        ast.literal_eval(node.value) for node in assignments if node.value and ast.unparse(node.target) == "SHORT"
    ]
    files = {file.stem: file.read_text(encoding="utf-8") for file in folder.glob("[!_]*.py")}

    assert set(short) - set(files) == set()
    assert [name for name, text in files.items() if name not in short and '"--quick"' not in text] == []
