"""The API against its own OpenAPI schema: schemathesis asks everything that the schema allows, and what it forbids.

Bounded: a few examples an operation. More: `VIDSENSE_API_EXAMPLES=200 pytest tests/review/test_contract.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from .house import TOKEN, House, frame

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = int(os.environ.get("VIDSENSE_API_EXAMPLES", "8"))
TOO_LARGE = 413
_HEADERS = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("contract") / "state", tokens={"script": TOKEN}) as house:
        for minute in range(3):
            house.happens(minutes=minute)
        house.board.saw(frame("yard", moving=True, with_still=True))
        yield house


@pytest.fixture(scope="module")
def schema(house: House) -> Any:
    return schemathesis.openapi.from_url(f"{house.url}/api/openapi.json", headers=_HEADERS)


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.parametrize("tag", ["events", "system", "questions", "health"])
def test_every_answer_is_one_that_the_schema_promises(tag: str, mode: Any, schema: Any) -> None:
    """No crash, no status, type or key that is not documented; what the schema forbids is refused."""
    asked = 0
    # the stream never ends, so it has a test of its own
    for found in schema.include(tag=tag).exclude(path="/api/events/stream").get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            answer = case.call(headers=_HEADERS)
            if answer.status_code != TOO_LARGE:  # a refusal too, but not one that schemathesis knows
                case.validate_response(answer)

        # an operation that takes nothing has nothing to get wrong
        with suppress(Unsatisfiable) if mode is schemathesis.GenerationMode.NEGATIVE else nullcontext():
            ask()

    assert asked or mode is schemathesis.GenerationMode.NEGATIVE
