"""What is around the daemon and can be in its way: clock, disk, permissions, systemd, the installation itself.

For `vidsense doctor`. Nothing here needs a configuration, and nothing is changed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from vidsense_daemon import __version__
from vidsense_daemon.daemon.findings import Finding, bad, doubtful, good
from vidsense_daemon.daemon.memory import limit_bytes, machine_bytes
from vidsense_daemon.store.state_folder import database_file, lock_file

_DISTRIBUTION = "vidsense-daemon"
_CLOCK_IS_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_TIMEX_BYTES = 512  # struct timex is 208 on 64-bit machines; the kernel writes no more
_LEAST_FREE_BYTES = 200_000_000  # the database, its WAL and a day of stills
_LEAST_MEMORY_BYTES = 2_000_000_000  # the daemon with one camera takes 0.7 GB
# where SQLite's locks and its shared memory do not work as they should
_NETWORK_FILESYSTEMS = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.rclone", "ceph", "glusterfs")
_SYSTEMD_RUNS = Path("/run/systemd/system")
_SHOWN = ("LoadState", "UnitFileState", "ActiveState", "SubState", "Result", "ExecMainStatus", "NRestarts")
_MANY_RESTARTS = 3


def surroundings(*, state_dir: Path, min_free_bytes: float, user_service: bool) -> Iterator[Finding]:
    """One finding a thing; ``min_free_bytes`` is what the retention wants to keep free."""
    yield runtime()
    yield memory()
    yield clock(state_dir)
    yield disk(state_dir, min_free_bytes=min_free_bytes)
    yield state_folder(state_dir)
    yield service(user=user_service)


def runtime() -> Finding:
    """Whether everything that the program was built upon is installed."""
    says = f"vidsense {__version__}, Python {platform.python_version()}, {platform.machine()}"
    missing = sorted(_missing_packages())
    if missing:
        return bad("runtime", f"{says}; not installed: {', '.join(missing)}", "pip install --upgrade vidsense-daemon")
    return good("runtime", says)


def _missing_packages() -> Iterator[str]:
    try:
        wanted = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:  # run from a checkout that nobody installed
        return
    for requirement in wanted:
        if "extra ==" in requirement:
            continue
        name = requirement.split(";")[0].split("[")[0]
        name = next((name[:index] for index, letter in enumerate(name) if letter in "<>=!~ ("), name)
        try:
            version(name)
        except PackageNotFoundError:
            yield name


def memory() -> Finding:
    """Whether there is the memory for an encoder and a camera."""
    total_bytes = min(machine_bytes(), limit_bytes() or machine_bytes())
    says = f"{total_bytes / 1e9:.1f} GB, {len(os.sched_getaffinity(0))} processors"
    if total_bytes < _LEAST_MEMORY_BYTES:
        return doubtful("memory", f"{says}; that is little", "watch few cameras, with encoder.backend: builtin")
    return good("memory", says)


def clock(state_dir: Path) -> Finding:
    """Whether the machine's time can be trusted: events carry it."""
    ahead_s = _newest_change_s(state_dir) - time.time()
    if ahead_s > 60:
        return bad(
            "clock",
            f"it stands {ahead_s:.0f} s before the database's last change: it was set back",
            "timedatectl set-ntp true",
        )
    # a libc without adjtimex says nothing, which is no reason to alarm anybody
    answer = getattr(ctypes.CDLL(None), "adjtimex", lambda _buffer: 0)(ctypes.create_string_buffer(_TIMEX_BYTES))
    if answer == _CLOCK_IS_UNSYNCHRONISED:
        return doubtful("clock", "it is not synchronised: events may carry a wrong time", "timedatectl set-ntp true")
    return good("clock", time.strftime("%Y-%m-%d %H:%M:%S %Z, synchronised"))


def _newest_change_s(state_dir: Path) -> float:
    database = database_file(state_dir)
    files = [database, database.with_name(f"{database.name}-wal")]
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)


def disk(state_dir: Path, *, min_free_bytes: float) -> Finding:
    """Whether there is room for what is to be kept, on a disk that a database can live on."""
    folder = _nearest_existing(state_dir)
    free_bytes = shutil.disk_usage(folder).free
    says = f"{free_bytes / 1e9:.1f} GB free under {folder}"
    filesystem = _filesystem_of(folder)
    if filesystem in _NETWORK_FILESYSTEMS:
        return bad(
            "disk",
            f"{folder} lies on {filesystem}, where a SQLite database gets damaged",
            "VIDSENSE_STATE_DIR=/a/local/folder; backups may go to the network (backup.folder)",
        )
    if free_bytes < _LEAST_FREE_BYTES:
        return bad("disk", f"{says}: not enough to go on", f"free some space, or: du -xh {folder} | sort -h | tail")
    if free_bytes < min_free_bytes:
        return doubtful(
            "disk",
            f"{says}, less than retention.min_free_gb ({min_free_bytes / 1e9:g}): old events go before their time",
            "vidsense db retention",
        )
    return good("disk", f"{says}, {filesystem}")


