"""What a bug report needs, and nothing more: one .tar.gz of plain text, without secrets, addresses or pictures.

It is meant to be looked through before it is sent: few files, each readable. Stills, descriptions and event times never
go in; hosts are replaced by the same word each time, so that "camera-1 and the hook are one machine" still shows.
"""

from __future__ import annotations

import io
import json
import platform
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from vidsense_daemon import __version__
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.daemon.findings import Finding
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.settings.secrecy import shown

_JOURNAL_LINES = 400
_COMMAND_LIMIT_S = 20.0
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>[^\s\"'<>,;()]*)", re.IGNORECASE)
_IP = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_LOCAL = ("127.0.0.1", "localhost", "0.0.0.0")  # noqa: S104 - not bound to, but told nothing by


def write_bundle(
    path: Path, findings: list[Finding], *, settings: Settings | None, redactor: Redactor
) -> Iterator[str]:
    """Write the bundle; yields the name of each file in it. ``settings`` is none when they could not be read."""
    hidden = _Hosts(redactor)
    files: dict[str, Callable[[], str]] = {
        "findings.json": lambda: json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False),
        "configuration.yaml": lambda: _configuration(settings, redactor),
        "packages.txt": _packages,
        "machine.txt": _machine,
        "journal.txt": _journal,
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text_of in files.items():
            content = hidden.text(text_of()).encode()
            member = tarfile.TarInfo(f"vidsense-report/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            yield name
    path.chmod(0o600)


class _Hosts:
    """Masks secrets, URLs' paths and every host but this machine's own names."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._names: dict[str, str] = {}

    def text(self, text: str) -> str:
        masked = _URL.sub(self._url, self._redactor.text(text))
        masked = _IP.sub(lambda found: self._host(found[0]), masked)
        for host, name in self._names.items():
            masked = re.sub(rf"\b{re.escape(host)}\b", name, masked)
        return masked

    def _url(self, found: re.Match[str]) -> str:
        parts = urlsplit(found[0].replace("***@", ""))
        try:
            host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
        except ValueError:
            return f"{found['scheme']}://…"
        return f"{found['scheme']}://{self._host(host)}{port}/…"

    def _host(self, host: str) -> str:
        if not host or host in _LOCAL or host.startswith("host-"):
            return host
        return self._names.setdefault(host, f"host-{len(self._names) + 1}")


def _configuration(settings: Settings | None, redactor: Redactor) -> str:
    if settings is None:
        return "it could not be read: see findings.json\n"
    return yaml.safe_dump(shown(settings, redactor=redactor), sort_keys=False, allow_unicode=True, width=120)


def _packages() -> str:
    found = {f"{each.metadata['Name']}=={each.version}" for each in distributions()}
    return "\n".join(sorted(found, key=str.lower)) + "\n"


def _machine() -> str:
    lines = [f"vidsense {__version__}", f"Python {platform.python_version()}"]
    lines.append(f"{platform.system()} {platform.release()} {platform.machine()}")  # not platform.node(): its name
    for file in ("/etc/os-release", "/proc/meminfo", "/proc/cpuinfo"):
        if Path(file).exists():
            wanted = ("PRETTY_NAME", "MemTotal", "MemAvailable", "model name")
            text = Path(file).read_text(encoding="utf-8", errors="replace")
            lines += sorted({line for line in text.splitlines() if line.startswith(wanted)})
    return "\n".join(lines) + "\n"


def _journal() -> str:
    """The daemon's last lines; they went through the redactor when they were written, and do again."""
    command = ["journalctl", "--unit", "vidsense", "--no-pager", "--output", "cat", "--lines", str(_JOURNAL_LINES)]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, capture_output=True, text=True, check=False, timeout=_COMMAND_LIMIT_S
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return f"there is no journal: {error}\n"
    return done.stdout or done.stderr
