"""What one trigger learned on one camera from its owner's verdicts: a term added to the evidence of each look.

    A_i  = exp(−β (1 − cos(d − c, k_i − c)))                 how like a look that somebody has judged
    v    = (Ā_good − Ā_bad) / (Ā_good + Ā_bad + e^(−β))      −1 … 1; near 0 for what is like none of them
    term = α · min(v, 0)                                     in spreads, −α … 0

k_i are the clearest looks of the events judged, d is the look now, all of unit length, and c is the mean of the k_i:
one trigger's events are much alike, and what tells them apart is how they differ from their mean. This is the key/value
cache of Tip-Adapter (Zhang et al. 2022) with two classes, and with means in the place of sums, so that ten bad and five
good ones weigh the same. Nothing is trained, so a verdict counts from the next look on.

The term never lifts: what never made an event has no verdict, so nothing is known of what a lower threshold would let
in. And it is bounded: what exceeds the threshold by more than α is always told.

N = verdicts, D = dimension of the embedding space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.domain.windows import unit


@dataclass(frozen=True, slots=True, eq=False)
class FeedbackHead:
    """The judged looks and how much they count."""

    centre: NDArray[np.float32]  # c (D,)
    keys: NDArray[np.float32]  # (N, D): k_i − c, of unit length
    good: NDArray[np.bool_]  # (N,): good ones; the others are bad
    strength: float  # α, in spreads
    sharpness: float  # β

    def term(self, change: NDArray[np.float32]) -> float:
        """What is added to a look's presence; ``change`` (D,) is what is new in it, as the encoder alone has it."""
        query = unit(unit(change) - self.centre)  # (D,)
        affinity = affinities(self.keys @ query, sharpness=self.sharpness)  # (N,)
        for_it, against = (affinity[chosen].mean() if chosen.any() else 0.0 for chosen in (self.good, ~self.good))
        return float(terms_of(for_it, against, strength=self.strength, sharpness=self.sharpness))


def affinities(likeness: NDArray[np.float32], *, sharpness: float) -> NDArray[np.float64]:
    """A of cosines."""
    affinity: NDArray[np.float64] = np.exp(-sharpness * (1 - likeness.astype(np.float64)))
    return affinity


def terms_of(
    for_it: NDArray[np.float64] | float, against: NDArray[np.float64] | float, *, strength: float, sharpness: float
) -> NDArray[np.float64]:
    """The terms of looks whose mean affinities with good and with bad ones these are."""
    vote = (for_it - against) / (for_it + against + math.exp(-sharpness))
    term: NDArray[np.float64] = strength * np.minimum(vote, 0.0)
    return term
