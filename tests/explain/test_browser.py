"""The report in a real browser: nothing is fetched, nothing overflows, in light, in dark and in print."""

from __future__ import annotations

from pathlib import Path

import pytest
from review.browsing import DESKTOP, PHONE, chromium

from vidsense_daemon.explain import Explanation


@pytest.mark.timeout(60)
def test_a_browser_shows_the_report_whole(explained: Explanation, tmp_path: Path) -> None:
    """On a desktop in both schemes, on a phone, and on paper."""
    page_file = tmp_path / "report.html"
    page_file.write_text(explained.html(), encoding="utf-8")
    asked: list[str] = []
    faults: list[str] = []
    with chromium() as browser:
        for scheme, media, size in (
            ("light", "screen", DESKTOP),
            ("dark", "screen", PHONE),
            ("light", "print", DESKTOP),
        ):
            page = browser.new_page(viewport=size, color_scheme=scheme)
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.emulate_media(media=media, color_scheme=scheme)
            page.goto(page_file.as_uri())
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            ink = page.evaluate("getComputedStyle(document.querySelector('.vidsense-report')).color")

            assert wide <= 0
            assert ink == {"light": "rgb(23, 32, 42)", "dark": "rgb(230, 235, 240)"}[scheme] or media == "print"
            assert page.locator("svg").count() > 5

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert faults == []
