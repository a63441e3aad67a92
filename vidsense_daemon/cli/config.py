"""`vidsense config show|schema`: what the daemon makes of its configuration, and what may stand in it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import yaml

from vidsense_daemon.base.errors import EXIT_OK
from vidsense_daemon.base.redact import Redactor
from vidsense_daemon.cli.output import note, say, say_json
from vidsense_daemon.settings.keys import editor_schema
from vidsense_daemon.settings.load import load
from vidsense_daemon.settings.paths import find_config
from vidsense_daemon.settings.schema import Settings
from vidsense_daemon.settings.secrecy import shown


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("config", help="show the configuration, or what may stand in it")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="the configuration as the daemon understands it, without secrets")
    add_config_option(show)
    show.add_argument("--json", action="store_true", help="JSON instead of YAML")
    show.set_defaults(run=run_show)
    schema = actions.add_parser("schema", help="the JSON schema, so that editors complete and check the file")
    schema.set_defaults(run=run_schema)


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """`--config`, as every command has it that reads the configuration."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration; docs/configuration.md")


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings of the file that `--config`, the environment or the usual places name."""
    return load(find_config(args.config, os.environ))


def run_show(args: argparse.Namespace) -> int:
    """Print the settings with every default filled in."""
    path = find_config(args.config, os.environ)
    settings = load(path)
    values = shown(settings, redactor=Redactor(settings.secrets))
    note(f"# {path}")
    if args.json:
        say_json(values, indent=2)
    else:
        say(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120).rstrip())
    return EXIT_OK


def run_schema(_args: argparse.Namespace) -> int:
    """Print the JSON schema."""
    say_json(editor_schema(), indent=2)
    return EXIT_OK
