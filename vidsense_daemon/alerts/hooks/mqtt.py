"""Events, states and switches over MQTT, for Home Assistant and anything else that listens to a broker.

The hook's lane calls `deliver`; the connection's thread (`broker`) calls ``_on_…``. What is retained (`_shown`) is
remembered here and told again after every reconnect and whenever Home Assistant starts.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Mapping, Sequence

import structlog

from vidsense_daemon.alerts import homeassistant
from vidsense_daemon.alerts.broker import Broker
from vidsense_daemon.alerts.filters import Switches
from vidsense_daemon.alerts.hooks.certificates import trusted_context
from vidsense_daemon.alerts.payload import AlertJson, event_link, event_payload, payload_bytes
from vidsense_daemon.alerts.stills import best_still_jpeg
from vidsense_daemon.alerts.topics import OFF, OFFLINE, ON, ONLINE, Topics, checked_level, checked_prefix
from vidsense_daemon.base.errors import DeliveryError
from vidsense_daemon.domain.events import Delivery, DeliveryPhase, EventRecord, EventState

_LONGEST_SUSPENSION_MIN = 7 * 24 * 60.0
_GOODBYE_S = 2.0  # how long the end of the daemon may wait for one last acknowledgement

_TYPES = {DeliveryPhase.OPENED: "new", DeliveryPhase.DESCRIBED: "update", DeliveryPhase.CLOSED: "end"}


class Mqtt:
    """A hook that speaks to a broker. `start` before the first delivery, `stop` after the last.

    Args:
        name: the hook's own, for logs and the outbox.
        cameras: the triggers and alarms of each camera: what is announced to Home Assistant.
        switches: what the ``set`` topics flip.
        discovery_prefix: Home Assistant's; none announces nothing.
        topic_prefix: before all topics of this daemon; daemons on one broker need one each.
        client_id: the broker knows one client by it; none makes one from the prefix and the machine's name.
        keepalive_s: the broker says "offline" for a daemon that is cut off after one and a half of it.
        timeout_s: for one acknowledgement.
        tls: encrypt, and check the broker's certificate, against ``ca_file`` when there is one.
    """

    def __init__(
        self,
        *,
        name: str,
        host: str,
        cameras: Mapping[str, Sequence[str]],
        switches: Switches,
        port: int = 1883,
        username: str | None = None,
        password: str | None = None,
        topic_prefix: str = "vidsense",
        discovery_prefix: str | None = "homeassistant",
        client_id: str | None = None,
        keepalive_s: int = 30,
        timeout_s: float = 10.0,
        tls: bool = False,
        ca_file: str | None = None,
        link_base_url: str | None = None,
    ) -> None:
        self.name = name
        self._topics = Topics(checked_prefix(topic_prefix, what=f"hook {name!r}: topic_prefix"))
        self._cameras = _checked_cameras(name, cameras)
        self._discovery_prefix = discovery_prefix
        self._announced = self._announcements()
        self._switches = switches
        self._timeout_s = timeout_s
        self._link_base_url = link_base_url
        self._log = structlog.get_logger().bind(hook=name)
        self._lock = threading.Lock()
        self._shown: dict[str, bytes] = self._first_states()
        self._active: dict[tuple[str, str], str] = {}  # the event that goes on, by camera and trigger
        self._broker = Broker(
            hook=name,
            host=host,
            port=port,
            client_id=client_id or f"{homeassistant.node_of(topic_prefix)}-{socket.gethostname()}",
            username=username,
            password=password,
            tls=trusted_context(ca_file, hook=name) if tls else None,
            keepalive_s=keepalive_s,
            will=(self._topics.available, OFFLINE),
            subscriptions=self._subscriptions(),
            on_ready=self._tell_all,
            on_message=self._on_message,
        )

    def start(self) -> None:
        """Connect, in the background and as often as it takes."""
        self._broker.start()

    def await_answer(self, limit_s: float) -> bool:
        """Wait until the broker has let us in, or has been tried once; false when the limit passed before."""
        return self._broker.await_answer(limit_s)

    def stop(self, *, leave_states: bool = True) -> None:
        """Say "offline" and disconnect; blocks a few seconds at most. Without states nothing of us stays there."""
        if not leave_states:
            with self._lock:
                shown = list(self._shown)
            for topic in shown:
                self._broker.publish(topic, b"", retain=True)
        with contextlib.suppress(DeliveryError):  # the broker is away: its will says it for us
            last = OFFLINE if leave_states else b""
            self._broker.publish_and_wait(self._topics.available, last, limit_s=_GOODBYE_S, retain=True)
        self._broker.stop()

    def deliver(self, delivery: Delivery, record: EventRecord, others: Sequence[EventRecord] = ()) -> None:
        """Publish one message and wait until the broker has it; states and the still go along.

        Raises:
            DeliveryError: the broker is not there, refuses us or did not acknowledge in time.
        """
        payload = event_payload(record, delivery.phase, others)
        if self._link_base_url is not None:
            payload["link"] = event_link(self._link_base_url, record)
        self._show_event(record, payload)
        message = b'{"type":"%s","after":%s}' % (_TYPES[delivery.phase].encode(), payload_bytes(payload))
        self._broker.publish_and_wait(self._topics.events, message, limit_s=self._timeout_s)
        if delivery.phase is DeliveryPhase.OPENED:
            begun = json.dumps({"event_type": record.event.trigger, **payload}, ensure_ascii=False)
            self._broker.publish(self._topics.event(record.event.camera), begun)

    def camera_connected(self, camera: str, *, connected: bool) -> None:
        """Show whether a camera's stream arrives; from any thread."""
        self._show(self._topics.connected(camera), ON if connected else OFF)

    def refresh(self) -> None:
        """Show what changes by itself, namely how long alerts stay silent; from any thread, about once a minute."""
        for camera in self._cameras:
            minutes = self._switches.snoozed_s(camera) / 60
            self._show(self._topics.suspended(camera), f"{minutes:.0f}", only_news=True)

    # states

    def _first_states(self) -> dict[str, bytes]:
        states = {}
        for camera, triggers in self._cameras.items():
            states[self._topics.suspended(camera)] = b"0"
            for trigger in triggers:
                enabled = self._switches.is_enabled(camera, trigger)
                states[self._topics.active(camera, trigger)] = OFF.encode()
                states[self._topics.enabled(camera, trigger)] = (ON if enabled else OFF).encode()
        return states

    def _show_event(self, record: EventRecord, payload: AlertJson) -> None:
        event = record.event
        key = event.camera, event.trigger
        if event.state is EventState.OPEN:
            self._active[key] = event.id
            self._show(self._topics.active(*key), ON)
        elif self._active.get(key, event.id) == event.id:  # the end of an earlier event must not end a later one
            self._active.pop(key, None)
            self._show(self._topics.active(*key), OFF)
        self._show(self._topics.summary(event.camera), payload_bytes(payload))
        if (jpeg := best_still_jpeg(record)) is not None:
            self._show(self._topics.snapshot(event.camera), jpeg)

    def _show(self, topic: str, value: str | bytes, *, only_news: bool = False) -> None:
        """Retain a state on the broker, now or when it is there again."""
        value = value.encode() if isinstance(value, str) else value
        with self._lock:
            is_news = self._shown.get(topic) != value
            self._shown[topic] = value
        if is_news or not only_news:
            self._broker.publish(topic, value, retain=True)

    def _tell_all(self) -> None:
        with self._lock:
            shown = dict(self._shown)
        for topic, value in (self._announced | shown | {self._topics.available: ONLINE.encode()}).items():
            self._broker.publish(topic, value, retain=True)

    def _announcements(self) -> dict[str, bytes]:
        if self._discovery_prefix is None:
            return {}
        return homeassistant.discovery(self._topics, discovery_prefix=self._discovery_prefix, cameras=self._cameras)

    # what others say; called in the connection's thread, where nothing may raise

    def _subscriptions(self) -> list[str]:
        wanted = [self._topics.enable("+", "+"), self._topics.suspend("+")]
        if self._discovery_prefix is not None:
            wanted.append(homeassistant.birth_topic(self._discovery_prefix))
            wanted.append(homeassistant.config_topics(self._discovery_prefix, self._topics.prefix))
        return wanted

    def _on_message(self, topic: str, text: str, retained: bool) -> None:
        if self._discovery_prefix is not None and topic == homeassistant.birth_topic(self._discovery_prefix):
            if text == ONLINE and not retained:  # a retained one is older than our own connection
                self._tell_all()
        elif topic.endswith("/config"):
            self._remove_stale(topic, text)
        elif retained:
            # a command is for now; one that the broker kept would switch a trigger off at every start
            self._log.warning("retained_command_ignored", topic=topic, next_step="publish without retain")
        else:
            self._obey(topic, text)

    def _obey(self, topic: str, text: str) -> None:
        match topic.removeprefix(f"{self._topics.prefix}/").split("/"):
            case [camera, "trigger", trigger, "set"]:
                self._set_trigger(camera, trigger, text)
            case [camera, "notifications", "suspend"]:
                self._suspend(camera, text)

    def _set_trigger(self, camera: str, trigger: str, text: str) -> None:
        if trigger not in self._cameras.get(camera, ()) or text not in {ON, OFF}:
            self._log.warning("command_ignored", camera=camera, trigger=trigger, text=text, allowed="ON, OFF")
            return
        self._switches.set_trigger(camera, trigger, enabled=text == ON)
        self._log.info("trigger_switched", camera=camera, trigger=trigger, to=text)
        self._show(self._topics.enabled(camera, trigger), text)

    def _suspend(self, camera: str, text: str) -> None:
        try:
            minutes = float(text)
        except ValueError:
            minutes = -1.0
        if camera not in self._cameras or not 0 <= minutes <= _LONGEST_SUSPENSION_MIN:
            allowed = f"minutes, 0 to {_LONGEST_SUSPENSION_MIN:g}"
            self._log.warning("command_ignored", camera=camera, text=text, allowed=allowed)
            return
        self._switches.snooze(camera, minutes)
        self._log.info("alerts_suspended", camera=camera, minutes=minutes)
        self._show(self._topics.suspended(camera), f"{minutes:.0f}")

    def _remove_stale(self, topic: str, config: str) -> None:
        """Remove what an earlier configuration announced, and its states: its camera or trigger is gone."""
        if not config or topic in self._announced:
            return
        self._log.info("entity_removed", topic=topic)
        for gone in [topic, *_states_of(config, below=f"{self._topics.prefix}/")]:
            self._broker.publish(gone, b"", retain=True)


def _states_of(config: str, *, below: str) -> list[str]:
    """The retained topics that an announcement names, as far as they are ours."""
    try:
        found = json.loads(config)
    except ValueError:
        return []
    if not isinstance(found, dict):
        return []
    topics = [found.get("state_topic"), found.get("image_topic")]
    return [topic for topic in topics if isinstance(topic, str) and topic.startswith(below)]


def _checked_cameras(name: str, cameras: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    for camera, triggers in cameras.items():
        checked_level(camera, what=f"hook {name!r}: camera")
        for trigger in triggers:
            checked_level(trigger, what=f"hook {name!r}: trigger")
    return {camera: tuple(triggers) for camera, triggers in cameras.items()}
