"""A camera's stream through PyAV: open, demux, decode; every FFmpeg error becomes a `CameraError` with a name.

Only the capture child calls this, from one thread: no blocked read can be ended from outside its process. The options
and both timeouts were measured against real servers (docs/faults.md): FFmpeg's own socket timeout is kept alive by one
byte a second, so PyAV's wall-clock timeout is the one that counts, and it strikes at twice its value while reading.
FFmpeg puts whole urls into its exceptions: nothing of them gets out but redacted text, without the exception itself.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import av
import av.error
import av.logging
from av.container import InputContainer
from av.video.stream import VideoStream

from vidsense_daemon.base.redact import url_credentials
from vidsense_daemon.capture.faults import CameraError, Fault
from vidsense_daemon.capture.gulps import in_gulps
from vidsense_daemon.capture.hardware import SOFTWARE, Decoder
from vidsense_daemon.capture.options import file_path, scheme_of
from vidsense_daemon.capture.urls import quoted

_NETWORK = ("rtsp", "rtsps", "http", "https")
# what a camera's answer may make FFmpeg open: never a file, a pipe or another kind of server
_PROTOCOLS = {
    "rtsp": "rtsp,rtp,srtp,tcp,udp",
    "rtsps": "rtsps,rtsp,rtp,srtp,tcp,udp,tls",
    "http": "http,tcp",
    "https": "https,tls,tcp,http",
    "file": "file",
}
UNKNOWN_FPS = 25.0  # of a recording that does not tell its rate, nor its frames their time
_PROBE_US = 1_000_000  # one second of stream tells codec and size
_ROUGH_CODECS = ("h264", "hevc")  # smoothing the edges of blocks is a tenth of what a keyframe of them costs
_DECODE_ERRORS_IN_A_ROW = 100  # damaged packets are passed over, but a stream of nothing else is none
_OUT_OF_TIME = 0.9  # of a timeout: a failure that took this long was one, whatever FFmpeg calls it


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What the stream says of itself."""

    codec: str
    width_px: int
    height_px: int
    fps: float | None
    decoder: str = "software"
    hardware_refused: str = ""  # why the hardware that was asked for does not decode

    @property
    def frame_s(self) -> float:
        """How long a frame lasts, where frames do not tell their time themselves."""
        return 1 / (self.fps or UNKNOWN_FPS)


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """One decoded picture."""

    video: av.VideoFrame
    pts_s: float | None
    is_corrupt: bool

    @property
    def quarter_turns(self) -> int:
        """How often to turn it counterclockwise to stand upright."""
        return round(self.video.rotation / 90) % 4


