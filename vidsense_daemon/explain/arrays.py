"""The arrays behind the figures, for programs: each with its shape, its axes and its unit.

F = frames kept, n = frames shown, Q = queries, T = frames of the window, L = layers, H = heads, G = cells along a side.
NaN is written as null. docs/explain.md lists the keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidsense_daemon.base.clock import to_ms
from vidsense_daemon.explain.explanation import Explanation

_DIGITS = 6


def arrays(explanation: Explanation) -> dict[str, Any]:
    """Everything that was computed, as JSON can hold it; pictures are left out."""
    subject = explanation.subject
    return {
        "subject": {
            **asdict(subject),
            "started_at_ms": to_ms(subject.started_at),
            "made_at_ms": to_ms(subject.made_at),
            "started_at": subject.started_at.isoformat(),
            "made_at": subject.made_at.isoformat(),
        },
        "arrays": {
            name: {"axes": axes, "unit": unit, "shape": list(values.shape), "data": _plain(values)}
            for name, axes, unit, values in _named(explanation)
        },
        "tokenization": {
            "changed_ratio_threshold": explanation.tokenization.changed_ratio_threshold,
            "threshold_levels": explanation.tokenization.threshold_levels,
            "shown": list(explanation.tokenization.shown),
            "shown_why": list(explanation.tokenization.shown_why),
            "grid": asdict(explanation.tokenization.grid),
            "budgets": [_known(asdict(each)) for each in explanation.tokenization.budgets],
        },
        "embeddings": {
            "method": explanation.embeddings.method,
            "scene_cuts_s": list(explanation.embeddings.scene_cuts_s),
            "neighbours": [{**asdict(each), "at": each.at.isoformat()} for each in explanation.embeddings.neighbours],
        },
        "language": _language(explanation),
        "quantization": {
            "encoders": [_known(asdict(each)) for each in explanation.quantization.encoders],
            "describers": [asdict(each) for each in explanation.quantization.describers],
        },
        "lora": asdict(explanation.lora),
        "missing": dict(explanation.missing),
    }


_Named = tuple[str, list[str], str, NDArray[Any]]


def _named(explanation: Explanation) -> Iterator[_Named]:
    tokens, space, scores = explanation.tokenization, explanation.embeddings, explanation.scores
    looks = tokens.looks
    yield "look_times_s", ["look"], "s", np.array([look.at_s for look in looks])
    yield "look_changed_ratio", ["look"], "ratio of pixels", np.array([look.changed_ratio for look in looks])
    yield "look_moving", ["look"], "bool", np.array([look.moving for look in looks], np.bool_)
    yield "look_kept", ["look"], "bool", np.array([look.kept for look in looks], np.bool_)
    yield "kept_times_s", ["F"], "s", tokens.kept_s
    yield "shown_times_s", ["n"], "s", tokens.shown_s
    yield "cosine", ["F", "F"], "cosine", space.cosine
    yield "map_points", ["F", "2"], "none", space.points
    yield "scenes", ["F"], "number of the scene, from 0", space.scenes
    yield "scores", ["Q", "F"], "spread of the encoder's space", scores.values
    yield from _attention(explanation)
    if explanation.orders is not None:
        for order in explanation.orders.orders:
            yield f"steps_{order.name.replace(' ', '_')}", ["F-1"], "length, of embeddings of length 1", order.steps


def _attention(explanation: Explanation) -> Iterator[_Named]:
    part, maps = explanation.attention, explanation.patches
    if part is not None:
        yield "attention_times_s", ["T"], "s", part.times_s
        yield "attention_before", ["L", "H", "T query", "T attended"], "share, rows add up to 1", part.untrained
        if part.trained is not None:
            yield "attention_after", ["L", "H", "T query", "T attended"], "share, rows add up to 1", part.trained
        if part.foretelling is not None:
            tile = part.foretelling
            yield "tile_attention_times_s", ["T-1"], "s", tile.times_s
            yield "tile_attention_before", ["L", "H", "T-1 query", "T-1 attended"], "share", tile.before
            yield "tile_attention_after", ["L", "H", "T-1 query", "T-1 attended"], "share", tile.after
        yield "moment_weights", ["T"], "share, adds up to 1", part.weights
    if maps is not None:
        yield "patch_relevance", ["Q", "n", "G rows", "G columns"], maps.method, maps.relevance
        if maps.rollout is not None and maps.last_layer is not None:
            yield "patch_rollout", ["n", "G rows", "G columns"], "share, adds up to 1", maps.rollout
            yield "patch_last_layer", ["n", "G rows", "G columns"], "share, adds up to 1", maps.last_layer


def _language(explanation: Explanation) -> dict[str, Any] | None:
    part = explanation.language
    if part is None:
        return None
    return {
        "describer": part.describer,
        "answered": part.answered,
        "note": part.note,
        "family": part.family,
        "picture_tokens": part.picture_tokens,
        "system": part.system,
        "summary": part.summary,
        "asked": [asdict(each) for each in part.asked],
        "steps": [asdict(each) for each in part.steps],
    }


def _plain(values: NDArray[Any]) -> Any:
    """Nested lists; numbers short, what is no number as null."""
    if values.dtype.kind != "f":
        return values.tolist()
    rounded = np.round(values.astype(np.float64), _DIGITS).astype(object)
    rounded[~np.isfinite(values)] = None
    return rounded.tolist()


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in fields.items()}
