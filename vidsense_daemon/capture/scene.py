"""One camera's scene: what moves in it, what it looks like when nothing does, and which frames are worth sending.

Pictures and moments go in, `Frame`s come out; the child owns the stream, the clock and the pipe. Pure but for swscale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vidsense_daemon.capture.background import Background
from vidsense_daemon.capture.change import GATE_HEIGHT_PX, GATE_WIDTH_PX, Change, ChangeGate, GreySwitch
from vidsense_daemon.capture.masks import PrivacyMask, covered, touched
from vidsense_daemon.capture.options import StreamOptions
from vidsense_daemon.capture.sampling import Sampler
from vidsense_daemon.capture.stills import StillRhythm, Want
from vidsense_daemon.capture.timeline import Moment
from vidsense_daemon.capture.views import Scaler, WorkingPicture, blacken
from vidsense_daemon.domain.frames import Box, Frame, Picture, Still, View
from vidsense_daemon.domain.squares import Square, square_around

TakeStill = Callable[[Want], Still | None]
"""Makes a still; none when the camera has no new picture for it."""


class Scene:
    """Looks at one camera's decoded frames, in order."""

    def __init__(
        self, options: StreamOptions, *, scaler: Scaler, sampler: Sampler, new_run_id: Callable[[], str]
    ) -> None:
        gate_size = (GATE_WIDTH_PX, GATE_HEIGHT_PX)
        self._gate = ChangeGate(
            threshold_levels=options.motion_threshold_levels,
            changed_ratio=options.motion_changed_ratio,
            # blackened is not enough: where the whole picture grows brighter, black would stand out
            ignored=covered(options.motion_masks, *gate_size) | touched(options.privacy_masks, *gate_size),
            zones={name: covered([polygon], *gate_size) for name, polygon in options.zones.items()},
        )
        self._privacy = PrivacyMask(options.privacy_masks) if options.privacy_masks else None
        self._scaler = scaler
        self._sampler = sampler
        self._new_run_id = new_run_id
        self._grey_switch = GreySwitch()
        self.change: Change | None = None  # what was said of the newest picture, sent or not
        self._background = Background()
        self._run_id = ""
        self._index = 0
        self._box: Box | None = None
        self.stills = StillRhythm()
        self._cuts: dict[Square, Picture] = {}
        self._cuts_version = -1

    def start_run(self) -> None:
        """Stream time is broken: nothing of the next frame may be compared with the last one."""
        self._run_id, self._index = self._new_run_id(), 0
        self._box = None
        self.stills.start_run()
        self._gate.forget()
        self._sampler.start_run()

    @property
    def settled(self) -> bool:
        """Whether it knows what calm looks like."""
        return self._background.picture is not None

    def begin_with(self, pictures: Sequence[WorkingPicture]) -> None:
        """Know the background of a recording before it is watched; blackens the pictures where they are private."""
        for picture in pictures:
            self._hide_private(picture)
        self._background.begin_with(pictures)

    def scene_changed(self) -> None:
        """Somebody who sees more of the picture than the gate does says that the scene is another one."""
        self._background.start_anew()

    def look(self, picture: WorkingPicture, moment: Moment, take_still: TakeStill) -> Frame | None:
        """The frame to send, when this one is worth it. ``picture`` is blackened in place where it is private."""
        self._hide_private(picture)
        change = self._gate.compare(self._scaler.small_luma(picture, GATE_WIDTH_PX, GATE_HEIGHT_PX))
        if self._grey_switch.switched(picture.samples[1:]):
            change = replace(change, moving=False, box=None, scene_changed=True, zones=(), relit=None)
        self.change = change
        self._follow(picture, change, moment.pts_s)
        wanted = change.scene_changed or self._background.picture is None
        if not self._sampler.sends(moment.pts_s, wanted=wanted, moving=change.moving):
            return None
        frame = self._frame(picture, change, moment, take_still)
        self._index += 1
        return frame

    def _hide_private(self, picture: WorkingPicture) -> None:
        if self._privacy:
            blacken(picture.planes, self._privacy(picture.width_px, picture.height_px))

    def _follow(self, picture: WorkingPicture, change: Change, at_s: float) -> None:
        if change.scene_changed:
            self._background.start_anew()
        elif change.relit:
            self._background.relight(change.relit)
        self._background.come_back(picture)
        self._background.see(picture, at_s)
        self._box = change.box or self._box

    def _frame(self, picture: WorkingPicture, change: Change, moment: Moment, take_still: TakeStill) -> Frame:
        return Frame(
            camera="",  # the supervisor knows it
            run_id=self._run_id,
            index=self._index,
            captured_at=moment.captured_at,
            pts_s=moment.pts_s,
            whole=self._view(picture, (0, 0, picture.width_px, picture.height_px)),
            crop=self._view(picture, square_around(self._box, picture.width_px, picture.height_px))
            if self._box
            else None,
            box=self._box,
            moving=change.moving,
            changed_ratio=change.changed_ratio,
            scene_changed=change.scene_changed,
            zones=change.zones,
            still=self._still(change, moment, take_still),
            block_changes=self._gate.block_changes(change),
        )

    def _view(self, picture: WorkingPicture, square: Square) -> View:
        return View(self._scaler.cut(picture, square), self._background_cut(square))

    def _background_cut(self, square: Square) -> Picture | None:
        """The background changes seldom, and calm crops lie at the same place: the cut is made once."""
        background = self._background.picture
        if background is None:
            return None
        if self._cuts_version != self._background.version or len(self._cuts) > 8:
            self._cuts.clear()
            self._cuts_version = self._background.version
        if square not in self._cuts:
            self._cuts[square] = self._scaler.cut(background, square)
        return self._cuts[square]

    def _still(self, change: Change, moment: Moment, take_still: TakeStill) -> Still | None:
        want = self.stills.wants(moment.pts_s) if change.moving else None
        still = take_still(want) if want is not None else None
        if still is None:
            return None
        self.stills.took(moment.pts_s)
        return replace(still, box=change.box)
