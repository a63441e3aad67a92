"""Find the time that a question speaks of: "this afternoon", "last night", "between 2 and 4 pm on Monday". Pure.

A time is read as a day or several, a part of the day and hours of the clock, each where the question names one:

    day     today · yesterday · Monday · last Monday · 2026-11-20 · 20 November · this week · last weekend
    part    morning 6–12 · afternoon 12–18 · evening 18–23 · night 22–6
    clock   at 5 pm (half an hour around it) · between 14:00 and 16:00 · since 8 · before noon
    back    in the last 20 minutes · in the past 3 days · the last hour

What is not understood stays in the question, where the search treats it as words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)
_AROUND = timedelta(minutes=30)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_UNITS_S = {"second": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "few": 3, "couple of": 2}
# hours of the day's beginning; a night belongs to the day on which it begins
_PARTS_H = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 23), "night": (22, 30)}

_HOUR = r"(?:[01]?\d|2[0-3])"
# beside "about" and "before" a bare number may count anything; beside "at" it is a time
_SURE = rf"(?:{_HOUR}(?:[:.][0-5]\d\s*(?:[ap]\.?m\.?)?|\s*(?:[ap]\.?m\.?|o'?clock|h))(?!\w)|noon|midday|midnight)"
_CLOCK = rf"(?:{_SURE}|{_HOUR}(?![\w:.]))"
_BACK = re.compile(
    rf"\b(?:in|during|over|within|for)?\s*(?:the )?(?:last|past)\s+(?P<count>\d+|{'|'.join(_NUMBERS)})?\s*"
    rf"(?P<unit>{'|'.join(_UNITS_S)})s?\b"
)
_BETWEEN = re.compile(rf"\b(?:between|from)\s+(?P<low>{_CLOCK})\s+(?:and|to|until|till)\s+(?P<high>{_CLOCK})")
_SINCE = re.compile(rf"\b(?:since\s+(?P<low>{_CLOCK})|after\s+(?P<low2>{_SURE}))")
_BEFORE = re.compile(rf"\b(?:before|until|till|by)\s+(?P<high>{_SURE})")
_AT = re.compile(rf"\b(?:at\s+(?:about\s+|around\s+)?(?P<at>{_CLOCK})|(?:around|about)\s+(?P<at2>{_SURE}))")
_PART = re.compile(r"\b(?:in the |during the |at |this )?(?P<part>morning|afternoon|evening|night)\b")
_TONIGHT = re.compile(r"\btonight\b")
_LAST_NIGHT = re.compile(r"\b(?:last night|overnight)\b")
_TODAY = re.compile(r"\btoday\b")
_YESTERDAY = re.compile(r"\byesterday\b")
_WEEK = re.compile(r"\b(?:in |during )?(?P<which>this|last|past) (?P<what>weekend|week)\b")
_ISO = re.compile(r"\b(?:on )?(?P<date>\d{4}-\d\d-\d\d)\b")
_DATE = re.compile(
    rf"\b(?:on )?(?:the )?(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{'|'.join(_MONTHS)})"
    rf"|(?P<month2>{'|'.join(_MONTHS)}) (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?)\b"
)
_WEEKDAY = re.compile(rf"\b(?:on |last )?(?P<weekday>{'|'.join(_WEEKDAYS)})\b")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, and the question without the words that named it."""

    since: datetime
    until: datetime
    rest: str

    def spoken(self, zone: tzinfo) -> str:
        """The stretch for people."""
        since, until = self.since.astimezone(zone), self.until.astimezone(zone)
        last = until - timedelta(seconds=1)
        if since.date() == last.date():
            return f"{since:%A %Y-%m-%d}, {since:%H:%M} to {until:%H:%M}"
        return f"{since:%A %Y-%m-%d %H:%M} to {until:%A %Y-%m-%d %H:%M}"


@dataclass(frozen=True, slots=True)
class _Days:
    """Whole days, ``first`` ≤ day < ``end``."""

    first: date
    end: date
    named: bool = True


def span_in(question: str, *, now: datetime, zone: tzinfo) -> Span | None:
    """The time that ``question`` names, cut off at ``now``; none when it names none, or one that is still to come."""
    local_now = now.astimezone(zone)
    rest = question.lower()
    # "last week" is the calendar's, "the last two weeks" are the clock's
    if (back := _BACK.search(rest)) and not (back["unit"] == "week" and not back["count"]):
        count = _count(back["count"])
        since = now - timedelta(seconds=count * _UNITS_S[back["unit"]])
        return Span(since, now, _without(rest, back))
    if night := _LAST_NIGHT.search(rest):
        evening = _at(local_now.date() - _DAY, 18, zone)
        return Span(evening, min(now, _at(local_now.date(), 6, zone)), _without(rest, night))
    days, rest = _days(rest, local_now.date())
    low_high, rest = _clock(rest, local_now, days, zone)
    if low_high is None:
        low_high, rest = _part(rest, days, zone)
    if low_high is None and not days.named:
        return None
    since, until = low_high or (_at(days.first, 0, zone), _at(days.end, 0, zone))
    return Span(since, min(until, now), rest) if since < now else None


