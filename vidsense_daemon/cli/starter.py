"""The first configuration: a short commented YAML file, and the secrets apart from it. Pure; `vidsense init` asks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from vidsense_daemon.settings.addresses import split_user_part

# what most people want to know first; the contrasts are what such a scene shows otherwise
TRIGGERS = {
    "person": ("a person standing or walking", ["an empty yard", "an empty street"]),
    "vehicle": ("a car or a van driving up", ["an empty driveway", "a parked car"]),
    "animal": ("a dog or a cat", ["an empty yard"]),
    "parcel": ("a person carrying a parcel", ["an empty doorstep"]),
}


@dataclass(frozen=True, slots=True)
class StarterCamera:
    """A camera as it was told; the addresses hold user and password."""

    name: str
    url: str = field(repr=False)
    substream_url: str | None = field(default=None, repr=False)
    note: str = ""  # what a look at it has shown


@dataclass(frozen=True, slots=True)
class Starter:
    """Everything that was told."""

    cameras: Sequence[StarterCamera]
    triggers: Sequence[str] = ("person",)
    hook: dict[str, object] | None = None
    describer: str = "auto"


def camera_name(text: str) -> str:
    """`Front Door` → `front_door`."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:64] or "camera"


def configuration(starter: Starter) -> tuple[str, dict[str, str]]:
    """The YAML text, and the secrets that it refers to by name."""
    secrets: dict[str, str] = {}
    lines = [*_head(), "cameras:"]
    for camera in starter.cameras:
        lines += _camera(camera, starter.triggers, secrets)
    lines += [
        "",
        "# What to look for: a plain English sentence, and what the same picture shows otherwise.",
        "triggers:",
    ]
    for name in starter.triggers:
        prompt, contrast = TRIGGERS[name]
        lines += [f"  {name}:", f"    prompt: {prompt}", f"    contrast: {json.dumps(contrast)}"]
    lines += ["", *_hooks(starter.hook), "", *_describer(starter.describer)]
    return "\n".join(lines) + "\n", secrets


def _head() -> Iterator[str]:
    yield "# vidsense: written by `vidsense init`. docs/configuration.md explains every key;"
    yield "# `vidsense check` tries what stands here, `systemctl reload vidsense` applies a change."
    yield "# {NAME} is the content of the file NAME in the folder `credentials` beside this one."
    yield ""


def _camera(camera: StarterCamera, triggers: Sequence[str], secrets: dict[str, str]) -> Iterator[str]:
    yield f"  {camera.name}:"
    if camera.note:
        yield f"    # {camera.note}"
    yield f"    url: {json.dumps(_without_login(camera.url, camera.name, secrets))}"
    if camera.substream_url:
        yield "    # watched instead of the large stream, which only gives the stills"
        yield f"    substream_url: {json.dumps(_without_login(camera.substream_url, camera.name, secrets))}"
    yield f"    triggers: [{', '.join(triggers)}]"


def _without_login(url: str, name: str, secrets: dict[str, str]) -> str:
    """The address with user and password replaced by names, which are noted in ``secrets``."""
    user_part, address = split_user_part(url) if "://" in url else ("", "")
    if not user_part:
        return _escaped(url)
    user, _, password = user_part.partition(":")
    scheme = url.partition("://")[0]
    names = []
    for kind, value in (("USER", user), ("PASSWORD", password)):
        if value:
            key = f"{name.upper()}_{kind}"
            secrets[key] = unquote(value)
            names.append(f"{{{key}}}")
    return f"{scheme}://{':'.join(names)}@{_escaped(address)}"


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _hooks(hook: dict[str, object] | None) -> Iterator[str]:
    if hook is None:
        yield "# Who is told; docs/hooks.md has more."
        yield "#hooks:"
        yield '  #- {kind: webhook, url: "http://127.0.0.1:9000/vidsense"}'
    else:
        yield "hooks:"
        yield f"  - {json.dumps(hook)}"


def _describer(backend: str) -> Iterator[str]:
    yield "# Who writes the descriptions: ollama, builtin, or auto, which takes Ollama when it answers."
    yield f"describer: {{backend: {backend}}}"
