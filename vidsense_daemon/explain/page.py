"""The report as one page of HTML that holds everything itself: style, drawings, pictures. It loads nothing.

A template with autoescape writes it, because prompts, file names and a model's words are other people's text.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vidsense_daemon.explain.drawing import Figure
from vidsense_daemon.explain.explanation import Explanation
from vidsense_daemon.explain.sections import sections
from vidsense_daemon.explain.svg import jpeg_uri, svg

_TEMPLATES = Path(__file__).parent / "templates"


def page(explanation: Explanation) -> str:
    """The whole page."""
    return _rendered(explanation, "report.html")


def fragment(explanation: Explanation) -> str:
    """The chapters with their style, to stand inside another page: a notebook."""
    return _rendered(explanation, "fragment.html")


def _rendered(explanation: Explanation, template: str) -> str:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["svg"] = _drawn
    environment.filters["jpeg_uri"] = jpeg_uri
    environment.filters["kind"] = lambda item: type(item).__name__
    return environment.get_template(template).render(subject=explanation.subject, sections=sections(explanation))


def _drawn(figure: Figure) -> Markup:
    return Markup(svg(figure))  # noqa: S704 - its texts are escaped where it is drawn
