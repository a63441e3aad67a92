"""POST the event as JSON to a URL, by the Standard Webhooks specification (https://www.standardwebhooks.com).

Only a 2xx answer is success. A redirect is a failure: following it would hand the event, and a signature, to whoever
the answer names. 410 ends this hook until the daemon restarts. Proxies and .netrc of the environment are ignored, so
that a message goes where the configuration says and nowhere else. A connection per message: alerts are rare, and a
kept connection that the other side has closed meanwhile costs more tries than it saves.
"""

from __future__ import annotations

import base64
import ipaddress
import ssl
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

import httpx

from vidsense_daemon import __version__
from vidsense_daemon.alerts.announcement import Announcement, announcement_bytes
from vidsense_daemon.alerts.hooks.certificates import trusted_context
from vidsense_daemon.alerts.hooks.deadline import Deadline
from vidsense_daemon.alerts.payload import add_links, event_payload, message_id, payload_bytes
from vidsense_daemon.alerts.signatures import Signer
from vidsense_daemon.alerts.stills import best_still_jpeg
from vidsense_daemon.alerts.templates import MessageTemplate
from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import ConfigError, DeliveryError, PermanentError
from vidsense_daemon.domain.events import Delivery, EventRecord

_GONE = 410
# names that only a home network resolves: .local is mDNS (RFC 6762), .home.arpa RFC 8375, .internal reserved by ICANN
_HOME_SUFFIXES = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localhost", ".fritz.box")


