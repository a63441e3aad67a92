"""`vidsense doctor`: what is in the way, with the command that mends it; on request a bundle for a bug report."""

from __future__ import annotations

import argparse
import itertools
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vidsense_daemon import __version__
from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_FAILED, EXIT_OK, ConfigError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import Subparsers, add_config_option, add_json_option
from vidsense_daemon.cli.output import note, say, say_json, some
from vidsense_daemon.settings.paths import find_config, state_dir

if TYPE_CHECKING:
    from vidsense_daemon.daemon.findings import Finding
    from vidsense_daemon.settings.schema import Settings

_GB = 1e9


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("doctor", help="find what is in the way, and say what mends it")
    parser.add_argument("--offline", action="store_true", help="ask no camera and no other server")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write a .tar.gz for a bug report, without secrets")
    add_config_option(parser)
    add_json_option(parser)
    parser.set_defaults(run=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    from vidsense_daemon.cli.findings import as_json, told
    from vidsense_daemon.daemon.findings import Verdict, worst

    path, settings, first = _configuration(args)
    redactor = Redactor(settings.secrets if settings else ())
    logs.configure(json=False, level="error", redactor=redactor)  # what the parts log, the findings say better
    found = told(
        itertools.chain(first, _around(path, settings), _parts(settings, offline=args.offline)),
        redactor=redactor,
        quiet=args.json,
    )
    verdict = worst(found)
    if args.json:
        say_json({"version": __version__, "verdict": verdict, "findings": as_json(found)}, indent=2)
    else:
        say()
        say(f"{sum(each.verdict is verdict for each in found)} × {verdict}" if verdict != Verdict.OK else "all is well")
    if args.report:
        _report(args.report, found, settings, redactor)
    return EXIT_FAILED if verdict is Verdict.FAILED else EXIT_OK


def _configuration(args: argparse.Namespace) -> tuple[Path | None, Settings | None, list[Finding]]:
    """The file, the settings, and what there is to say of them; the doctor goes on without."""
    from vidsense_daemon.daemon.findings import bad, doubtful, good
    from vidsense_daemon.settings.load import load

    path = None
    try:
        path = find_config(args.config, os.environ)
        settings = load(path)
    except ConfigError as error:
        return path, None, [bad("configuration", str(error), f"${{EDITOR:-nano}} {path}" if path else "vidsense init")]
    findings = [good("configuration", f"{path} names {some(len(settings.cameras), 'camera')}")]
    findings += [doubtful("configuration", warning) for warning in settings.warnings]
    if path.stat().st_mode & stat.S_IWOTH:
        findings.append(doubtful("permissions", f"everybody may change {path}", f"chmod o-w {path}"))
    return path, settings, findings


def _around(path: Path | None, settings: Settings | None) -> Iterator[Finding]:
    from vidsense_daemon.daemon.surroundings import port, surroundings

    in_home = path is not None and path.absolute().is_relative_to(Path.home())
    yield from surroundings(
        state_dir=state_dir(os.environ),
        min_free_bytes=settings.retention.min_free_gb * _GB if settings else 0,
        user_service=in_home and os.geteuid() != 0,
    )
    if settings and settings.review.enabled:
        yield port(settings.review.host, settings.review.port, state_dir=state_dir(os.environ))


def _parts(settings: Settings | None, *, offline: bool) -> Iterator[Finding]:
    """What the configuration names; without one there is still the database."""
    from vidsense_daemon.daemon import checking

    folder = state_dir(os.environ)
    if settings is None:
        yield checking.database(folder)
    else:
        yield from checking.findings(settings, state_dir=folder, offline=offline)


def _report(path: Path, found: list[Finding], settings: Settings | None, redactor: Redactor) -> None:
    from vidsense_daemon.daemon.bundle import write_bundle

    names = ", ".join(write_bundle(path, found, settings=settings, redactor=redactor))
    note(f"wrote {path}: {names}. No secrets, addresses or pictures are in it; names of cameras and triggers are:")
    note(f"look through it before you send it: tar -xzOf {path} | less")
