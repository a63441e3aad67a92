"""Only plain files inside the media folder are ever served."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vidsense_daemon.review.media import clip_response, read_still
from vidsense_daemon.review.problems import Problem


@pytest.fixture
def media_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (folder / "still.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    return folder


def test_a_plain_file_inside_is_served(media_dir: Path) -> None:
    jpeg = read_still(str(media_dir / "still.jpg"), media_dir=media_dir)

    assert jpeg == b"\xff\xd8\xff\xd9"


@pytest.mark.parametrize("name", ["../secret.jpg", "x/../../secret.jpg", "gone.jpg", "nul\0.jpg", ""])
def test_what_lies_outside_is_as_good_as_gone(name: str, media_dir: Path) -> None:
    """Somebody edited the database: the path leads out of the folder, or nowhere."""
    for serve in (
        lambda path: read_still(str(path), media_dir=media_dir),
        lambda path: clip_response(path, media_dir=media_dir),
    ):
        with pytest.raises(Problem, match="no longer there"):
            serve(media_dir / name)


def test_links_and_pipes_are_not_followed(media_dir: Path) -> None:
    """A link inside the folder that points out, a linked folder, a pipe that would block: each is refused."""
    (media_dir / "link.jpg").symlink_to(media_dir.parent / "secret.jpg")
    (media_dir / "folder").symlink_to(media_dir.parent)
    os.mkfifo(media_dir / "pipe.jpg")

    for name in ("link.jpg", "folder/secret.jpg", "pipe.jpg"):
        with pytest.raises(Problem):
            read_still(str(media_dir / name), media_dir=media_dir)
        with pytest.raises(Problem):
            clip_response(media_dir / name, media_dir=media_dir)
