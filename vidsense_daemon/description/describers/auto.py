"""Take the model when it is there, plain words when it never was, and say which and why.

The whole rule: as long as the server has not answered once in this run, with the model there, events get the builtin
sentence at once, and the server is asked again once a minute. From its first answer on, it is the describer for the
rest of the run: if it goes down, descriptions wait for it, as with a describer that was named by the operator.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import DescriberError, PermanentError
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.domain.events import Description, EventRecord
from vidsense_daemon.domain.ports import Describer

# often enough that a model pulled meanwhile is soon used, seldom enough that a dead host name costs nothing
_ASK_AGAIN_S = 60.0


class AutoDescriber:
    """Used by one thread, closed by any."""

    def __init__(self, preferred: ModelDescriber, fallback: Describer, *, clock: Clock | None = None) -> None:
        self._preferred = preferred
        self._fallback = fallback
        self._clock = clock or SystemClock()
        self._log = structlog.get_logger()
        self._preferred_seen = False
        self._ask_at_mono_s = self._clock.mono_s()
        self._why = ""

    @property
    def backend(self) -> str:
        return self._taken.backend

    @property
    def model(self) -> str:
        return self._taken.model

    def describe(self, record: EventRecord) -> Description:
        if not self._preferred_seen:
            self._look()
        description = self._taken.describe(record)
        chosen = {"taken": self.backend, "why": self._why}
        return replace(description, details={**description.details, "chosen": chosen})

    def close(self) -> None:
        self._preferred.close()
        self._fallback.close()

    @property
    def _taken(self) -> Describer:
        return self._preferred if self._preferred_seen else self._fallback

    def _look(self) -> None:
        """Ask for the preferred one when it is time, and log when what was found has changed."""
        if self._clock.mono_s() < self._ask_at_mono_s:
            return
        self._ask_at_mono_s = self._clock.mono_s() + _ASK_AGAIN_S
        try:
            self._preferred.look()
        except (DescriberError, PermanentError) as error:
            why = str(error)
        else:
            self._preferred_seen = True
            why = f"{self._preferred.model} is there"
        if why != self._why:
            self._why = why
            self._log.info("describer_chosen", backend=self.backend, model=self.model, why=why)
