"""Settings become rules; what the encoder can't see is left out, told, and costs nothing else."""

from __future__ import annotations

from datetime import time

from structlog.testing import capture_logs

from vidsense_daemon.daemon.backends import labels_seen, trigger_rules
from vidsense_daemon.domain.hours import Hours
from vidsense_daemon.perception.encoders.limits import unsupported_prompt
from vidsense_daemon.settings.load import parse

CONFIG = """
cameras:
  door: {url: /dev/video0, triggers: [visitor, fight, besuch, novel]}
triggers:
  visitor: {prompt: a person, active: "22:00-06:00", threshold: 4}
  fight: {prompt: two people fighting}
  besuch: {prompt: eine Person vor der Haustür}
  novel: {prompt: NOVEL}
""".replace("NOVEL", "a man " * 100)


def test_triggers_that_the_builtin_encoder_cannot_see_are_left_out_and_the_others_watched() -> None:
    """A fight, another language, a sentence as long as a page: each is named with its reason."""
    camera = parse(CONFIG, source="vidsense.yaml", environ={}).camera("door")
    with capture_logs() as logs:
        rules = trigger_rules(camera, encoder_backend="builtin")

    assert [rule.name for rule in rules] == ["visitor"]
    reasons = {line["trigger"]: line["reason"] for line in logs if line["event"] == "trigger_not_watched"}
    assert list(reasons) == ["fight", "besuch", "novel"]
    assert "cannot recognise violence" in reasons["fight"]
    assert "reads English only" in reasons["besuch"]
    assert "this one has 200 words" in reasons["novel"]


def test_a_rule_has_the_hours_and_the_threshold_of_the_file() -> None:
    """A threshold above the one for cameras without a background holds there too."""
    camera = parse(CONFIG, source="vidsense.yaml", environ={}).camera("door")
    rule = trigger_rules(camera, encoder_backend="clip")[0]

    assert rule.active == (Hours(time(22), time(6)),)
    assert (rule.threshold, rule.cold_threshold) == (4.0, 4.0)


def test_an_action_is_watched_whatever_the_encoder_thinks_of_its_name() -> None:
    """What was trained on the owner's own clips needs no sentence that the encoder understands."""
    text = "cameras: {door: {url: /dev/video0, triggers: [brawl]}}\ntriggers: {brawl: {action: fight, threshold: 2}}\n"
    [rule] = trigger_rules(parse(text, source="vidsense.yaml", environ={}).camera("door"), encoder_backend="builtin")

    assert (rule.action, rule.prompt, rule.cold_threshold) == ("fight", "fight", 2.0)


def test_a_refused_deed_names_the_way_to_train_it() -> None:
    """Who asks for a fight is told how a fight can be had."""
    assert "vidsense train actions" in str(unsupported_prompt("two people fighting"))


def test_labels_that_the_builtin_encoder_cannot_see_are_left_out_and_told() -> None:
    """CLIP may be asked for all of them."""
    words = ("a person", "somebody stealing a parcel", "ein Hund und eine Katze")
    with capture_logs() as logs:
        seen = labels_seen(words, encoder_backend="builtin")

    assert seen == ["a person"]
    assert [line["event"] for line in logs] == ["label_left_out"] * 2
    assert labels_seen(words, encoder_backend="clip") == list(words)
