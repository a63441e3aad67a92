"""Words from a seeing model, whichever server runs it.

The describer never hangs (each request and the whole event are bounded), never takes a server's silence for the
event's fault (a breaker probes first), and keeps what a confused model wrote as `partial` instead of losing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from vidsense_daemon.base.clock import Clock, SystemClock
from vidsense_daemon.base.errors import DescriberError, DescriberUnavailableError, PermanentError
from vidsense_daemon.description.breaker import Breaker
from vidsense_daemon.description.describers.server import ModelServer, ServedModel
from vidsense_daemon.description.families import Layout
from vidsense_daemon.description.grounding import Evidence
from vidsense_daemon.description.interview import Interview
from vidsense_daemon.domain.events import Description, EventRecord


class ModelDescriber:
    """A describer in front of a model server; used by one thread, closed by any."""

    def __init__(
        self,
        server: ModelServer,
        *,
        zone: tzinfo,
        queries: Sequence[str],
        queries_by_camera: Mapping[str, Sequence[str]] | None = None,
        queries_by_trigger: Mapping[str, Sequence[str]] | None = None,
        layout: Layout | None = None,
        timeout_s: float = 900.0,
        evidence: Evidence | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.backend = server.backend
        self.model = server.model
        self._server = server
        self._zone = zone
        self._queries = tuple(queries)
        self._by_camera = dict(queries_by_camera or {})
        self._by_trigger = dict(queries_by_trigger or {})
        self._layout = layout
        self._timeout_s = timeout_s
        self._evidence = evidence
        self._clock = clock or SystemClock()
        self._breaker = Breaker(clock=self._clock)
        self._served: ServedModel | None = None

    def look(self) -> ServedModel:
        """Whether the server is there and has the model, asked anew; takes seconds at most and loads nothing."""
        return self._server.look()

    def describe(self, record: EventRecord) -> Description:
        if (wait_s := self._breaker.wait_s()) > 0:
            raise DescriberUnavailableError(self._breaker.reason, retry_after_s=wait_s)
        deadline_mono_s = self._clock.mono_s() + self._timeout_s
        served = self._probed()
        interview = Interview(
            self._server,
            served,
            record,
            zone=self._zone,
            queries=self._queries_for(record),
            layout=self._layout or served.family.layout,
            evidence=self._evidence,
            clock=self._clock,
            deadline_mono_s=deadline_mono_s,
        )
        try:
            description = interview.description()
        except PermanentError:
            self._breaker.succeeded()  # it answered, if with a no
            raise
        except DescriberError as error:
            self._fail(error)
            raise
        self._breaker.succeeded()
        return description

    def close(self) -> None:
        self._server.close()

    def _probed(self) -> ServedModel:
        """What the server says of its model; after a failure it first has to load it: a hung one still says much."""
        if self._served is not None and not self._breaker.wants_probe:
            return self._served
        try:
            self._served = self._server.look()
            self._server.load(self._served, timeout_s=self._timeout_s)
        except (DescriberError, PermanentError) as error:
            self._served = None
            wait_s = self._breaker.failed(str(error))
            # a probe carries no event: whatever happens to it, no event is to blame
            raise DescriberUnavailableError(str(error), retry_after_s=wait_s) from error
        return self._served

    def _fail(self, error: DescriberError) -> None:
        wait_s = self._breaker.failed(str(error))
        if isinstance(error, DescriberUnavailableError):
            error.retry_after_s = wait_s

    def _queries_for(self, record: EventRecord) -> list[str]:
        """The common ones, then the trigger's and the camera's own; each once."""
        event = record.event
        asked = [*self._queries, *self._by_trigger.get(event.trigger, ()), *self._by_camera.get(event.camera, ())]
        return list(dict.fromkeys(asked))
