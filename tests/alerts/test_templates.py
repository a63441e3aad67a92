"""The operator's own words: rendered, checked at the start, and no way out of the sandbox."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from vidsense_daemon.alerts.payload import event_payload
from vidsense_daemon.alerts.templates import MessageTemplate
from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.domain.events import DeliveryPhase

from .fakes import record

WHERE = "hook 'phone': body"


def test_a_template_uses_the_payloads_keys() -> None:
    """What the schema names can be written between braces."""
    template = MessageTemplate("{{ camera }}: {{ summary }} ({{ severity | upper }})", where=WHERE)

    text = template.render(event_payload(record(described=True), DeliveryPhase.DESCRIBED))
    assert text == "front_door: A courier leaves a parcel – „Ünïcode“. (ALERT)"


def test_keys_that_are_not_always_there_are_empty() -> None:
    """A template may have a link without asking whether there is one."""
    template = MessageTemplate("{{ summary }}{% if link %} {{ link }}{% endif %}{{ others | length }}", where=WHERE)

    assert template.render(event_payload(record(), DeliveryPhase.OPENED)).endswith("door0")


def test_a_json_template_keeps_quotes_and_umlauts() -> None:
    """tojson makes a value that no quotation mark can break."""
    template = MessageTemplate('{"text": {{ summary | tojson }}}', where=WHERE, is_json=True)
    found = record(described=True)
    assert found.description is not None
    found = replace(found, description=replace(found.description, summary='He said "hi"\n<b>ü</b>'))

    text = template.render(event_payload(found, DeliveryPhase.DESCRIBED))
    assert json.loads(text) == {"text": 'He said "hi"\n<b>ü</b>'}


def test_a_json_template_that_a_quote_would_break_is_refused_at_the_start() -> None:
    """It would work until the model says something in quotes."""
    with pytest.raises(ConfigError, match=r"put each value in with \| tojson"):
        MessageTemplate('{"text": "{{ summary }}"}', where=WHERE, is_json=True)


@pytest.mark.parametrize(
    "text",
    [
        "{{ sumary }}",
        "{{ summary",
        "{% for %}",
        "{{ summary.__class__.__mro__ }}",
        "{{ stills.append(1) }}",
        "{{ 1 / 0 }}",
        "{{ summary + 1 }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{% include '/etc/passwd' %}",
        "{% for i in range(1000000000) %}x{% endfor %}",
    ],
)
def test_a_template_that_cannot_work_or_reaches_out_is_refused_at_the_start(text: str) -> None:
    """A misspelt name, a slip of the pen, or an attempt to leave the sandbox: all are found before the first alert."""
    with pytest.raises(ConfigError, match="hook 'phone': body: the template fails on an example event"):
        MessageTemplate(text, where=WHERE)


def test_what_a_model_says_is_never_a_template() -> None:
    """A sign before the camera with braces on it is text."""
    found = record(described=True)
    assert found.description is not None
    found = replace(found, description=replace(found.description, summary="{{ 7 * 7 }}{% raw %}"))

    text = MessageTemplate("{{ summary }}", where=WHERE).render(event_payload(found, DeliveryPhase.DESCRIBED))
    assert text == "{{ 7 * 7 }}{% raw %}"


def test_a_template_that_fails_on_one_event_gives_up_that_message() -> None:
    """It is listed among the dead with its reason, and the next event may fit."""
    template = MessageTemplate("{{ 1 / (camera | length - 10) }}", where=WHERE)

    with pytest.raises(PermanentError, match="the template fails on this event"):
        template.render(event_payload(record(camera="front_door"), DeliveryPhase.OPENED))