class Webhook:
    """A hook that speaks HTTP; one message at a time.

    Args:
        name: the hook's own, for logs and the outbox.
        url: https, or plain http to this machine or the home network.
        secrets: Standard Webhooks keys (``whsec_…``). Each signs every message, so that a new key can be added
            before the old one is taken away. None: unsigned.
        headers: sent as they are, for receivers that want a token of their own.
        timeout_s: for the whole exchange.
        allow_plain_http: http to any host; what the cameras saw is then readable on the way.
        ca_file: a PEM file to trust instead of the well-known authorities, for a receiver with its own certificate.
        body_template: the operator's own body (`templates`); none sends the payload as it is.
        content_type: of the body; a template for application/json must make JSON.
        attach_still: put the best still into the payload, base64; messages then have megabytes.
        link_base_url: where people reach the daemon's pages; the payload then has a link to the event.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        secrets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 15.0,
        allow_plain_http: bool = False,
        ca_file: str | None = None,
        body_template: str | None = None,
        content_type: str = "application/json",
        attach_still: bool = False,
        link_base_url: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self._url = url
        self._origin = _checked_origin(name, url, allow_plain_http=allow_plain_http)
        self._signer = Signer(name=name, secrets=secrets)
        self._headers = {"user-agent": f"vidsense-daemon/{__version__}", **_checked_headers(name, headers or {})}
        self._timeout_s = timeout_s
        self._tls = _tls_context(name, ca_file) if url.lower().startswith("https:") else None
        self._clock = clock or SystemClock()
        self._content_type = content_type
        self._template = (
            MessageTemplate(body_template, where=f"hook {name!r}: body", is_json="json" in content_type)
            if body_template is not None
            else None
        )
        self._attach_still = attach_still
        self._link_base_url = link_base_url
        self._gone = False

    def deliver(self, delivery: Delivery, record: EventRecord, others: Sequence[EventRecord] = ()) -> None:
        """Send one message; blocks up to ``timeout_s`` (a name resolver that hangs has its own, longer limit).

        Raises:
            DeliveryError: no 2xx answer in time.
            PermanentError: the receiver said 410 Gone, now or earlier; or the template fails on this event.
        """
        self._send(
            message_id(record, delivery.phase),
            lambda: self._body(delivery, record, others),
            content_type=self._content_type,
        )

    def announce(self, announcement: Announcement) -> None:
        """Send it as JSON, signed like an event's message; raises as `deliver` does."""
        self._send(announcement.id, lambda: announcement_bytes(announcement), content_type="application/json")

    def _send(self, identity: str, make_body: Callable[[], bytes], *, content_type: str) -> None:
        if self._gone:
            raise PermanentError(f"hook {self.name!r}: {self._origin} said 410 Gone; {_GONE_NEXT_STEP}")
        body = make_body()
        signed = self._signer.headers(identity, self._clock.now(), body)
        self._judge(self._post(body, {**self._headers, "content-type": content_type, **signed}))

    def _body(self, delivery: Delivery, record: EventRecord, others: Sequence[EventRecord]) -> bytes:
        payload = event_payload(record, delivery.phase, others)
        if self._link_base_url is not None:
            add_links(payload, self._link_base_url, record)
        if self._attach_still and (jpeg := best_still_jpeg(record)) is not None:
            payload["still_jpeg_base64"] = base64.b64encode(jpeg).decode()
        return payload_bytes(payload) if self._template is None else self._template.render(payload).encode()

    def _post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """The answer's status and headers; its body is not read."""
        with (
            Deadline(self._timeout_s) as deadline,
            httpx.Client(
                verify=self._tls or False, trust_env=False, follow_redirects=False, timeout=self._timeout_s
            ) as client,
        ):
            try:
                with client.stream(
                    "POST", self._url, content=body, headers=headers, extensions={"trace": deadline.watch}
                ) as response:
                    return response
            except httpx.TransportError as error:
                late = deadline.passed or isinstance(error, httpx.TimeoutException)
                reason = f"did not answer within {self._timeout_s:g} s" if late else f"could not be reached: {error}"
                # from None: httpx's errors hold the request, and with it the URL and its token
                raise DeliveryError(f"hook {self.name!r}: {self._origin} {reason}") from None

    def _judge(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        told = f"hook {self.name!r}: {self._origin} answered {response.status_code} {response.reason_phrase}".rstrip()
        if response.status_code == _GONE:
            self._gone = True
            raise PermanentError(f"{told}; {_GONE_NEXT_STEP}")
        if response.is_redirect:
            told += "; redirects are not followed: put the final address into the hook's url"
        raise DeliveryError(told, retry_after_s=self._retry_after_s(response.headers.get("retry-after", "")))

    def _retry_after_s(self, value: str) -> float | None:
        """Seconds or an HTTP date (RFC 9110, 10.2.3); none when it is neither."""
        if value.strip().isdigit():
            return float(value)
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        if moment.tzinfo is None:  # "-0000": a date that does not say where it is from
            return None
        return max(0.0, (moment - self._clock.now()).total_seconds())


_GONE_NEXT_STEP = "the hook is off until the daemon restarts: mend its url or remove it"


def _checked_origin(name: str, url: str, *, allow_plain_http: bool) -> str:
    """``scheme://host:port`` of a URL that may be used; the rest of it often is a secret and never shown."""
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    except (ValueError, httpx.InvalidURL):
        raise ConfigError(f"hook {name!r}: its url cannot be read; write https://host/path") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"hook {name!r}: its url must start with http:// or https:// and name a host")
    if parts.username or parts.password:
        raise ConfigError(f"hook {name!r}: put the user and password of its url into headers, not into the url")
    if parts.scheme == "http" and not (allow_plain_http or _is_at_home(parts)):
        raise ConfigError(
            f"hook {name!r}: {origin} is outside the home network, and plain http can be read on the way; "
            "use https, or set allow_plain_http: true"
        )
    return origin


def _checked_headers(name: str, headers: Mapping[str, str]) -> Mapping[str, str]:
    for key, value in headers.items():
        if not (key.isascii() and key.replace("-", "").isalnum() and value.isascii() and value.isprintable()):
            # the value stays unnamed: it is a token more often than not
            raise ConfigError(f"hook {name!r}: the header {key!r} must be one line of plain ASCII")
    return headers


def _is_at_home(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_HOME_SUFFIXES)


def _tls_context(name: str, ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context(trust_env=False)
    return trusted_context(ca_file, hook=name)
