"""Novelty and tamper events of live cameras, from frames to the sink, over restarts and changes."""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path

import numpy as np
import structlog

from vidsense_daemon.domain.events import NOVELTY, TAMPER, EventState, Severity
from vidsense_daemon.domain.frames import Still, View
from vidsense_daemon.domain.windows import EmbeddedFrame, Window
from vidsense_daemon.perception.blocks import BlocksPast
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.tampering import TamperMemory, outlines_of
from vidsense_daemon.perception.unusual import NoveltyRule, TamperRule, UnusualRules, UnusualWatch
from vidsense_daemon.perception.unusual_file import Kept, UnusualFile, peaks_kept
from vidsense_daemon.perception.usual import PEAK_EVERY, Peak

from .fakes import STARTED_AT, Camera, ColourEncoder, RememberingSink, changed_by, painted
from .test_novelty import Street, Tenfold
from .test_tampering import scene

BOTH = UnusualRules(NoveltyRule(), TamperRule())


def a_day(*, chance: int = 0) -> Kept:
    """What a camera knows after its first day: `Street`'s usual frames, one scene."""
    random = np.random.default_rng(chance)
    peaks = [
        Peak(STARTED_AT - number * PEAK_EVERY, 2 + random.exponential(0.5), np.eye(16, dtype=np.float16)[0])
        for number in range(150, 0, -1)
    ]
    street, blocks, ratios = Street(seed=5), BlocksPast(), []
    for _ in range(700):
        frame = street.frame()
        assert frame.block_changes is not None
        if blocks.is_known:
            ratios.append(blocks.standout(frame.block_changes).ratio)
        blocks.learn(frame.captured_at, frame.block_changes)
    surprises, speeds = random.normal(0.4, 0.025, len(ratios)), random.uniform(0, 0.06, len(ratios))
    scale = np.stack([ratios, surprises, speeds], axis=1).astype(np.float32)
    tamper = TamperMemory(watched_s=90_000, looks=[outlines_of(scene())[0]])
    return Kept(peaks, "persistence", scale, tamper, blocks)


def watching(folder: Path, *, kept: Kept | None = None, rules: UnusualRules = BOTH, **options: object) -> UnusualWatch:
    if kept is not None:
        UnusualFile(folder, camera="door", encoder="colours").save(kept)
    values = {"encoder": "colours", "folder": folder, "time_zone": UTC, **options}
    return UnusualWatch({"door": rules}, **values)  # type: ignore[arg-type]


def window(frame: EmbeddedFrame) -> Window:
    return Window((frame,), frame.whole[None], frame.whole)


def still_of(frame: EmbeddedFrame) -> Still:
    return Still(b"jpeg", 640, 480, frame.captured_at, None)


def play(watch: UnusualWatch, street: Street, sink: RememberingSink, seconds: float, **changes: object) -> None:
    for _ in range(round(seconds * 5)):
        watch.see(window(street.frame(**changes)), sink)  # type: ignore[arg-type]


def test_what_is_unlike_all_before_becomes_an_event_within_two_seconds(tmp_path: Path) -> None:
    """With the severity and name of novelty, and why; it ends when things are as usual again."""
    watch, street, sink = watching(tmp_path, kept=a_day()), Street(), RememberingSink()
    play(watch, street, sink, 20)
    assert not sink.opened_events
    began_s = street.at_s
    play(watch, street, sink, 2, strange=3.0, still=still_of(street.frame()))
    play(watch, street, sink, 10)

    ((event, first),) = sink.opened_events
    assert (event.trigger, event.severity) == (NOVELTY, Severity.INFO)
    assert began_s < event.started_pts_s < began_s + 2
    assert event.explanation.startswith("unlike anything in a day; nearest: ")
    assert event.nearest_at is not None
    assert first is not None
    ((closed, _),) = sink.closed_events
    assert closed.state is EventState.CLOSED
    assert closed.explanation == event.explanation


def test_one_wild_look_makes_no_event_and_teaches_no_threshold(tmp_path: Path) -> None:
    """A budget counts events: what could not have made one must not raise what an event needs."""
    watch, street, sink = watching(tmp_path, kept=a_day()), Street(), RememberingSink()
    play(watch, street, sink, 5)
    play(watch, street, sink, 0.2, strange=5.0)
    watch.end_run("door", sink)
    street.frame(step_s=PEAK_EVERY.total_seconds())
    play(watch, street, sink, 2)
    watch.save()

    assert not sink.opened_events
    assert UnusualFile(tmp_path, camera="door", encoder="colours").load().peaks[-1].score < 3


