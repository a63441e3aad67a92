"""`vidsense config show|diff|schema`: what the daemon makes of its configuration, and what may stand in it."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vidsense_daemon.base.errors import EXIT_OK, ConfigError
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import Subparsers, add_config_option, add_json_option, load_settings
from vidsense_daemon.cli.output import note, say, say_json
from vidsense_daemon.settings.paths import find_config, state_dir


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("config", help="the configuration: show, diff, schema")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    show = actions.add_parser("show", help="the configuration as the daemon understands it, without secrets")
    add_config_option(show)
    add_json_option(show)
    show.set_defaults(run=_show)

    diff = actions.add_parser("diff", help="what changed since the daemon read it, and what a reload would do")
    diff.add_argument("old", nargs="?", type=Path, metavar="FILE", help="compare with this one instead")
    add_config_option(diff)
    add_json_option(diff)
    diff.set_defaults(run=_diff)

    schema = actions.add_parser("schema", help="the JSON schema, so that editors complete and check the file")
    schema.set_defaults(run=_schema)


def _show(args: argparse.Namespace) -> int:
    import yaml

    from vidsense_daemon.settings.secrecy import shown

    settings = load_settings(args)
    values = shown(settings, redactor=Redactor(settings.secrets))
    note(f"# {find_config(args.config, os.environ)}")
    if args.json:
        say_json(values, indent=2)
    else:
        say(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120).rstrip())
    return EXIT_OK


def _diff(args: argparse.Namespace) -> int:
    from vidsense_daemon.daemon.reload import applied, differences, plan
    from vidsense_daemon.settings.load import load, parse, text_of

    path = find_config(args.config, os.environ)
    old = args.old or applied(state_dir(os.environ))
    if args.old is None and not old.exists():
        raise ConfigError(
            "no daemon has applied a configuration in this state folder yet; name a file to compare with, "
            "or the folder in VIDSENSE_STATE_DIR"
        )
    before = parse(text_of(old), source=str(old), credentials=path.absolute().parent / "credentials")
    after = load(path)
    found, change = differences(before, after), plan(before, after)
    if args.json:
        say_json({"differences": [asdict(each) for each in found], "reload": list(change.lines())}, indent=2)
        return EXIT_OK
    for each in found:
        say(f"{each.key}: {_in_short(each.before)} → {_in_short(each.after)}")
    say("nothing has changed" if not found else "a reload:")
    for line in change.lines():
        say(f"  - {line}")
    return EXIT_OK


def _in_short(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _schema(_args: argparse.Namespace) -> int:
    from vidsense_daemon.settings.keys import editor_schema

    say_json(editor_schema(), indent=2)
    return EXIT_OK
