"""The configured encoder in eight bits, calibrated on stills of the user's cameras: for `vidsense models quantize`."""

from __future__ import annotations

from collections.abc import Callable

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.pictures import camera_pictures
from vidsense_daemon.daemon.storage import Storage, cache_dir
from vidsense_daemon.perception.runtimes.in_openvino import Card
from vidsense_daemon.perception.runtimes.quantizing import quantize
from vidsense_daemon.settings.schema import EncoderBlock


def quantize_encoder(
    settings: EncoderBlock, storage: Storage, *, frames: int, say: Callable[[str], None], clock: Clock | None = None
) -> Card:
    """Make and keep it; minutes. The daemon may run meanwhile.

    Raises:
        ConfigError: too few stills are stored, OpenVINO is not installed, or the result would move the embeddings.
    """
    folder, threads = storage.state_dir, settings.threads or backends.default_threads()
    encoder = backends.bare_encoder(
        settings, backend=backends.choose_encoder(settings, state_dir=folder), state_dir=folder
    )
    return quantize(
        encoder.vision,
        camera_pictures(storage, picture_px=encoder.picture_px, count=frames),
        cache_dir=cache_dir(folder),
        threads=threads,
        made_at=(clock or SystemClock()).now().isoformat(timespec="seconds"),
        say=say,
    )
