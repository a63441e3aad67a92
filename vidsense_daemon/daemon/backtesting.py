"""Triggers tried on what the cameras have already seen: for `vidsense triggers backtest` and the review pages."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from vidsense_daemon.base.errors import PermanentError, TransientError
from vidsense_daemon.daemon import backends
from vidsense_daemon.daemon.storage import Storage
from vidsense_daemon.domain.events import Event
from vidsense_daemon.domain.ports import Encoder
from vidsense_daemon.perception.backtest import Backtest, Firing, backtest
from vidsense_daemon.perception.prompts import PromptBook
from vidsense_daemon.perception.triggers import TriggerRule

_MOST_EVENTS = 100_000
_LONGEST_EVENT = timedelta(minutes=5)
_ABOUT = timedelta(seconds=10)  # a stored window ends up to eight seconds after what it shows


class Backtests:
    """Any sentence against the stored windows; thread-safe when the encoder is."""

    def __init__(self, storage: Storage, encoder: Callable[[], tuple[Encoder, str] | None]) -> None:
        """``encoder`` gives the encoder and its backend; none while it is still being loaded."""
        self._storage = storage
        self._encoder = encoder

    def run(
        self, *, prompt: str, contrast: Sequence[str], camera: str | None, since: datetime, until: datetime
    ) -> Backtest:
        """When a new trigger of these sentences would have fired.

        Raises:
            PermanentError: the encoder does not understand the sentence.
            TransientError: the encoder is not loaded yet.
        """
        rule = TriggerRule(name="backtest", prompt=prompt, contrast=tuple(contrast))
        return self.run_rule(rule, cameras=None if camera is None else (camera,), since=since, until=until)

    def run_rule(
        self, rule: TriggerRule, *, cameras: Sequence[str] | None, since: datetime, until: datetime
    ) -> Backtest:
        """When ``rule`` would have fired on these cameras, or on all; with the events stored at those times.

        Raises:
            PermanentError: the encoder does not understand the sentence.
            TransientError: the encoder is not loaded yet.
        """
        loaded = self._encoder()
        if loaded is None:
            raise TransientError("the encoder is still being loaded: try again in a minute")
        if rule.action:
            raise PermanentError(
                f'"{rule.action}" is a trained action: it needs frames close in time, and stored windows do not keep '
                "them; `vidsense replay` tries it on a recording"
            )
        encoder, backend = loaded
        if reason := backends.refused_prompt(rule.prompt, encoder_backend=backend):
            raise PermanentError(reason)
        texts = PromptBook(encoder).texts_of(rule)
        only = cameras[0] if cameras is not None and len(cameras) == 1 else None
        windows = self._storage.windows.between(since, until, encoder=encoder.name, camera=only)
        found = backtest(
            (window for window in windows if cameras is None or window.camera in cameras),
            rule=rule,
            texts=texts,
            since=since,
            until=until,
        )
        return replace(found, firings=tuple(self.with_events(found.firings, since=since, until=until)))

    def with_events(self, firings: Sequence[Firing], *, since: datetime, until: datetime) -> list[Firing]:
        """The same firings, each with the event that was stored of its camera at that time, if there is one."""
        by_camera: defaultdict[str, list[Event]] = defaultdict(list)
        stored = self._storage.archive.began_between(since - _LONGEST_EVENT, until, camera=None, limit=_MOST_EVENTS)
        for event in sorted(stored, key=lambda event: event.started_at):
            by_camera[event.camera].append(event)
        return [replace(firing, event_id=_event_at(firing, by_camera[firing.camera])) for firing in firings]


def _event_at(firing: Firing, events: Sequence[Event]) -> str | None:
    """The id of the event that overlaps the firing, of several the nearest; ``events`` are oldest first."""
    begin = bisect_left(events, firing.started_at - _LONGEST_EVENT, key=lambda event: event.started_at)
    end = bisect_right(events, firing.ended_at + _ABOUT, key=lambda event: event.started_at)
    overlapping = [event for event in events[begin:end] if event.ended_at >= firing.started_at - _ABOUT]
    if not overlapping:
        return None
    return min(overlapping, key=lambda event: abs(event.started_at - firing.started_at)).id
