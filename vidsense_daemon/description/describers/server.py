"""What a describer asks of a server that runs a seeing model: the seam between the interview and the wire.

The servers (`ollama.py`, `openai_compatible.py`) translate their client's errors here into four kinds: not there
(`DescriberUnavailableError`), went wrong this time (`DescriberError`), never for this request (`PermanentError`),
and a defect of ours, which is left to fly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vidsense_daemon.description.families import Family

CONNECT_TIMEOUT_S = 3.0
WRITE_TIMEOUT_S = 10.0
LOOK_TIMEOUT_S = 10.0  # for what a server says of itself without loading anything
LONGEST_REASON = 300  # letters kept of its errors
_LETTERS_A_TOKEN = 6  # more than any language needs


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What the server says of its model."""

    family: Family
    marks: bool  # `[img]` in the text is replaced by the pictures, in their order
    thinks: bool  # it writes its thoughts first, unless told not to


@dataclass(frozen=True, slots=True)
class Question:
    """One request: the same pictures and facts for all questions of an event, the question itself last."""

    system: str
    text: str
    jpegs: Sequence[bytes]
    schema: Mapping[str, Any] | None  # the answer's JSON schema; none for free text
    temperature: float
    most_tokens: int  # of the answer

    @property
    def longest_text(self) -> int:
        """Letters beyond which an answer is not read on: a model in circles may write until its context is full."""
        return self.most_tokens * _LETTERS_A_TOKEN


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    text: str
    complete: bool  # false when the model was cut off at its longest answer
    prompt_tokens: int | None  # evaluated anew: what the prompt cache held is not counted
    answer_tokens: int | None


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in the server's memory."""

    name: str
    size_bytes: int
    on_gpu_bytes: int
    context_tokens: int | None


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on the server's disk."""

    name: str
    size_bytes: int
    parameters: str  # as the server writes it, such as "7B"; may be empty
    quantization: str  # such as "Q2_K"; may be empty


class ModelServer(Protocol):
    """One model on one server; blocking calls, one in flight at a time."""

    @property
    def backend(self) -> str:
        """Which kind of describer this makes."""

    @property
    def model(self) -> str:
        """Its name on the server."""

    @property
    def num_ctx(self) -> int | None:
        """The context that the operator has set; none for the family's own."""

    def look(self) -> ServedModel:
        """Ask about the model; answers within seconds and loads nothing."""

    def load(self, served: ServedModel, *, timeout_s: float) -> None:
        """Make the server load the model, or show that it can still work: the probe after a failure."""

    def ask(self, served: ServedModel, question: Question, *, timeout_s: float) -> Reply:
        """Put one question; ``timeout_s`` bounds it as a whole, however the bytes drip."""

    def loaded(self) -> list[LoadedModel]:
        """What the server holds in memory now; empty when a server of this kind does not tell."""

    def close(self) -> None:
        """Cancel what is in flight, from any thread; every later call is refused as unavailable."""
