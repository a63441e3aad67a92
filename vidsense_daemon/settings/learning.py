"""What cameras learn from their own days, and when."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from vidsense_daemon.settings.blocks import Block, Number, WholeNumber
from vidsense_daemon.settings.hours import time_of_day


class LearningBlock(Block):
    """What cameras learn from their own days: what usually comes next, so that the unusual stands out."""

    enabled: bool = True
    """Whether embeddings are kept for it, and learned from at night. Pictures are never kept for it."""
    at: Annotated[str, AfterValidator(lambda text: f"{time_of_day(text):%H:%M}")] = "03:10"
    """The local time at which it is learned: a quiet hour."""
    minutes: WholeNumber = Field(default=20, ge=1, le=600)
    """Minutes that a night's learning may take, all cameras together, on one processor core."""
    keep_mb: WholeNumber = Field(default=200, ge=10, le=100_000)
    """What a camera's embeddings may take on the disk, in MiB; the oldest go first."""
    keep_days: Number = Field(default=7, gt=0, le=365)
    """Days that they are kept."""
