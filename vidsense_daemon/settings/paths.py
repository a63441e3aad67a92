"""Where the configuration is read from and where the state lives, for every command alike.

configuration  --config · $VIDSENSE_CONFIG · ./vidsense.yaml · ~/.config/vidsense/vidsense.yaml ·
               /etc/vidsense/vidsense.yaml
state          $VIDSENSE_STATE_DIR · $STATE_DIRECTORY (systemd) · /var/lib/vidsense, for root and for its owner ·
               ~/.local/state/vidsense
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from vidsense_daemon.base.errors import ConfigError

_FILE_NAME = "vidsense.yaml"
_OF_THE_SERVICE = Path("/var/lib/vidsense")


def state_dir(environ: Mapping[str, str], *, of_the_service: Path = _OF_THE_SERVICE) -> Path:
    """The folder of the database and the stills, absolute; it may not exist yet.

    ``of_the_service`` is the system service's: its user, and root, mean that one when they say nothing else.

    Raises:
        ConfigError: a file was named.
    """
    if own := environ.get("VIDSENSE_STATE_DIR"):
        folder = Path(own).expanduser().absolute()
        if folder.is_file():
            raise ConfigError(f"{folder} is a file: VIDSENSE_STATE_DIR names the folder that the state is kept in")
        return folder
    if given := environ.get("STATE_DIRECTORY"):
        # systemd passes every folder of StateDirectory=, colon-separated; the unit's first is the daemon's
        return Path(given.split(":", maxsplit=1)[0]).absolute()
    if of_the_service.is_dir() and os.geteuid() in (0, of_the_service.stat().st_uid):
        return of_the_service
    base = environ.get("XDG_STATE_HOME") or str(_home(environ) / ".local" / "state")
    return Path(base) / "vidsense"


def config_candidates(environ: Mapping[str, str], *, folder: Path) -> list[Path]:
    """Where a configuration is looked for when no option and no variable names one, first wins."""
    base = environ.get("XDG_CONFIG_HOME") or str(_home(environ) / ".config")
    return [folder / _FILE_NAME, Path(base) / "vidsense" / _FILE_NAME, Path("/etc/vidsense") / _FILE_NAME]


def find_config(given: Path | None, environ: Mapping[str, str], *, folder: Path | None = None) -> Path:
    """The configuration to read: ``given`` (from `--config`), `$VIDSENSE_CONFIG`, or the first that exists.

    ``folder`` is where the command was started (default: the working directory).

    Raises:
        ConfigError: none was named and none exists.
    """
    if given is not None:
        return given
    if named := environ.get("VIDSENSE_CONFIG"):
        return Path(named).expanduser()
    candidates = config_candidates(environ, folder=folder or Path.cwd())
    for candidate in candidates:
        if _is_there(candidate):
            return candidate
    looked = "".join(f"\n    {candidate}" for candidate in candidates)
    raise ConfigError(
        f"no configuration found; looked for{looked}\n`vidsense init` writes one by question and answer; "
        "--config names one that lies elsewhere"
    )


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # a folder that this user may not enter
        return False


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()
