"""One camera with everything that applies to it: its own keys first, then the top blocks, then the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from vidsense_daemon.settings.addresses import Outline

if TYPE_CHECKING:
    from vidsense_daemon.settings.schema import Motion, Sampling, Settings, Trigger

_BlockT = TypeVar("_BlockT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ResolvedCamera:
    """What the stages need to know of a camera, as plain values."""

    name: str
    enabled: bool
    url: str = field(repr=False)  # may hold a password
    substream_url: str | None = field(repr=False)
    transport: str
    stall_limit_s: float
    hwaccel: str
    tls_ca_file: str | None
    max_pixels: int
    memory_limit_mb: int
    sampling: Sampling
    motion: Motion
    zones: Mapping[str, Outline]
    privacy_masks: tuple[Outline, ...]
    triggers: Mapping[str, Trigger]  # the enabled ones that it lists, in its order
    queries: tuple[str, ...]


def resolve(settings: Settings, name: str, *, stream_keys: Iterable[str]) -> ResolvedCamera:
    """The camera ``name`` of ``settings``; a `KeyError` when there is none.

    ``stream_keys`` are those that stand at the top for all cameras and in a camera for itself.
    """
    camera = settings.cameras[name]
    chosen = {trigger: settings.triggers[trigger] for trigger in camera.triggers}
    return ResolvedCamera(
        name=name,
        enabled=camera.enabled,
        url=camera.url,
        substream_url=camera.substream_url,
        **{key: _nearer(camera, settings, key) for key in stream_keys},
        sampling=_merged(settings.sampling, camera.sampling),
        motion=_merged(settings.motion, camera.motion),
        zones=MappingProxyType({zone: area.coordinates for zone, area in camera.zones.items()}),
        privacy_masks=camera.privacy_masks,
        triggers=MappingProxyType({key: trigger for key, trigger in chosen.items() if trigger.enabled}),
        queries=_nearer(camera.describer, settings.describer, "queries"),
    )


def _nearer(own: BaseModel, top: BaseModel, key: str) -> Any:
    return getattr(own if key in own.model_fields_set else top, key)


def _merged(top: _BlockT, own: _BlockT) -> _BlockT:
    """``top`` with those keys replaced that the camera gives itself."""
    return top.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
