"""The operator's own words for a message: Jinja2 in a sandbox.

The template comes from the configuration; the values come from cameras and a language model and are never read as a
template. A template is tried at the start with a hostile example, so that a misspelt name, or a JSON body that a
quotation mark would break, is found then and not in the night.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from vidsense_daemon.alerts.payload import event_payload
from vidsense_daemon.alerts.trial import sample_record
from vidsense_daemon.base.errors import ConfigError, PermanentError
from vidsense_daemon.domain.events import DeliveryPhase

# what an expression in a template can raise; TemplateError has the misspelt names and the sandbox's refusals
_RENDERING = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError)

# keys that not every payload has: a template may ask for them without asking first whether they are there
_ABSENT = {"others": (), "link": "", "clip_link": "", "still_jpeg_base64": ""}


class MessageTemplate:
    """One text of a hook, rendered from the payload's keys (``{{ summary }}``, ``{{ camera }}``, …).

    Args:
        text: the template.
        where: what it is the template of, for messages, such as ``hook 'phone': body``.
        is_json: the result must be JSON; put values in with ``| tojson``.
    """

    def __init__(self, text: str, *, where: str, is_json: bool = False) -> None:
        self._where = where
        self._is_json = is_json
        # not HTML: what escaping a value needs is known only to the template's author
        sandbox = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, autoescape=False)
        # the default also turns < and ' into \u003c, as if for a web page
        sandbox.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
        try:
            self._template = sandbox.from_string(text)
            for phase in DeliveryPhase:
                self._render(event_payload(sample_record(), phase))
        except _RENDERING as error:
            hint = "; put each value in with | tojson" if isinstance(error, json.JSONDecodeError) else ""
            raise ConfigError(f"{where}: the template fails on an example event: {error}{hint}") from error

    def render(self, payload: Mapping[str, Any]) -> str:
        """The message.

        Raises:
            PermanentError: the template cannot be rendered with just this event.
        """
        try:
            return self._render(payload)
        except _RENDERING as error:
            raise PermanentError(f"{self._where}: the template fails on this event: {error}") from error

    def _render(self, payload: Mapping[str, Any]) -> str:
        text = self._template.render(_ABSENT | dict(payload))
        if self._is_json:
            json.loads(text)
        return text
