"""The connection to an MQTT broker: the only file that knows paho-mqtt.

paho keeps the connection in a thread of its own, reconnects by itself, and calls ``on_ready`` and ``on_message``
there; they must not raise. While the broker is away nothing is handed to paho, whose queue lives in memory and would
send again what the outbox sends again, too.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from vidsense_daemon.base.errors import DeliveryError

_AT_LEAST_ONCE = 1  # MQTT's quality of service that waits for the broker's acknowledgement
_RECONNECT_FIRST_S, _RECONNECT_CAP_S = 1, 60
_ASK_AGAIN_S = 5.0  # the broker may be back any moment, and paho knows at once


class Broker:
    """One connection; all methods are thread-safe.

    Args:
        hook: whose connection it is, for messages.
        will: topic and text that the broker publishes, retained, when the daemon is cut off.
        subscriptions: topics that ``on_message`` hears of: topic, text, and whether it was a retained one.
        on_ready: called after every connect.
    """

    def __init__(
        self,
        *,
        hook: str,
        host: str,
        port: int,
        client_id: str,
        username: str | None,
        password: str | None,
        tls: ssl.SSLContext | None,
        keepalive_s: int,
        will: tuple[str, str],
        subscriptions: Sequence[str],
        on_ready: Callable[[], None],
        on_message: Callable[[str, str, bool], None],
    ) -> None:
        self._hook = hook
        self._address = f"{host}:{port}"
        self._subscriptions = [(topic, _AT_LEAST_ONCE) for topic in subscriptions]
        self._tell_ready = on_ready
        self._tell_message = on_message
        self._trouble = "it has not answered yet"
        self._answered = threading.Event()
        self._log = structlog.get_logger().bind(hook=hook, broker=self._address)
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv311)
        self._client.reconnect_delay_set(_RECONNECT_FIRST_S, _RECONNECT_CAP_S)
        self._client.will_set(*will, qos=_AT_LEAST_ONCE, retain=True)
        if username is not None:
            self._client.username_pw_set(username, password)
        if tls is not None:
            self._client.tls_set_context(tls)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.connect_async(host, port, keepalive=keepalive_s)

    def start(self) -> None:
        """Connect, in the background and as often as it takes; a second call does nothing."""
        self._client.loop_start()

    def await_answer(self, limit_s: float) -> bool:
        """Wait for the first answer, a refusal included; false when there was none within ``limit_s``."""
        return self._answered.wait(limit_s)

    def stop(self) -> None:
        """Disconnect; the broker then does not publish the will."""
        self._client.disconnect()
        self._client.loop_stop()

    def is_connected(self) -> bool:
        return self._client.is_connected()

    def publish(self, topic: str, message: str | bytes, *, retain: bool = False) -> None:
        """Hand a message to the connection's thread; without a connection it is dropped."""
        if self._client.is_connected():
            self._client.publish(topic, message, qos=_AT_LEAST_ONCE, retain=retain)

    def publish_and_wait(self, topic: str, message: str | bytes, *, limit_s: float, retain: bool = False) -> None:
        """Publish, and return when the broker has acknowledged it.

        Raises:
            DeliveryError: the broker is not there, refuses us, or did not acknowledge within ``limit_s``.
        """
        if not self._client.is_connected():
            raise self._error(f"is not connected: {self._trouble}")
        said = self._client.publish(topic, message, qos=_AT_LEAST_ONCE, retain=retain)
        try:
            said.wait_for_publish(limit_s)
            done = said.is_published()
        except (RuntimeError, ValueError) as error:  # paho's words for "lost meanwhile" and "queue full"
            raise self._error(f"was lost meanwhile: {error}") from error
        if not done:
            raise self._error(f"did not acknowledge within {limit_s:g} s")

    def _error(self, what: str) -> DeliveryError:
        return DeliveryError(f"hook {self._hook!r}: the broker {self._address} {what}", retry_after_s=_ASK_AGAIN_S)

    def _on_connect(
        self, client: paho.Client, _: Any, __: paho.ConnectFlags, reason: ReasonCode, ___: Properties | None
    ) -> None:
        if reason.is_failure:
            self._trouble = f"it says {reason}; check the hook's username and password"
            self._log.warning("broker_refused", reason=str(reason))
        else:
            self._log.info("broker_connected")
            client.subscribe(self._subscriptions)
            self._tell_ready()
        self._answered.set()

    def _on_connect_fail(self, _client: paho.Client, _: Any) -> None:
        self._trouble = "nobody answers there; is it running?"
        self._answered.set()

    def _on_disconnect(
        self, _client: paho.Client, _: Any, __: paho.DisconnectFlags, reason: ReasonCode, ___: Properties | None
    ) -> None:
        if reason.is_failure and not self._trouble.startswith("it says"):  # a refusal says more than its disconnect
            self._trouble = f"the connection was lost ({reason})"
            self._log.warning("broker_lost", reason=str(reason))

    def _on_message(self, _client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        self._tell_message(message.topic, message.payload.decode(errors="replace"), message.retain)
