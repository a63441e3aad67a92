"""Put one event's questions to one model and make a description of its answers.

The structured question comes first and pays for the pictures; one that cannot be used is asked once more with what is
wrong with it, and then its text is kept as it is. The operator's queries follow on the same pictures and facts, which
the server still has in its prompt cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from vidsense_daemon.base.clock import Clock
from vidsense_daemon.base.errors import DescriberError, DescriberUnavailableError, PermanentError
from vidsense_daemon.description import prompts
from vidsense_daemon.description.budget import room_for_pictures, text_tokens
from vidsense_daemon.description.cleaning import plain
from vidsense_daemon.description.describers.server import ModelServer, Question, Reply, ServedModel
from vidsense_daemon.description.families import Layout
from vidsense_daemon.description.grounding import Evidence, held_against, raised
from vidsense_daemon.description.layout import Sheet, arrange
from vidsense_daemon.description.schema import (
    VideoAnswer,
    free_text,
    instructs,
    json_schema,
    read_answer,
    repeats_itself,
)
from vidsense_daemon.description.shots import read_shots
from vidsense_daemon.domain.events import Answer, Description, DescriptionStatus, EventRecord

# LLaVA answers with 196 tokens on average and one in nine is cut at 256
_STRUCTURED_TOKENS = 350
_FREE_TOKENS = 80
_LONGEST_ANSWER = 400
_TEMPERATURE = 0.1
# what the explanation of the frames and a repair's list of faults may add to the prompt
_SPARE_LETTERS = 900


class Interview:
    """One event before one model; used once."""

    def __init__(
        self,
        server: ModelServer,
        served: ServedModel,
        record: EventRecord,
        *,
        zone: tzinfo,
        queries: Sequence[str],
        layout: Layout,
        evidence: Evidence | None,
        clock: Clock,
        deadline_mono_s: float,
    ) -> None:
        self._server = server
        self._served = served
        self._record = record
        self._zone = zone
        self._queries = queries
        self._layout = layout
        self._evidence = evidence
        self._clock = clock
        self._deadline_mono_s = deadline_mono_s
        self._prompt_tokens = 0
        self._seconds: list[float] = []

    def description(self) -> Description:
        """Ask everything; blocks until the answers are there or the deadline has passed.

        Raises:
            DescriberError: the structured question got no answer this time.
            PermanentError: there is nothing to show, or the server cannot take it.
        """
        started_mono_s = self._clock.mono_s()
        sheet = self._sheet()
        facts = prompts.facts(self._record.event, zone=self._zone, frames=sheet.text)
        answer, text, faults = self._structured(sheet, facts)
        answers, unanswered = self._free(sheet, facts)
        summary = answer.summary if answer else text or _first_words(answers)
        if not summary:
            raise DescriberError(f"{self._server.model} wrote nothing that can be kept: {'; '.join(faults)}")
        problems = [*(f"the structured answer was not usable: {fault}" for fault in faults if not answer), *unanswered]
        return Description(
            backend=self._server.backend,
            model=self._server.model,
            status=DescriptionStatus.PARTIAL if problems else DescriptionStatus.DONE,
            summary=summary,
            answers=tuple(answers),
            details=self._details(sheet, answer),
            error="; ".join(problems) or None,
            duration_s=round(self._clock.mono_s() - started_mono_s, 3),
        )

    def _sheet(self) -> Sheet:
        event = self._record.event
        shots = read_shots(self._record.stills, event.started_at)
        if not shots:
            raise PermanentError(f"no still of event {event.id} can be read: there is nothing to show a model")
        family = self._served.family
        words = text_tokens(
            prompts.SYSTEM,
            prompts.facts(event, zone=self._zone, frames=""),
            prompts.structured_question(),
            "." * _SPARE_LETTERS,
        )
        num_ctx = self._server.num_ctx or family.num_ctx
        room_tokens = room_for_pictures(num_ctx=num_ctx, text=words, answer=_STRUCTURED_TOKENS)
        sheet = arrange(shots, family, layout=self._layout, room_tokens=room_tokens, marks=self._served.marks)
        if sheet is None:
            raise PermanentError(
                f"not one frame fits {self._server.model} within {num_ctx} tokens; raise describer.num_ctx"
            )
        return sheet

    def _structured(self, sheet: Sheet, facts: str) -> tuple[VideoAnswer | None, str, list[str]]:
        """The answer, or else free text; and what was wrong with the last reply."""
        kept = ""
        faults: list[str] = []
        for temperature in (_TEMPERATURE, 0.0):
            question = prompts.structured_question(faults)
            reply = self._ask(sheet, f"{facts}\n{question}", json_schema(), temperature, _STRUCTURED_TOKENS)
            asked = f"{prompts.SYSTEM} {question}"
            answer, faults = read_answer(reply.text, frame_count=sheet.frame_count, asked=asked)
            if answer and not faults:
                return answer, "", []
            if not reply.complete:
                faults = ["it was too long and was cut off", *faults]
            kept = free_text(reply.text) or kept
        return None, kept, faults

    def _free(self, sheet: Sheet, facts: str) -> tuple[list[Answer], list[str]]:
        """Each query's answer; a query that fails costs its own answer, not the event's description."""
        answers, unanswered = [], []
        for query in self._queries:
            try:
                reply = self._ask(sheet, f"{facts}\n{prompts.free_question(query)}", None, _TEMPERATURE, _FREE_TOKENS)
            except DescriberUnavailableError:
                raise
            except (DescriberError, PermanentError) as error:
                unanswered.append(f'"{plain(query, 60)}" was not answered: {error}')
                break  # the server is unwell: its next silence would cost the whole deadline
            text = plain(reply.text, _LONGEST_ANSWER)
            if text and not repeats_itself(text):
                answers.append(Answer(question=query, answer=text))
            else:
                unanswered.append(f'"{plain(query, 60)}" was answered with nothing of use')
        return answers, unanswered

    def _ask(
        self, sheet: Sheet, text: str, schema: dict[str, Any] | None, temperature: float, most_tokens: int
    ) -> Reply:
        left_s = self._deadline_mono_s - self._clock.mono_s()
        if left_s <= 0:
            raise DescriberError(f"{self._server.model} took longer for one event than the describer's timeout")
        question = Question(
            system=prompts.SYSTEM,
            text=text,
            jpegs=sheet.jpegs,
            schema=schema,
            temperature=temperature,
            most_tokens=most_tokens,
        )
        asked_mono_s = self._clock.mono_s()
        reply = self._server.ask(self._served, question, timeout_s=left_s)
        self._seconds.append(round(self._clock.mono_s() - asked_mono_s, 3))
        self._prompt_tokens += reply.prompt_tokens or 0
        return reply

    def _details(self, sheet: Sheet, answer: VideoAnswer | None) -> dict[str, Any]:
        details: dict[str, Any] = {
            "family": self._served.family.name,
            "layout": sheet.layout.value,
            "frames": sheet.frame_count,
            "picture_tokens": sheet.tokens,
            "prompt_tokens": self._prompt_tokens,
            "request_seconds": self._seconds,
        }
        if answer is not None:
            details |= answer.model_dump(mode="json")
            details["visible_text_instructs"] = instructs(answer.visible_text)
            details["claims"] = [claim.as_details() for claim in held_against(self._evidence, self._record, answer)]
            details["severity"] = raised(self._record.event.severity, answer.threat).value
        return details


def _first_words(answers: Sequence[Answer]) -> str:
    return answers[0].answer if answers else ""
