"""The lessons that the shipped bridge had: the labels of free clips of cameras, and pictures of rooms without anybody.

    python benchmarks/_lessons.py FOLDER OUT            then: vidsense train bridge --clips OUT/labels.yaml …

FOLDER holds clips/car-detection.mp4, clips/bottle-detection.mp4, clips/falls/*.mp4 and vtest.avi; OUT gets
links to them, labels.yaml, and the rooms' backgrounds. In the rooms somebody is always there, so no median of a clip is
without them: what a clip covers early is taken from later, what it covers throughout from elsewhere on the same
wall or floor, or from the other clips of room 2, which are laid upon each other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from vidsense_daemon.domain.frames import Picture

LABELS = Path(__file__).with_suffix(".yaml")
MEDIAN_OF = 25  # frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    written: dict[str, dict[str, Any]] = {}
    for camera, clips in yaml.safe_load(LABELS.read_text(encoding="utf-8")).items():
        paths = [arguments.folder / name for name in clips]
        backgrounds = background_pictures(camera, paths)
        for index, (path, shown) in enumerate(zip(paths, clips.values(), strict=True)):
            link = arguments.out / path.name
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve(strict=True))
            triggers = {
                f"shown {number}": {"prompt": prompt, "contrast": [], "present_s": present_s}
                for number, (prompt, present_s) in enumerate(shown.items(), start=1)
            }
            written[path.name] = {"group": camera, "triggers": triggers}
            if backgrounds:
                cv2.imwrite(str(arguments.out / f"{path.stem}.png"), backgrounds[index])
                written[path.name]["background"] = f"{path.stem}.png"
    (arguments.out / "labels.yaml").write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    print(f"{arguments.out / 'labels.yaml'}: {len(written)} clips")


def background_pictures(camera: str, paths: Sequence[Path]) -> list[Picture]:
    """One for each clip; none for a camera whose clips tell theirs."""
    if camera == "room 1":
        return [room_1(path) for path in paths]
    if camera == "room 2":
        return room_2(paths)
    return [room_3(path) for path in paths] if camera == "room 3" else []


def room_1(path: Path) -> Picture:
    """Who stands early lies later; below the middle, floor from beside them covers where they do both."""
    early, empty = median(path, 0, 0.25), median(path, 2.5, 9)
    height, width = empty.shape[:2]
    middle, left, right = height // 2, int(0.39 * width), int(0.61 * width)
    empty[middle:, :left] = early[middle:, :left]
    empty[middle:, right:] = early[middle:, right:]
    beside, wide = int(0.16 * width), int(0.22 * width)
    empty[middle:, left : left + wide] = early[middle:, beside : beside + wide]
    return empty


def room_2(paths: Sequence[Path]) -> list[Picture]:
    """Five clips of a camera that was moved by a hair: each one's view of what most of them show."""
    fallen = {"fall_13": (2.6, 3.6, 0.70), "fall_19": (1.9, 2.8, 0.62)}  # stands until, lies from, and below which row
    seen = []
    for path in paths:
        until_s, from_s, row = next((times for name, times in fallen.items() if name in path.stem), (99.0, 99.0, 1.0))
        early = median(path, 0, until_s)
        view = median(path, from_s, 9) if row < 1 else early
        below = int(row * len(view))
        view[below:] = early[below:]
        seen.append(view)
    return [np.median(np.stack([laid_upon(view, other) for other in seen]), axis=0).astype(np.uint8) for view in seen]


def room_3(path: Path) -> Picture:
    """Who stands early lies on the bed later."""
    empty, late = median(path, 0, 1.4), median(path, 2.6, 9)
    early = empty.copy()
    height, width = empty.shape[:2]
    top, bottom = int(0.40 * height), int(0.60 * height)
    empty[:top, int(0.42 * width) : int(0.62 * width)] = late[:top, int(0.42 * width) : int(0.62 * width)]
    for left, beside, wide in ((0.42, 0.30, 0.12), (0.54, 0.34, 0.07)):
        to, of, px = int(left * width), int(beside * width), int(wide * width)
        empty[top:bottom, to : to + px] = early[top:bottom, of : of + px]
    return empty


def median(path: Path, start_s: float, end_s: float) -> Picture:
    """Of the clip's frames between two moments."""
    clip = cv2.VideoCapture(str(path))
    fps, frames = clip.get(cv2.CAP_PROP_FPS), []
    while (read := clip.read())[0]:
        frames.append(read[1])
    if not frames:
        raise SystemExit(f"{path} cannot be read")
    chosen = frames[int(start_s * fps) : int(end_s * fps)]
    thinned = np.stack(chosen[:: max(1, len(chosen) // MEDIAN_OF)])
    return np.asarray(np.median(thinned, axis=0), np.uint8)


def laid_upon(view: Picture, other: Picture) -> Picture:
    """``other`` moved to where ``view`` looks, in its light; ``view`` itself when that cannot be told."""
    if other is view:
        return view
    try:
        _, turn = cv2.findTransformECC(
            grey(view),
            grey(other),
            np.eye(3, dtype=np.float32),
            cv2.MOTION_HOMOGRAPHY,
            criteria=(3, 100, 1e-5),
            inputMask=np.ones(view.shape[:2], np.uint8),
            gaussFiltSize=5,
        )
    except cv2.error:
        return view
    height, width = view.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(other, turn, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    gain = view.reshape(-1, 3).mean(0) / np.maximum(moved.reshape(-1, 3).mean(0), 1.0)
    return np.asarray(np.clip(moved * gain, 0, 255), np.uint8)


def grey(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (5, 5), 0), np.uint8)


if __name__ == "__main__":
    main()
