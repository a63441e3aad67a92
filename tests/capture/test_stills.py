"""Which stills something that moves is given, and when."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cameras import make_clip

from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.stills import StillRhythm, Want
from vidsense_daemon.capture.watching import watch

from .watched import Pipe


def moving(rhythm: StillRhythm, from_s: float, to_s: float) -> list[tuple[float, Want]]:
    """Every still of a motion that is looked at five times a second."""
    taken = []
    for look in range(round(from_s * 5), round(to_s * 5)):
        if want := rhythm.wants(look / 5):
            rhythm.took(look / 5)
            taken.append((look / 5, want))
    return taken


def test_a_motion_has_stills_at_once_and_then_ever_fewer() -> None:
    """Who comes in is half outside at first, and to be seen when the alert leaves."""
    stills = moving(StillRhythm(), 1.0, 21.0)

    assert stills[:3] == [(1.0, Want.FIRST), (1.4, Want.SOON), (1.8, Want.SOON)]
    assert [round(at_s - 1.0) for at_s, _ in stills[3:]] == [2, 3, 4, 6, 10, 15, 20]
    assert {want for _, want in stills[3:]} == {Want.NEXT}


def test_what_moves_all_day_costs_no_large_stills() -> None:
    """Rain: nobody makes an event of it, but a small picture is there should one begin; it is read as what is calm."""
    rhythm = StillRhythm()
    later = [(at_s, want) for at_s, want in moving(rhythm, 0.0, 60.0) if at_s > 21.0]

    assert rhythm.passing
    assert rhythm.is_known
    assert {want for _, want in later} == {Want.PASSING}
    assert {round(after - before, 1) for (before, _), (after, _) in pairwise(later)} == {5.0}


def test_an_event_in_a_motion_that_lasts_is_photographed_like_a_new_motion() -> None:
    """Somebody comes through the rain."""
    rhythm = StillRhythm()
    moving(rhythm, 0.0, 40.0)
    rhythm.begin_event("1-e")
    stills = moving(rhythm, 40.0, 44.0)

    assert not rhythm.passing
    assert [at_s for at_s, _ in stills] == [40.0, 40.4, 40.8, 41.8, 42.8]
    assert [want for _, want in stills] == [Want.FIRST, *[Want.SOON] * 2, *[Want.NEXT] * 2]


def test_an_event_that_lasts_keeps_its_good_stills_and_loses_them_when_it_is_over() -> None:
    rhythm = StillRhythm()
    rhythm.begin_event("1-e")
    during = moving(rhythm, 0.0, 60.0)
    rhythm.end_event("1-e")
    afterwards = moving(rhythm, 60.0, 70.0)

    assert {want for _, want in during[3:]} == {Want.NEXT}
    assert {want for _, want in afterwards} == {Want.PASSING}


def test_what_has_been_told_is_no_news() -> None:
    """Once its alert has left, an event is watched in larger gulps; what begins anew is not."""
    rhythm = StillRhythm()
    moving(rhythm, 0.0, 5.0)
    known = [rhythm.is_known]
    rhythm.begin_event("e")
    known.append(rhythm.is_known)
    rhythm.end_event("e")

    assert [*known, rhythm.is_known] == [False, True, False]


def test_what_moves_after_a_pause_is_new() -> None:
    rhythm = StillRhythm()
    moving(rhythm, 0.0, 40.0)

    assert moving(rhythm, 44.0, 44.4) == [(44.0, Want.FIRST)]


def test_the_process_that_watches_is_told_of_an_event(tmp_path: Path) -> None:
    """The daemon's order reaches the stills: one at once, and another soon."""
    walks = [(start / 2, start / 2 + 0.5) for start in range(6, 70)]
    clip = make_clip(tmp_path / "market.mp4", seconds=35, fps=5, walks=walks, noise_levels=1)
    pipe, told = Pipe(picture_px=64), list[float]()

    def orders() -> list[dict[str, Any]]:
        if told or not pipe.frames or pipe.frames[-1].pts_s < 31.0:
            return []
        told.append(pipe.frames[-1].pts_s)
        return [{"order": "event_begin", "event_id": "1-e"}]

    options = StreamOptions(url=str(clip), pace="asap", picture_px=64)
    watch(options, pipe, orders, now=lambda: datetime.now(UTC), mono_s=time.monotonic, sleep=lambda _seconds: None)
    stills_s = [frame.pts_s for frame in pipe.frames if frame.still and frame.pts_s > told[0]]

    assert stills_s[0] - told[0] < 0.5
    assert 0.3 < stills_s[1] - stills_s[0] < 0.7
