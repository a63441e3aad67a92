"""Which values of the settings must never be shown, and the settings as they may be shown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

from vidsense_daemon.base.redact import MASK, Redactor
from vidsense_daemon.settings.addresses import split_user_part
from vidsense_daemon.settings.keys import KeyTree
from vidsense_daemon.settings.mistakes import KeyPath
from vidsense_daemon.settings.schema import Settings

_SECRET_NAME = re.compile(r"pass|pwd|secret|token|key|auth|sig", re.IGNORECASE)


def secrets_of(settings: Settings) -> set[str]:
    """The passwords in URLs and the values of secret keys."""
    found: set[str] = set()

    def note(location: KeyPath, text: str) -> str:
        if tree.follow(location).node.get("writeOnly"):
            found.update({text, text.rpartition(" ")[2]})  # "Bearer abc": abc alone is a secret, too
        found.update(_secrets_in_url(text))
        return text

    tree = KeyTree()
    _each_text(settings.model_dump(mode="json"), (), note)
    return found - {""}


def shown(settings: Settings, *, redactor: Redactor) -> dict[str, Any]:
    """The settings as plain values for YAML or JSON: every default filled in, every secret masked."""

    def mask(location: KeyPath, text: str) -> str:
        return MASK if tree.follow(location).node.get("writeOnly") else redactor.text(text)

    tree = KeyTree()
    values = _each_text(settings.filled_in().model_dump(mode="json"), (), mask)
    cameras = {name: {"url": camera["url"], **camera} for name, camera in values["cameras"].items()}
    return {"cameras": cameras, **{key: value for key, value in values.items() if key != "cameras"}}


def _each_text(value: Any, location: KeyPath, change: Callable[[KeyPath, str], str]) -> Any:
    """``value`` with ``change`` applied to each of its texts; the location is as pydantic's errors have it."""
    if isinstance(value, str):
        return change(location, value)
    if isinstance(value, list):
        return [_each_text(item, (*location, index), change) for index, item in enumerate(value)]
    if isinstance(value, dict):
        inside = (*location, value["kind"]) if "kind" in value else location  # hooks alone have a kind
        return {key: _each_text(item, (*inside, key), change) for key, item in value.items()}
    return value


def _secrets_in_url(text: str) -> Iterator[str]:
    """Passwords in the user part and the query, as written and decoded."""
    if "://" not in text:
        return
    user_part, address = split_user_part(text)
    password = user_part.partition(":")[2]
    yield from (password, unquote(password))
    for name, value in parse_qsl(address.partition("?")[2]):
        if _SECRET_NAME.search(name):
            yield value
