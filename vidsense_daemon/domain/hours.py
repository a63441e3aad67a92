"""A part of the week in local time: when a hook is told, when a trigger looks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time

_EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``begin`` to ``end``, in the operator's own time zone.

    ``begin`` is inside, ``end`` is not. An ``end`` before ``begin`` is on the next day; equal ones mean the whole day.
    """

    begin: time
    end: time
    weekdays: frozenset[int] = _EVERY_DAY  # 0 is Monday; the day on which it begins

    def holds(self, local: datetime) -> bool:
        """Whether ``local``, which is in the operator's time zone, lies inside."""
        moment, today = local.time(), local.weekday()
        yesterday = (today - 1) % 7
        if self.begin < self.end:
            return self.begin <= moment < self.end and today in self.weekdays
        return (moment >= self.begin and today in self.weekdays) or (moment < self.end and yesterday in self.weekdays)
