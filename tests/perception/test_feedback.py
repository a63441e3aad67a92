"""What a trigger learns from verdicts: tried on its own past first, then it speaks against looks like the bad ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from structlog.testing import capture_logs

from vidsense_daemon.domain.events import Severity, Verdict
from vidsense_daemon.perception.feedback_head import FeedbackHead
from vidsense_daemon.perception.feedback_trial import of_sentence, try_feedback
from vidsense_daemon.perception.mailbox import FrameMailbox
from vidsense_daemon.perception.perceiver import Perceiver
from vidsense_daemon.perception.triggers import TriggerRule

from .fakes import DIMENSION, Camera, ColourEncoder, RememberingSink
from .lessons import cats_and_people, lesson

VISITOR = TriggerRule("visitor", "a person walking", cooldown_s=0)


def test_a_head_speaks_against_what_is_like_the_bad_ones_only() -> None:
    """Like a bad one: down by almost α. Like a good one, or like nothing judged: unchanged. Never up."""
    trial = try_feedback(cats_and_people(), severity=Severity.INFO)
    assert trial.head is not None

    like_bad, like_good, unlike = (trial.head.term(np.array(v, np.float32)) for v in ([1, 0, 0], [0, 0, 2], [0, 1, 0]))
    assert -trial.head.strength <= like_bad < -0.5
    assert like_good == 0
    assert unlike == pytest.approx(0, abs=0.1)


def test_verdicts_that_tell_events_apart_go_live() -> None:
    """Six cats and six people, hours apart: each cat is spared by what the others teach, nobody is lost."""
    trial = try_feedback(cats_and_people(), severity=Severity.ALERT)

    assert (trial.good, trial.bad, trial.occasions) == (6, 6, 12)
    assert (trial.spared, trial.lost, trial.goes_live) == (6, 0, True)
    assert trial.reason == "it would have spared 6 of 6 false events and lost 0 of 6 true ones"


@pytest.mark.parametrize(("good", "bad"), [(0, 12), (12, 0), (4, 5), (5, 4), (0, 0)])
def test_too_few_of_one_kind_teach_nothing(good: int, bad: int) -> None:
    """All bad and none good would silence the trigger: it is not tried, and the reason says what is missing."""
    verdicts = [Verdict.GOOD] * good + [Verdict.BAD] * bad
    trial = try_feedback([lesson(v, [1, 0], hours=i) for i, v in enumerate(verdicts)], severity=Severity.INFO)

    assert trial.head is None
    assert f"{good} good of 5 and {bad} bad of 5 needed" in trial.reason


def test_events_that_look_alike_are_not_told_apart() -> None:
    """Good and bad at random: what it spares it loses too, so nothing goes live."""
    looks = np.random.default_rng(3).normal(size=(40, 16))
    lessons = [lesson((Verdict.GOOD, Verdict.BAD)[i % 2], look, hours=i) for i, look in enumerate(looks)]

    assert not try_feedback(lessons, severity=Severity.ALERT).goes_live


def test_one_occasion_does_not_test_itself() -> None:
    """Six events of one cat within ten minutes say nothing of the next cat: none would have been spared."""
    trial = try_feedback(cats_and_people(every_hours=0.1), severity=Severity.INFO)

    assert (trial.occasions, trial.spared, trial.goes_live) == (1, 0, False)


def test_what_is_clearly_there_is_always_told() -> None:
    """Bad events that exceeded their threshold by more than any α would have been told all the same."""
    trial = try_feedback(cats_and_people(margin=5.0), severity=Severity.INFO)

    assert (trial.spared, trial.goes_live) == (0, False)


def test_losing_a_true_alert_outweighs_some_false_ones() -> None:
    """One true event in six looks like the bad ones: worth it for an info trigger, not for an alert."""
    confusing = cats_and_people(3)
    for hour in (30, 31):
        confusing.append(lesson(Verdict.GOOD, [1, 0.1, 0], hours=hour))
    confusing += [lesson(Verdict.BAD, [1, 0, 0], hours=40 + hour) for hour in range(3)]

    info, alert = (try_feedback(confusing, severity=s) for s in (Severity.INFO, Severity.ALERT))
    assert (info.spared, info.lost, info.goes_live) == (6, 2, True)
    assert not alert.goes_live


def test_a_look_that_is_not_finite_teaches_nothing() -> None:
    """A verdict on an event of a broken encoder is passed over."""
    broken = [lesson(Verdict.BAD, [np.nan, 0, 0], hours=90 + hour) for hour in range(5)]

    assert try_feedback([*cats_and_people(), *broken], severity=Severity.ALERT).bad == 6


def test_verdicts_on_another_sentence_or_encoder_do_not_teach() -> None:
    """Whoever changes what a trigger looks for begins anew; going back brings the old verdicts back."""
    lessons = [*cats_and_people(1), lesson(Verdict.BAD, [1, 0], hours=9, prompt="a dog")]
    lessons.append(lesson(Verdict.BAD, [1, 0], hours=10, encoder="another"))

    assert len(of_sentence(lessons, prompt="a person", encoder="colours")) == 2
    assert len(of_sentence(lessons, prompt="a dog", encoder="colours")) == 1


# ── in the perception thread ─────────────────────────────────────────────────────────────────────────────────────────


def teaching(*people: bool, strength: float = 100.0) -> FeedbackHead:
    """A head that was told of persons whether they are good."""
    key = np.zeros((len(people), DIMENSION), np.float32)
    key[:, 0] = 1.0
    key[:, 3] = -0.4  # less of the grey that was there before
    keys = key / np.linalg.norm(key, axis=1, keepdims=True)
    return FeedbackHead(np.zeros(DIMENSION, np.float32), keys, np.array(people), strength=strength, sharpness=8.0)


def perceiving(
    sink: RememberingSink, head_of: Callable[[str, str], FeedbackHead | None], rule: TriggerRule
) -> Perceiver:
    return Perceiver(
        encoder=ColourEncoder(), sink=sink, mailbox=FrameMailbox(), triggers={"door": [rule]}, head_of=head_of
    )


def test_a_verdict_counts_from_the_next_look_on_and_can_be_taken_back() -> None:
    """Persons were called bad: no event, and the sighting is counted. Switched off: the next one is told again."""
    heads: list[FeedbackHead | None] = [teaching(False)]
    sink, camera = RememberingSink(), Camera()
    perception = perceiving(sink, lambda _camera, _trigger: heads[0], VISITOR)
    perception.process(camera.frames("empty", 10))
    perception.process(camera.frames("person", 20))
    assert sink.opened_events == []
    assert perception.counts()["sightings_spared"] == 1

    heads[0] = None
    perception.process(camera.frames("person", 20))
    assert len(sink.opened_events) == 1


@pytest.mark.parametrize(("severity", "level"), [(Severity.ALERT, "warning"), (Severity.INFO, "info")])
def test_nothing_is_spared_without_a_word(severity: Severity, level: str) -> None:
    """The log says what was not told, and why; loudly for an alert, once for one sighting."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiving(sink, lambda _camera, _trigger: teaching(False), replace(VISITOR, severity=severity))
    perception.process(camera.frames("empty", 10))
    with capture_logs() as logs:
        perception.process(camera.frames("person", 20))

    (said,) = [line for line in logs if line["event"] == "sighting_spared_by_feedback"]
    assert (said["log_level"], said["camera"], said["trigger"]) == (level, "door", "visitor")
    assert said["score"] + said["term"] <= said["threshold"] < said["score"]


def test_a_bounded_term_never_silences_a_trigger() -> None:
    """What exceeds its threshold by more than α is told, whatever was called bad."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiving(sink, lambda _camera, _trigger: teaching(False, strength=0.5), VISITOR)
    perception.process(camera.frames("empty", 10))
    perception.process(camera.frames("person", 20))

    assert len(sink.opened_events) == 1


def test_an_event_carries_its_clearest_look() -> None:
    """The look is what the store keeps for learning: finite, with its threshold, and clearer than the first."""
    sink, camera = RememberingSink(), Camera()
    perception = perceiving(sink, lambda _camera, _trigger: None, VISITOR)
    perception.process(camera.frames("empty", 10))
    perception.process(camera.frames("person", 60))
    perception.finish()

    ((event, _stills),) = sink.closed_events
    look = event.look
    assert look is not None
    assert look.presence == pytest.approx(event.score)
    assert look.presence > look.threshold
    assert look.change.shape == (DIMENSION,)
    assert look.frames.shape == (len(look.seconds), DIMENSION)
    assert len(look.present) == len(look.seconds)
    assert teaching(False).term(look.change) < -50
