"""The camera's background picture: what the scene looks like when nobody is there. Pure.

The median of nine pictures. They are taken quickly at first, so that a background stands after a few seconds, then
ever further apart, up to 20 s: at that pace they span three minutes, and whoever stands still for one of them is not
absorbed, while a car that has parked becomes background after about a minute and a half. After a scene change it starts
anew, but the old one comes back when its scene does (lightning, a lamp that was switched on for a moment).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cache

import numpy as np

from vidsense_daemon.capture.change import Light, Luma
from vidsense_daemon.capture.samples import Levels
from vidsense_daemon.capture.views import WorkingPicture

_PICTURES = 9
_FIRST_AFTER = 5  # pictures until there is a background: a passer-by covers no place in three of five
_FIRST_SPACING_S = 0.2
_WIDEST_SPACING_S = 20.0
_SHOWN_EVERY_S = 5.0  # a median costs 1.5 ms; while pictures are taken every second or two, it hardly changes each time
_STRIP_ROWS = 96  # a strip of all nine pictures is some 600 kB: it stays in the cache, and calls are few
_SAME_LEVELS = 20
_SAME_RATIO = 0.7  # of the pixels within 20 levels: the old scene is back
_OF_ONE_SCENE = 0.8  # of a recording's pictures; fewer are alike where the light goes on or somebody edited it


class Background:
    """One camera's background picture."""

    def __init__(self) -> None:
        self._kept: deque[Levels] = deque(maxlen=_PICTURES)
        self._spacing_s = _FIRST_SPACING_S
        self._since_wider = 0
        self._last_at_s = self._shown_at_s = float("-inf")
        self._before_change: WorkingPicture | None = None
        self.picture: WorkingPicture | None = None  # none until enough pictures were seen
        self.version = 0  # another picture, another number: cuts of it are kept until it changes

    def see(self, picture: WorkingPicture, at_s: float) -> None:
        """Take the picture into account, when it is time for another one."""
        if at_s < self._last_at_s:
            self._last_at_s = self._shown_at_s = float("-inf")  # a new run's clock starts at 0 again
        if self._kept and self._kept[-1].shape != picture.shape:
            self.start_anew()
        if at_s - self._last_at_s < self._spacing_s:
            return
        self._last_at_s = at_s
        self._kept.append(picture.planes)
        self._widen()
        all_kept = len(self._kept) == _PICTURES
        if len(self._kept) >= _FIRST_AFTER and (not all_kept or at_s - self._shown_at_s >= _SHOWN_EVERY_S):
            self._shown_at_s = at_s
            self._show(picture.with_planes(median(list(self._kept))))

    def begin_with(self, pictures: Sequence[WorkingPicture]) -> bool:
        """Take pictures from all over a recording for the camera's past; false when they show several scenes."""
        kept = [picture for picture in pictures if picture.shape == pictures[0].shape][:_PICTURES]
        if len(kept) < _FIRST_AFTER:
            return False
        middle = kept[0].with_planes(median([picture.planes for picture in kept]))
        if sum(_alike(middle.luma, picture.luma) for picture in kept) < _OF_ONE_SCENE * len(kept):
            return False
        self._kept.extend(picture.planes for picture in kept)
        self._spacing_s = _WIDEST_SPACING_S
        self._show(middle)
        return True

    def start_anew(self) -> None:
        """The scene has changed: gather pictures of the new one, but remember the old."""
        if self.picture is not None:
            self._before_change = self.picture
        self._kept.clear()
        self._spacing_s, self._since_wider, self._last_at_s = _FIRST_SPACING_S, 0, float("-inf")
        self._show(None)

    def come_back(self, picture: WorkingPicture) -> bool:
        """Whether the scene from before the change is back; its background is taken up again."""
        old = self._before_change
        if self.picture is not None or old is None or old.shape != picture.shape:
            return False
        if not _alike(old.luma, picture.luma):
            return False
        self._kept.extend([old.planes] * _FIRST_AFTER)
        self._show(old)
        return True

    def relight(self, light: Light) -> None:
        """The camera's exposure has made a step: show the same scene in its present light."""
        self._kept = deque((_relit(planes, light) for planes in self._kept), maxlen=_PICTURES)
        if self.picture is not None:
            self._show(self.picture.with_planes(_relit(self.picture.planes, light)))

    def _widen(self) -> None:
        """Twice the spacing each time that all kept pictures are of the present one."""
        self._since_wider += 1
        if self._since_wider >= _PICTURES:
            self._since_wider = 0
            self._spacing_s = min(2 * self._spacing_s, _WIDEST_SPACING_S)

    def _show(self, picture: WorkingPicture | None) -> None:
        self.picture = picture
        self.version += 1


def median(pictures: list[Levels]) -> Levels:
    """The median of each value; of an even number, the lower one.

    A sorting network of minima and maxima: far faster than `numpy.median`, which sorts pixel by pixel.
    A strip at a time, so that all pictures' strips stay in the processor's cache.
    """
    result = np.empty_like(pictures[0])
    network = _median_network(len(pictures))
    for top in range(0, len(result), _STRIP_ROWS):
        rows = [picture[top : top + _STRIP_ROWS].copy() for picture in pictures]
        spare = np.empty_like(rows[0])
        for low, high in network:
            np.minimum(rows[low], rows[high], out=spare)
            np.maximum(rows[low], rows[high], out=rows[high])
            rows[low], spare = spare, rows[low]
        result[top : top + _STRIP_ROWS] = rows[(len(rows) - 1) // 2]
    return result


@cache
def _median_network(size: int) -> tuple[tuple[int, int], ...]:
    """The exchanges (lower row, higher row) that bring the median to the middle row.

    Batcher's odd-even merge sort (Knuth, TAOCP 3, 5.2.2, algorithm M), without the exchanges that the middle row does
    not depend on.
    """
    exchanges = _merge_exchanges(size)
    needed, kept = {(size - 1) // 2}, []
    for low, high in reversed(exchanges):
        if needed & {low, high}:
            needed |= {low, high}
            kept.append((low, high))
    return tuple(reversed(kept))


def _merge_exchanges(size: int) -> list[tuple[int, int]]:
    exchanges = []
    first = 1 << max(0, (size - 1).bit_length() - 1)
    p = first
    while p > 0:
        q, r, d = first, 0, p
        while True:
            exchanges += [(i, i + d) for i in range(size - d) if i & p == r]
            if q == p:
                break
            q, r, d = q // 2, p, q - p
        p //= 2
    return exchanges


def _relit(planes: Levels, light: Light) -> Levels:
    luma_rows = planes.shape[0] * 2 // 3
    relit = planes.copy()
    relit[:luma_rows] = light.applied(planes[:luma_rows])
    return relit


def _alike(a: Luma, b: Luma) -> bool:
    thin_a, thin_b = a[::4, ::4].astype(np.int16), b[::4, ::4]
    return bool((np.abs(thin_a - thin_b) <= _SAME_LEVELS).mean() >= _SAME_RATIO)
