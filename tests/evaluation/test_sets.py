"""Public sets as they lie in folders, and what is said of folders that hold something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidsense_daemon.base.errors import ConfigError
from vidsense_daemon.evaluation.sets import fights, ped2, ucf101


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_fights_by_their_table_keep_their_sources(tmp_path: Path) -> None:
    touched(tmp_path, "fi1.mp4", "nofi1.mp4")
    (tmp_path / "labels.csv").write_text("file,fight,source_group\nfi1.mp4,1,7\nnofi1.mp4,0,7\n")

    found = fights(tmp_path)

    assert [(clip.path.name, clip.label, clip.group) for clip in found.clips] == [
        ("fi1.mp4", 1, "7"),
        ("nofi1.mp4", 0, "7"),
    ]


def test_fights_by_folder_are_taken_with_a_warning(tmp_path: Path) -> None:
    """Without sources a split may be a leak: the table says so."""
    found = fights(touched(tmp_path, "fight/a.mp4", "noFight/b.mp4"))

    assert [(clip.path.name, clip.label) for clip in found.clips] == [("b.mp4", 0), ("a.mp4", 1)]
    assert "may be a leak" in found.notes[0]


def test_classes_are_folders_and_sources_stand_in_the_names(tmp_path: Path) -> None:
    """g01 of two classes are two recordings."""
    names = ("Archery/v_Archery_g01_c01.avi", "Archery/v_Archery_g01_c02.avi", "Biking/v_Biking_g01_c01.avi")

    found = ucf101(touched(tmp_path, *names))

    assert found.classes == ("Archery", "Biking")
    assert [clip.group for clip in found.clips] == ["Archery/g01", "Archery/g01", "Biking/g01"]
    assert found.notes == ()


def test_ped2_videos_have_the_published_ground_truth(tmp_path: Path) -> None:
    """Frames 61 to 180 of the first test are anomalous, counted from 1."""
    found = ped2(touched(tmp_path, "train_01.mp4", "train_02.mp4", "test_01.mp4"))

    truth = found.tests[0].truth(180)
    assert (truth[:60].any(), truth[60:].all()) == (False, True)
    assert found.notes == ("1 of 12 test videos",)


def test_ped2_as_in_the_archive_is_judged_by_its_own_file(tmp_path: Path) -> None:
    """The masks beside the tests are no tests."""
    names = ("Train/Train001/001.tif", "Test/Test001/001.tif", "Test/Test002/001.tif", "Test/Test001_gt/001.bmp")
    touched(tmp_path, *names)
    text = "TestVideoFile = {};\nTestVideoFile{end+1}.gt_frame = [2:3];\nTestVideoFile{end+1}.gt_frame = [1:1, 4:5];\n"
    (tmp_path / "Test" / "UCSDped2.m").write_text(text)

    found = ped2(tmp_path)

    assert [test.path.name for test in found.tests] == ["Test001", "Test002"]
    assert [test.truth(5).tolist() for test in found.tests] == [
        [False, True, True, False, False],
        [True, False, False, True, True],
    ]


@pytest.mark.parametrize("load", [fights, ucf101, ped2])
def test_an_empty_or_missing_folder_is_said(load: type, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="there is no folder"):
        load(tmp_path / "gone")


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("file,fight,source_group\ngone.mp4,1,7\n", r"labels\.csv:2: file: there is no clip"),
        ("file,fight,source_group\nfi1.mp4,yes,7\n", r"labels\.csv:2: fight: found 'yes'"),
        ("file,fight\nfi1.mp4,1\n", "no column 'source_group'"),
        ("file,fight,source_group\n", "holds no clips"),
    ],
)
def test_a_mistake_in_the_table_has_its_line(table: str, says: str, tmp_path: Path) -> None:
    touched(tmp_path, "fi1.mp4")
    (tmp_path / "labels.csv").write_text(table)

    with pytest.raises(ConfigError, match=says):
        fights(tmp_path)
