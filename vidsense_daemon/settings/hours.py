"""Parts of the week as an operator writes them: `22:00-07:00`, `mon-fri 08:00-17:00`, `sat,sun 00:00-24:00`. Pure.

A `ValueError` says what is wrong and what is allowed.
"""

from __future__ import annotations

import re
from datetime import time

from vidsense_daemon.domain.hours import Hours
from vidsense_daemon.settings.mistakes import in_words, nearest

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as `datetime.weekday` counts them
_FORM = re.compile(r"(?:(?P<days>[a-z,-]+) +)?(?P<begin>\d{1,2}:\d{2}) ?- ?(?P<end>\d{1,2}:\d{2})")


def week_hours(text: str) -> Hours:
    """The part of the week that ``text`` means."""
    found = _FORM.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError('found no hours; write "22:00-07:00" or "mon-fri 22:00-07:00"')
    return Hours(_time(found["begin"]), _time(found["end"]), _weekdays(found["days"]))


def week_hours_text(hours: Hours) -> str:
    """The shortest text that means the same."""
    days = "" if len(hours.weekdays) == len(_DAYS) else ",".join(_DAYS[day] for day in sorted(hours.weekdays)) + " "
    return f"{days}{hours.begin:%H:%M}-{hours.end:%H:%M}"


def time_of_day(text: str) -> time:
    """The local time that ``text`` means, such as "07:30"."""
    if re.fullmatch(r"\d{1,2}:\d{2}", text.strip()) is None:
        raise ValueError('found no time of day; write it as "07:30"')
    return _time(text)


def _time(text: str) -> time:
    hour, minute = (int(part) for part in text.split(":"))
    if (hour, minute) == (24, 0):
        return time(0)
    if hour > 23 or minute > 59:
        raise ValueError(f"found the time {text}; a day has 00:00 to 24:00")
    return time(hour, minute)


def _weekdays(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(len(_DAYS)))
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = _day(first), _day(last or first)
        # fri-mon goes over the end of the week
        days |= {(begin + step) % len(_DAYS) for step in range((end - begin) % len(_DAYS) + 1)}
    return frozenset(days)


def _day(text: str) -> int:
    if text not in _DAYS:
        meant = nearest(text, _DAYS)
        hint = f"; did you mean {meant}?" if meant else ""
        raise ValueError(f"found the day {text[:20]!r}; allowed are {in_words(_DAYS)}{hint}")
    return _DAYS.index(text)