class Source:
    """One open stream. Close it: a container that is left alone leaks all its memory."""

    def __init__(
        self,
        url: str,
        *,
        transport: str = "tcp",
        open_timeout_s: float = 7.0,
        read_timeout_s: float = 3.0,
        tls_ca_file: str | None = None,
        max_pixels: int = 16_777_216,
        decoder: Decoder = SOFTWARE,
    ) -> None:
        """Open the stream; blocks up to twice ``open_timeout_s`` and a name look-up.

        Raises:
            CameraError: it cannot be opened, or holds no picture.
        """
        self._shown_url = url_credentials(url)
        self._scheme = scheme_of(url)
        self._may_wait = self._scheme in _NETWORK and (transport == "tcp" or self._scheme not in ("rtsp", "rtsps"))
        self._open_timeout_s = open_timeout_s
        self._read_timeout_s = read_timeout_s
        self._max_pixels = max_pixels
        self._errors_in_a_row = 0
        self._asked_decoder = decoder
        self._software: av.VideoCodecContext | None = None  # opened when it is needed
        self._is_rough = False  # whether it leaves the loop filter out
        self.damaged_packets = 0
        if self._scheme in _NETWORK:
            _resolve(url, self._shown_url)
        options = _options(self._scheme, transport=transport, tls_ca_file=tls_ca_file, timeout_s=open_timeout_s)
        with self._translated("opening"):
            self._container: InputContainer = av.open(
                # file: in front, so that a strange name is a name and no protocol
                f"file:{file_path(url)}" if self._scheme == "file" else quoted(url),
                format="v4l2" if self._scheme == "v4l2" else None,
                options=options,
                timeout=(open_timeout_s, read_timeout_s),
                hwaccel=decoder.hwaccel,
            )
        try:
            self._stream = self._choose_video()
        except CameraError:
            self.close()
            raise
        context = self._stream.codec_context
        # only of what cameras send do packets alone tell a decoder enough; recordings are decoded whole anyway
        self._has_rough = (
            context.name in _ROUGH_CODECS and not self.is_file and not self.reorders and not context.is_hwaccel
        )

    @property
    def facts(self) -> StreamFacts:
        """Codec, size and rate, as far as known before the first frame."""
        context = self._stream.codec_context
        rate = self._stream.average_rate or self._stream.guessed_rate
        asked = self._asked_decoder
        refused = asked.refused
        if asked.hwaccel is not None and not context.is_hwaccel:
            refused = f"{asked.name} does not decode {context.name}"
        return StreamFacts(
            codec=context.name,
            width_px=context.width,
            height_px=context.height,
            fps=float(rate) if rate else None,
            decoder=asked.name if context.is_hwaccel else SOFTWARE.name,
            hardware_refused=refused,
        )

    @property
    def is_file(self) -> bool:
        """Whether the stream is a recording."""
        return self._scheme == "file"

    @property
    def length_s(self) -> float | None:
        """How long the recording lasts, as it says itself; none for a live stream."""
        length_us = self._container.duration
        return length_us / av.time_base if self.is_file and length_us else None

    def seek(self, at_s: float) -> None:
        """Go on with the keyframe before this moment of the recording.

        Raises:
            CameraError: the recording cannot be sought.
        """
        with self._translated("reading"):
            self._container.seek(round(at_s * av.time_base) + (self._container.start_time or 0))
        self.forget()

    @property
    def reorders(self) -> bool:
        """Whether it has B-frames."""
        return bool(self._stream.codec_context.has_b_frames)

    @property
    def has_sound(self) -> bool:
        return bool(self._container.streams.audio)

    def packets(self, *, nap_s: Callable[[], float] | None = None) -> Iterator[av.Packet[VideoStream]]:
        """Every packet of the picture; ends with the file's end, and never quietly for a live stream.

        With ``nap_s`` they are read in gulps (`capture.gulps`), where the network lets them wait.

        Raises:
            CameraError: nothing came in time, the camera closed the stream, or the connection broke.
        """
        with self._translated("reading"):
            packets = self._container.demux(self._stream)
            if nap_s is not None and self._may_wait:
                packets = in_gulps(packets, nap_s, mono_s=time.monotonic, sleep=time.sleep)
            yield from packets
        if self._scheme != "file":
            raise CameraError(Fault.ENDED, f"{self._shown_url}: the camera closed the stream")

    def decode(self, packet: av.Packet[VideoStream]) -> list[DecodedFrame]:
        """The pictures that this packet completes; a damaged packet gives none and is counted.

        Raises:
            CameraError: the picture is too large, or nothing can be decoded any more.
        """
        return self._pictures(lambda: self._decoder(rough=False).decode(packet))

    def decode_alone(self, packet: av.Packet[VideoStream], *, rough: bool = False) -> list[DecodedFrame]:
        """The picture of a keyframe, at once: a decoder that reorders would hold it back for the packets after it.

        The decoder has forgotten it afterwards: go on from here by decoding the same packet again. A ``rough`` picture
        is a tenth cheaper: the edges of its blocks are not smoothed, which at a third of its size nobody sees.
        """
        frames = self._pictures(lambda: self._decoder(rough=rough).decode(packet))
        context = self._decoder(rough=rough)
        with contextlib.suppress(av.FFmpegError):
            frames += [self._decoded(frame) for frame in context.decode(None)]
        context.flush_buffers()
        return frames

    def _pictures(self, decode: Callable[[], Sequence[av.VideoFrame]]) -> list[DecodedFrame]:
        try:
            frames = decode()
        except av.error.MemoryError:
            raise CameraError(Fault.MEMORY, f"{self._shown_url}: no memory is left to decode a picture") from None
        except av.error.EOFError:
            return []
        except av.FFmpegError:
            self._count_damage()
            return []
        if frames:
            self._errors_in_a_row = 0
        return [self._decoded(frame) for frame in frames]

    def _decoder(self, *, rough: bool) -> av.VideoCodecContext:
        """The stream's own; or one of two kinds, of which only one at a time holds pictures."""
        if not self._has_rough:
            return self._stream.codec_context
        if self._software is None or self._is_rough is not rough:
            self._software = None  # its memory first
            self._software, self._is_rough = self._new_decoder(rough=rough), rough
        return self._software

    def _new_decoder(self, *, rough: bool = False) -> av.VideoCodecContext:
        like = self._stream.codec_context
        context = cast("av.VideoCodecContext", av.CodecContext.create(like.name, "r"))
        context.extradata = like.extradata
        return self._limited(context, {"skip_loop_filter": "all"} if rough else {})

    def _limited(self, context: av.VideoCodecContext, options: Mapping[str, str]) -> av.VideoCodecContext:
        # the decoder's own check, before it takes the memory; the size may change in the middle of a stream
        context.options = {"max_pixels": str(self._max_pixels), **options}
        # one thread a camera: more would each hold another picture, and there are more cameras than cores
        context.thread_count = 1
        return context

    def forget(self) -> None:
        """Let the decoder begin anew, at a keyframe."""
        if self._has_rough:
            self._software = None
        else:
            self._stream.codec_context.flush_buffers()

    def another_decoder(self) -> PacketDecoder:
        """A decoder of its own for packets of this stream; it holds pictures only as long as it lives."""
        return PacketDecoder(self._new_decoder())

    def close(self) -> None:
        """Let go of the connection and all memory."""
        self._software = None
        with contextlib.suppress(av.FFmpegError):
            self._container.close()

    def _decoded(self, frame: av.VideoFrame) -> DecodedFrame:
        self._check_size(frame.width, frame.height)
        time_base = frame.time_base or self._stream.time_base
        pts_s = float(frame.pts * time_base) if frame.pts is not None and time_base else None
        return DecodedFrame(frame, pts_s, bool(frame.is_corrupt))

    def _count_damage(self) -> None:
        self.damaged_packets += 1
        self._errors_in_a_row += 1
        if self._errors_in_a_row >= _DECODE_ERRORS_IN_A_ROW:
            raise CameraError(
                Fault.BAD_DATA, f"{self._shown_url}: {_DECODE_ERRORS_IN_A_ROW} packets in a row could not be decoded"
            )

    def _choose_video(self) -> VideoStream:
        if not self._container.streams.video:
            raise CameraError(Fault.NO_VIDEO, f"{self._shown_url} has no picture, only sound or data")
        stream = self._container.streams.video[0]
        context = stream.codec_context
        self._check_size(context.width, context.height)
        self._limited(context, {})
        return stream

    def _check_size(self, width_px: int, height_px: int) -> None:
        if width_px * height_px > self._max_pixels:
            raise CameraError(
                Fault.TOO_LARGE,
                f"{self._shown_url} sends {width_px}x{height_px} px, more than max_pixels ({self._max_pixels}) allows",
            )

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        started_mono_s = time.monotonic()
        try:
            yield
        except av.FFmpegError as error:
            elapsed_s = time.monotonic() - started_mono_s
            fault = _fault_of(error)
            if doing == "reading" and fault in (Fault.TIMEOUT, Fault.BAD_DATA, Fault.LOST):
                fault = Fault.STALLED if fault is Fault.TIMEOUT else Fault.LOST
            elif doing == "opening" and elapsed_s >= self._open_timeout_s * _OUT_OF_TIME:
                fault = Fault.TIMEOUT  # FFmpeg calls its own timeouts bad data, or a lack of permission
            elif self._scheme == "rtsps" and fault is Fault.LOST:
                fault = Fault.TLS
            reason = url_credentials(str(error.strerror or type(error).__name__))
            raise CameraError(fault, f"{doing} {self._shown_url}: {reason}") from None