def day_span(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """From midnight to midnight where the owner lives: 23 or 25 hours when the clocks change."""
    return _at(day, 0, zone), _at(day + _DAY, 0, zone)


def _days(rest: str, today: date) -> tuple[_Days, str]:
    for pattern, read in _DAY_WORDS:
        found = pattern.search(rest)
        days = read(found, today) if found else None
        if found and days:
            return days, _without(rest, found)
    return _Days(today, today + _DAY, named=False), rest


def _one_day(day: date) -> _Days:
    return _Days(day, day + _DAY)


def _week(found: re.Match[str], today: date) -> _Days:
    monday = today - _DAY * today.weekday()
    if found["which"] != "this":
        # on a Sunday "last weekend" is still the one before; during the week it is the newest
        monday -= 7 * _DAY
    if found["what"] == "weekend":
        return _Days(monday + 5 * _DAY, monday + 7 * _DAY)
    return _Days(monday, monday + 7 * _DAY)


def _date(found: re.Match[str], today: date) -> _Days | None:
    month = _MONTHS.index(found["month"] or found["month2"]) + 1
    try:
        day = date(today.year, month, int(found["day"] or found["day2"]))
        return _one_day(day if day <= today else day.replace(year=today.year - 1))
    except ValueError:
        return None  # a 31st of June


def _iso(found: re.Match[str], _today: date) -> _Days | None:
    try:
        return _one_day(date.fromisoformat(found["date"]))
    except ValueError:
        return None


def _weekday(found: re.Match[str], today: date) -> _Days:
    """The newest such day; "last Monday" said on a Monday is a week ago."""
    ago = (today.weekday() - _WEEKDAYS.index(found["weekday"])) % 7
    if ago == 0 and found[0].startswith("last"):
        ago = 7
    return _one_day(today - ago * _DAY)


_DAY_WORDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], _Days | None]], ...] = (
    (_ISO, _iso),
    (_DATE, _date),
    (_TODAY, lambda _found, today: _one_day(today)),
    (_YESTERDAY, lambda _found, today: _one_day(today - _DAY)),
    (_WEEK, _week),
    (_WEEKDAY, _weekday),
)


def _clock(rest: str, local_now: datetime, days: _Days, zone: tzinfo) -> tuple[tuple[datetime, datetime] | None, str]:
    """Hours of the clock on one day. Without a named day a time that is still to come was yesterday's."""
    if found := _BETWEEN.search(rest):
        low, high = _hour(found["low"]), _hour(found["high"])
        if _says_pm(found["high"]) and not _says_half(found["low"]) and low + 12 < high:
            low += 12  # in "between 2 and 4 pm" the first hour belongs to the afternoon too
        since, until = _at(days.first, low, zone), _at(days.first, high if high > low else high + 24, zone)
    elif found := _SINCE.search(rest):
        since = _at(days.first, _hour(found["low"] or found["low2"]), zone)
        until = _at(days.end, 0, zone)
    elif found := _BEFORE.search(rest):
        since, until = _at(days.first, 0, zone), _at(days.first, _hour(found["high"]), zone)
    elif found := _AT.search(rest):
        at = _at(days.first, _hour(found["at"] or found["at2"]), zone)
        at -= _DAY if not days.named and at > local_now else timedelta()
        since, until = at - _AROUND, at + _AROUND
    else:
        return None, rest
    if not days.named and since > local_now:
        since, until = since - _DAY, until - _DAY
    return (since, until), _without(rest, found)


def _part(rest: str, days: _Days, zone: tzinfo) -> tuple[tuple[datetime, datetime] | None, str]:
    if found := _TONIGHT.search(rest):
        return (_at(days.first, 18, zone), _at(days.first, 30, zone)), _without(rest, found)
    found = _PART.search(rest)
    # "at night" of no certain day is a kind of picture, not a time
    if found is None or (not days.named and not found[0].startswith(("this", "in the", "during"))):
        return None, rest
    low_h, high_h = _PARTS_H[found["part"]]
    last = days.end - _DAY
    return (_at(days.first, low_h, zone), _at(last, high_h, zone)), _without(rest, found)


def _says_pm(text: str) -> bool:
    return re.search(r"p\.?m", text) is not None


def _says_half(text: str) -> bool:
    return re.search(r"[ap]\.?m|noon|midday|midnight|[:.]", text) is not None


def _hour(text: str) -> float:
    """Hours since midnight."""
    if text in {"noon", "midday"}:
        return 12.0
    if text == "midnight":
        return 24.0
    hours, minutes = re.match(r"(\d+)(?:[:.](\d\d))?", text).groups()  # type: ignore[union-attr] # _CLOCK begins so
    hour = int(hours)
    if _says_pm(text) and hour < 12:
        hour += 12
    elif re.search(r"a\.?m", text) and hour == 12:
        hour = 0
    return hour + int(minutes or 0) / 60


def _at(day: date, hour: float, zone: tzinfo) -> datetime:
    """That hour of the local day; 24 and more lie on the day after."""
    over, hour = divmod(hour, 24)
    whole = int(hour)
    local = time(whole, round((hour - whole) * 60), tzinfo=zone)
    return datetime.combine(day + int(over) * _DAY, local)


def _count(text: str | None) -> int:
    if not text:
        return 1
    return int(text) if text.isdecimal() else _NUMBERS[text]


def _without(text: str, found: re.Match[str]) -> str:
    return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())
