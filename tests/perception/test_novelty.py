"""Frames to novelty scores: what is scored, what is left out, and how models are exchanged."""

from __future__ import annotations

from typing import Any

import numpy as np

from vidsense_daemon.domain.frames import BLOCK_COLUMNS, BLOCK_ROWS, Blocks, Box
from vidsense_daemon.domain.windows import TILES, EmbeddedFrame
from vidsense_daemon.perception.blocks import LEAST_FRAMES as LEAST_OF_BLOCKS
from vidsense_daemon.perception.novelty import LEAST_FRAMES, Novelty, NoveltyScorer
from vidsense_daemon.perception.surprise import Errors, Persistence, Seconds, Tiles

from .fakes import DIMENSION, embedded

SETTLED = LEAST_OF_BLOCKS + 50 + LEAST_FRAMES  # frames: blocks first, 50 of them on their way, then the scale
ROAD = 8  # the row of blocks in which something always moves
DOOR = (2, 0)  # a block in which nothing ever does


class Street:
    """Busy frames of a camera before which something always moves a little, on the road alone."""

    def __init__(self, seed: int = 0) -> None:
        self._chance = np.random.default_rng(seed)
        self._index = 0
        self.at_s = 0.0

    def frame(self, *, step_s: float = 0.2, strange: float = 1.0, **changes: object) -> EmbeddedFrame:
        """The next frame; ``strange`` times as much changes as usual."""
        self._index += 1
        self.at_s += step_s
        tiles = np.ones((TILES, DIMENSION), np.float32)
        tiles += (0.05 * strange * self._chance.standard_normal((TILES, DIMENSION))).astype(np.float32)
        values: dict[str, Any] = {
            "moving": True,
            "tiles": tiles,
            "block_changes": self._blocks(strange),
            "box": self._walker(strange),
        }
        return embedded(self._index, at_s=self.at_s, **{**values, **changes})

    def blocks(self, *, door: float = 0.0) -> Blocks:
        """A usual frame's; the door's block changes by ``door`` levels."""
        blocks = self._blocks(1.0)
        blocks[DOOR] = max(blocks[DOOR], door)
        return blocks

    def _blocks(self, strange: float) -> Blocks:
        blocks = self._chance.uniform(0.2, 1.0, (BLOCK_ROWS, BLOCK_COLUMNS))
        blocks[ROAD] = strange * self._chance.uniform(30, 60, BLOCK_COLUMNS)
        return blocks.astype(np.float16)

    def _walker(self, strange: float) -> Box:
        left = 0.3 + strange * self._chance.uniform(0, 0.02)
        return Box(left, 0.5, left + 0.1, 0.7)

    def known_to(self, scorer: NoveltyScorer, frames: int = SETTLED + 50) -> NoveltyScorer:
        for _ in range(frames):
            scorer.see(self.frame())
        return scorer


def scored(scorer: NoveltyScorer, street: Street, count: int, **changes: object) -> list[Novelty | None]:
    return [scorer.see(street.frame(**changes)) for _ in range(count)]  # type: ignore[arg-type]


def test_nothing_is_scored_before_a_minute_and_a_half_of_motion_was_seen() -> None:
    """Fewer frames tell neither the blocks' past nor a deviation."""
    street, scorer = Street(), NoveltyScorer(Persistence())

    assert not any(scored(scorer, street, SETTLED))
    assert any(scored(scorer, street, 10))


def test_a_small_thing_stands_out_where_nothing_ever_moves() -> None:
    """It changes its block less than every walker on the road does; where it is, is told."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    small = [scorer.see(street.frame(block_changes=street.blocks(door=25.0))) for _ in range(5)]

    assert small[-1] is not None
    assert small[-1].score > 5
    assert small[-1].place == "at the left edge"


def test_what_is_unusual_becomes_usual_slowly() -> None:
    """Two seconds of something odd at the door do not make the door a road."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()), frames=2 * SETTLED)
    for _ in range(10):
        scorer.see(street.frame(block_changes=street.blocks(door=50.0)))
    street.known_to(scorer, frames=60)
    again = [scorer.see(street.frame(block_changes=street.blocks(door=50.0))) for _ in range(5)]

    assert again[-1] is not None
    assert again[-1].score > 5


