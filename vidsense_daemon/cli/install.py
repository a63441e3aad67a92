"""`vidsense install|uninstall`: make vidsense a service of systemd, and undo that; the data always stays.

Every step is told as it is done. With ``--root`` the files are written below a folder and nothing is run: for
packagers, and for those who want to look first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import vidsense_daemon
from vidsense_daemon.base.errors import EXIT_OK, ConfigError, PermanentError
from vidsense_daemon.cli.context import Subparsers
from vidsense_daemon.cli.output import note, say
from vidsense_daemon.cli.unitfiles import (
    DROP_INS,
    UNIT,
    Layout,
    check_is_visible,
    service_files,
    system_layout,
    user_layout,
)

_SYSTEMD_RUNS = Path("/run/systemd/system")  # sd_booted(3)


def add(subparsers: Subparsers) -> None:
    install = subparsers.add_parser("install", help="make it a service of systemd")
    _add_scope(install)
    install.add_argument(
        "--with",
        dest="drop_ins",
        action="append",
        choices=DROP_INS,
        default=[],
        help="open one more door in the service's walls: a graphics card, a webcam, hooks on the internet",
    )
    install.add_argument("--executable", metavar="COMMAND", help="what the unit starts (default: this installation)")
    install.add_argument("--now", action="store_true", help="start it, too")
    install.set_defaults(run=_install)

    uninstall = subparsers.add_parser("uninstall", help="stop and remove the service; configuration and data stay")
    _add_scope(uninstall)
    uninstall.set_defaults(run=_uninstall)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--system", dest="scope", action="store_const", const="system", help="for the machine (as root)")
    scope.add_argument("--user", dest="scope", action="store_const", const="user", help="for this user, without root")
    parser.add_argument("--root", type=Path, metavar="DIR", help="write below DIR and run nothing")


def _install(args: argparse.Namespace) -> int:
    scope = _scope(args)
    layout = _layout(scope, args.root)
    _refuse_to_shadow_a_package(layout)
    for file in service_files(
        layout, scope=scope, executable=args.executable or _executable(scope), drop_ins=tuple(args.drop_ins)
    ):
        _write(file.path, file.text)
    if scope == "user":
        for folder in (layout.config, layout.config / "credentials"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _may_run(args):
        if scope == "system":
            _run("systemd-sysusers", str(layout.sysusers))
            _run("systemd-tmpfiles", "--create", str(layout.tmpfiles))
        _systemctl(scope, "daemon-reload")
        _systemctl(scope, "enable", UNIT)
        if args.now:
            _systemctl(scope, "start", UNIT)
    _say_what_is_next(scope, layout, started=args.now and _may_run(args))
    return EXIT_OK


def _uninstall(args: argparse.Namespace) -> int:
    scope = _scope(args)
    layout = _layout(scope, args.root)
    _refuse_to_shadow_a_package(layout)
    if not layout.unit.exists():
        raise PermanentError(f"there is no {layout.unit}: nothing to uninstall; --system and --user name the two")
    if _may_run(args):
        _systemctl(scope, "disable", "--now", UNIT)
    ours = [layout.unit, layout.sysusers, layout.tmpfiles, *(layout.drop_ins / f"{name}.conf" for name in DROP_INS)]
    for path in ours:
        if path and path.exists():
            path.unlink()
            say(f"removed {path}")
    if layout.drop_ins.is_dir() and not any(layout.drop_ins.iterdir()):
        layout.drop_ins.rmdir()
    if _may_run(args):
        _systemctl(scope, "daemon-reload")
    kept = [layout.config, layout.state, layout.drop_ins]
    say(f"kept {', '.join(str(path) for path in kept if path.exists()) or 'nothing: there was no data'}")
    if scope == "system":
        say("kept the user vidsense, who owns the data")
    return EXIT_OK


def _scope(args: argparse.Namespace) -> str:
    """What was asked for; else the machine's service for root, and a user's for a user.

    Raises:
        ConfigError: the machine's service is asked for by somebody who may not make it.
    """
    is_root = os.geteuid() == 0
    scope: str = args.scope or ("system" if is_root else "user")
    if scope == "system" and args.root is None and not is_root:
        raise ConfigError("the machine's service is made by root: run it with sudo, or use --user")
    return scope


def _layout(scope: str, root: Path | None) -> Layout:
    if scope == "system":
        return system_layout(root or Path("/"))
    if root is not None:
        return user_layout(root)
    config_home = os.environ.get("XDG_CONFIG_HOME")
    return user_layout(Path.home(), config_home=Path(config_home) if config_home else None)


def _refuse_to_shadow_a_package(layout: Layout) -> None:
    for path in layout.packaged:
        if path.exists():
            raise ConfigError(
                f"{path} came with a package of the distribution: leave it to the package manager, and make your own "
                f"changes with `systemctl edit {UNIT}`"
            )


def _executable(scope: str) -> str:
    """How the unit starts this installation."""
    python = Path(sys.executable)
    script = python.with_name("vidsense")
    if scope == "system":
        check_is_visible(python.parent, python.resolve(), Path(vidsense_daemon.__file__))
    return str(script) if script.exists() else f"{python} -m vidsense_daemon"


def _write(path: Path, text: str) -> None:
    there = path.read_text("utf-8") if path.exists() else None
    if there == text:
        say(f"found {path} as it should be")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    say(f"{'wrote' if there is None else 'replaced'} {path}")


def _may_run(args: argparse.Namespace) -> bool:
    return args.root is None and _SYSTEMD_RUNS.exists()


def _systemctl(scope: str, *arguments: str) -> None:
    _run("systemctl", *(["--user"] if scope == "user" else []), *arguments)


def _run(*command: str) -> None:
    """Run one of systemd's own programs and say so.

    Raises:
        PermanentError: it failed, or it is not there.
    """
    say(f"running {' '.join(command)}")
    try:
        # the names are this file's own, the paths are those that were just written
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise PermanentError(f"{command[0]} is not installed: this system has no complete systemd") from None
    if done.returncode:
        raise PermanentError(f"`{' '.join(command)}` failed: {_last_line(done.stderr) or f'status {done.returncode}'}")


def _last_line(text: str) -> str:
    return next(iter(reversed(text.strip().splitlines())), "")


def _say_what_is_next(scope: str, layout: Layout, *, started: bool) -> None:
    config = layout.config / "vidsense.yaml"
    user = ["--user"] if scope == "user" else []
    if not _SYSTEMD_RUNS.exists():
        note("systemd does not run here: nothing was enabled or started")
    steps: Sequence[str] = [
        *([] if config.exists() else [f"write {config}: `vidsense init` asks for what it needs"]),
        f"put each secret into a file of {layout.config / 'credentials'}: CAM_PASSWORD there is {{CAM_PASSWORD}} in it",
        *(["`loginctl enable-linger` lets it run while nobody is logged in"] if scope == "user" else []),
        *([] if started else [" ".join(["systemctl", *user, "start vidsense"])]),
        " ".join(["systemctl", *user, "status vidsense"]) + " shows how it is, and `vidsense doctor` what is missing",
    ]
    say("next:")
    for step in steps:
        say(f"  - {step}")
