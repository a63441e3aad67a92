"""`vidsense install|uninstall` on paper: what is written where. The real thing is in test_booted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_FAILED, EXIT_OK, ConfigError
from vidsense_daemon.cli.main import main
from vidsense_daemon.cli.unitfiles import check_is_visible

pytestmark = pytest.mark.usefixtures("logging_as_before")


def install(root: Path, *more: str) -> int:
    return main(["install", "--system", "--root", str(root), "--executable", "/opt/vidsense/bin/vidsense", *more])


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_install_writes_the_unit_and_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The unit, its user and its folders; and it says so, and what is to be done next."""
    assert install(tmp_path) == EXIT_OK

    assert files(tmp_path) == [
        "etc/systemd/system/vidsense.service",
        "etc/sysusers.d/vidsense.conf",
        "etc/tmpfiles.d/vidsense.conf",
    ]
    said = capsys.readouterr().out
    assert f"wrote {tmp_path}/etc/systemd/system/vidsense.service" in said
    assert "vidsense init" in said


def test_the_unit_starts_this_installation(tmp_path: Path) -> None:
    """Not another one that happens to lie where the template says."""
    main(["install", "--system", "--root", str(tmp_path), "--executable", "/srv/vs/bin/vidsense"])

    unit = (tmp_path / "etc/systemd/system/vidsense.service").read_text()
    assert "\nExecStart=/srv/vs/bin/vidsense run --config /etc/vidsense/vidsense.yaml\n" in unit


def test_doors_are_opened_one_by_one(tmp_path: Path) -> None:
    """`--with nvidia` adds its drop-in and no other."""
    install(tmp_path, "--with", "nvidia")

    assert [name for name in files(tmp_path) if ".service.d/" in name] == [
        "etc/systemd/system/vidsense.service.d/nvidia.conf"
    ]


def test_installing_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An upgrade can simply run it again."""
    install(tmp_path)
    capsys.readouterr()

    assert install(tmp_path) == EXIT_OK
    assert "wrote" not in capsys.readouterr().out


def test_uninstall_removes_what_install_wrote_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator's own drop-in, the configuration and the data stay; it says so."""
    install(tmp_path, "--with", "webcam")
    own = tmp_path / "etc/systemd/system/vidsense.service.d/override.conf"
    for kept in (own, tmp_path / "etc/vidsense/vidsense.yaml", tmp_path / "var/lib/vidsense/vidsense.db"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("x")

    assert main(["uninstall", "--system", "--root", str(tmp_path)]) == EXIT_OK

    assert files(tmp_path) == [
        "etc/systemd/system/vidsense.service.d/override.conf",
        "etc/vidsense/vidsense.yaml",
        "var/lib/vidsense/vidsense.db",
    ]
    assert f"kept {tmp_path}/etc/vidsense, {tmp_path}/var/lib/vidsense" in capsys.readouterr().out


def test_uninstalling_what_is_not_installed_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Perhaps it was installed for the user, not for the machine."""
    assert main(["uninstall", "--system", "--root", str(tmp_path)]) == EXIT_FAILED
    assert "nothing to uninstall" in capsys.readouterr().err


def test_a_users_service_lives_in_the_users_folders(tmp_path: Path) -> None:
    """No root, no system user: the unit, and folders that only the user can read."""
    assert main(["install", "--user", "--root", str(tmp_path)]) == EXIT_OK

    assert files(tmp_path) == [".config/systemd/user/vidsense.service"]
    assert (tmp_path / ".config/vidsense/credentials").stat().st_mode & 0o777 == 0o700


def test_what_a_package_manager_installed_is_left_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A unit in /etc would shadow the package's unit for ever, upgrades included."""
    packaged = tmp_path / "lib/systemd/system/vidsense.service"
    packaged.parent.mkdir(parents=True)
    packaged.write_text("[Service]\n")

    assert install(tmp_path) == EXIT_CONFIG
    assert "systemctl edit vidsense.service" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["/home/ann/venv/bin", "/root/.pyenv/versions/3.11/bin/python3", "/tmp/v/bin"])
def test_an_installation_that_the_service_could_not_see_is_refused(place: str) -> None:
    """ProtectHome= hides it, and the service would fail with a riddle: status 203."""
    with pytest.raises(ConfigError, match="/opt/vidsense"):
        check_is_visible(Path(place))


def test_an_installation_under_opt_is_seen() -> None:
    """Nothing is said about it."""
    check_is_visible(Path("/opt/vidsense/bin"), Path("/usr/bin/python3.11"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may make the machine's service")
def test_the_machines_service_wants_root(capsys: pytest.CaptureFixture[str]) -> None:
    """A plain user is told both ways."""
    assert main(["install", "--system"]) == EXIT_CONFIG
    assert "sudo" in capsys.readouterr().err
