"""The configured encoder's runtimes: eight bits made of it, and all of them measured anew.

For `vidsense models quantize`, which calibrates on stills of the user's cameras, and `vidsense models measure`.
"""

from __future__ import annotations

from collections.abc import Callable

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.pictures import camera_pictures
from vidsense_daemon.daemon.storage import Storage, cache_dir
from vidsense_daemon.perception.encoders.builtin import BuiltinEncoder
from vidsense_daemon.perception.encoders.clip import ClipEncoder
from vidsense_daemon.perception.runtimes.in_openvino import Card
from vidsense_daemon.perception.runtimes.notes import Choice
from vidsense_daemon.perception.runtimes.quantizing import quantize
from vidsense_daemon.settings.schema import EncoderBlock


def quantize_encoder(
    settings: EncoderBlock, storage: Storage, *, frames: int, say: Callable[[str], None], clock: Clock | None = None
) -> Card:
    """Make and keep it; minutes. The daemon may run meanwhile.

    Raises:
        ConfigError: too few stills are stored, OpenVINO is not installed, or the result would move the embeddings.
    """
    encoder = _encoder(settings, storage)
    return quantize(
        encoder.vision,
        camera_pictures(storage, picture_px=encoder.picture_px, count=frames),
        cache_dir=cache_dir(storage.state_dir),
        threads=backends.threads_of(settings),
        made_at=(clock or SystemClock()).now().isoformat(timespec="seconds"),
        say=say,
    )


def measure_encoder(settings: EncoderBlock, storage: Storage) -> Choice | None:
    """Measure all that is here, also what has failed before; none where there is nothing to choose. Up to minutes.

    Raises:
        OSError: the cache can't be changed.
    """
    return backends.build_runtimes(settings, storage).measure_anew(_encoder(settings, storage).vision)


def _encoder(settings: EncoderBlock, storage: Storage) -> BuiltinEncoder | ClipEncoder:
    folder = storage.state_dir
    return backends.bare_encoder(
        settings, backend=backends.choose_encoder(settings, state_dir=folder), state_dir=folder
    )
