"""The report's chapters: what was computed, in the order in which a picture becomes words, with a word on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vidsense_daemon.explain.attention import Attention
from vidsense_daemon.explain.charts import spaced
from vidsense_daemon.explain.drawing import Figure, Table, table
from vidsense_daemon.explain.encoding import Floats
from vidsense_daemon.explain.explanation import Explanation
from vidsense_daemon.explain.figures import heads, orders, places, space, tokens, words
from vidsense_daemon.explain.precisions import Quantization
from vidsense_daemon.explain.words import Asked, Language


@dataclass(frozen=True, slots=True)
class Quote:
    """A text as it is, such as a prompt; ``folded`` until it is asked for."""

    title: str
    text: str
    folded: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """JPEGs one beside the other."""

    title: str
    alt: str
    jpegs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence in its own box: what is missing, and why."""

    text: str


Item = str | Figure | Table | Quote | Pictures | Note


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """One chapter."""

    number: int
    title: str
    items: tuple[Item, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(item for item in self.items if isinstance(item, Figure))


def sections(explanation: Explanation) -> list[Section]:
    """All seven chapters; one whose part is missing holds the reason."""
    chapters = (
        ("Tokenization: which frames, and in which pieces", _tokens),
        ("Embeddings: what is alike", _space),
        ("Attention: what looks at what", _attention),
        ("Time: the same frames in another order", _orders),
        ("Language: from frames to words", _language),
        ("Quantization: smaller numbers, the same answer?", _quantization),
        ("LoRA in numbers", _lora),
    )
    return [
        Section(number, title, tuple(items(explanation))) for number, (title, items) in enumerate(chapters, start=1)
    ]


def figures(explanation: Explanation) -> list[Figure]:
    """Every figure of the report, in its order."""
    return [figure for section in sections(explanation) for figure in section.figures]


def _tokens(explanation: Explanation) -> Iterator[Item]:
    part = explanation.tokenization
    kept, subject = len(part.kept_s), explanation.subject
    why = (
        "A model reads pieces, so every frame costs its pieces, whether something happens in it or not: that is why "
        "the gate drops what shows nothing new."
    )
    if part.looks:
        yield f"{subject.decoded_frames} frames were decoded, {len(part.looks)} were looked at, {kept} were kept. {why}"
        yield tokens.gate_curve(part)
    else:
        yield f"{kept} stills are left of this event. {why}"
        yield Note(
            "The gate's curve and the budgets are not shown: the gate saw a stream, and only its stills are kept."
        )
    yield tokens.patches(part)
    if part.looks:
        yield tokens.budgets(part)
        yield tokens.budget_table(part)
        yield "A moment of motion counts as seen when a sampled frame lies within a quarter of a second of it."


def _space(explanation: Explanation) -> Iterator[Item]:
    part = explanation.embeddings
    yield (
        f"The encoder {part.encoder} makes {explanation.lora.dimension} numbers of each frame. The angle between two "
        "such lists says how alike the frames are: a cosine of 1 is the same direction."
    )
    yield space.matrix(part)
    yield space.frame_map(part)
    yield space.cuts_table(part) if part.scene_cuts_s else "The scene stays the same: no scene change."
    if part.neighbours:
        yield table(
            "What in this camera's past it resembles most",
            ("event", "when", "trigger", "words", "cosine of the windows"),
            [
                (each.event_id, f"{each.at:%Y-%m-%d %H:%M:%S} UTC", each.trigger, each.words, f"{each.cosine:.2f}")
                for each in part.neighbours
            ],
        )
        shown = part.neighbours[0].event_id
        yield f"The command vidsense events show {shown} shows the first; the review page has it at /events/{shown}."
    elif part.neighbours_note:
        yield Note(f"No neighbours of the past: {part.neighbours_note}.")


def _attention(explanation: Explanation) -> Iterator[Item]:
    part = explanation.attention
    if part is None:
        yield Note(f"No attention over time: {explanation.missing['attention']}.")
    else:
        frames = len(part.times_s)
        yield (
            f"The temporal transformer sees the {frames} frames in which most changes, {part.times_s[0]:.2f} s to "
            f"{part.times_s[-1]:.2f} s. Each head of each layer decides how much a frame takes from the frames before."
        )
        yield from _heads(part)
        yield heads.weights(part)
    yield from _patches(explanation)


def _heads(part: Attention) -> Iterator[Item]:
    windows = "the temporal transformer"
    yield heads.heads(part.untrained, part.times_s, name="before", what=f"{windows}, before training")
    yield f"Before training the heads look evenly: {_evenly(part.untrained)}. That is no fault: their gate is closed."
    if part.trained is not None:
        yield heads.heads(part.trained, part.times_s, name="after", what=f"{windows}, after training")
        yield f"With the adapter that verdicts have trained: {_evenly(part.trained)}; g = {part.gate:.3f}."
    tile = part.foretelling
    if tile is not None:
        where = f"the transformer that foretells tiles, tile in row {tile.row + 1}, column {tile.column + 1}"
        yield (
            "For this camera a transformer of the same design has been trained to foretell what each of 24 tiles shows "
            f"next ({part.trained_name}). Here it looks at the past of the tile in which most changes."
        )
        yield heads.heads(tile.before, tile.times_s, name="tile-before", what=f"{where}, before training")
        yield heads.heads(tile.after, tile.times_s, name="tile-after", what=f"{where}, after training")
        yield f"Before: {_evenly(tile.before)}. After: {_evenly(tile.after)}."
    if part.trained is None and tile is None:
        yield Note(f"After training: {part.trained_name}.")


def _evenly(maps: Floats) -> str:
    return f"{100 * heads.entropy_ratio(maps):.0f} % of the greatest possible spread"


def _patches(explanation: Explanation) -> Iterator[Item]:
    maps, part = explanation.patches, explanation.tokenization
    if maps is None:
        yield Note(f"No maps within frames: {explanation.missing['patches']}.")
        return
    if maps.rollout is None:
        yield (
            "The encoder in use is a convolutional network: it has no attention to draw. What can be drawn is where in "
            "the frame it finds a text: the frame's cosine to the text is the mean of the cells'."
        )
    yield places.patch_maps(maps, list(part.pictures), part.shown_s, explanation.scores.queries, part.grid)


def _orders(explanation: Explanation) -> Iterator[Item]:
    scores = explanation.scores
    yield orders.scores(scores.times_s, scores.values, scores.queries, scores.threshold)
    part = explanation.orders
    if part is None:
        yield Note(f"No other orders: {explanation.missing['orders']}.")
        return
    yield (
        "Now the pictures change places while the times stay: the clip backwards, and shuffled. "
        f"The temporal transformer is {part.temporal}."
        + (
            " A mean does not know the order of what it is a mean of, so a window's embedding stays what it is, to the "
            "last digit; what the blocks would add differs, but their gate is closed."
            if part.gate == 0
            else f" Its gate is open (g = {part.gate:.3f}): the order reaches the features."
        )
    )
    yield orders.changes_table(part)
    yield orders.steps(part)


def _language(explanation: Explanation) -> Iterator[Item]:
    part = explanation.language
    if part is None:
        yield Note(f"No words: {explanation.missing['language']}.")
        return
    if part.note:
        yield Note(f"{part.note[0].upper()}{part.note[1:]}.".replace("..", "."))
    yield f"Describer: {part.describer}. It says: “{part.summary}”"
    yield Pictures(
        title=f"What a model of the family {part.family} is shown: {part.layout}, {part.picture_tokens} tokens",
        alt=f"{part.layout} of the event's frames, with number and time above each",
        jpegs=part.jpegs,
    )
    yield _asked(part)
    yield Quote("The system prompt", part.system)
    for each in part.asked:
        yield Quote(f"Sent: {each.title}", each.text)
        if each.answer is not None and each.is_structured:
            yield Quote(f"Answered: {each.title}", each.answer or "nothing", folded=False)
    yield words.waterfall(part.steps)


def _asked(part: Language) -> Table:
    def shown(value: float | None, unit: str = "") -> str:
        return "–" if value is None else f"{value:.3g}{unit}" if isinstance(value, float) else str(value)

    return table(
        "The questions",
        ("question", "answer", "seconds", "prompt tokens (counted)", "answer tokens", "prompt tokens (estimate)"),
        [
            (
                each.title,
                _answer(each),
                shown(each.seconds),
                shown(each.prompt_tokens),
                shown(each.answer_tokens),
                each.estimated_tokens,
            )
            for each in part.asked
        ],
    )


def _answer(asked: Asked) -> str:
    if asked.answer is None:
        return "not asked"
    return "JSON, below" if asked.is_structured else asked.answer


def _quantization(explanation: Explanation) -> Iterator[Item]:
    part = explanation.quantization
    if part.encoders:
        yield (
            f"The picture side of the encoder in other precisions, in turn on {part.pictures} frames of this clip, on "
            f"this machine ({explanation.subject.machine}). Other work on it slows all rows alike. Weights of OpenVINO "
            "are counted on disk, where it keeps 16 bits of each; autocast computes in 16 bits and keeps 32."
        )
        yield _encoders(part)
    for reason in part.encoders_left_out:
        yield Note(f"Not in the table: {reason}.")
    if part.describers:
        yield table(
            "Models that could describe, as installed",
            ("model", "size (GB)", "parameters", "quantization", "seconds an event (median)", "events described here"),
            [
                (
                    each.name,
                    f"{each.size_bytes / 1e9:.2f}",
                    each.parameters or "–",
                    each.quantization or "–",
                    "–" if each.seconds is None else f"{each.seconds:.1f}",
                    each.events,
                )
                for each in part.describers
            ],
        )
    else:
        yield Note(f"No describing models: {part.describers_note or 'none is installed'}.")


def _encoders(part: Quantization) -> Table:
    return table(
        f"The encoder in other precisions, compared with {part.encoders[0].name}",
        (
            "precision",
            "weights (MB)",
            "ms a picture (median)",
            "cosine, mean",
            "cosine, least",
            f"same decisions at threshold {part.threshold:g} (%)",
        ),
        [
            (
                each.name,
                f"{each.megabytes:.1f}",
                f"{each.ms_per_picture:.1f}",
                f"{each.cosine_mean:.5f}",
                f"{each.cosine_least:.5f}",
                "–"
                if np.isnan(each.same_decisions_ratio)
                else f"{100 * each.same_decisions_ratio:.1f} of {each.decisions}",
            )
            for each in part.encoders
        ],
    )


def _lora(explanation: Explanation) -> Iterator[Item]:
    part = explanation.lora
    total = part.frozen + part.would_train
    yield (
        f"An adapter of rank {part.rank} on the {part.layers} linear layers of the temporal transformer trains "
        f"{spaced(part.would_train)} numbers of {spaced(total)} ({100 * part.would_train / total:.1f} %) and takes "
        f"{part.would_take_bytes / 1e6:.2f} MB; all others stay frozen."
    )
    if part.report is None:
        yield Note("No adapter has been trained yet: these are the numbers that a training begins with.")
        return
    report = part.report
    yield table(
        f"The adapter trained for {report.part} ({'live' if report.promoted else 'in shadow'}: {report.reason})",
        ("", "before", "after"),
        [
            ("parameters trained", "0", spaced(report.parameters_trained)),
            ("parameters frozen", *[spaced(report.parameters_frozen)] * 2),
            ("adapter (MB)", "0", f"{report.size_bytes / 1e6:.2f}"),
            ("training (s)", "–", f"{report.duration_s:.0f}"),
            ("events trained on, days", "–", f"{report.events_trained}, {report.days_trained}"),
            ("held-out days", report.days_held_out, report.days_held_out),
            (
                "AUC, good against bad events (95 %)",
                f"{report.before.auc:.2f} [{report.before.auc_low:.2f}, {report.before.auc_high:.2f}]",
                f"{report.after.auc:.2f} [{report.after.auc_low:.2f}, {report.after.auc_high:.2f}]",
            ),
            ("loss", f"{report.before.loss:.3f}", f"{report.after.loss:.3f}"),
        ],
    )