def test_much_motion_is_nothing_where_much_always_moves() -> None:
    """A large thing on the road is what the road is for."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    blocks = street.blocks()
    blocks[ROAD] = 59.0
    large = [scorer.see(street.frame(block_changes=blocks)) for _ in range(5)]

    assert large[-1] is not None
    assert large[-1].score < 3


def test_what_moves_faster_than_usual_adds_to_the_score() -> None:
    """A cyclist changes no more of the picture than a walker does."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    boxes = [Box(0.1 * step, 0.5, 0.1 * step + 0.1, 0.7) for step in range(6)]
    fast = [scorer.see(street.frame(box=box)) for box in boxes]

    assert fast[-1] is not None
    assert fast[-1].speed > 1
    assert abs(fast[-1].motion) < 2


def test_what_moves_and_changes_more_than_usual_stands_out_within_a_second() -> None:
    """Usual frames score around 0, strange ones many deviations."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    usual = [seen.score for seen in scored(scorer, street, 40) if seen]
    strange = [seen for seen in scored(scorer, street, 5, strange=3.0) if seen]

    assert abs(np.mean(usual)) < 1
    assert strange[-1].score > 5
    assert strange[-1].motion > 3
    assert strange[-1].surprise > 3


def test_calm_frames_seconds_apart_are_not_scored() -> None:
    """The change over two seconds is no novelty beside changes over a fifth of one."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))

    assert not any(scored(scorer, street, 5, step_s=2.0, strange=9.0))


def test_another_scene_is_left_out_until_it_has_settled() -> None:
    """The switch to infrared changes everything and is nothing."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    switched = [scorer.see(street.frame(scene_changed=True, strange=20.0))]
    after = scored(scorer, street, 40, strange=9.0)

    assert not any(switched + after)
    assert any(scored(scorer, street, 20))


def test_tiles_that_are_no_numbers_cost_their_own_frames() -> None:
    """A damaged frame is no alarm, and the ones after it are scored again."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    broken = street.frame(tiles=np.full((TILES, DIMENSION), np.nan, np.float32))

    assert scorer.see(broken) is None
    assert scorer.see(street.frame(block_changes=np.full((BLOCK_ROWS, BLOCK_COLUMNS), np.nan, np.float16))) is None
    assert scorer.see(street.frame(block_changes=None)) is None
    seen = [novelty for novelty in scored(scorer, street, 10) if novelty]
    assert seen
    assert all(abs(novelty.score) < 10 for novelty in seen)


def test_without_tiles_motion_alone_is_scored() -> None:
    """Blocks are measured whatever the encoder tells."""
    street, scorer = Street(), NoveltyScorer(Persistence())
    scored(scorer, street, SETTLED + 10, tiles=None)
    strange = scored(scorer, street, 5, tiles=None, strange=3.0)

    assert strange[-1] is not None
    assert strange[-1].motion > 3
    assert strange[-1].surprise == 0


class Tenfold(Persistence):
    """A model with other errors than the present one's."""

    name = "tenfold"

    def errors(self, tiles: Tiles, seconds: Seconds) -> Errors:
        return 10 * super().errors(tiles, seconds)


def test_a_new_model_takes_over_without_an_alarm() -> None:
    """It runs beside the old one until its usual errors are known; scores stay where they were."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    scorer.use(Tenfold())
    during = [seen.score for seen in scored(scorer, street, LEAST_FRAMES - 10) if seen]
    assert scorer.model.name == "persistence"
    after = [seen.score for seen in scored(scorer, street, 60) if seen]

    assert scorer.model.name == "tenfold"
    assert max(map(abs, during + after)) < 5


def test_a_gap_in_the_stream_is_not_compared_over() -> None:
    """The first frame of a run has nothing before it."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    scorer.end_run()

    assert scorer.see(street.frame(strange=9.0)) is None


def test_a_moved_camera_learns_its_blocks_anew() -> None:
    """What moved where is of no use for another scene."""
    street = Street()
    scorer = street.known_to(NoveltyScorer(Persistence()))
    scorer.forget()

    assert not scorer.blocks.is_known
    assert not any(scored(scorer, street, 20, strange=5.0))
