"""One prompt, said in several ways: an embedding that hangs less on the wording, for every encoder alike.

A camera's view is none of the photographs that captions were written for; the mean of these four travels better
between cameras than any one (prompt ensembles: Radford et al., CLIP, arXiv:2103.00020, section 3.1.4). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

TEMPLATES = ("{}", "a photo of {}", "a surveillance camera picture of {}", "{} seen from above")


def phrased(texts: Sequence[str]) -> list[str]:
    """Every text in every template: the N · templates sentences that `ensemble` expects, in its order."""
    return [template.replace("{}", text) for text in texts for template in TEMPLATES]


def ensemble(sentences: Tensor) -> Tensor:
    """(N, D), unit length: the mean over each text's sentences, which are (N · templates, D) of unit length."""
    each = sentences.reshape(-1, len(TEMPLATES), sentences.shape[-1])  # (N, templates, D)
    return functional.normalize(torch.mean(each, 1), dim=-1)  # (N, D)
