"""docs/api.md says what is served, all of it and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from .house import CameraSays, House, frame

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def test_every_address_is_documented_and_every_documented_one_is_served(client: httpx.Client) -> None:
    """The table of docs/api.md and the daemon's own OpenAPI list the same methods and addresses."""
    paths = client.get("/api/openapi.json").json()["paths"]
    served = {
        f"{method.upper()} {path.replace('{event_id}', '{id}')}"
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/api/")
    }
    rows = re.findall(r"^\| `([A-Z]+) (/api/\S+?)`", PAGE, re.MULTILINE)
    documented = {f"{method} {path.split('?')[0]}" for method, path in rows}

    assert documented == served


def test_every_number_is_documented(house: House, client: httpx.Client) -> None:
    """Each name that /metrics serves stands in the table, where names that share a beginning may be shortened."""
    house.board.heard(CameraSays("yard", phase="waiting", fault="stalled", faults=1))
    house.board.saw(frame("yard"))
    text = client.get("/metrics").text

    served = set(re.findall(r"^# TYPE (vidsense_\S+)", text, re.MULTILINE))
    documented = set(re.findall(r"`(vidsense_\w+)`", PAGE))
    endings = tuple(re.findall(r"`…(\w+)`", PAGE))
    assert {name for name in served - documented if not name.endswith(endings)} == set()