def _nearest_existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())


def _filesystem_of(folder: Path) -> str:
    """Its type; the longest mount point that is above ``folder`` decides."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    above = [(len(mount[1]), mount[2]) for mount in mounts if folder.resolve().is_relative_to(mount[1])]
    return max(above)[1] if above else "unknown"


def state_folder(state_dir: Path) -> Finding:
    """Whether the daemon's user, and nobody else, can get at what was recorded."""
    what = "state folder"
    if not state_dir.exists():
        return good(what, f"{state_dir} is made by the first run")
    if not os.access(state_dir, os.R_OK | os.W_OK | os.X_OK):
        return bad(what, f"{state_dir} is not writable for this user", f"sudo -u {_owner(state_dir)} vidsense doctor")
    status = state_dir.stat()
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return doubtful(what, f"others on this machine may look into {state_dir}", f"chmod 700 {state_dir}")
    foreign = [path.name for path in state_dir.iterdir() if path.lstat().st_uid != status.st_uid]
    if foreign:
        mend = f"chown -R {_owner(state_dir)} {state_dir}"
        return bad(what, f"{', '.join(sorted(foreign)[:3])} in {state_dir} belongs to another user", mend)
    return good(what, f"{state_dir}, owned by {_owner(state_dir)}")


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)


def port(host: str, number: int, *, state_dir: Path) -> Finding:
    """Whether the review pages can listen, or do already."""
    what, where = "ports", f"{host} port {number}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, number), family=family).close()
    except OSError as error:
        if _daemon_runs(state_dir):
            return good(what, f"{where} is in use while the daemon runs")
        return bad(
            what, f"{where}: {error.strerror}", f"stop what uses it (ss -ltnp 'sport = :{number}'), or set review.port"
        )
    if _daemon_runs(state_dir):
        return doubtful(what, f"the daemon runs, but nothing listens on {where}", "journalctl -u vidsense -n 50")
    return good(what, f"{where} is free for the review pages")


def _daemon_runs(state_dir: Path) -> bool:
    """Whether the process that the lock names is alive; the lock itself is not touched."""
    try:
        pid = lock_file(state_dir).read_text(encoding="ascii").strip()
    except OSError:
        return False
    return pid.isdecimal() and Path(f"/proc/{pid}").exists()


def service(*, user: bool) -> Finding:
    """How systemd sees the service."""
    if not _SYSTEMD_RUNS.exists():
        return good("systemd", "does not run here: the daemon is started by something else")
    command = ["systemctl", *(["--user"] if user else []), "show", "vidsense", f"--property={','.join(_SHOWN)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    if done.returncode:
        return doubtful("systemd", f"it does not answer: {done.stderr.strip()}", " ".join(command))
    return judged(dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line), user=user)


def judged(shown: Mapping[str, str], *, user: bool = False) -> Finding:
    """What systemd's properties mean. Pure."""
    systemctl = "systemctl --user" if user else "systemctl"
    journal = f"journalctl {'--user ' if user else ''}-u vidsense -n 50"
    state = f"{shown['ActiveState']} ({shown['SubState']}), {shown['UnitFileState'] or 'not enabled'}"
    if shown["LoadState"] != "loaded":
        return doubtful("systemd", "there is no service: nothing starts it after a reboot", "vidsense install")
    if shown["ActiveState"] == "failed":
        status = shown["ExecMainStatus"]
        mend = "vidsense check" if status == "78" else journal
        return bad("systemd", f"the service has failed: {shown['Result']}, status {status}", mend)
    if int(shown["NRestarts"] or 0) >= _MANY_RESTARTS:
        return doubtful("systemd", f"{state}; restarted {shown['NRestarts']} times since it was started", journal)
    if shown["ActiveState"] != "active":
        return doubtful("systemd", f"the service is {state}", f"{systemctl} enable --now vidsense")
    if shown["UnitFileState"] == "disabled":
        return doubtful("systemd", f"{state}: it will not be there after a reboot", f"{systemctl} enable vidsense")
    return good("systemd", f"the service is {state}")
