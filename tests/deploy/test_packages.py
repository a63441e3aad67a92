"""What is handed out is complete: wheel, sdist and .deb carry the migrations, the unit files and the pages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from .machine import mount_copy_of_root, unmount_copy_of_root, why_no_copy

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout without what lies around in it; building writes into its folder."""
    folder = tmp_path_factory.mktemp("source") / "vidsense"
    unwanted = shutil.ignore_patterns(".git", ".venv", "__pycache__", "*.egg-info", "build", "dist", ".*_cache")
    shutil.copytree(ROOT, folder, ignore=unwanted)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with what is installed here: tests ask no registry."""
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("needs setuptools 77")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", out, source], check=True, capture_output=True)
    [built] = out.glob("*.whl")
    return built


def _needed() -> list[str]:
    """Files that the program reads, by their place in the package."""
    systemd = (path for path in (ROOT / "deploy/systemd").rglob("*") if path.is_file())
    pages = (path for name in ("templates", "static") for path in (ROOT / "vidsense_daemon/review" / name).glob("*"))
    return [
        *(f"vidsense_daemon/migrations/versions/{path.name}" for path in (ROOT / "migrations/versions").glob("0*.py")),
        *(f"vidsense_daemon/deploy/{path.relative_to(ROOT / 'deploy')}" for path in systemd),
        *(str(path.relative_to(ROOT)) for path in pages if path.is_file()),
        "vidsense_daemon/perception/encoders/weights/bridge.safetensors",
    ]


def test_the_wheel_carries_what_the_program_reads(wheel: Path) -> None:
    """An installed package upgrades its database, writes its unit and shows its pages."""
    carried = set(zipfile.ZipFile(wheel).namelist())

    assert _needed()
    assert [name for name in _needed() if name not in carried] == []


def test_an_unpacked_wheel_finds_its_own_files(wheel: Path, tmp_path: Path) -> None:
    """Not those of a checkout that happens to be near: the units that it writes are the ones inside."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    asking = "from vidsense_daemon.cli.unitfiles import deploy_dir; print(deploy_dir())"

    said = subprocess.run(
        [sys.executable, "-P", "-c", asking],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == str(tmp_path / "site/vidsense_daemon/deploy/systemd")


def test_the_sdist_can_be_built_and_tested_from(source: Path, tmp_path: Path) -> None:
    """It holds the sources of everything in the wheel, and the tests."""
    command = [
        sys.executable,
        "setup.py",
        "--quiet",
        "sdist",
        "--dist-dir",
        tmp_path,
    ]
    subprocess.run(command, cwd=source, check=True, capture_output=True)

    [built] = tmp_path.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        carried = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"setup.py", "constraints.txt", "config/vidsense.example.yaml", "tests/deploy/test_packages.py"}
    wanted |= {"migrations/env.py", "deploy/systemd/system/vidsense.service", "docs/commands.md"}
    assert wanted - carried == set()


