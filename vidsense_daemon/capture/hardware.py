"""Which hardware can decode here, asked before a camera is opened with it."""

from __future__ import annotations

from dataclasses import dataclass

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

_IN_ORDER = ("vaapi", "qsv", "cuda")  # `auto`: what sits beside the processor first, it costs the least power
_ASKED_CODEC = "h264"  # every device that decodes anything decodes it


@dataclass(frozen=True, slots=True)
class Decoder:
    """What to decode with."""

    hwaccel: HWAccel | None
    name: str  # software, or the hardware's name
    refused: str = ""  # why it is not what was asked for


SOFTWARE = Decoder(None, "software")


def choose(wanted: str) -> Decoder:
    """The hardware to decode with; software, and why, when it is not there."""
    if wanted == "none":
        return SOFTWARE
    reasons = []
    for kind in _IN_ORDER if wanted == "auto" else (wanted,):
        hwaccel, reason = _try(kind)
        if hwaccel is not None:
            return Decoder(hwaccel, kind)
        reasons.append(f"{kind}: {reason}")
    return Decoder(None, "software", "; ".join(reasons))


def _try(kind: str) -> tuple[HWAccel | None, str]:
    if kind not in hwdevices_available():
        return None, "this build of FFmpeg has no support for it"
    try:
        # a codec that the device does not know is decoded in software
        hwaccel = HWAccel(device_type=kind, allow_software_fallback=True)
        hwaccel.create(av.Codec(_ASKED_CODEC, "r"))
    except (av.FFmpegError, NotImplementedError, RuntimeError, ValueError) as error:
        return None, str(getattr(error, "strerror", None) or error)
    return hwaccel, ""
