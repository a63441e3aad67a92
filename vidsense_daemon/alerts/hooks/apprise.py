"""Tell people through Apprise: ntfy, Telegram, Pushover, Signal, e-mail and a hundred more, with the still.

One URL a hook: Apprise says only whether all of its services took a message, and what one took must not be repeated
because another did not. Apprise is an optional part of the installation, so it is imported when a hook is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from vidsense_daemon.alerts import words
from vidsense_daemon.alerts.announcement import Announcement
from vidsense_daemon.alerts.payload import add_links, event_payload
from vidsense_daemon.alerts.stills import best_still_path
from vidsense_daemon.alerts.templates import MessageTemplate
from vidsense_daemon.base.errors import ConfigError, DeliveryError
from vidsense_daemon.domain.events import Delivery, EventRecord, Severity

if TYPE_CHECKING:
    import apprise

_TYPES = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.ALERT: "failure"}  # Apprise's gravest word


class Apprise:
    """A hook that notifies people.

    Args:
        name: the hook's own, for logs and the outbox.
        url: Apprise's, such as ``ntfys://ntfy.sh/my-topic``; it holds the password and is never shown.
        timeout_s: for one message.
        attach_still: send the best still along.
        title_template: the operator's own title (`templates`).
        body_template: the operator's own text.
        link_base_url: where people reach the daemon's pages; the text then ends with a link to the event.
        time_zone: of the times in the text; none is the machine's own.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        timeout_s: float = 30.0,
        attach_still: bool = True,
        title_template: str | None = None,
        body_template: str | None = None,
        link_base_url: str | None = None,
        time_zone: tzinfo | None = None,
    ) -> None:
        self.name = name
        self._service = _service(name, url)
        self._timeout_s = timeout_s
        self._attach_still = attach_still
        self._title = _template(title_template, where=f"hook {name!r}: title")
        self._body = _template(body_template, where=f"hook {name!r}: body")
        self._link_base_url = link_base_url
        self._time_zone = time_zone

    def deliver(self, delivery: Delivery, record: EventRecord, others: Sequence[EventRecord] = ()) -> None:
        """Notify, within ``timeout_s``.

        Raises:
            DeliveryError: the service did not take it; Apprise's own log lines say why.
            PermanentError: a template fails on this event.
        """
        payload = event_payload(record, delivery.phase, others)
        title, body = payload["title"], words.body(record, others, time_zone=self._time_zone)
        if self._link_base_url is not None:
            add_links(payload, self._link_base_url, record)
            body += f"\n{payload['link']}"
        still = best_still_path(record) if self._attach_still else None
        result = self._service.notify(
            title=self._title.render(payload) if self._title else title,
            body=self._body.render(payload) if self._body else body,
            notify_type=_TYPES[record.event.severity],
            body_format="text",
            attach=str(still) if still else None,
            timeout=self._timeout_s,
        )
        self._judge(taken=bool(result))

    def announce(self, announcement: Announcement) -> None:
        """Notify in plain text; raises as `deliver` does."""
        result = self._service.notify(
            title=announcement.title, body=announcement.text, body_format="text", timeout=self._timeout_s
        )
        self._judge(taken=bool(result))

    def _judge(self, *, taken: bool) -> None:
        if not taken:
            raise DeliveryError(f"hook {self.name!r}: the service did not take the notification; see the log before")


def _template(text: str | None, *, where: str) -> MessageTemplate | None:
    return None if text is None else MessageTemplate(text, where=where)


def _service(name: str, url: str) -> apprise.Apprise:
    try:
        import apprise
    except ImportError:
        raise ConfigError(f"hook {name!r} needs Apprise: pip install 'vidsense-daemon[apprise]'") from None
    asset = apprise.AppriseAsset(
        app_id="vidsense",
        app_desc="vidsense",
        app_url="",
        http_redirects=False,  # as the webhook: a message goes where the configuration says
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        # the url stays unnamed: it holds a token
        raise ConfigError(f"hook {name!r}: Apprise does not know this kind of url; see docs/hooks.md for examples")
    return service
