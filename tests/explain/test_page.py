"""The page: whole in itself, readable by everybody, and unimpressed by what stands in names and prompts."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.explain import Explanation
from vidsense_daemon.explain.sections import figures, sections

DOCS = Path(__file__).parents[2] / "docs" / "explain.md"


class Seen(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def text(explained: Explanation) -> str:
    return explained.html()


def test_the_page_loads_nothing(text: str) -> None:
    """It can be mailed and read without a network: every picture is inside, every link stays on the page."""
    addresses = [
        value
        for _, attributes in Seen(text).elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action") and value is not None
    ]

    assert addresses
    assert [address for address in addresses if not address.startswith(("data:image/", "#"))] == []
    assert "<script" not in text
    assert "url(" not in text


def test_all_seven_parts_are_there_with_a_figure_or_a_reason(explained: Explanation) -> None:
    parts = sections(explained)

    assert [part.number for part in parts] == [1, 2, 3, 4, 5, 6, 7]
    assert all(part.items for part in parts)


def test_what_people_write_stays_text(text: str) -> None:
    """A query with markup in it is shown, not obeyed."""
    assert "<b>car</b>" not in text
    assert "&lt;b&gt;car&lt;/b&gt;" in text


def test_every_figure_speaks_to_those_who_cannot_see_it(text: str) -> None:
    """A drawing has a title, a picture its words, a table its headings."""
    seen = Seen(text)
    drawings, pictures = seen.all("svg"), seen.all("img")

    assert drawings
    assert all(drawing.get("role") == "img" and drawing.get("aria-labelledby") for drawing in drawings)
    assert pictures
    assert all(picture.get("alt") for picture in pictures)
    assert all(heading.get("scope") == "col" for heading in seen.all("th"))


def test_no_two_things_on_the_page_share_an_id(text: str) -> None:
    ids = [attributes["id"] for _, attributes in Seen(text).elements if "id" in attributes]

    assert len(ids) == len(set(ids))


def test_dark_and_print_have_colours_of_their_own(text: str) -> None:
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_a_notebook_shows_the_same_chapters(explained: Explanation) -> None:
    """Without the head of a page, since it stands inside another one."""
    shown = explained._repr_html_()

    assert shown.count("<section") == 7
    assert "<html" not in shown


@pytest.fixture(scope="module")
def saved(explained: Explanation, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return explained.save(tmp_path_factory.mktemp("out") / "new" / "report", with_arrays=True)


def test_the_report_is_saved_with_a_png_for_each_figure(explained: Explanation, saved: list[Path]) -> None:
    pngs = [file for file in saved if file.suffix == ".png"]

    assert saved[0].name == "report.html"
    assert [png.stem for png in pngs] == [figure.name for figure in figures(explained)]
    for png, figure in zip(pngs, figures(explained), strict=True):
        with Image.open(png) as picture:
            picture.load()
            assert picture.size == (round(2 * figure.width), round(2 * figure.height))


def test_every_array_is_documented_and_has_the_shape_it_names(saved: list[Path]) -> None:
    """docs/explain.md lists each key; axes and shape agree, and the file is strict JSON."""
    report = json.loads(saved[-1].read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    documented = set(re.findall(r"`([a-z_]+)`", DOCS.read_text(encoding="utf-8")))

    assert report["arrays"]
    for name, array in report["arrays"].items():
        assert name in documented
        assert len(array["axes"]) == len(array["shape"])
        assert array["unit"]


def test_a_folder_that_cannot_be_written_is_named(explained: Explanation, tmp_path: Path) -> None:
    """A file stands where the folder should be: one line says so, and how to choose another."""
    (tmp_path / "report").write_text("")

    with pytest.raises(PermanentError, match=r"cannot write the report to .*--out"):
        explained.save(tmp_path / "report")