def test_a_cold_camera_is_silent_and_says_until_when_it_learns(tmp_path: Path) -> None:
    """However wild its first minutes are."""
    watch, street, sink = watching(tmp_path), Street(), RememberingSink()
    play(watch, street, sink, 60)
    play(watch, street, sink, 5, strange=5.0)

    assert not sink.calls
    assert watch.learning_until(STARTED_AT) == {"door": STARTED_AT + timedelta(days=1)}


def test_whoever_does_not_want_novelty_gets_none(tmp_path: Path) -> None:
    """By the configuration, or switched off by hand."""
    sink = RememberingSink()
    for rules, enabled in ((UnusualRules(), True), (BOTH, False)):
        watch = watching(tmp_path, kept=a_day(), rules=rules, is_enabled=lambda *_, enabled=enabled: enabled)
        street = Street()
        play(watch, street, sink, 5)
        play(watch, street, sink, 5, strange=3.0)

    assert not sink.calls


def test_what_was_learned_survives_a_restart(tmp_path: Path) -> None:
    """The camera is not cold again, and as unusual things as before are found."""
    before = watching(tmp_path, kept=a_day())
    play(before, Street(), RememberingSink(), 5)
    before.save()
    after, street, sink = watching(tmp_path), Street(), RememberingSink()
    play(after, street, sink, 5)
    play(after, street, sink, 2, strange=3.0)

    assert after.learning_until(STARTED_AT) == {}
    assert len(sink.opened_events) == 1


def test_a_trained_model_that_ran_before_a_restart_goes_on_at_once(tmp_path: Path) -> None:
    """Models are handed over after the start: what was kept is the trained one's, so nothing warms up anew."""
    kept = a_day()
    kept.model, kept.scale = "tenfold", kept.scale * (1, 10, 1)
    watch, street, sink = watching(tmp_path, kept=kept), Street(), RememberingSink()
    play(watch, street, sink, 0.2)
    watch.use("door", Tenfold())
    play(watch, street, sink, 5)
    play(watch, street, sink, 2, strange=3.0)

    assert [event.trigger for event, _ in sink.opened_events] == [NOVELTY]


def test_another_encoder_begins_anew_with_one_line_in_the_log(tmp_path: Path) -> None:
    """Scores of two spaces cannot be compared; the camera's scene is still known."""
    UnusualFile(tmp_path, camera="door", encoder="older").save(a_day())
    with structlog.testing.capture_logs() as logs:
        kept = UnusualFile(tmp_path, camera="door", encoder="colours").load()

    assert [(line["event"], line["reason"]) for line in logs] == [("usual_begins_anew", "the encoder was older")]
    assert not kept.peaks
    assert not len(kept.scale)
    assert len(kept.tamper.looks) == 1
    assert kept.blocks.is_known


def test_a_file_of_an_earlier_version_begins_anew_with_one_line_in_the_log(tmp_path: Path) -> None:
    """Its scores measured something else; the camera's scene is still known."""
    UnusualFile(tmp_path, camera="door", encoder="colours").save(a_day())
    path = tmp_path / "door.safetensors"
    path.write_bytes(path.read_bytes().replace(b"vidsense-unusual-2", b"vidsense-unusual-1"))
    with structlog.testing.capture_logs() as logs:
        kept = UnusualFile(tmp_path, camera="door", encoder="colours").load()

    ((event, reason),) = [(line["event"], line["reason"]) for line in logs]
    assert event == "usual_begins_anew"
    assert "earlier version" in reason
    assert not kept.peaks
    assert not kept.blocks.is_known
    assert len(kept.tamper.looks) == 1
    assert peaks_kept(path) == 0


def test_another_pace_begins_anew_with_one_line_in_the_log(tmp_path: Path) -> None:
    """Twice as far apart, two frames differ by more: after a changed `busy_fps` the old measures would cry wolf."""
    watch, street, sink = watching(tmp_path, kept=a_day()), Street(), RememberingSink()
    play(watch, street, sink, 2)
    watch.save()
    slower = UnusualRules(NoveltyRule(busy_every_s=0.4))
    with structlog.testing.capture_logs() as logs:
        after = watching(tmp_path, rules=slower)
        play(after, street, sink, 0.2)
        watch.change_rules("door", slower)
        play(watch, street, sink, 0.2)

    reasons = [line["reason"] for line in logs if line["event"] == "usual_begins_anew"]
    assert reasons == ["sampling.busy_fps was 5, now it is 2.5"] * 2
    assert set(after.learning_until(STARTED_AT)) == set(watch.learning_until(STARTED_AT)) == {"door"}
    assert len(UnusualFile(tmp_path, camera="door", encoder="colours").load().tamper.looks) == 1


