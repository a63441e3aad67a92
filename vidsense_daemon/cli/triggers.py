"""`vidsense triggers list|backtest|feedback`: what makes events, how strict it is, and what a change would do."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.base.errors import EXIT_OK, PermanentError
from vidsense_daemon.cli import feedback
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    check_camera,
    count,
    load_settings,
    moment,
    open_storage_to_read,
    positive,
)
from vidsense_daemon.cli.output import note, say, say_json, say_table
from vidsense_daemon.settings.hours import week_hours_text
from vidsense_daemon.settings.mistakes import no_such
from vidsense_daemon.settings.paths import state_dir

if TYPE_CHECKING:
    from vidsense_daemon.daemon.storage import Storage
    from vidsense_daemon.perception.backtest import Backtest, Firing
    from vidsense_daemon.perception.triggers import TriggerRule
    from vidsense_daemon.settings.schema import Settings


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("triggers", help="what makes events: list, backtest, feedback")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser(
        "list", help="every trigger of every camera, with its threshold and false alarms a day"
    )
    add_config_option(listing)
    add_json_option(listing)
    listing.set_defaults(run=_list)

    trial = actions.add_parser("backtest", help="when a trigger would have fired on what the cameras have seen")
    trial.add_argument("name", help="a trigger of the configuration, or the name of a new one")
    trial.add_argument("--prompt", help="another sentence than the configured one")
    trial.add_argument(
        "--contrast", action="append", metavar="TEXT", help="what it is not; may be given more than once"
    )
    trial.add_argument("--threshold", type=positive, help="another threshold than the configured one")
    trial.add_argument("--camera", help="of this camera only")
    trial.add_argument(
        "--since", type=moment, default="7d", metavar="WHEN", help="not before, such as 7d or 2026-11-22T18:00 (7d)"
    )
    trial.add_argument("--target-per-day", type=positive, metavar="N", help="find the threshold that gives N a day")
    trial.add_argument("--limit", type=count, default=50, help="show at most so many (default: %(default)s)")
    add_config_option(trial)
    add_json_option(trial)
    trial.set_defaults(run=_backtest)

    feedback.add(actions)


# ── list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _list(args: argparse.Namespace) -> int:
    rows = list(_standings(load_settings(args)))
    if args.json:
        say_json(rows, indent=2)
    elif rows:
        headings = ("trigger", "camera", "severity", "active", "δ", "calm looks", "false alarms a day", "prompt")
        say_table(headings, (_standing_row(row) for row in rows))
    else:
        say("no camera lists a trigger")
    return EXIT_OK


def _standings(settings: Settings) -> Iterator[dict[str, Any]]:
    """Each trigger of each camera, as it was learned when the daemon last wrote it down."""
    from vidsense_daemon.daemon.backends import resolved_cameras, trigger_rule
    from vidsense_daemon.daemon.storage import calm_file
    from vidsense_daemon.perception.calm_book import CalmBook

    book = CalmBook(encoder=None, path=calm_file(state_dir(os.environ)))
    for camera in resolved_cameras(settings):
        activity = book.camera(camera.name)
        for name, trigger in camera.triggers.items():
            rule = trigger_rule(name, trigger)
            calm = book.scores_of(camera.name, rule)
            share = calm.share_above(calm.threshold)
            yield {
                "trigger": name,
                "camera": camera.name,
                "prompt": rule.prompt,
                "contrast": list(rule.contrast),
                "severity": rule.severity.value,
                "zones": list(rule.zones),
                "active": [week_hours_text(hours) for hours in rule.active],
                "threshold": round(calm.threshold, 3),
                "least_threshold": rule.threshold,
                "calm_looks": len(calm.scores),
                # an event takes so many looks that hold; were every moving look as likely to hold as a calm one,
                # there could not be more events than this
                "false_alarms_a_day": None
                if share is None
                else round(share * activity.moving_looks_a_day / rule.looks_needed, 3),
                "encoder": book.encoder,
            }


def _standing_row(row: dict[str, Any]) -> tuple[str, ...]:
    alarms = row["false_alarms_a_day"]
    return (
        row["trigger"],
        row["camera"],
        row["severity"],
        ", ".join(row["active"]) or "always",
        f"{row['threshold']:.2f}",
        str(row["calm_looks"]),
        "not known yet" if alarms is None else f"≤ {alarms:.1f}",
        row["prompt"],
    )


# ── backtest ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _backtest(args: argparse.Namespace) -> int:
    settings = load_settings(args)
    rule, cameras = _tried(settings, args)
    storage = open_storage_to_read()
    from vidsense_daemon.daemon import backends
    from vidsense_daemon.daemon.backtesting import Backtests

    until = datetime.now(UTC)
    with Console(stderr=True).status("loading the encoder and looking through the stored windows"):
        encoder, backend = backends.open_encoder(settings.encoder, state_dir=storage.state_dir)
        backtests = Backtests(storage, lambda: (encoder, backend))
        found = backtests.run_rule(rule, cameras=cameras, since=args.since, until=until)
        target = None if args.target_per_day is None else found.threshold_for(args.target_per_day)
        firings = backtests.with_events(found.fired(target), since=args.since, until=until)
    if not found.windows:
        note(f"no window of {', '.join(cameras)} by {encoder.name} is stored since then; the daemon stores them")
    if args.json:
        say_json(_backtest_json(found, firings, target, storage), indent=2)
    else:
        _say_backtest(found, firings, target, storage, limit=args.limit)
    return EXIT_OK


def _tried(settings: Settings, args: argparse.Namespace) -> tuple[TriggerRule, list[str]]:
    """The rule to try, with what the command line changes of it, and the cameras to try it on.

    Raises:
        PermanentError: there is no such trigger or camera.
    """
    from vidsense_daemon.daemon.backends import trigger_rule
    from vidsense_daemon.perception.triggers import TriggerRule

    trigger = settings.triggers.get(args.name)
    if trigger is None and not args.prompt:
        raise PermanentError(f"{no_such('trigger', args.name, settings.triggers)} (--prompt tries a new one)")
    if args.camera is not None:
        check_camera(settings, args.camera)
    rule = trigger_rule(args.name, trigger) if trigger else TriggerRule(args.name, args.prompt)
    changes = {"prompt": args.prompt, "contrast": args.contrast and tuple(args.contrast), "threshold": args.threshold}
    rule = replace(rule, **{key: value for key, value in changes.items() if value})
    if args.camera is not None:
        return rule, [args.camera]
    listing = [name for name, camera in settings.cameras.items() if args.name in camera.triggers]
    return rule, listing or list(settings.cameras)


def _say_backtest(
    found: Backtest, firings: list[Firing], target: float | None, storage: Storage, *, limit: int
) -> None:
    rows = (_firing_row(firing, storage) for firing in reversed(firings[-limit:]))
    if firings:
        say_table(("time", "camera", "seconds", "score", "event", "still"), rows)
    thresholds = ", ".join(f"{camera} {threshold:.2f}" for camera, threshold in sorted(found.thresholds.items()))
    say(f'"{found.rule.prompt}" on {found.windows} windows of {found.days:.2f} days; thresholds: {thresholds or "–"}')
    a_day = len(firings) / found.days if found.days else 0.0
    if target is None:
        say(f"it would have fired {len(firings)} times, {a_day:.1f} a day")
    else:
        say(f"threshold: {target:.2f} gives {len(firings)} in that time, {a_day:.1f} a day")


def _firing_row(firing: Firing, storage: Storage) -> tuple[str, ...]:
    return (
        firing.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        firing.camera,
        f"{(firing.ended_at - firing.started_at).total_seconds():.0f}",
        f"{firing.score:.2f}",
        firing.event_id or "",
        next(iter(_stills(firing, storage)), ""),
    )


def _backtest_json(found: Backtest, firings: list[Firing], target: float | None, storage: Storage) -> dict[str, Any]:
    return {
        "prompt": found.rule.prompt,
        "contrast": list(found.rule.contrast),
        "windows": found.windows,
        "days": round(found.days, 3),
        "thresholds": {camera: round(threshold, 3) for camera, threshold in found.thresholds.items()},
        "target_threshold": target,
        "firings_a_day": round(len(firings) / found.days, 3) if found.days else 0.0,
        "firings": [
            {
                "camera": firing.camera,
                "started_at_ms": to_ms(firing.started_at),
                "ended_at_ms": to_ms(firing.ended_at),
                "score": round(firing.score, 4),
                "event_id": firing.event_id,
                "stills": _stills(firing, storage),
            }
            for firing in firings
        ],
    }


def _stills(firing: Firing, storage: Storage) -> list[str]:
    """Of the event stored at that time, the peak first."""
    record = storage.archive.get(firing.event_id) if firing.event_id else None
    stills = sorted(record.stills, key=lambda still: still.role != "peak") if record else []
    return [still.path for still in stills]
