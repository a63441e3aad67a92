"""When a still is due while something moves, and how good a one. Pure; times are seconds of the run's stream clock.

    a motion begins                     FIRST: at once, whatever the picture is
    within its first second             SOON: twice, whatever the picture is
    it goes on, or an event does        NEXT: after 2, 3, 4, 6, 10 and 15 s, then every 5 s
    for 20 s, and no event came of it   PASSING: every 5 s, of what is decoded anyway
    an event begins after that          as a motion begins

Whoever comes in is half outside the picture at first; half a second later there is somebody to be seen, and that is
when most alerts leave. A large still costs 30 ms. Rain, a tree in the wind or a market moves all day, and perception
makes no event of it: then nobody looks at its stills, but one that is a few seconds old must be there when an event
begins.
"""

from __future__ import annotations

from enum import Enum, auto

_SOON_EVERY_S = 0.35  # with five looks a second every other one
_SOON_FOR_S = 0.7
_EVERY_S = 1.0
_LEAST_EVERY_S = 5.0  # what moves for long needs no still a second
_SPREAD = 0.5  # of how long it has moved
_PASSING_AFTER_S = 20.0
_PAUSE_S = 3.0  # without motion: what moves then is something new


class Want(Enum):
    """Which still is due."""

    FIRST = auto()
    SOON = auto()
    NEXT = auto()
    PASSING = auto()


class StillRhythm:
    """One camera's."""

    def __init__(self) -> None:
        self._events: set[str] = set()
        self.start_run()

    def start_run(self) -> None:
        """The stream's clock has jumped: forget its old times."""
        self._due_s = self._moved_at_s = self._since_s = float("-inf")
        self.passing = False  # whether what moves has done so for long, and no event came of it

    @property
    def is_known(self) -> bool:
        """Whether what moves is no news: it goes on and on, or an event of it has been told already."""
        return self.passing or bool(self._events)

    def begin_event(self, event_id: str) -> None:
        """Something was made of the motion: it gets good stills until `end_event`."""
        self._events.add(event_id)

    def end_event(self, event_id: str) -> None:
        """Nobody keeps its stills any more."""
        self._events.discard(event_id)

    def wants(self, at_s: float) -> Want | None:
        """Ask at each look at which something moves; none while no still is due."""
        begins = at_s > self._moved_at_s + _PAUSE_S or (self.passing and bool(self._events))
        self._moved_at_s = at_s
        if begins:
            self._since_s, self.passing = at_s, False
            return Want.FIRST
        if at_s < self._due_s:
            return None
        lasts_s = at_s - self._since_s
        self.passing = not self._events and lasts_s > _PASSING_AFTER_S
        if self.passing:
            return Want.PASSING
        return Want.SOON if lasts_s < _EVERY_S else Want.NEXT

    def took(self, at_s: float) -> None:
        """There was a picture, and it became a still."""
        lasts_s = at_s - self._since_s
        every_s = min(max(_EVERY_S, lasts_s * _SPREAD), _LEAST_EVERY_S)
        self._due_s = at_s + (_SOON_EVERY_S if lasts_s < _SOON_FOR_S else every_s)