@pytest.fixture(scope="module")
def deb(source: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial build without the dependencies."""
    if shutil.which("dpkg-deb") is None or not Path("/usr/bin/python3").exists():
        pytest.skip("needs Debian's dpkg-deb")
    built = subprocess.run(
        [source / "deploy/debian/build-deb", tmp_path_factory.mktemp("deb")],
        env={
            **os.environ, "WHEEL": str(wheel), "PIP": f"{sys.executable} -m pip", "PIP_ARGS": "--no-deps --no-index"
        },
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if "ensurepip" in built.stderr:
        pytest.skip("needs Debian's python3-venv")
    assert built.returncode == 0, built.stderr

    return Path(built.stdout.strip())


def test_the_deb_has_everything_in_its_place(deb: Path, tmp_path: Path) -> None:
    """Unit, user, folders, command, and no path of the build machine."""
    listing = subprocess.run(["dpkg-deb", "--contents", deb], capture_output=True, text=True, check=True).stdout
    for place in (
        "./lib/systemd/system/vidsense.service",
        "./usr/lib/sysusers.d/vidsense.conf",
        "./usr/lib/tmpfiles.d/vidsense.conf",
        "./etc/vidsense/vidsense.example.yaml",
        "./usr/bin/vidsense -> /opt/vidsense/bin/vidsense",
    ):
        assert place in listing
    assert {line.split()[1] for line in listing.splitlines()} == {"root/root"}
    subprocess.run(["dpkg-deb", "--extract", deb, tmp_path / "x"], check=True)
    script = (tmp_path / "x/opt/vidsense/bin/vidsense").read_text()
    assert script.startswith("#!/opt/vidsense/bin/python")
    assert re.search(r"/tmp/tmp\.", (tmp_path / "x/opt/vidsense/pyvenv.cfg").read_text()) is None
    conffiles = subprocess.run(["dpkg-deb", "--info", deb, "conffiles"], capture_output=True, text=True, check=True)
    assert conffiles.stdout.split() == ["/etc/vidsense/vidsense.example.yaml"]


@pytest.mark.skipif(bool(why_no_copy()), reason=why_no_copy() or "it can be mounted")
def test_dpkg_installs_the_deb_and_removing_it_keeps_the_data(deb: Path, tmp_path: Path) -> None:
    """On a copy of this machine: the program runs from its place, its user owns the state, and a purge leaves it."""
    root = mount_copy_of_root(tmp_path)

    def run(*command: str) -> str:
        done = subprocess.run(["chroot", root, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
        for folder in ("opt/vidsense", "var/lib/vidsense"):
            shutil.rmtree(root / folder, ignore_errors=True)
        shutil.copy(deb, root / "vidsense.deb")
        run("dpkg", "--install", "/vidsense.deb")
        asking = "import vidsense_daemon; print(vidsense_daemon.__file__)"
        assert run("/opt/vidsense/bin/python", "-P", "-c", asking).startswith("/opt/vidsense/lib/")
        assert run("stat", "-c", "%U %a", "/var/lib/vidsense").split() == ["vidsense", "700"]
        assert run("dpkg", "--verify", "vidsense") == ""

        (root / "var/lib/vidsense/vidsense.db").write_text("events")
        (root / "etc/vidsense/vidsense.yaml").write_text("mine")
        said = run("dpkg", "--purge", "vidsense")
        assert "kept: /var/lib/vidsense" in said
        assert (root / "var/lib/vidsense/vidsense.db").read_text() == "events"
        assert (root / "etc/vidsense/vidsense.yaml").read_text() == "mine"
        assert not (root / "opt/vidsense").exists()
    finally:
        unmount_copy_of_root(tmp_path)


@pytest.mark.parametrize("script", ["build-deb", "postinst", "prerm", "postrm"])
def test_the_debian_scripts_are_well_formed(script: str) -> None:
    """The shell can read them, and they stop at the first error."""
    path = ROOT / "deploy/debian" / script

    assert os.access(path, os.X_OK)
    assert re.search(r"^set -e", path.read_text(), re.MULTILINE)
    subprocess.run(["bash" if script == "build-deb" else "sh", "-n", path], check=True)


def test_the_containerfile_keeps_to_its_rules() -> None:
    """No root, an exact base image, nothing that the container's own registry account would need."""
    lines = [line for line in (ROOT / "deploy/container/Containerfile").read_text().splitlines() if line[:1] != "#"]
    instructions = [line.split()[0] for line in lines if re.match(r"[A-Z]+ ", line)]

    assert instructions[0] == "FROM"
    assert set(instructions) <= {
        "FROM", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"
    }  # fmt: skip
    assert "USER vidsense" in lines
    assert all(re.match(r"FROM \S+:\S+-\S+( AS \w+)?$", line) for line in lines if line.startswith("FROM"))
    assert not any("latest" in line or "ADD " in line or "sudo" in line for line in lines)
