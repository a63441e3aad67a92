"""The settings of hooks become hooks: one row a kind, then the limits that stand before it.

To add a kind: its file in alerts/hooks/, its tagged class in settings/hooks.py, its row here, its heading in
docs/hooks.md.

    outbox ─► UnacknowledgedHook ─► OneMessageHook ─► PacedHook ─► the hook itself
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vidsense_daemon.alerts.announcement import Announcer
from vidsense_daemon.alerts.filters import Filter, Switches
from vidsense_daemon.alerts.hooks.apprise import Apprise
from vidsense_daemon.alerts.hooks.command import Command
from vidsense_daemon.alerts.hooks.mqtt import Mqtt
from vidsense_daemon.alerts.hooks.webhook import Webhook
from vidsense_daemon.alerts.pacing import GroupingHook, PacedHook
from vidsense_daemon.alerts.sparing import OneMessageHook, UnacknowledgedHook
from vidsense_daemon.base.clock import Clock, LocalZone
from vidsense_daemon.description.describers.builtin import BuiltinDescriber
from vidsense_daemon.domain.events import DeliveryPhase
from vidsense_daemon.domain.ports import Hook
from vidsense_daemon.settings.hooks import AppriseHook, CommandHook, MqttHook, NamedHook, PeopleHook, WebhookHook


def build_hook(settings: NamedHook, *, cameras: Mapping[str, Sequence[str]], switches: Switches) -> GroupingHook:
    """The hook alone.

    Args:
        settings: one entry of the configuration.
        cameras: each camera's triggers and alarms.
        switches: what a person may flip over MQTT.

    Raises:
        ConfigError: it can't work as configured.
    """
    builders: dict[type, Callable[[Any], GroupingHook]] = {
        WebhookHook: _webhook,
        CommandHook: _command,
        AppriseHook: _apprise,
        MqttHook: lambda settings: _mqtt(settings, cameras=cameras, switches=switches),
    }
    return builders[type(settings)](settings)


def build_announcers(settings: Sequence[NamedHook], names: Sequence[str]) -> list[Announcer]:
    """The hooks of these names, or all of them, as those that can say more than events; MQTT shows states only."""
    builders: dict[type, Callable[[Any], Announcer]] = {
        WebhookHook: _webhook,
        CommandHook: _command,
        AppriseHook: _apprise,
    }
    return [
        builders[type(hook)](hook) for hook in settings if type(hook) in builders and (not names or hook.name in names)
    ]


def spare_people(hook: GroupingHook, settings: PeopleHook, *, clock: Clock) -> Hook:
    """The hook behind its limits."""
    limited: Hook = hook
    if settings.max_messages is not None:
        limited = PacedHook(hook, at_most=settings.max_messages, within_s=settings.within_s, clock=clock)
    if settings.wait_for_description_s is not None:
        words = BuiltinDescriber(zone=LocalZone()).describe
        limited = OneMessageHook(limited, wait_s=settings.wait_for_description_s, words=words, clock=clock)
    return UnacknowledgedHook(limited)


def wishes(settings: NamedHook) -> Filter:
    """Which phases of which events the hook is told of; states, as MQTT shows them, must not have gaps."""
    if not isinstance(settings, PeopleHook):
        return Filter(phases=frozenset(DeliveryPhase))
    phases = frozenset(settings.phases)
    if settings.wait_for_description_s is not None:
        phases = phases - {DeliveryPhase.DESCRIBED} | {DeliveryPhase.OPENED}  # one message, and the words are in it
    return Filter(
        cameras=frozenset(settings.cameras) or None,
        triggers=frozenset(settings.triggers) or None,
        zones=frozenset(settings.zones) or None,
        min_severity=settings.min_severity,
        phases=phases,
        hours=settings.hours,
        quiet_hours=settings.quiet_hours,
        loud_severity=settings.loud_severity,
    )


def _webhook(settings: WebhookHook) -> Webhook:
    return Webhook(
        name=settings.name,
        url=settings.url,
        secrets=[secret for secret in (settings.secret, settings.previous_secret) if secret],
        headers=settings.headers,
        timeout_s=settings.timeout_s,
        allow_plain_http=settings.allow_plain_http,
        ca_file=settings.ca_file,
        body_template=settings.body,
        content_type=settings.content_type,
        attach_still=settings.attach_still,
        link_base_url=settings.link_base_url,
    )


def _command(settings: CommandHook) -> Command:
    return Command(name=settings.name, argv=settings.argv, timeout_s=settings.timeout_s)


def _apprise(settings: AppriseHook) -> Apprise:
    return Apprise(
        name=settings.name,
        url=settings.url,
        timeout_s=settings.timeout_s,
        attach_still=settings.attach_still,
        title_template=settings.title,
        body_template=settings.body,
        link_base_url=settings.link_base_url,
    )


def _mqtt(settings: MqttHook, *, cameras: Mapping[str, Sequence[str]], switches: Switches) -> Mqtt:
    return Mqtt(
        name=settings.name,
        host=settings.host,
        cameras=cameras,
        switches=switches,
        port=settings.port,
        username=settings.username,
        password=settings.password,
        topic_prefix=settings.topic_prefix,
        discovery_prefix=settings.discovery_prefix if settings.discovery else None,
        client_id=settings.client_id,
        keepalive_s=settings.keepalive_s,
        timeout_s=settings.timeout_s,
        tls=settings.tls,
        ca_file=settings.ca_file,
        link_base_url=settings.link_base_url,
    )
