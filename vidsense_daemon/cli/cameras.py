"""`vidsense cameras list|probe`: which cameras there are, and what a stream is like."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from textwrap import indent

from rich.console import Console

from vidsense_daemon.base.clock import SystemClock, to_ms
from vidsense_daemon.base.errors import EXIT_OK, PermanentError
from vidsense_daemon.base.redact import url_credentials
from vidsense_daemon.capture.probe import ProbeReport, probe
from vidsense_daemon.cli.context import (
    Subparsers,
    add_config_option,
    add_json_option,
    load_settings,
    positive,
    settings_if_any,
)
from vidsense_daemon.cli.output import say, say_json, say_table
from vidsense_daemon.settings.mistakes import no_such
from vidsense_daemon.settings.paths import state_dir

_OPENING_LIMIT_S = 30.0  # beside the seconds that it is watched


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("cameras", help="the cameras: list, probe")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="the cameras of the configuration")
    add_config_option(listing)
    add_json_option(listing)
    listing.set_defaults(run=_list)

    probing = actions.add_parser("probe", help="watch a stream for some seconds and say what it is like")
    probing.add_argument("camera", metavar="URL|NAME", help="rtsp://…, a file, /dev/video0, or a camera's name")
    probing.add_argument("--transport", choices=["tcp", "udp"], default="tcp", help="for a URL (default: tcp)")
    probing.add_argument("--seconds", type=positive, default=6.0, help="how long it is watched (default: %(default)s)")
    add_config_option(probing)
    add_json_option(probing)
    probing.set_defaults(run=_probe)


def _list(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.unusual import learning_until

    settings, now = load_settings(args), SystemClock().now()
    cameras = [settings.camera(name) for name in settings.cameras]
    learns = {camera.name: learning_until(state_dir(os.environ), camera.name, now) for camera in cameras}
    if args.json:
        keys = ("name", "enabled", "transport")
        say_json(
            [
                {
                    **{key: getattr(camera, key) for key in keys},
                    "url": url_credentials(camera.url),
                    "substream_url": camera.substream_url and url_credentials(camera.substream_url),
                    "triggers": list(camera.triggers),
                    "learning_until_at_ms": None if (at := learns[camera.name]) is None else to_ms(at),
                }
                for camera in cameras
            ],
            indent=2,
        )
    else:
        rows = [
            (
                camera.name,
                "yes" if camera.enabled else "no",
                ", ".join(camera.triggers),
                "yes"
                if (at := learns[camera.name]) is None
                else f"learning, until {at.astimezone():%a %H:%M} if it runs",
                url_credentials(camera.url),
            )
            for camera in cameras
        ]
        say_table(("camera", "enabled", "triggers", "knows its usual", "url"), rows)
    return EXIT_OK


def _probe(args: argparse.Namespace) -> int:
    with Console(stderr=True).status(f"watching for {args.seconds:g} s"):
        report = _report_on(args)
    if args.json:
        say_json(asdict(report), indent=2)
    else:
        for line in _lines(report):
            say(line)
    return EXIT_OK


def _report_on(args: argparse.Namespace) -> ProbeReport:
    span = {"measure_s": args.seconds, "limit_s": args.seconds + _OPENING_LIMIT_S}
    if "/" in args.camera or ":" in args.camera:
        return probe(args.camera, transport=args.transport, **span)
    settings = settings_if_any(args)
    if settings is None or args.camera not in settings.cameras:
        if not Path(args.camera).is_file():
            names = settings.cameras if settings else ()
            raise PermanentError(
                f"this is neither a URL (rtsp://…) nor a file, and {no_such('camera', args.camera, names)}"
            )
        return probe(args.camera, **span)
    camera = settings.camera(args.camera)
    return probe(
        camera.url,
        transport=camera.transport,
        tls_ca_file=camera.tls_ca_file,
        hwaccel=camera.hwaccel,
        max_pixels=camera.max_pixels,
        name=camera.name,
        **span,
    )


def _lines(report: ProbeReport) -> Iterator[str]:
    yield report.url
    yield f"  picture      {report.codec} {report.width_px}x{report.height_px}, decoded by {report.decoder}"
    yield f"  rate         {_number(report.measured_fps, 'fps')} measured, {_number(report.stated_fps, 'fps')} stated"
    if report.keyframe_interval_s is None:
        yield "  keyframes    fewer than two were seen"
    else:
        yield f"  keyframes    every {report.keyframe_interval_s:.1f} s ({report.gop_frames or '–'} frames)"
    yield f"  clock        {report.clock}"
    yield f"  opened in    {report.opened_s:.1f} s, first frame after {_number(report.first_frame_s, 's')}"
    yield f"  bits         {_number(report.bits_per_s and report.bits_per_s / 1e6, 'Mbit/s')}"
    for advice in report.advice:
        yield f"  note         {advice}"
    yield ""
    yield "cameras:"
    yield indent(report.yaml, "  ")


def _number(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:.1f} {unit}"
