"""The structured answer: its JSON schema, how a reply is read, and what makes no sense in it. Pure.

The keys stand in the order of thought: what each frame shows, then the course, then the summary, and the judgement
last, since a model writes from left to right. The schema is written by hand: models' grammars know no `$ref`,
`pattern` or float bounds, and a test holds it and the pydantic model together.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from vidsense_daemon.description.cleaning import plain

_LONGEST_NOTE = 120
_LONGEST_SUMMARY = 240
_MOST_ITEMS = 12
_MOST_PEOPLE = 20
# three words in a row, this often in one answer, is a model running in circles
_LOOP_REPEATS = 4
_NOBODY = re.compile(r"\b(?:nobody|no one|no people|no persons?|empty scene)\b", re.IGNORECASE)
# eight words in a row that stand in the question are the question, not an answer
_PARROT_WORDS = 8
# writing that speaks to a machine, not to people in the street
_INSTRUCTS = re.compile(
    r"\b(?:ignore|disregard|instructions?|prompt|system|assistant|you are|respond|answer|say that|output|delete)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_FENCE = re.compile(r"^\s*```(?:json)?\s*|\s*```\s*$", re.IGNORECASE)


class Threat(StrEnum):
    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


def _text(longest: int) -> BeforeValidator:
    return BeforeValidator(lambda value: plain(value, longest) if isinstance(value, str) else value)


Note = Annotated[str, _text(_LONGEST_NOTE)]
Summary = Annotated[str, _text(_LONGEST_SUMMARY)]
Notes = Annotated[list[Note], Field(max_length=_MOST_ITEMS)]


class Observation(BaseModel):
    model_config = ConfigDict(frozen=True)

    frame: int
    what: Note


class VideoAnswer(BaseModel):
    """What the model says of an event; every text is already plain and capped."""

    model_config = ConfigDict(frozen=True)

    observations: Annotated[list[Observation], Field(max_length=_MOST_ITEMS)]
    first: Note
    then: Notes
    summary: Summary
    actions: Notes
    objects: Notes
    visible_text: Note
    people_count: Annotated[int, Field(ge=0, le=_MOST_PEOPLE)]
    threat: Threat
    confidence_pct: Annotated[int, Field(ge=0, le=100)]


def json_schema() -> dict[str, Any]:
    """The schema that is sent as `format`."""
    note = {"type": "string", "maxLength": _LONGEST_NOTE}
    notes = {"type": "array", "maxItems": _MOST_ITEMS, "items": note}
    observation = {
        "type": "object",
        "properties": {"frame": {"type": "integer"}, "what": note},
        "required": ["frame", "what"],
    }
    properties: dict[str, Any] = {
        "observations": {"type": "array", "maxItems": _MOST_ITEMS, "items": observation},
        "first": note,
        "then": notes,
        "summary": {"type": "string", "maxLength": _LONGEST_SUMMARY},
        "actions": notes,
        "objects": notes,
        "visible_text": note,
        "people_count": {"type": "integer", "minimum": 0, "maximum": _MOST_PEOPLE},
        "threat": {"type": "string", "enum": [threat.value for threat in Threat]},
        "confidence_pct": {"type": "integer", "minimum": 0, "maximum": 100},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def read_answer(text: str, *, frame_count: int, asked: str) -> tuple[VideoAnswer | None, list[str]]:
    """The answer in ``text``, and what is wrong with it in words a model can act on; none wrong: it can be used.

    ``asked`` is the question's own text: a small model may hand it back as its answer.
    """
    try:
        found = json.loads(json_part(text))
    except (ValueError, RecursionError):  # brackets a thousand deep are no answer
        return None, ["it is not one complete JSON object"]
    if not isinstance(found, Mapping):
        return None, ["it is not a JSON object"]
    try:
        answer = VideoAnswer.model_validate(found)
    except ValidationError as error:
        return None, [_fault(problem) for problem in error.errors(include_url=False)[:4]]
    return answer, _senseless(answer, frame_count, asked)


def free_text(text: str) -> str:
    """What can be kept of a reply that is no structured answer; "" when nothing can.

    A reply that was meant to be JSON and broke off may still hold its summary.
    """
    match = re.search(r'"summary"\s*:\s*"((?:[^"\\]|\\.)*)', text)
    kept = match.group(1).replace('\\"', '"') if match else _FENCE.sub("", text)
    if not match and kept.lstrip().startswith(("{", "[")):
        return ""  # half a JSON object is no sentence
    return "" if repeats_itself(kept) else plain(kept, _LONGEST_SUMMARY)


def instructs(visible_text: str) -> bool:
    """Whether writing before the camera speaks to the model: it is shown as such, and never obeyed."""
    return _INSTRUCTS.search(visible_text) is not None


def repeats_itself(text: str) -> bool:
    """Whether a model ran in circles."""
    return max(_runs(text, 3).values(), default=0) >= _LOOP_REPEATS


def json_part(text: str) -> str:
    """From the first brace to the last: models wrap JSON in fences and politeness."""
    start, end = text.find("{"), text.rfind("}")
    return text[start : end + 1] if 0 <= start < end else text


def _fault(problem: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}"


def _senseless(answer: VideoAnswer, frame_count: int, asked: str) -> list[str]:
    faults = []
    if any(not 1 <= seen.frame <= frame_count for seen in answer.observations):
        faults.append(f"observations name frames outside 1 to {frame_count}")
    if not answer.summary:
        faults.append("the summary is empty")
    if answer.people_count > 0 and _NOBODY.search(answer.summary):
        faults.append(f"people_count is {answer.people_count}, but the summary says that nobody is there")
    if repeats_itself(" ".join(_texts(answer))):
        faults.append("it repeats itself")
    if _parrots(answer.summary, asked):
        faults.append("the summary repeats the question instead of describing the scene")
    if "(img" in answer.summary:
        faults.append("it speaks of picture marks instead of the scene")
    return faults


def _texts(answer: VideoAnswer) -> Sequence[str]:
    return [answer.first, *answer.then, answer.summary]


def _parrots(text: str, asked: str) -> bool:
    return not _runs(text, _PARROT_WORDS).keys().isdisjoint(_runs(asked, _PARROT_WORDS))


def _runs(text: str, length: int) -> Counter[tuple[str, ...]]:
    """Every ``length`` words in a row, and how often they stand in ``text``."""
    words = _WORD.findall(text.lower())
    return Counter(tuple(words[start : start + length]) for start in range(len(words) - length + 1))
