"""Triggers and labels as an operator writes them, and what is said of mistakes."""

from __future__ import annotations

import pytest

from vidsense_daemon.settings.schema import DEFAULT_LABELS

from .conftest import ONE_CAMERA, Read, Report


def test_two_triggers_of_one_name_are_a_mistake(report: Report) -> None:
    """YAML would silently keep the last one."""
    said = report(f"{ONE_CAMERA}triggers:\n  visitor: {{prompt: a person}}\n  visitor: {{prompt: a dog}}\n")

    assert "triggers.visitor" in said
    assert "the key stands twice" in said


def test_a_prompt_of_five_hundred_words_is_a_mistake(report: Report) -> None:
    """No encoder reads so far; the message does not repeat it all."""
    said = report(f"{ONE_CAMERA}triggers:\n  novel: {{prompt: {'person ' * 500}}}\n")

    assert "triggers.novel.prompt" in said
    assert len(said) < 1000


@pytest.mark.parametrize("threshold", ["0", "-1", ".nan", ".inf", "high", "101"])
def test_a_threshold_that_could_never_work_is_a_mistake(report: Report, threshold: str) -> None:
    """Everything would be an event, or nothing."""
    said = report(f"{ONE_CAMERA}triggers:\n  visitor: {{prompt: a person, threshold: {threshold}}}\n")

    assert "triggers.visitor.threshold" in said


def test_a_trigger_looks_for_an_action_or_for_a_sentence_but_for_something(read: Read, report: Report) -> None:
    """`brawl: {action: fight}` is whole; without either there is nothing to look for."""
    assert read(f"{ONE_CAMERA}triggers:\n  fall: {{action: sudden_fall}}\n").triggers["fall"].prompt == "sudden fall"

    assert "triggers.fall.prompt" in report(f"{ONE_CAMERA}triggers:\n  fall: {{severity: alert}}\n")


def test_an_empty_vocabulary_switches_labels_off(read: Read) -> None:
    """Without the key, a home's usual things are the vocabulary."""
    assert read(f"{ONE_CAMERA}labels: []\n").labels == ()
    assert read(ONE_CAMERA).labels == DEFAULT_LABELS


@pytest.mark.parametrize("labels", ["", "a person", "['']", "[a person, 7]"])
def test_labels_that_are_no_list_of_words_are_a_mistake(report: Report, labels: str) -> None:
    """The key and what may stand there."""
    said = report(f"{ONE_CAMERA}labels: {labels}\n")

    assert "labels" in said
    assert "a list" in said or "text" in said
