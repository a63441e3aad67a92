"""What can go wrong with a camera, by name, and what its owner can do about it.

The child names the fault (`CameraError` crosses the pipe as a word and a sentence), the supervisor decides by the name
how long to wait, and the log line tells the owner the next step.
"""

from __future__ import annotations

from enum import StrEnum

from vidsense_daemon.base.errors import StreamError


class Fault(StrEnum):
    """Why a camera gives no frames."""

    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    REJECTED = "rejected"  # another 4xx answer
    SERVER_ERROR = "server_error"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NAME = "name"
    TIMEOUT = "timeout"
    STALLED = "stalled"  # it streamed, then nothing came
    NO_KEYFRAME = "no_keyframe"  # packets come, and no picture begins
    ENDED = "ended"  # the camera closed the stream
    BAD_DATA = "bad_data"
    NO_VIDEO = "no_video"
    TOO_LARGE = "too_large"
    TLS = "tls"
    REDIRECTED = "redirected"
    UNSUPPORTED = "unsupported"
    MEMORY = "memory"
    CRASHED = "crashed"
    LOST = "lost"  # the connection broke in a way that has no better name


NEXT_STEP = {
    Fault.UNAUTHORIZED: "wrong user name or password: check them in the settings; tried again once a minute, "
    "because cameras lock accounts",
    Fault.FORBIDDEN: "the camera knows this user but does not let it watch: give it the right to view in the camera",
    Fault.NOT_FOUND: "no such stream: check the path in the camera's url",
    Fault.REJECTED: "the camera turned the request down: too many viewers, or another transport is needed "
    "(transport: udp)",
    Fault.SERVER_ERROR: "the camera reports an error of its own: restart the camera if it stays",
    Fault.REFUSED: "nothing listens on this port: check the port, and that RTSP is switched on in the camera",
    Fault.UNREACHABLE: "the network gives no way there: check the address and the cable",
    Fault.NAME: "the host name is not known: check it, or write the camera's IP address",
    Fault.TIMEOUT: "no answer in time: check that the camera is on and reachable",
    Fault.STALLED: "the stream stopped without a word: check the camera's network",
    Fault.NO_KEYFRAME: "packets come, but no whole picture: set the camera's keyframe interval (I-frame, GOP) to a few "
    "seconds; a weak network does it, too",
    Fault.ENDED: "tried again at once; if it repeats, see whether the camera restarts or has too many viewers",
    Fault.BAD_DATA: "the answer is not a video stream: check the url's scheme, port and path",
    Fault.NO_VIDEO: "the stream has no picture: choose another stream of the camera",
    Fault.TOO_LARGE: "the picture is larger than max_pixels allows: choose a smaller stream or raise max_pixels",
    Fault.TLS: "the camera's certificate is not trusted: save it to a file and set tls_ca_file",
    Fault.REDIRECTED: "the camera sends its viewers to another address, and the password stays here: "
    "set url to the new address if it is yours",
    Fault.UNSUPPORTED: "this stream cannot be decoded here: set the camera to H.264 or H.265",
    Fault.MEMORY: "the stream needs more memory than memory_limit_mb allows: choose a smaller stream or raise it",
    Fault.CRASHED: "its capture process ended by itself; it is started again",
    Fault.LOST: "the connection broke",
}

NEXT_STEP_OF_FILE = {
    Fault.NOT_FOUND: "check the file's path",
    Fault.BAD_DATA: "it is no video, or its beginning is damaged",
    Fault.NO_VIDEO: "choose a file with a picture",
    Fault.UNSUPPORTED: "convert it to H.264 or H.265",
    **{fault: NEXT_STEP[fault] for fault in (Fault.TOO_LARGE, Fault.MEMORY, Fault.CRASHED)},
}

# 401, 403: a camera locks an account after a few wrong passwords, so never more than one try a minute.
# The two after it do not mend themselves either: somebody has to change the settings.
PATIENT = {
    Fault.UNAUTHORIZED: 60.0,
    Fault.FORBIDDEN: 60.0,
    Fault.REDIRECTED: 60.0,
    Fault.TOO_LARGE: 60.0,
}


class CameraError(StreamError):
    """A `StreamError` that knows its name."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message, retry_after_s=PATIENT.get(fault))
        self.fault = fault
