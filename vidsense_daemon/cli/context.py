"""What many commands begin with: the options they share, the settings, the state folder."""

from __future__ import annotations

import argparse
import math
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.settings.mistakes import no_such
from vidsense_daemon.settings.paths import find_config, state_dir
from vidsense_daemon.store.state_folder import database_file

if TYPE_CHECKING:  # torch and SQLAlchemy take seconds to import: `vidsense --help` should not
    from vidsense_daemon.daemon.storage import Storage
    from vidsense_daemon.settings.schema import Settings

Subparsers = Any  # argparse keeps the type of add_subparsers' answer to itself

_MOST = 1_000_000  # events that one command prints
_YEARS = range(1970, 3000)  # of what was recorded; another year is a typing error
_SPAN_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the configuration (default: $VIDSENSE_CONFIG, ./vidsense.yaml, …)"
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def load_settings(args: argparse.Namespace) -> Settings:
    """The validated settings of ``--config`` or of the usual places."""
    from vidsense_daemon.settings.load import load

    return load(find_config(args.config, os.environ))


def settings_if_any(args: argparse.Namespace) -> Settings | None:
    """The configuration, when one is named or lies in a usual place; some commands do without any."""
    if args.config is None:
        try:
            find_config(None, os.environ)
        except ConfigError:
            return None
    return load_settings(args)


def check_camera(settings: Settings, name: str) -> None:
    """Is ``name`` a camera of the configuration?

    Raises:
        PermanentError: it is none; the nearest one is offered.
    """
    if name not in settings.cameras:
        raise PermanentError(no_such("camera", name, settings.cameras))


def open_storage_to_read() -> Storage:
    """The state folder for a command that only reads.

    Raises:
        PermanentError: nothing has been recorded yet.
    """
    from vidsense_daemon.daemon.storage import Storage

    folder = state_dir(os.environ)
    if not database_file(folder).exists():
        raise PermanentError(
            f"there is no database in {folder} yet: `vidsense run` or `vidsense replay` makes it; "
            "VIDSENSE_STATE_DIR names another folder"
        )
    return Storage(folder, may_upgrade=False)


def count(text: str) -> int:
    """How many, from the command line.

    Raises:
        argparse.ArgumentTypeError: no whole number, or one that cannot be meant.
    """
    if not text.isdecimal() or int(text) > _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {_MOST}")
    return int(text)


def positive(text: str) -> float:
    """A number above zero, from the command line.

    Raises:
        argparse.ArgumentTypeError: none, or none with an end.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (0 < number < math.inf):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def said(text: str) -> str:
    """A sentence from the command line.

    Raises:
        argparse.ArgumentTypeError: nothing is in it.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("there is no word in it")
    return text


def moment(text: str) -> datetime:
    """A point in time from the command line: a span before now (`90m`, `7d`) or an ISO date and time, local by default.

    Raises:
        argparse.ArgumentTypeError: neither.
    """
    try:
        at = _moment(text)
    except (ValueError, OverflowError):  # no date at all, or one that no calendar holds
        at = None
    if at is None or at.year not in _YEARS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time: write a span such as 90m, 12h or 7d, or 2026-11-22T18:00"
        )
    return at


def day(text: str) -> date:
    """A day from the command line.

    Raises:
        argparse.ArgumentTypeError: none that a calendar holds.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day: write it like 2026-11-22") from None


def _moment(text: str) -> datetime:
    amount, unit = text[:-1], text[-1:]
    if unit in _SPAN_UNITS_S and amount.isdecimal():
        return datetime.now(UTC) - timedelta(seconds=int(amount) * _SPAN_UNITS_S[unit])
    return datetime.fromisoformat(text).astimezone(UTC)
