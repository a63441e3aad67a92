"""The keys of a camera, and those of how streams are read, which stand at the top for all cameras too.

The text under a key is its documentation (schema.py says how).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from vidsense_daemon.settings.addresses import Outline, camera_address, outline, outline_text
from vidsense_daemon.settings.alarms import Novelty, Tamper
from vidsense_daemon.settings.blocks import Block, FilePath, Name, Number, WholeNumber, Words

LARGEST_PICTURE_PX = 7680 * 4320  # 8K UHD; nothing that a home camera sends is larger


def _text_of_outline(value: Any) -> Outline:
    if not isinstance(value, str):
        raise ValueError('found no text; write the points as "x,y,x,y,…"')  # noqa: TRY004 - pydantic collects ValueErrors
    return outline(value)


CameraUrl = Annotated[
    str, AfterValidator(camera_address), Field(max_length=2000, json_schema_extra={"format": "camera-url"})
]
Area = Annotated[
    Outline,
    BeforeValidator(_text_of_outline),
    PlainSerializer(outline_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "outline"}),
]


def empty_if_none(value: Any) -> Any:
    """A block whose keys are all commented out is an empty one."""
    return {} if value is None else value


class Sampling(Block):
    """How many frames of a camera are looked at."""

    calm_fps: Number = Field(default=1.0, gt=0, le=60)
    """Frames looked at while nothing moves."""
    busy_fps: Number = Field(default=5.0, gt=0, le=60)
    """Frames looked at while something moves; not below `calm_fps`."""
    max_frames_per_s: Number = Field(default=5.0, gt=0, le=60)
    """The camera's budget: what comes on top of it is dropped and counted."""


class Motion(Block):
    """What counts as motion."""

    threshold_levels: WholeNumber = Field(default=10, ge=1, le=255)
    """A pixel has changed when its brightness differs by more than this, of 255."""
    changed_ratio: Number = Field(default=0.00078, gt=0, le=1)
    """Something moves when this share of the picture's pixels has changed; a person 20 m away is about 0.001."""
    masks: tuple[Area, ...] = ()
    """Areas where motion is ignored: trees, a road, the camera's clock. Relative points: "x,y,x,y,…", 0 to 1."""


class Clips(Block):
    """Short films of events, copied from the stream as it is: H.264 or H.265 in MP4 files, without sound."""

    enabled: bool = True
    """Whether they are kept. A camera with `privacy_masks` has none: what is copied cannot be blacked out."""
    before_s: Number = Field(default=5, ge=0, le=60)
    """A clip begins at least this long before its event, at the camera's keyframe before that.

    No more than 16 MB of the stream are held back for it."""
    after_s: Number = Field(default=5, ge=0, le=60)
    """It goes on for at least this long after the event's end."""
    max_s: Number = Field(default=120, ge=10, le=3600)
    """No clip is longer."""
    stream: Literal["detect", "main"] = "detect"
    """Of a camera with a `substream_url`, which one: `detect` is the small one that is watched, which costs nothing.

    `main` is the large one, which then is always open."""


class Stream(Block):
    """How streams are read; each key can stand at the top for all cameras, or in a camera for itself."""

    transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP carries the pictures. UDP loses some on a busy network."""
    stall_limit_s: Number = Field(default=15, ge=3, le=600)
    """A camera that sends no picture for this long is connected anew."""
    hwaccel: Literal["none", "auto", "vaapi", "qsv", "cuda"] = "none"
    """What decodes the video; `auto` tries the hardware and falls back to the processor."""
    tls_ca_file: FilePath | None = None
    """The certificate to trust for `rtsps://` and `https://`; most cameras have signed their own."""
    max_pixels: WholeNumber = Field(LARGEST_PICTURE_PX, ge=64, le=16384 * 16384)
    """A larger picture is refused: a hostile stream could eat the memory with it."""
    memory_limit_mb: WholeNumber = Field(default=512, ge=128, le=65536)
    """A camera's process that grows beyond this is restarted; the other cameras do not notice."""


class Zone(Block):
    """A named area of one camera's picture."""

    coordinates: Area
    """Its outline: relative points "x,y,x,y,…" from the upper left corner, 0 to 1."""


class CameraDescriber(Block):
    """What else is asked about this camera's events."""

    queries: tuple[Words, ...] = Field(default=(), max_length=20)
    """Questions asked after those of the top `describer` block."""


class Camera(Stream):
    """One camera."""

    url: CameraUrl = Field(repr=False)
    """Where its stream is: `rtsp://`, `rtsps://`, `http://`, `https://`, `/dev/video0` or the path of a video file."""
    substream_url: CameraUrl | None = Field(default=None, repr=False)
    """A smaller stream of the same camera. It is cheaper to watch; stills still come from `url`."""
    enabled: bool = True
    """Whether the camera is watched."""
    triggers: tuple[Name, ...] = ()
    """Names from the `triggers` block. Without any, the camera is watched but makes no events."""
    sampling: Sampling = Sampling()
    """Overrides keys of the top `sampling` block for this camera."""
    motion: Motion = Motion()
    """Overrides keys of the top `motion` block for this camera."""
    clips: Clips = Clips()
    """Overrides keys of the top `clips` block for this camera."""
    novelty: Novelty = Novelty()
    """Overrides keys of the top `novelty` block for this camera."""
    tamper: Tamper = Tamper()
    """Overrides keys of the top `tamper` block for this camera."""
    zones: Annotated[dict[Name, Zone], BeforeValidator(empty_if_none)] = Field(default={})
    """Named areas; a trigger can ask for motion in one of them."""
    privacy_masks: tuple[Area, ...] = ()
    """Areas that are blacked out before anything else sees the picture: the model, the disk, the describer."""
    describer: CameraDescriber = CameraDescriber()
    """What else to ask about this camera's events."""
