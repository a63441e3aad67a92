"""Everything between a stored event and the people: who wants it, when the outbox is looked into, the brokers' lives.

    perception ──► EventSpool ──► store ───┐
    description ─► WakingQueue ─► store ───┴─► a row in the outbox, committed, then a wake-up ─► AlertDelivery ─► hooks

The store asks `Alerting.hooks_for` inside the transaction that keeps the event. Without the wake-ups an alert would
wait for the next look into the outbox, up to half a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from vidsense_daemon.alerts import trial
from vidsense_daemon.alerts.filters import Audience, Switches
from vidsense_daemon.alerts.hooks.mqtt import Mqtt
from vidsense_daemon.alerts.worker import AlertDelivery
from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.base.worker import Worker
from vidsense_daemon.daemon.hooks import build_hook, spare_people, wishes
from vidsense_daemon.domain.events import DeliveryPhase, Description, Event, EventRecord
from vidsense_daemon.domain.ports import DescriptionQueue, Hook, Outbox
from vidsense_daemon.settings.hooks import MqttHook, NamedHook, PeopleHook
from vidsense_daemon.settings.mistakes import no_such
from vidsense_daemon.settings.resolved import ResolvedCamera
from vidsense_daemon.settings.schema import Settings

_BROKER_ANSWERS_WITHIN_S = 10.0


class Alerting:
    """All hooks of one configuration; every method but `deliver_from` and `run` is thread-safe.

    ``switches`` are those of the configuration before, when there was one: what is off or snoozed stays so.

    Raises:
        ConfigError: a hook can't work as configured.
    """

    def __init__(
        self,
        hooks: Sequence[NamedHook],
        *,
        cameras: Sequence[ResolvedCamera],
        switches: Switches | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        watched_for = {camera.name: camera.watched_for for camera in cameras}
        self.switches = switches or Switches(clock)
        self.hooks: dict[str, Hook] = {}
        self._brokers: list[Mqtt] = []
        self._delivery: AlertDelivery | None = None
        for settings in hooks:
            hook = build_hook(settings, cameras=watched_for, switches=self.switches)
            if isinstance(hook, Mqtt):
                self._brokers.append(hook)
            if isinstance(settings, PeopleHook):
                self.hooks[settings.name] = spare_people(hook, settings, clock=clock)
            else:
                self.hooks[settings.name] = hook
        self._audience = Audience(
            filters={settings.name: wishes(settings) for settings in hooks},
            switches=self.switches,
            silent_when_snoozed=[settings.name for settings in hooks if isinstance(settings, PeopleHook)],
        )

    def hooks_for(self, event: Event, phase: DeliveryPhase) -> Sequence[str]:
        """Which hooks are owed this phase of this event: the store's question."""
        return self._audience.hooks_for(event, phase)

    def is_enabled(self, camera: str, trigger: str) -> bool:
        """Whether the trigger is switched on: perception's question."""
        return self.switches.is_enabled(camera, trigger)

    def deliver_from(self, outbox: Outbox) -> None:
        """Name the outbox; before `run`."""
        self._delivery = AlertDelivery(outbox=outbox, hooks=self.hooks)

    def run(self, worker: Worker) -> None:
        """Body of the delivery worker: brokers are connected while it delivers."""
        assert self._delivery is not None
        for broker in self._brokers:
            broker.start()  # a second start, after an error, does nothing
        self._delivery.run(worker)
        for broker in self._brokers:
            broker.stop()

    def wake(self) -> None:
        """Something is owed since just now."""
        if self._delivery is not None:
            self._delivery.wake()

    def camera_connected(self, camera: str, *, connected: bool) -> None:
        """Show whether the camera's stream arrives."""
        for broker in self._brokers:
            broker.camera_connected(camera, connected=connected)

    def refresh(self) -> None:
        """Show what changes by itself; to be called about once a minute or oftener: only news are published."""
        for broker in self._brokers:
            broker.refresh()


class WakingQueue:
    """A `DescriptionQueue` that wakes the delivery once there are words."""

    def __init__(self, queue: DescriptionQueue, wake: Callable[[], None]) -> None:
        self._queue = queue
        self._wake = wake

    def claim(self, now: datetime) -> EventRecord | None:
        """As the queue's."""
        return self._queue.claim(now)

    def finish(self, event_id: str, description: Description, now: datetime) -> None:
        """As the queue's; hooks may be owed the words."""
        self._queue.finish(event_id, description, now)
        self._wake()

    def postpone(self, event_id: str, error: str, next_attempt_at: datetime) -> None:
        """As the queue's."""
        self._queue.postpone(event_id, error, next_attempt_at)


def try_hook(settings: Settings, name: str, *, now: datetime) -> str:
    """Send the test event through one hook, past its wishes and limits; the event's id.

    Over MQTT it goes to topics of its own, below ``<topic_prefix>/test``, and by a connection of its own: a daemon
    that runs is neither cut off nor shown as offline.

    Raises:
        ConfigError: the hook can't work as configured.
        PermanentError: there is no such hook, or it will never take the event.
        DeliveryError: it did not take the event now.
    """
    found = next((hook for hook in settings.hooks if hook.name == name), None)
    if found is None:
        raise PermanentError(no_such("hook", name, [hook.name for hook in settings.hooks]))
    if not isinstance(found, MqttHook):
        return trial.try_hook(build_hook(found, cameras={}, switches=Switches()), now)
    aside = {
        "topic_prefix": f"{found.topic_prefix}/test",
        "discovery": False,
        "client_id": f"{found.client_id}-test" if found.client_id else None,
    }
    broker = build_hook(found.model_copy(update=aside), cameras={}, switches=Switches())
    assert isinstance(broker, Mqtt)
    broker.start()
    try:
        broker.await_answer(_BROKER_ANSWERS_WITHIN_S)
        return trial.try_hook(broker, now)
    finally:
        broker.stop(leave_states=False)
