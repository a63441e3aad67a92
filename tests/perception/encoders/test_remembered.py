"""Sentences are embedded once in the life of an encoder, and no damage to what is kept of them is ever felt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

from perception.fakes import ColourEncoder
from vidsense_daemon.perception.encoders.remembered import RememberedTexts


class CountingEncoder(ColourEncoder):
    def __init__(self, name: str = "counting-1") -> None:
        super().__init__()
        self.name = name
        self.asked: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.asked += texts
        return super().embed_texts(texts)


def test_a_restart_embeds_no_sentence_again(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "texts.npz"
    expected = RememberedTexts(CountingEncoder(), path=path).embed_texts(["a car", "a person", "a car"])
    again = CountingEncoder()
    remembered = RememberedTexts(again, path=path)

    assert remembered.embed_texts(["a car", "a person", "a car"]) == pytest.approx(expected)
    assert again.asked == []
    assert remembered.embed_texts(["a person", "a dog"]).shape == (2, again.dimension)
    assert again.asked == ["a dog"]
    assert remembered.embed_texts([]).shape == (0, again.dimension)


def test_another_encoders_are_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "texts.npz"
    RememberedTexts(CountingEncoder("one"), path=path).embed_texts(["a car"])
    other = CountingEncoder("other")
    RememberedTexts(other, path=path).embed_texts(["a car"])

    assert other.asked == ["a car"]


@pytest.mark.parametrize("keep", [0, 10, 200, -5])
def test_a_damaged_file_is_made_again(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "texts.npz"
    RememberedTexts(CountingEncoder(), path=path).embed_texts(["a car"])
    path.write_bytes(path.read_bytes()[:keep])
    first, second = CountingEncoder(), CountingEncoder()
    RememberedTexts(first, path=path).embed_texts(["a car"])
    RememberedTexts(second, path=path).embed_texts(["a car"])

    assert (first.asked, second.asked) == (["a car"], [])


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "texts.npz"
    RememberedTexts(CountingEncoder(), path=path).embed_texts(["a car", "a dog"])
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY", content.index(b"vectors")) + 130] ^= 0x40
    path.write_bytes(content)
    encoder = CountingEncoder()
    RememberedTexts(encoder, path=path).embed_texts(["a car"])

    assert encoder.asked == ["a car"]


def test_searching_all_day_does_not_fill_the_disk(tmp_path: Path) -> None:
    """The newest five hundred are kept."""
    path = tmp_path / "texts.npz"
    remembered = RememberedTexts(CountingEncoder(), path=path)
    remembered.embed_texts([f"a car {number}" for number in range(450)])
    remembered.embed_texts([f"a dog {number}" for number in range(100)])
    again = CountingEncoder()
    RememberedTexts(again, path=path).embed_texts(["a dog 99", "a car 449", "a car 0"])

    assert again.asked == ["a car 0"]


def test_a_full_disk_is_said_once_and_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    remembered = RememberedTexts(CountingEncoder(), path=tmp_path / "cache" / "texts.npz")
    with capture_logs() as logs:
        first = remembered.embed_texts(["a car"])
        remembered.embed_texts(["a dog"])

    assert first.shape == (1, remembered.dimension)
    assert [line["event"] for line in logs] == ["texts_not_kept"]


def test_values_that_are_no_numbers_are_not_remembered(tmp_path: Path) -> None:
    class Broken(CountingEncoder):
        def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().embed_texts(texts) * np.nan

    path = tmp_path / "texts.npz"
    RememberedTexts(Broken(), path=path).embed_texts(["a car"])
    encoder = CountingEncoder()
    RememberedTexts(encoder, path=path).embed_texts(["a car"])

    assert encoder.asked == ["a car"]
