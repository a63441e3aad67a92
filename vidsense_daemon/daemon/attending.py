"""How much each moment of an event counts, for its page: from its stills, with what its camera has learned.

Called by the HTTP threads. Where a transformer has been trained for the camera it costs an encoder call a still, some
ten milliseconds each, behind the encoder's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.explain.moments import Moment, moments_of
from vidsense_daemon.perception.foresight import Foresight


def nothing_learned(_camera: str, _encoder: str) -> Foresight | None:
    """What is trained for a camera whose daemon trains nothing."""
    return None


class EventAttention:
    """The review pages' `WindowAttention`."""

    def __init__(
        self,
        storage: Storage,
        *,
        encoder: Callable[[], Encoder | None],
        foresight_of: Callable[[str, str], Foresight | None] = nothing_learned,
    ) -> None:
        """``encoder`` is none until it is loaded; ``foresight_of`` a camera and an encoder's name is what is live."""
        self._storage = storage
        self._encoder = encoder
        self._foresight_of = foresight_of

    def of_event(self, event_id: str) -> Sequence[Moment]:
        """Oldest first; empty when its stills are gone, or before the encoder is loaded."""
        record, encoder = self._storage.archive.get(event_id), self._encoder()
        if record is None or encoder is None:
            return ()
        foresight = self._foresight_of(record.event.camera, encoder.name)
        return moments_of(record.stills, encoder=encoder, foresight=foresight)
