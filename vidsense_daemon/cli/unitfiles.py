"""Which files make vidsense a service, and what stands in them: for `vidsense install` and for packagers.

The files are deploy/systemd/ of the checkout; a wheel carries them inside the package. Only ExecStart= is changed, to
the program of this installation: a unit that points to another one than the user typed would be a riddle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import vidsense_daemon
from vidsense_daemon.base.errors import ConfigError

UNIT = "vidsense.service"
DROP_INS = ("vaapi", "nvidia", "webcam", "internet")

_EXEC_START = re.compile(r"^ExecStart=\S+ ", re.MULTILINE)
# where a hardened service sees nothing: ProtectHome= and PrivateTmp=
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - names, nothing is written there


@dataclass(frozen=True, slots=True)
class UnitFile:
    """One file to write."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of a service go."""

    units: Path
    config: Path  # the folder of vidsense.yaml
    state: Path
    sysusers: Path | None = None
    tmpfiles: Path | None = None
    packaged: tuple[Path, ...] = field(default=())  # where a distribution's package would have put the unit

    @property
    def unit(self) -> Path:
        return self.units / UNIT

    @property
    def drop_ins(self) -> Path:
        return self.units / f"{UNIT}.d"


def system_layout(root: Path = Path("/")) -> Layout:
    """The machine's service, below ``root``."""
    return Layout(
        units=root / "etc/systemd/system",
        config=root / "etc/vidsense",
        state=root / "var/lib/vidsense",
        sysusers=root / "etc/sysusers.d/vidsense.conf",
        tmpfiles=root / "etc/tmpfiles.d/vidsense.conf",
        packaged=(root / "lib/systemd/system" / UNIT, root / "usr/lib/systemd/system" / UNIT),
    )


def user_layout(home: Path, *, config_home: Path | None = None) -> Layout:
    """One user's service."""
    config_home = config_home or home / ".config"
    return Layout(
        units=config_home / "systemd/user",
        config=config_home / "vidsense",
        state=home / ".local/state/vidsense",
    )


def service_files(layout: Layout, *, scope: str, executable: str, drop_ins: tuple[str, ...] = ()) -> list[UnitFile]:
    """The files of a service in ``scope`` (system or user) that starts ``executable``, a path or a command."""
    source = deploy_dir()
    unit = _EXEC_START.sub(lambda _found: f"ExecStart={executable} ", (source / scope / UNIT).read_text("utf-8"))
    files = [UnitFile(layout.unit, unit)]
    if layout.sysusers and layout.tmpfiles:
        files += [
            UnitFile(path, (source / path.parent.name / path.name).read_text("utf-8"))
            for path in (layout.sysusers, layout.tmpfiles)
        ]
    for name in drop_ins:
        text = (source / "dropins" / f"{name}.conf").read_text("utf-8")
        files.append(UnitFile(layout.drop_ins / f"{name}.conf", text))
    return files


def deploy_dir() -> Path:
    """Inside the package when installed from a wheel, beside it in a checkout or an editable install."""
    package = Path(vidsense_daemon.__file__).parent
    inside = package / "deploy" / "systemd"
    return inside if inside.is_dir() else package.parent / "deploy" / "systemd"


def check_is_visible(*places: Path) -> None:
    """Make sure that the hardened system service can see the program.

    Raises:
        ConfigError: one of ``places`` lies where the unit's walls hide it.
    """
    for place in places:
        hidden = next((folder for folder in _HIDDEN if place.is_relative_to(folder)), None)
        if hidden:
            raise ConfigError(
                f"the service may not look into {hidden}, and {place} is part of this installation: install vidsense "
                "into /opt/vidsense with the distribution's python3 (docs/install.md), or use `vidsense install --user`"
            )
