"""A whole machine with a real systemd as its PID 1, made of this one: an overlay of / that systemd-nspawn boots.

    with Machine(folder) as machine:
        machine.run("systemctl", "is-system-running")

What is written inside is forgotten; the network is a loopback of its own. The interpreter and the packages of the test
run appear under /opt, where a hardened service may look, and /opt/vidsense/bin/vidsense starts the checkout.
Needs root, overlayfs and Debian's systemd-container; `why_not` says what is missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import site
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from fakes import wait_until

CHECKOUT = Path(__file__).parents[2]
VIDSENSE = "/opt/vidsense/bin/vidsense"  # on the machine
_BOOT_LIMIT_S = 60.0
_POWER_OFF = signal.SIGRTMIN + 4  # systemd(1): starts poweroff.target


def why_no_copy() -> str:
    """Why no copy of / can be mounted here; empty when one can."""
    if os.geteuid() != 0:
        return "needs root"
    return "" if "overlay" in Path("/proc/filesystems").read_text() else "needs overlayfs"


def mount_copy_of_root(folder: Path) -> Path:
    """/ as it is, to be written on without a trace: ``folder``/root."""
    # an overlay's upper folder may not lie on an overlay, which a container's own / often is
    layers, root = folder / "layers", folder / "root"
    for made in (layers, root):
        made.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3g", "tmpfs", layers], check=True)
    for made in (layers / "upper", layers / "work"):
        made.mkdir()
    options = f"lowerdir=/,upperdir={layers / 'upper'},workdir={layers / 'work'}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
    return root


def unmount_copy_of_root(folder: Path) -> None:
    for mount in (folder / "root", folder / "layers"):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)


def why_not() -> str:
    """Why no machine can be booted here; empty when one can."""
    if shutil.which("systemd-nspawn") is None:
        return "needs systemd-nspawn (Debian: systemd-container)"
    return why_no_copy()


class Machine:
    """A booted machine; a context manager, so that it is switched off."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = folder / "root"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._init_pid = 0

    def run(self, *command: str, limit_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as root."""
        inside = ["nsenter", "-t", str(self._init_pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        return subprocess.run(
            [*inside, *command], capture_output=True, text=True, timeout=limit_s, check=False, env=environment
        )

    def beside(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program of this machine on the other one's network: a camera, say."""
        return subprocess.Popen(
            ["nsenter", "-t", str(self._init_pid), "-n", *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        mount_copy_of_root(self._folder)
        try:
            self._furnish()
            self._boot()
        except BaseException:
            self._switch_off()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._switch_off()

    def _furnish(self) -> None:
        (self.root / "etc/machine-id").write_text("")
        shutil.rmtree(self.root / "etc/systemd/system/multi-user.target.wants", ignore_errors=True)
        shutil.rmtree(self.root / "var/log/journal", ignore_errors=True)
        (self.root / "var/log/journal").mkdir()
        for folder in ("opt/python", "opt/checkout", "opt/packages", "opt/vidsense/bin"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        script = self.root / VIDSENSE.removeprefix("/")
        script.write_text(
            "#!/bin/sh\n"
            "export PYTHONPATH=/opt/checkout:/opt/packages LD_LIBRARY_PATH=/opt/python/lib PYTHONDONTWRITEBYTECODE=1\n"
            f'exec /opt/python/bin/{Path(os.path.realpath(sys.executable)).name} -m vidsense_daemon "$@"\n'
        )
        script.chmod(0o755)

    def _boot(self) -> None:
        with (self._folder / "console.log").open("wb") as console:
            self._nspawn = subprocess.Popen(
                [
                    *("systemd-nspawn", "--quiet", "--directory", self.root, "--boot", "--register=no", "--keep-unit"),
                    *("--private-network", "--machine=vidsense-test", "--console=pipe"),
                    f"--bind-ro={sys.base_prefix}:/opt/python",
                    f"--bind-ro={CHECKOUT}:/opt/checkout",
                    f"--bind-ro={site.getsitepackages()[0]}:/opt/packages",
                    *("--", "--unit=multi-user.target"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._is_up, limit_s=_BOOT_LIMIT_S, what=f"the machine to boot ({self._folder / 'console.log'})")

    def _is_up(self) -> bool:
        assert self._nspawn
        assert self._nspawn.poll() is None, (self._folder / "console.log").read_text(errors="replace")
        self._init_pid = self._init_pid or self._find_init()
        if not self._init_pid or not Path(f"/proc/{self._init_pid}/root/run/systemd/private").exists():
            return False
        return self.run("systemctl", "is-system-running").stdout.strip() in {"running", "degraded"}

    def _find_init(self) -> int:
        """The machine's PID 1 as this machine numbers it; 0 before it is there. nspawn forks more than that."""
        assert self._nspawn
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        for pid in children:
            with contextlib.suppress(FileNotFoundError):
                program = Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
                if Path(program).name == "systemd":
                    return int(pid)
        return 0

    def _switch_off(self) -> None:
        if self._nspawn:
            self._signal_init(_POWER_OFF)
            try:
                self._nspawn.wait(10)
            except subprocess.TimeoutExpired:
                self._signal_init(signal.SIGKILL)
                self._nspawn.kill()
                self._nspawn.wait()
        unmount_copy_of_root(self._folder)

    def _signal_init(self, number: int) -> None:
        if self._init_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._init_pid, number)
