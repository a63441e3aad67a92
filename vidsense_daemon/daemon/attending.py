"""How much each moment of an event counts, for its page: from its stills, with what its camera has learned.

Called by the HTTP threads. Where a transformer is live for the camera it costs an encoder call a still, some ten
milliseconds each, behind the encoder's lock; its weights are read once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.explain.moments import Moment, moments_of
from vidsense_daemon.learning.registry import ModelRegistry
from vidsense_daemon.perception.foresight import Foresight


class EventAttention:
    """The review pages' `WindowAttention`."""

    def __init__(self, storage: Storage, *, encoder: Callable[[], Encoder | None], registry: ModelRegistry) -> None:
        """``encoder`` is none until it is loaded; ``registry`` holds what the cameras have learned."""
        self._storage = storage
        self._encoder = encoder
        self._registry = registry
        self._lock = threading.Lock()
        self._live: dict[tuple[str, str], tuple[int, Foresight | None]] = {}  # and since when, of camera and encoder

    def of_event(self, event_id: str) -> Sequence[Moment]:
        """Oldest first; empty when its stills are gone, or before the encoder is loaded."""
        record, encoder = self._storage.archive.get(event_id), self._encoder()
        if record is None or encoder is None:
            return ()
        foresight = self._foresight_of(record.event.camera, encoder.name)
        return moments_of(record.stills, encoder=encoder, foresight=foresight)

    def _foresight_of(self, camera: str, encoder: str) -> Foresight | None:
        """The camera's transformer; none while nothing, or a regression, is live."""
        changed_at_ns = self._registry.changed_at_ns(camera)
        with self._lock:
            kept_ns, foresight = self._live.get((camera, encoder), (0, None))
            if changed_at_ns != kept_ns:
                model, _card = self._registry.load(camera, encoder=encoder)
                foresight = model if isinstance(model, Foresight) else None
                self._live[camera, encoder] = (changed_at_ns, foresight)
            return foresight