class PacketDecoder:
    """Decodes a few packets, apart from the stream that they came from."""

    def __init__(self, context: av.VideoCodecContext) -> None:
        self._context = context

    def last_of(self, packets: Sequence[av.Packet[VideoStream]]) -> DecodedFrame | None:
        """The last picture of packets that begin with a keyframe; none when they are damaged."""
        last = None
        with contextlib.suppress(av.FFmpegError):
            for packet in [*packets, None]:
                for frame in self._context.decode(packet):
                    last = frame
        return DecodedFrame(last, None, bool(last.is_corrupt)) if last is not None else None


def _options(scheme: str, *, transport: str, tls_ca_file: str | None, timeout_s: float) -> dict[str, str]:
    if scheme == "v4l2":
        return {}
    options = {"protocol_whitelist": _PROTOCOLS[scheme]}
    if scheme in ("rtsp", "rtsps"):
        options |= {
            "rtsp_transport": transport,
            "timeout": str(round(timeout_s * 1_000_000)),
            "fpsprobesize": "0",  # else a second more until the first frame
            "analyzeduration": str(_PROBE_US),
        }
    if scheme in ("http", "https"):
        # a redirect would take the password along
        options |= {"timeout": str(round(timeout_s * 1_000_000)), "max_redirects": "0"}
    if scheme in ("rtsps", "https"):
        options |= {"tls_verify": "1"} | ({"ca_file": tls_ca_file} if tls_ca_file else {})
    return options


