"""Where the configuration is found and where the state lives."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.settings.paths import config_candidates, find_config, state_dir


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"VIDSENSE_STATE_DIR": "/srv/vidsense", "STATE_DIRECTORY": "/var/lib/vidsense"}, "/srv/vidsense"),
        ({"STATE_DIRECTORY": "/var/lib/vidsense:/var/lib/other", "HOME": "/root"}, "/var/lib/vidsense"),
        ({"HOME": "/home/ann", "XDG_STATE_HOME": "/home/ann/state"}, "/home/ann/state/vidsense"),
        ({"HOME": "/home/ann"}, "/home/ann/.local/state/vidsense"),
    ],
)
def test_the_state_lives_where_the_nearest_word_says(environ: dict[str, str], expected: str) -> None:
    """The operator's own variable, then systemd's, then the user's folder."""
    assert state_dir(environ, of_the_service=Path("/nowhere")) == Path(expected)


def test_the_services_user_means_the_services_folder(tmp_path: Path) -> None:
    """`sudo -u vidsense vidsense events list` shows what the service has recorded, and so does root's."""
    assert state_dir({"HOME": "/home/ann"}, of_the_service=tmp_path) == tmp_path


def test_the_option_names_the_configuration(tmp_path: Path) -> None:
    """--config is taken as it is; whether the file is there is said when it is read."""
    given = tmp_path / "other.yaml"

    assert find_config(given, {"VIDSENSE_CONFIG": "/elsewhere.yaml"}) == given


def test_the_variable_names_the_configuration(tmp_path: Path) -> None:
    """Without the option, $VIDSENSE_CONFIG decides."""
    (tmp_path / "vidsense.yaml").touch()

    assert find_config(None, {"VIDSENSE_CONFIG": "/elsewhere.yaml"}, folder=tmp_path) == Path("/elsewhere.yaml")


def test_the_first_file_that_exists_is_taken(tmp_path: Path) -> None:
    """The working directory comes before the user's folder."""
    environ = {"HOME": str(tmp_path / "home")}
    _, in_home, _ = config_candidates(environ, folder=tmp_path)
    in_home.parent.mkdir(parents=True)
    in_home.touch()
    assert find_config(None, environ, folder=tmp_path) == in_home

    (tmp_path / "vidsense.yaml").touch()
    assert find_config(None, environ, folder=tmp_path) == tmp_path / "vidsense.yaml"


def test_no_configuration_lists_where_it_was_looked_for(tmp_path: Path) -> None:
    """The operator sees each place, and how to name another."""
    with pytest.raises(ConfigError, match="no configuration found") as caught:
        find_config(None, {"HOME": str(tmp_path)}, folder=tmp_path)

    assert str(tmp_path / ".config" / "vidsense" / "vidsense.yaml") in str(caught.value)
    assert "--config" in str(caught.value)
