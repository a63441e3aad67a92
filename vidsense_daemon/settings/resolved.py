"""One camera with everything that applies to it: its own keys first, then the top blocks, then the defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from vidsense_daemon.domain.events import NOVELTY, TAMPER
from vidsense_daemon.settings.addresses import Outline

if TYPE_CHECKING:
    from vidsense_daemon.settings.alarms import Novelty, Tamper
    from vidsense_daemon.settings.cameras import Camera, Clips, Motion, Sampling
    from vidsense_daemon.settings.schema import Settings, Trigger

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
    clips: Clips
    novelty: Novelty
    tamper: Tamper
    zones: Mapping[str, Outline]
    privacy_masks: tuple[Outline, ...]
    triggers: Mapping[str, Trigger]  # the enabled ones that it lists, in its order
    queries: tuple[str, ...]  # asked beside those of the describer block

    @property
    def watched_for(self) -> tuple[str, ...]:
        """What may stand in the trigger's place of its events: its triggers, then the alarms that are on."""
        alarms = {NOVELTY: self.novelty.enabled, TAMPER: self.tamper.enabled}
        return *self.triggers, *(name for name, enabled in alarms.items() if enabled)

    @property
    def has_clips(self) -> bool:
        """Whether clips are cut: a copied film would show what a privacy mask hides."""
        return self.clips.enabled and not self.privacy_masks


def merged(settings: Settings, name: str, *, stream_keys: Iterable[str]) -> Camera:
    """The camera ``name`` with every key filled in that stands at the top for all cameras; a `KeyError` if none.

    ``stream_keys`` are those that stand at the top as such, not in a block.
    """
    camera = settings.cameras[name]
    nearer = {key: getattr(camera if key in camera.model_fields_set else settings, key) for key in stream_keys}
    return camera.model_copy(
        update={
            **nearer,
            "sampling": _merged_block(settings.sampling, camera.sampling),
            "motion": _merged_block(settings.motion, camera.motion),
            "clips": _merged_block(settings.clips, camera.clips),
            "novelty": _merged_block(settings.novelty, camera.novelty),
            "tamper": _merged_block(settings.tamper, camera.tamper),
        }
    )


def resolve(settings: Settings, name: str, *, stream_keys: Iterable[str]) -> ResolvedCamera:
    """The camera ``name`` as plain values, its triggers looked up."""
    camera = merged(settings, name, stream_keys=stream_keys)
    triggers = {key: settings.triggers[key] for key in camera.triggers}
    return ResolvedCamera(
        name=name,
        enabled=camera.enabled,
        url=camera.url,
        substream_url=camera.substream_url,
        transport=camera.transport,
        stall_limit_s=camera.stall_limit_s,
        hwaccel=camera.hwaccel,
        tls_ca_file=camera.tls_ca_file,
        max_pixels=camera.max_pixels,
        memory_limit_mb=camera.memory_limit_mb,
        sampling=camera.sampling,
        motion=camera.motion,
        clips=camera.clips,
        novelty=camera.novelty,
        tamper=camera.tamper,
        zones=MappingProxyType({zone: area.coordinates for zone, area in camera.zones.items()}),
        privacy_masks=camera.privacy_masks,
        triggers=MappingProxyType({key: trigger for key, trigger in triggers.items() if trigger.enabled}),
        queries=camera.describer.queries,
    )


def _merged_block(top: _BlockT, own: _BlockT) -> _BlockT:
    """``top`` with those keys replaced that the camera gives itself."""
    return top.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})
