"""`vidsense init`: a first configuration by question and answer, tried before it is written; `--yes` asks nothing.

The network is searched only when somebody asks for it. Passwords go into files of their own beside the configuration,
which nobody else may read.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from vidsense_daemon.base import logs
from vidsense_daemon.base.errors import EXIT_OK, ConfigError, VidsenseError
from vidsense_daemon.base.redact import Redactor, url_credentials
from vidsense_daemon.cli.context import Subparsers
from vidsense_daemon.cli.output import note, say
from vidsense_daemon.cli.starter import TRIGGERS, Starter, StarterCamera, camera_name, configuration
from vidsense_daemon.settings.addresses import camera_address, http_address
from vidsense_daemon.settings.paths import config_candidates

_LOOK_S, _LOOK_LIMIT_S = 3.0, 12.0
_WHERE = "address of the camera's stream (rtsp://USER:PASSWORD@HOST/PATH)"
_WHERE_OR_WHO = f"{_WHERE[:-1]}; or only its HOST: then the usual paths are tried)"
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+(:\d+)?")  # `192.168.1.10`, `yard.local:8554`: a typing error has rarely a dot
_WHO_IS_TOLD = "a web address that is told of events (empty: none)"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("init", help="write a first configuration, by question and answer")
    parser.add_argument(
        "--camera", action="append", default=[], metavar="NAME=URL", help="a camera; may stand several times"
    )
    parser.add_argument("--trigger", action="append", choices=list(TRIGGERS), help="what to look for (default: person)")
    parser.add_argument("--webhook", metavar="URL", help="a web address that is told of events")
    parser.add_argument("--discover", action="store_true", help="ask the home network which cameras there are (ONVIF)")
    parser.add_argument("--no-probe", action="store_true", help="do not look at the cameras")
    parser.add_argument("--yes", action="store_true", help="ask nothing; take the options and the defaults")
    parser.add_argument("--force", action="store_true", help="replace a configuration that is there")
    parser.add_argument("--config", type=Path, metavar="FILE", help="where to write (default: /etc for root, else ~)")
    parser.set_defaults(run=_init)


def _init(args: argparse.Namespace) -> int:
    path = args.config or _default_path()
    if path.exists() and not args.force:
        raise ConfigError(f"{path} is there already: change it by hand, or replace it with --force")
    if not args.yes and not sys.stdin.isatty():
        raise ConfigError("there is nobody to ask: use --yes and name the cameras with --camera NAME=URL")
    logs.configure(json=False, level="error", redactor=Redactor())
    try:
        starter = _starter(args)
    except (KeyboardInterrupt, EOFError):
        note("\nnothing was written")
        raise
    text, secrets = configuration(starter)
    _write(path, text, secrets)
    if starter.hook is not None and (args.yes or _agrees("send a test alert now?")):
        _test_alert(path)
    say("next:")
    named = "" if path == _default_path() else f" --config {path}"
    say(f"  - `vidsense check{named}` tries all of it")
    say(f"  - `vidsense run{named}` starts it here and now, `vidsense install` makes it a service")
    return EXIT_OK


def _starter(args: argparse.Namespace) -> Starter:
    cameras = _cameras(args)
    if not cameras:
        raise ConfigError("a configuration needs a camera: --camera front_door=rtsp://USER:PASSWORD@HOST/PATH")
    return Starter(
        cameras=cameras,
        triggers=args.trigger or (["person"] if args.yes else _choose_triggers()),
        hook=_hook(args),
        describer=_describer(),
    )


def _default_path() -> Path:
    """Root's is the machine's; a user's is in the user's folder."""
    _here, of_user, of_machine = config_candidates(os.environ, folder=Path.cwd())
    return of_machine if os.geteuid() == 0 else of_user


def _cameras(args: argparse.Namespace) -> list[StarterCamera]:
    told = []
    for given in args.camera:
        name, separator, url = given.partition("=")
        if not separator or not url:
            raise ConfigError(f"--camera wants NAME=URL, such as front_door=rtsp://…, and got {url_credentials(given)}")
        told.append(StarterCamera(camera_name(name), url))
    if args.discover or (not args.yes and not told and _agrees("search the home network for cameras (ONVIF)?")):
        told += _discovered(asking=not args.yes)
    while not args.yes and (not told or _agrees("add another camera?", default=False)):
        url = (
            _ask_valid(_WHERE, check=camera_address) if args.no_probe else _ask_valid(_WHERE_OR_WHO, check=_host_or_url)
        )
        if _HOST.fullmatch(url):
            url = _stream_of(url)
        if url:
            is_new = partial(_check_is_new, taken=[camera.name for camera in told])
            name = _ask_valid("its name", f"camera_{len(told) + 1}", check=is_new)
            told.append(StarterCamera(camera_name(name), url))
    return told if args.no_probe else [_looked_at(camera) for camera in told]


def _discovered(*, asking: bool) -> list[StarterCamera]:
    """The cameras that answer and let themselves be watched; without anybody to ask they are only told."""
    from vidsense_daemon.capture.discovery import discover

    say("asking the home network …")
    taken = []
    for found in discover():
        say(f"  {found.host}  {found.name}")
        if not asking or not _agrees(f"watch {found.host}?"):
            continue
        if url := _stream_of(found.host):
            taken.append(StarterCamera(camera_name(found.name or found.host), url))
    return taken


def _stream_of(host: str) -> str:
    """The address of its stream, at one of the paths that well-known makers have; "" when none of them is it."""
    from vidsense_daemon.capture.discovery import stream_guesses

    user = _ask("its user name", "admin")
    password = getpass.getpass("its password: ")
    note("  trying the usual paths …")
    return _first_that_streams(stream_guesses(host, user=quote(user, safe=""), password=quote(password, safe="")))


def _first_that_streams(urls: Iterable[str]) -> str:
    """The first that can be watched, or "". Only "no such stream" is worth another guess: cameras lock accounts."""
    from vidsense_daemon.capture.faults import CameraError, Fault
    from vidsense_daemon.capture.probe import probe

    for url in urls:
        try:
            probe(url, measure_s=1.0, limit_s=_LOOK_LIMIT_S)
        except CameraError as error:
            if error.fault not in (Fault.NOT_FOUND, Fault.REJECTED, Fault.BAD_DATA, Fault.ENDED):
                note(f"  {error}")
                return ""
        else:
            return url
    note("  no stream at the usual paths: look for RTSP in its manual")
    return ""


def _looked_at(camera: StarterCamera) -> StarterCamera:
    """The camera with what a look has shown, and with its small stream if one was found; itself when it is dumb."""
    from vidsense_daemon.capture.discovery import substream_guesses
    from vidsense_daemon.capture.probe import probe

    try:
        large = probe(camera.url, measure_s=_LOOK_S, limit_s=_LOOK_LIMIT_S)
    except VidsenseError as error:
        note(f"  {camera.name}: {error}")
        return camera
    seen = f"{large.codec} {large.width_px}x{large.height_px}"
    say(f"  {camera.name}: {seen}" + "".join(f"\n    {advice}" for advice in large.advice))
    for guess in substream_guesses(camera.url):
        try:
            small = probe(guess, measure_s=_LOOK_S, limit_s=_LOOK_LIMIT_S)
        except VidsenseError:
            continue
        if small.width_px < large.width_px:
            say(f"  {camera.name}: small stream found, {small.codec} {small.width_px}x{small.height_px}")
            return StarterCamera(camera.name, camera.url, guess, note=seen)
    return StarterCamera(camera.name, camera.url, note=seen)


def _choose_triggers() -> list[str]:
    for name, (prompt, _contrast) in TRIGGERS.items():
        say(f"  {name:<8} {prompt}")
    return list(dict.fromkeys(_words(_ask_valid("what to look for", "person", check=_check_are_triggers))))


def _hook(args: argparse.Namespace) -> dict[str, object] | None:
    url = args.webhook or ("" if args.yes else _ask_valid(_WHO_IS_TOLD, check=http_address))
    return {"kind": "webhook", "url": url.replace("{", "{{").replace("}", "}}")} if url else None


def _describer() -> str:
    """`auto` in any case; what Ollama says now is told."""
    from vidsense_daemon.daemon.checking import describer
    from vidsense_daemon.settings.load import parse

    settings = parse("cameras: {any: {url: /dev/null}}", source="init", environ={})
    found = describer(settings, ())
    say(f"  describer: {found.says}" + (f"\n    → {found.mend}" if found.mend else ""))
    return "auto"


def _write(path: Path, text: str, secrets: dict[str, str]) -> None:
    """The file and its secrets; wrong input is found before anything is written."""
    from vidsense_daemon.settings.load import parse

    parse(text, source=str(path), environ=secrets)
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    folder = path.absolute().parent / "credentials"
    if secrets:
        folder.mkdir(mode=0o700, exist_ok=True)
    for name, value in secrets.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(value + "\n", encoding="utf-8")
        say(f"wrote {folder / name}")
    path.write_text(text, encoding="utf-8")
    path.chmod(0o640)
    with contextlib.suppress(LookupError, PermissionError):  # before `vidsense install` there is no such group
        shutil.chown(path, group="vidsense")
    say(f"wrote {path}")


def _test_alert(path: Path) -> None:
    from vidsense_daemon.daemon.alerting import try_hook
    from vidsense_daemon.settings.load import load

    settings = load(path)
    for hook in settings.hooks:
        try:
            say(f"test alert sent to {hook.name}: event {try_hook(settings, hook.name, now=datetime.now(UTC))}")
        except VidsenseError as error:
            note(f"the test alert did not arrive: {error}")


def _ask_valid(question: str, default: str = "", *, check: Callable[[str], object]) -> str:
    """Ask until the answer can be taken, or is empty; ``check`` raises a ValueError that says what is wrong with it."""
    while answer := _ask(question, default):
        try:
            check(answer)
        except ValueError as error:
            note(f"  {error}")
        else:
            break
    return answer


def _host_or_url(text: str) -> str:
    return text if _HOST.fullmatch(text) else camera_address(text)


def _check_is_new(name: str, *, taken: Sequence[str]) -> None:
    if camera_name(name) in taken:
        raise ValueError(f"there is a camera {camera_name(name)} already")


def _check_are_triggers(text: str) -> None:
    if unknown := [word for word in _words(text) if word not in TRIGGERS]:
        raise ValueError(
            f"no {' or '.join(unknown)} here: choose among {', '.join(TRIGGERS)}; "
            "the file takes any sentence under triggers afterwards"
        )


def _words(text: str) -> list[str]:
    return [camera_name(word) for word in text.replace(",", " ").split()]


def _ask(question: str, default: str = "") -> str:
    shown = f" [{default}]" if default else ""
    return input(f"{question}{shown}: ").strip() or default


def _agrees(question: str, *, default: bool = True) -> bool:
    while True:
        answer = input(f"{question} [{'Y/n' if default else 'y/N'}] ").strip().lower()
        if answer in ("", "y", "yes", "n", "no"):
            return answer.startswith("y") if answer else default
        note("  y or n")
