"""`vidsense config show|schema`: what the daemon makes of its configuration, and what may stand in it."""

from __future__ import annotations

import argparse
import os

from vidsense_daemon.base.errors import EXIT_OK
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.context import Subparsers, add_config_option, add_json_option, load_settings
from vidsense_daemon.cli.output import note, say, say_json
from vidsense_daemon.settings.paths import find_config


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("config", help="the configuration: show, schema")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

    show = actions.add_parser("show", help="the configuration as the daemon understands it, without secrets")
    add_config_option(show)
    add_json_option(show)
    show.set_defaults(run=_show)

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


def _schema(_args: argparse.Namespace) -> int:
    from vidsense_daemon.settings.keys import editor_schema

    say_json(editor_schema(), indent=2)
    return EXIT_OK