def test_the_same_pace_goes_on(tmp_path: Path) -> None:
    """Whatever else of the rules has changed."""
    watch, street, sink = watching(tmp_path, kept=a_day()), Street(), RememberingSink()
    play(watch, street, sink, 2)
    watch.change_rules("door", UnusualRules(NoveltyRule(per_week=7)))
    play(watch, street, sink, 0.2)

    assert watch.learning_until(STARTED_AT) == {}


def test_a_damaged_file_is_left_behind(tmp_path: Path) -> None:
    """The camera learns anew; the log names the file."""
    (tmp_path / "door.safetensors").write_bytes(b"no such thing")
    with structlog.testing.capture_logs() as logs:
        kept = UnusualFile(tmp_path, camera="door", encoder="colours").load()

    assert [line["event"] for line in logs] == ["usual_left_behind"]
    assert not kept.peaks


def test_one_frozen_frame_for_hours_is_nothing_unusual(tmp_path: Path) -> None:
    """Nothing changes: no novelty, and the threshold stays where it was."""
    watch = watching(tmp_path, kept=a_day(), rules=UnusualRules(NoveltyRule()))
    street, sink = Street(), RememberingSink()
    play(watch, street, sink, 5)
    tiles = street.frame().tiles
    for _ in range(3 * 3600 // 20):
        watch.see(window(street.frame(step_s=20.0, tiles=tiles, block_changes=None, moving=False)), sink)
    play(watch, street, sink, 5)
    play(watch, street, sink, 2, strange=3.0)

    assert [event.trigger for event, _ in sink.opened_events] == [NOVELTY]


def test_changed_rules_end_what_is_open_and_keep_what_is_known(tmp_path: Path) -> None:
    """A reload that switches novelty off takes effect at the next frame."""
    watch, street, sink = watching(tmp_path, kept=a_day()), Street(), RememberingSink()
    play(watch, street, sink, 5)
    play(watch, street, sink, 2, strange=3.0)
    watch.change_rules("door", UnusualRules())
    play(watch, street, sink, 5, strange=3.0)

    assert [len(sink.opened_events), len(sink.closed_events)] == [1, 1]
    assert watch.learning_until(STARTED_AT) == {}


def test_a_covered_camera_makes_one_event_that_ends_when_it_sees_again(tmp_path: Path) -> None:
    """Through the whole perception thread: told after a minute, once, with what is wrong."""
    encoder, sink, camera = ColourEncoder(), RememberingSink(), Camera(step_s=1.0)
    shown, covered = painted(), painted("dog")
    shown[:8, :8] = (200, 0, 0)
    kept = a_day()
    kept.tamper.looks = [outlines_of(shown)[0]]
    perceiver = Perceiver(
        encoder=encoder, sink=sink, mailbox=FrameMailbox(), triggers={}, unusual=watching(tmp_path, kept=kept)
    )
    for picture, count in ((shown, 20), (covered, 90), (shown, 20)):
        for _ in range(count):
            perceiver.process([camera.frame(whole=View(picture, None), block_changes=changed_by(1.0))])

    ((event, _),) = sink.opened_events
    assert (event.trigger, event.severity) == (TAMPER, Severity.WARNING)
    assert event.prompt == "the camera's lens is covered"
    assert 80 <= event.started_pts_s <= 84
    ((closed, _),) = sink.closed_events
    assert 110 <= closed.ended_pts_s <= 125


def test_a_camera_that_was_moved_learns_its_new_scene(tmp_path: Path) -> None:
    """After an hour the new scene is its own, and what is usual there is learned from the start."""
    watch, sink, camera = watching(tmp_path, kept=a_day()), RememberingSink(), Camera(step_s=10.0)
    for _ in range(6 * 62):
        watch.look(camera.frame(whole=View(scene(seed=9), None), block_changes=changed_by(1.0)))

    assert set(watch.learning_until(STARTED_AT)) == {"door"}
    assert not sink.calls
