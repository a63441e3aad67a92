"""Which cameras are there? WS-Discovery, as ONVIF cameras answer it, and guesses at the paths of their streams.

One question is sent to the home network, and only when somebody asks for it; answers are collected for some seconds.
What answers is a stranger: nothing but hosts is taken from it.
(WS-Discovery 1.1, OASIS 2009; ONVIF Core Specification, chapter 7.)
"""

from __future__ import annotations

import re
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

MULTICAST = ("239.255.255.250", 3702)

_LARGEST_ANSWER_BYTES = 65_535
_MOST_CAMERAS = 200
_PROBE = """<?xml version="1.0" encoding="utf-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" \
xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" \
xmlns:n="http://www.onvif.org/ver10/network/wsdl"><e:Header><w:MessageID>uuid:{id}</w:MessageID>\
<w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>\
<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>\
<e:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"""
# read by pattern: an XML parser would follow whatever entities a stranger puts into its answer
_ADDRESSES = re.compile(r"<(?:\w+:)?XAddrs[^>]*>(?P<urls>[^<]{1,2000})<")
_NAME = re.compile(r"onvif://www\.onvif\.org/(?:name|hardware)/(?P<name>[^\s<]{1,100})")

# main and small stream by maker: (in the main stream's url, in the small one's)
_SUBSTREAMS = (
    ("stream1", "stream2"),  # TP-Link Tapo
    ("_main", "_sub"),  # Reolink
    ("/Channels/101", "/Channels/102"),  # Hikvision
    ("subtype=0", "subtype=1"),  # Dahua, Amcrest
    ("av0_0", "av0_1"),  # Foscam and others
    ("/0/av0", "/0/av1"),
    ("videoMain", "videoSub"),
    ("/11", "/12"),
)
_PATHS = (
    "stream1",
    "h264Preview_01_main",
    "Streaming/Channels/101",
    "cam/realmonitor?channel=1&subtype=0",
    "videoMain",
    "live/ch0",
    "11",
)


@dataclass(frozen=True, slots=True)
class FoundCamera:
    """Something that answered as a camera does."""

    host: str
    name: str  # what it calls itself; "" when it does not say


def discover(*, timeout_s: float = 4.0, address: tuple[str, int] = MULTICAST) -> list[FoundCamera]:
    """The cameras that answer within ``timeout_s``, each once, by their hosts; blocks for as long.

    Raises:
        OSError: nothing can be sent to the network.
    """
    found: dict[str, FoundCamera] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)  # not beyond the home network
        asking.sendto(_PROBE.format(id=uuid.uuid4()).encode(), address)
        end_mono_s = time.monotonic() + timeout_s
        while (left_s := end_mono_s - time.monotonic()) > 0 and len(found) < _MOST_CAMERAS:
            asking.settimeout(left_s)
            try:
                answer = asking.recv(_LARGEST_ANSWER_BYTES).decode(errors="replace")
            except TimeoutError:
                break
            for camera in read_answer(answer):
                found.setdefault(camera.host, camera)
    return sorted(found.values(), key=lambda camera: camera.host)


def read_answer(text: str) -> Iterator[FoundCamera]:
    """The cameras that an answer names. Pure."""
    name = _NAME.search(text)
    for addresses in _ADDRESSES.finditer(text):
        for url in addresses["urls"].split():
            try:
                host = urlsplit(url).hostname
            except ValueError:
                continue
            if host and not host.startswith("169.254."):  # the address that a camera has before it got a real one
                yield FoundCamera(host, _printable(unquote(name["name"])) if name else "")
                break


def substream_guesses(url: str) -> list[str]:
    """Where the small stream could be, if ``url`` is the large one's. Pure."""
    before, separator, address = url.rpartition("@")
    return [
        f"{before}{separator}{address.replace(main, sub)}"
        for main, sub in _SUBSTREAMS
        if main in address.partition("/")[2]
    ]


def stream_guesses(host: str, *, user: str, password: str) -> list[str]:
    """Where a camera of a well-known maker would have its stream; user and password are percent-encoded already."""
    login = f"{user}:{password}@" if user else ""
    return [f"rtsp://{login}{host}/{path}" for path in _PATHS]


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