def _resolve(url: str, shown_url: str) -> None:
    """Look the name up ourselves: FFmpeg reports a failure as an I/O error, and no timeout of its own holds for it."""
    host = urlsplit(quoted(url)).hostname
    try:
        socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        raise CameraError(Fault.NAME, f"{shown_url}: the host name {host!r} cannot be looked up") from None


_FAULT_OF_CLASS: tuple[tuple[type[Exception], Fault], ...] = (
    (av.error.HTTPUnauthorizedError, Fault.UNAUTHORIZED),
    (av.error.HTTPForbiddenError, Fault.FORBIDDEN),
    (av.error.HTTPNotFoundError, Fault.NOT_FOUND),
    (av.error.FileNotFoundError, Fault.NOT_FOUND),
    (av.error.HTTPServerError, Fault.SERVER_ERROR),
    (av.error.HTTPClientError, Fault.REJECTED),
    (av.error.ConnectionRefusedError, Fault.REFUSED),
    (av.error.TimeoutError, Fault.TIMEOUT),
    (av.error.ExitError, Fault.TIMEOUT),
    (av.error.MemoryError, Fault.MEMORY),
    (av.error.DecoderNotFoundError, Fault.UNSUPPORTED),
    (av.error.PatchWelcomeError, Fault.UNSUPPORTED),
    (av.error.InvalidDataError, Fault.BAD_DATA),
    (av.error.ProtocolNotFoundError, Fault.BAD_DATA),
    (av.error.DemuxerNotFoundError, Fault.BAD_DATA),
)
_UNREACHABLE_ERRNOS = (100, 101, 112, 113)  # network down or unreachable, host down or unreachable


def _fault_of(error: av.FFmpegError) -> Fault:
    for kind, fault in _FAULT_OF_CLASS:
        if isinstance(error, kind):
            return fault
    return Fault.UNREACHABLE if error.errno in _UNREACHABLE_ERRNOS else Fault.LOST
