"""Real multimodal inference: llama.cpp's server with a tiny model of LLaVA 1.6's shape, made here in a moment.

Its words mean nothing; that pictures are decoded, cut into tiles and counted, that the prompt cache holds them and
that the schema binds what is written are the engine's own doing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

pytest.importorskip("xllamacpp", reason="needs the extra `engine`")
pytest.importorskip("gguf", reason="needs the extra `engine`")

from vidsense_daemon.base.errors import PermanentError
from vidsense_daemon.description.budget import picture_tokens
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.description.describers.openai_compatible import OpenAiCompatible
from vidsense_daemon.description.describers.server import ModelServer, Question, Reply
from vidsense_daemon.description.families import LLAVA_16
from vidsense_daemon.description.schema import VideoAnswer, json_schema
from vidsense_daemon.domain.events import DescriptionStatus

from .engine import answered_by, engine
from .fake_ollama import FakeOllama
from .fake_tokens import MEASURED_TOKENS
from .fakes import QUERIES, picture_of, record
from .tiny_llava import SENTENCE, build

# its tokens are letters, so that the same words need more room than with a real vocabulary
NUM_CTX = 12_288


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    text, eye = build(tmp_path_factory.mktemp("model"))
    with engine(text, eye, num_ctx=NUM_CTX) as listening:
        yield listening


@pytest.fixture
def llama_server(address: str) -> OpenAiCompatible:
    return OpenAiCompatible(url=f"{address}/v1", model="tiny-llava", num_ctx=NUM_CTX)


@pytest.fixture(params=["ollama", "openai"])
def server(request: pytest.FixtureRequest, address: str, llama_server: OpenAiCompatible) -> Iterator[ModelServer]:
    """The engine behind either client; behind Ollama's stands the fake's own API, and the engine writes for it."""
    if request.param == "openai":
        yield llama_server
        return
    with FakeOllama(answer=answered_by(address)) as fake:
        yield Ollama(url=fake.url)


def ask(server: OpenAiCompatible, text: str, *pictures: bytes) -> Reply:
    question = Question(system="", text=text, jpegs=pictures, schema=None, temperature=0.0, most_tokens=4)
    return server.ask(server.look(), question, timeout_s=15)


def test_a_real_engine_describes_an_event(server: ModelServer, tmp_path: Path) -> None:
    """Stills go in, a structured answer that holds the schema comes out, and each question is answered."""
    description = ModelDescriber(server, zone=UTC, queries=QUERIES).describe(record(tmp_path))

    assert description.status is DescriptionStatus.DONE, description.error
    assert description.summary == SENTENCE
    assert [answer.answer for answer in description.answers] == [SENTENCE] * len(QUERIES)


def test_the_engine_writes_nothing_but_the_schema(llama_server: OpenAiCompatible) -> None:
    """However hot it samples, what comes back is the object that was asked for."""
    question = Question(system="", text="Describe.", jpegs=(), schema=json_schema(), temperature=1.0, most_tokens=2000)
    reply = llama_server.ask(llama_server.look(), question, timeout_s=15)

    assert reply.complete
    assert VideoAnswer.model_validate_json(reply.text)


@pytest.mark.parametrize("size_px", list(MEASURED_TOKENS), ids=lambda size_px: f"{size_px[0]}x{size_px[1]}")
def test_pictures_cost_what_the_budget_says(llama_server: OpenAiCompatible, size_px: tuple[int, int]) -> None:
    """The token rule for LLaVA 1.6 is the engine's own, to the token."""
    words = f"{size_px[0]} by {size_px[1]}"
    bare = ask(llama_server, words).prompt_tokens
    seen = ask(llama_server, words, picture_of(*size_px)).prompt_tokens
    assert bare is not None
    assert seen is not None

    # the pictures come first, so that nothing of the words is in the cache; two marks may stand around a picture
    assert abs(seen - bare - picture_tokens([size_px], LLAVA_16)) <= 40


def test_the_second_question_is_almost_free(llama_server: OpenAiCompatible) -> None:
    """The same picture first and another question after it: the engine evaluates the question only."""
    picture = picture_of(672, 672, shade=77)
    first = ask(llama_server, "What is carried?", picture).prompt_tokens or 0
    second = ask(llama_server, "Who is there?", picture).prompt_tokens or 0

    assert first > 2880
    assert second < 100


def test_what_the_engine_cannot_hold_is_refused_for_good(llama_server: OpenAiCompatible) -> None:
    """Too many pictures are the event's own end, in the engine's own words, and not tried again."""
    with pytest.raises(PermanentError, match="context"):
        ask(llama_server, "What is it?", *[picture_of(672, 672, shade=shade) for shade in range(5)])


def test_a_broken_picture_is_refused_for_good(llama_server: OpenAiCompatible) -> None:
    """A file that is no picture would be refused again each time."""
    with pytest.raises(PermanentError, match="cannot take this event"):
        ask(llama_server, "What is it?", b"no picture at all")


def test_an_event_that_does_not_fit_gets_fewer_frames(address: str, tmp_path: Path) -> None:
    """With less context the middle frames go first, and the engine takes what is left."""
    small = OpenAiCompatible(url=f"{address}/v1", model="tiny-llava", num_ctx=2800)
    description = ModelDescriber(small, zone=UTC, queries=()).describe(record(tmp_path))

    assert description.details["picture_tokens"] <= 1728
    assert description.details["frames"] == 2
