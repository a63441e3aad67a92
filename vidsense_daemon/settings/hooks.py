"""The keys of the hooks: who is told, of what, how often, and in which words.

Part of `schema`; the text under a key is its documentation.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vidsense_daemon.domain.events import DeliveryPhase, Severity
from vidsense_daemon.settings.blocks import (
    CONTENT_TYPE_PATTERN,
    HEADER_PATTERN,
    TOPIC_PATTERN,
    Block,
    FilePath,
    HoursOfWeek,
    HttpUrl,
    Name,
    Number,
    Secret,
    WholeNumber,
    Words,
)

_HIGHEST_PORT = 65_535
_LONGEST_TEMPLATE = 20_000


Template = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEMPLATE)]
TopicLevels = Annotated[str, Field(pattern=TOPIC_PATTERN, max_length=200)]


class NamedHook(Block):
    """What every hook has."""

    name: Name = ""
    """Its name in lists and logs. Without one it is `webhook_1` when it is a webhook and the first hook, and so on.

    What a hook is still owed is kept by its name: give names before you reorder hooks."""


class PeopleHook(NamedHook):
    """What a hook has that tells people: which events it wants, and how often."""

    cameras: tuple[Name, ...] = ()
    """Only events of these cameras. Without any, of all."""
    triggers: tuple[Name, ...] = ()
    """Only events of these triggers. Without any, of all."""
    zones: tuple[Name, ...] = ()
    """Only events in one of these zones. Without any, anywhere."""
    min_severity: Severity = Severity.INFO
    """Only events that matter at least as much."""
    phases: tuple[DeliveryPhase, ...] = Field(
        default=(DeliveryPhase.OPENED, DeliveryPhase.DESCRIBED), min_length=1, max_length=3
    )
    """When it is told of an event: as it begins, as it ends, and when it has been described."""
    hours: tuple[HoursOfWeek, ...] = Field(default=(), max_length=50)
    """Only events that begin in one of these parts of the week, by the machine's clock. Without any, always."""
    quiet_hours: tuple[HoursOfWeek, ...] = Field(default=(), max_length=50)
    """Parts of the week in which only events of `loud_severity` are told."""
    loud_severity: Severity = Severity.ALERT
    """What comes through in the quiet hours: events that matter at least as much."""
    max_messages: WholeNumber | None = Field(default=None, ge=1, le=1000)
    """Messages about new events in `within_s` seconds; what comes on top follows together in one."""
    within_s: Number = Field(default=120, gt=0, le=86_400)
    """The stretch of time that `max_messages` counts in."""
    wait_for_description_s: Number | None = Field(default=None, gt=0, le=86_400)
    """One message an event instead of two: it waits for the description, and this long at most."""


class WebhookHook(PeopleHook):
    """Sends JSON to a web address."""

    kind: Literal["webhook"]
    """Which kind of hook this is."""
    url: HttpUrl = Field(repr=False)
    """Where the message is sent to, by POST."""
    timeout_s: Number = Field(default=15, gt=0, le=300)
    """How long the receiver may take to answer."""
    secret: Secret | None = Field(default=None, repr=False)
    """Signs each message, so that its receiver knows who sent it: `whsec_` and a key in base64 (Standard Webhooks).

    `echo whsec_$(openssl rand -base64 32)` makes one."""
    previous_secret: Secret | None = Field(default=None, repr=False)
    """Signs each message too, until every receiver knows the new `secret`."""
    headers: dict[Annotated[str, Field(pattern=HEADER_PATTERN)], Secret] = Field(default={}, repr=False)
    """Headers sent along, for example `Authorization`."""
    allow_plain_http: bool = False
    """Allows `http://` to a host outside the home network; what the cameras saw can then be read on the way."""
    ca_file: FilePath | None = None
    """Certificates to trust instead of the well-known ones, for a receiver that made its own."""
    body: Template | None = None
    """The message in your own words or form: a Jinja2 template over the message's keys. Without one, the JSON."""
    content_type: Annotated[str, Field(pattern=CONTENT_TYPE_PATTERN)] = "application/json"
    """What the body is; with JSON it is checked at the start that the template makes some."""
    attach_still: bool = False
    """Puts the best still into the message, as base64."""
    link_base_url: HttpUrl | None = Field(default=None, repr=False)
    """Where people reach the daemon's pages; the message then has a link to the event."""


class CommandHook(PeopleHook):
    """Starts a program with the message as JSON on its standard input."""

    kind: Literal["command"]
    """Which kind of hook this is."""
    argv: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1, max_length=100)
    """The program and its arguments, one item each. No shell reads them."""
    timeout_s: Number = Field(default=30, gt=0, le=3600)
    """The program, and all that it started, is ended after this long."""


class AppriseHook(PeopleHook):
    """Notifies people: ntfy, Telegram, Pushover, e-mail and a hundred more services."""

    kind: Literal["apprise"]
    """Which kind of hook this is. It needs `pip install 'vidsense-daemon[apprise]'`."""
    url: Secret = Field(max_length=2000, repr=False)
    """The service's address as Apprise writes it, such as `ntfys://ntfy.sh/my-topic`."""
    timeout_s: Number = Field(default=30, gt=0, le=300)
    """How long the service may take."""
    attach_still: bool = True
    """Sends the best still along."""
    title: Template | None = None
    """The title in your own words: a Jinja2 template over the message's keys."""
    body: Template | None = None
    """The text in your own words: a Jinja2 template over the message's keys."""
    link_base_url: HttpUrl | None = Field(default=None, repr=False)
    """Where people reach the daemon's pages; the text then ends with a link to the event."""


class MqttHook(NamedHook):
    """Shows states and events to Home Assistant, and to everything else that listens to a broker."""

    kind: Literal["mqtt"]
    """Which kind of hook this is."""
    host: Words
    """The broker's name or address."""
    port: WholeNumber = Field(default=1883, ge=1, le=_HIGHEST_PORT)
    """The broker's port; with `tls` it usually is 8883."""
    username: Words | None = None
    """Who the daemon is to the broker."""
    password: Secret | None = Field(default=None, repr=False)
    """The password of `username`."""
    tls: bool = False
    """Encrypts the connection and checks the broker's certificate."""
    ca_file: FilePath | None = None
    """Certificates to trust instead of the well-known ones, for a broker that made its own."""
    topic_prefix: TopicLevels = "vidsense"
    """Begins every topic. Daemons on one broker need one each."""
    discovery: bool = True
    """Whether Home Assistant is told what there is."""
    discovery_prefix: TopicLevels = "homeassistant"
    """Where Home Assistant listens for what there is."""
    client_id: Words | None = None
    """The broker knows the daemon by it. Without one it is made from the prefix and the machine's name."""
    keepalive_s: WholeNumber = Field(default=30, ge=5, le=3600)
    """A daemon that is cut off is shown as offline after one and a half of it."""
    timeout_s: Number = Field(default=10, gt=0, le=300)
    """How long the broker may take to acknowledge a message."""
    link_base_url: HttpUrl | None = Field(default=None, repr=False)
    """Where people reach the daemon's pages; messages then have a link to the event."""


Hook = Annotated[WebhookHook | CommandHook | AppriseHook | MqttHook, Field(discriminator="kind")]
