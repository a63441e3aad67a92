"""What no single key can tell: names that must exist elsewhere, rates that must fit each other.

These checks read the raw values, so that they report beside the schema's mistakes and not only after them. Whatever
has not the expected form is passed over: the schema reports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vidsense_daemon.domain.events import ALARMS
from vidsense_daemon.settings.cameras import Sampling
from vidsense_daemon.settings.marked import MarkedValues
from vidsense_daemon.settings.mistakes import KeyPath, Mistake, in_words, nearest


def cross_check(marked: MarkedValues) -> Iterator[Mistake]:
    """The mistakes between keys."""
    values = _block(marked.values)
    yield from _private_keys(values, marked)
    yield from _reserved_names(values, marked)
    yield from _trigger_names(values, marked)
    yield from _zones_of_triggers(values, marked)
    yield from _hook_names(values, marked)
    yield from _wishes_of_hooks(values, marked)
    yield from _hooks_of_digest(values, marked)
    yield from _rates(values, marked)


def _reserved_names(values: dict[str, Any], marked: MarkedValues) -> Iterator[Mistake]:
    """A trigger has the name of an alarm that the daemon raises by itself: nobody could tell their events apart."""
    for name in _block(values.get("triggers")):
        if name in ALARMS:
            path = ("triggers", str(name))
            problem = f"'{name}' is the name of the daemon's own events, set by the top key '{name}:'"
            yield Mistake(marked.place_of(path), path, problem, "another name for the trigger")


def _trigger_names(values: dict[str, Any], marked: MarkedValues) -> Iterator[Mistake]:
    """A camera lists a trigger that nobody has described, or one twice."""
    known = [str(name) for name in _block(values.get("triggers"))]
    for camera, block in _block(values.get("cameras")).items():
        listed = _texts(_block(block).get("triggers"))
        for index, trigger in enumerate(listed):
            path: KeyPath = ("cameras", camera, "triggers", index)
            if trigger in listed[:index]:
                yield Mistake(marked.place_of(path), path, f"'{trigger}' is listed twice", "each trigger once")
            elif trigger not in known:
                problem = f"no trigger '{trigger}' is described under 'triggers:'"
                allowed = in_words(known) if known else "describe it there first"
                yield Mistake(marked.place_of(path), path, problem, allowed, nearest(trigger, known))


def _zones_of_triggers(values: dict[str, Any], marked: MarkedValues) -> Iterator[Mistake]:
    """A trigger asks for a zone that none of its cameras has: it could never fire."""
    triggers = _block(values.get("triggers"))
    cameras = {name: _block(block) for name, block in _block(values.get("cameras")).items()}
    for trigger, block in triggers.items():
        users = [camera for camera in cameras.values() if trigger in _texts(camera.get("triggers"))]
        zones = {zone for camera in users for zone in _block(camera.get("zones"))}
        for index, zone in enumerate(_texts(_block(block).get("zones"))):
            if users and zone not in zones:
                path = ("triggers", trigger, "zones", index)
                problem = f"no camera that lists this trigger has a zone '{zone}'"
                allowed = in_words(sorted(zones)) if zones else "give one of its cameras the zone"
                yield Mistake(marked.place_of(path), path, problem, allowed, nearest(zone, zones))
    for name, camera in cameras.items():
        for index, trigger in enumerate(_texts(camera.get("triggers"))):
            wanted = _texts(_block(triggers.get(trigger)).get("zones"))
            if wanted and not set(wanted) & set(_block(camera.get("zones"))):
                path = ("cameras", name, "triggers", index)
                problem = f"'{trigger}' wants motion in the zone {in_words(wanted)}, and this camera has no such zone"
                yield Mistake(
                    marked.place_of(path), path, problem, "give the camera the zone, or drop the trigger here"
                )


def _hook_names(values: dict[str, Any], marked: MarkedValues) -> Iterator[Mistake]:
    """Two hooks of one name: what is owed to them could not be told apart."""
    hooks = values.get("hooks")
    seen: set[str] = set()
    for index, hook in enumerate(hooks if isinstance(hooks, list) else []):
        block = _block(hook)
        name = block.get("name", f"{block.get('kind')}_{index + 1}")
        if isinstance(name, str) and name in seen:
            path = ("hooks", index, "name")
            yield Mistake(marked.place_of(path), path, f"another hook has the name '{name}', too", "a name of its own")
        seen.add(str(name))


def _hooks_of_digest(values: dict[str, Any], marked: MarkedValues) -> Iterator[Mistake]:
    """The digest is for a hook that does not exist: it would never arrive."""
    hooks = values.get("hooks")
    blocks = [_block(hook) for hook in (hooks if isinstance(hooks, list) else [])]
    known = [str(block.get("name", f"{block.get('kind')}_{number}")) for number, block in enumerate(blocks, start=1)]
    for index, name in enumerate(_texts(_block(values.get("digest")).get("hooks"))):
        if name not in known:
            path = ("digest", "hooks", index)
            allowed = in_words(known) if known else "describe it under 'hooks:' first"
            yield Mistake(marked.place_of(path), path, f"no hook has the name '{name}'", allowed, nearest(name, known))


def _wishes_of_hooks(values: dict[str, Any], marked: MarkedValues) -> Iterator[Mistake]:
    """A hook wants only what does not exist: it would stay silent for ever, and nobody would know."""
    cameras = _block(values.get("cameras"))
    known = {
        "cameras": [str(name) for name in cameras],
        "triggers": [str(name) for name in _block(values.get("triggers"))],
        "zones": [str(zone) for camera in cameras.values() for zone in _block(_block(camera).get("zones"))],
    }
    hooks = values.get("hooks")
    for number, hook in enumerate(hooks if isinstance(hooks, list) else []):
        for key, names in known.items():
            for index, name in enumerate(_texts(_block(hook).get(key))):
                if name not in names and not (key == "triggers" and name in ALARMS):
                    path = ("hooks", number, key, index)
                    allowed = in_words(names) if names else f"there are no {key} yet"
                    yield Mistake(
                        marked.place_of(path), path, f"no '{name}' among the {key}", allowed, nearest(name, names)
                    )


def _rates(values: dict[str, Any], marked: MarkedValues) -> Iterator[Mistake]:
    """A busy camera would be looked at less often than a calm one."""
    top = _block(values.get("sampling"))
    blocks: list[tuple[KeyPath, dict[str, Any]]] = [(("sampling",), top)] if top else []
    for name, camera in _block(values.get("cameras")).items():
        if own := _block(_block(camera).get("sampling")):
            blocks.append((("cameras", name, "sampling"), {**top, **own}))
    for path, block in blocks:
        calm_fps = block.get("calm_fps", Sampling().calm_fps)
        busy_fps = block.get("busy_fps", Sampling().busy_fps)
        if isinstance(calm_fps, int | float) and isinstance(busy_fps, int | float) and calm_fps > busy_fps:
            problem = f"calm_fps is {calm_fps:g} and busy_fps {busy_fps:g}: a busy scene would be looked at less often"
            yield Mistake(marked.place_of(path), path, problem, "calm_fps not above busy_fps")


def _private_keys(values: dict[str, Any], marked: MarkedValues) -> Iterator[Mistake]:
    """pydantic-settings takes arguments of its own in this form; a file must not reach them."""
    for key in values:
        if key.startswith("_"):
            yield Mistake(marked.place_of((key,)), (key,), "no such key here", "a key does not begin with _")


def _block(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
