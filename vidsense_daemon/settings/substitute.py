"""`{NAME}` in a value: from the environment, else from a file NAME, else a mistake.

The file is looked for among systemd's credentials, then in the folder `credentials` beside the configuration: the same
folder that the unit loads, so that `sudo vidsense check` finds what the service finds.

    url: rtsp://{CAM_USER}:{CAM_PASSWORD}@192.168.1.10/stream1

`{{` and `}}` stand for the braces themselves. Inside the user part and the query of a URL the value is
percent-encoded, so that any password works: FFmpeg and HTTP clients decode it again.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from vidsense_daemon.settings.mistakes import nearest

_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|[{}]")
# the text before a name that stands in a URL's user part, or in its query
_IN_AUTHORITY = re.compile(r"://[^/?#]*\Z")
_IN_QUERY = re.compile(r"://[^#]*\?[^#]*\Z")
_SECRET_NAME = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
_LARGEST_CREDENTIAL_BYTES = 65_536
# so LoadCredential=vidsense:FOLDER in the unit names each of the folder's files
_LOADED_PREFIX = "vidsense_"


class SubstitutionError(ValueError):
    """A `{…}` that cannot be replaced; the message says why, ``meant`` which name is near."""

    def __init__(self, message: str, *, meant: str = "") -> None:
        super().__init__(message)
        self.meant = meant


class Substitution:
    """Replaces `{NAME}` and remembers which values must never be shown."""

    def __init__(self, environ: Mapping[str, str], *, beside: Path | None = None) -> None:
        """``beside`` is the configuration's own folder of credentials."""
        self._environ = environ
        loaded = environ.get("CREDENTIALS_DIRECTORY")
        self._folders = [folder for folder in (Path(loaded) if loaded else None, beside) if folder]
        self.secrets: set[str] = set()

    def __call__(self, text: str) -> str:
        """``text`` with every `{NAME}` replaced.

        Raises:
            SubstitutionError: a name is unknown or unreadable, or a brace is neither a name's nor doubled.
        """
        parts: list[str] = []
        end = 0
        for token in _TOKEN.finditer(text):
            parts += [text[end : token.start()], self._replacement(text, token)]
            end = token.end()
        return "".join([*parts, text[end:]])

    def _replacement(self, text: str, token: re.Match[str]) -> str:
        if token["name"] is None:
            if len(token[0]) == 1:
                raise SubstitutionError(
                    f"found a lone '{token[0]}'; {{NAME}} is replaced from the environment, "
                    f"and a brace of its own is written twice: {token[0] * 2}"
                )
            return token[0][0]
        value = self._value_of(token["name"])
        before, after = text[: token.start()], text[token.end() :]
        in_user_part = _IN_AUTHORITY.search(before) is not None and "@" in re.split(r"[/?#]", after, maxsplit=1)[0]
        if in_user_part or _IN_QUERY.search(before):
            return quote(value, safe="")
        return value

    def _value_of(self, name: str) -> str:
        value = self._environ.get(name)
        if value is None:
            value = self._credential(name)
            self.secrets.add(value)
        elif _SECRET_NAME.search(name):
            self.secrets.add(value)
        if not value:  # a compose file hands on what nobody has set, and `touch` makes a credential without a word
            raise SubstitutionError(f"{{{name}}} is empty; set it, or take {{{name}}} away if nothing is meant")
        if any(ord(letter) < 0x20 or letter == "\x7f" for letter in value):
            raise SubstitutionError(f"the value of {{{name}}} holds a line break or another control character")
        return value

    def _credential(self, name: str) -> str:
        for folder in self._folders:
            for path in (folder / name, folder / f"{_LOADED_PREFIX}{name}"):
                # the service's user may not enter the folder beside: systemd has read it for the service
                with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                    return _line_of_text(path, name)
        raise SubstitutionError(
            f"{{{name}}} is not in the environment, and {self._where(name)}; set {name}, "
            f"or write {{{{{name}}}}} if the braces are meant",
            meant=nearest(name, [*self._environ, *self._credential_names()]),
        )

    def _where(self, name: str) -> str:
        folders = " or ".join(str(folder) for folder in self._folders if _is_folder(folder))
        return f"no file {name} can be read in {folders}" if folders else "there is no folder of credentials"

    def _credential_names(self) -> Iterator[str]:
        for folder in self._folders:
            with contextlib.suppress(OSError):
                yield from (path.name.removeprefix(_LOADED_PREFIX) for path in folder.iterdir())


def _line_of_text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_CREDENTIAL_BYTES)
        return content.decode().rstrip("\r\n")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SubstitutionError(f"{{{name}}} cannot be read from {path}: {reason}") from None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except PermissionError:
        return False
