"""A configuration file into `Settings`, or one `ConfigError` with everything that is wrong with it.

file → text → values with places (`marked`, `substitute`) → `Settings` (`schema`) + the checks between keys (`checks`)
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.settings.checks import cross_check
from vidsense_daemon.settings.explain import explain
from vidsense_daemon.settings.keys import KeyTree
from vidsense_daemon.settings.marked import MarkedValues, read_marked
from vidsense_daemon.settings.mistakes import Mistake, Place, refusal
from vidsense_daemon.settings.moved import MOVED, Move, bring_up_to_date
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.settings.secrecy import secrets_of
from vidsense_daemon.settings.substitute import Substitution

_LARGEST_FILE_BYTES = 1_000_000  # a hundred cameras with every key are about 200 kB
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def load(path: Path, *, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that the file ``path`` describes; ``environ`` (default: the process's) fills `{NAME}`.

    Raises:
        ConfigError: the file cannot be read, or holds mistakes; the message is the whole report.
    """
    return parse(text_of(path), source=str(path), environ=environ, credentials=path.absolute().parent / "credentials")


def parse(
    text: str,
    *,
    source: str,
    environ: Mapping[str, str] | None = None,
    credentials: Path | None = None,
    moves: Sequence[Move] = MOVED,
) -> Settings:
    """The settings that ``text`` describes; ``source`` names it in the report, ``credentials`` is a folder of secrets.

    Raises:
        ConfigError: the text holds mistakes.
    """
    substitution = Substitution(os.environ if environ is None else environ, beside=credentials)
    marked = read_marked(text, substitute=substitution)
    mistakes = list(marked.mistakes)
    if not isinstance(marked.values, dict):
        if not mistakes:
            mistakes.append(Mistake(Place(1), (), "found no keys", "a block that begins with 'cameras:'"))
        raise refusal(source, mistakes, redactor=Redactor(substitution.secrets))
    warnings = bring_up_to_date(marked, moves)
    mistakes = [*marked.mistakes, *cross_check(marked)]
    settings = _validated(marked, mistakes)
    if settings is None:
        raise refusal(source, mistakes, redactor=Redactor(substitution.secrets))
    redactor = Redactor(substitution.secrets)
    return settings.keeping_secret(substitution.secrets | secrets_of(settings)).with_warnings(
        f"{source}, {redactor.text(warning)}" for warning in warnings
    )


def _validated(marked: MarkedValues, mistakes: list[Mistake]) -> Settings | None:
    """The settings, or nothing and more ``mistakes``."""
    values = {key: value for key, value in marked.values.items() if not key.startswith("_")}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        mistakes += explain(error.errors(include_url=False), tree=KeyTree(), marked=marked)
        return None
    return None if mistakes else settings


def text_of(path: Path) -> str:
    """The file's text.

    Raises:
        ConfigError: it cannot be read, or is no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; name another file with --config") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; name the file in it") from None
    except PermissionError:
        raise ConfigError(f"{path} may not be read by this user; check its owner and mode (ls -l {path})") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if len(content) > _LARGEST_FILE_BYTES:
        raise ConfigError(f"{path} is larger than {_LARGEST_FILE_BYTES // 1_000_000} MB: that is no configuration")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if content.startswith(_UTF16_MARKS):
            raise ConfigError(f"{path} is saved as UTF-16; save it as UTF-8") from None
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: found a byte that is no UTF-8 text; save the file as UTF-8") from None
