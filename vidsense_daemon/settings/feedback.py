"""How much a trigger learns from what its owner says of its events."""

from __future__ import annotations

from pydantic import Field

from vidsense_daemon.settings.blocks import Block, WholeNumber


class FeedbackBlock(Block):
    """What is learned from good and bad, for each camera by itself."""

    enabled: bool = True
    """Whether verdicts on its events keep it from making more like those that were called bad."""
    min_good: WholeNumber = Field(default=5, ge=1, le=1000)
    """Verdicts `good` that a camera needs before anything is learned there."""
    min_bad: WholeNumber = Field(default=5, ge=1, le=1000)
    """Verdicts `bad` that a camera needs before anything is learned there."""
