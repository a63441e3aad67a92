"""What is particular to servers that speak OpenAI's chat API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
from fakes import SimulatedClock

from vidsense_daemon.base.errors import DescriberUnavailableError
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.describers.openai_compatible import OpenAiCompatible
from vidsense_daemon.description.families import Layout

from .fake_ollama import MODEL
from .fake_openai import FakeOpenAi
from .fake_wire import Fault
from .fakes import record


@pytest.fixture
def server() -> Iterator[FakeOpenAi]:
    with FakeOpenAi(api_key="sesame") as fake:
        yield fake


@pytest.fixture
def client(server: FakeOpenAi) -> OpenAiCompatible:
    return OpenAiCompatible(url=server.api_url, model=MODEL, api_key="sesame")


def test_the_api_key_is_sent(client: OpenAiCompatible) -> None:
    """A server that wants a key gets it."""
    assert client.look().family.name == "llava-1.6"


def test_a_wrong_api_key_is_named(server: FakeOpenAi) -> None:
    """The next step is another key, and the wrong one is not shown."""
    with pytest.raises(DescriberUnavailableError, match="API key") as caught:
        OpenAiCompatible(url=server.api_url, model=MODEL, api_key="hunter22").look()

    assert "hunter22" not in str(caught.value)


def test_a_model_that_is_not_served_is_told_with_those_that_are(server: FakeOpenAi) -> None:
    """Nobody has to guess how the server calls its model."""
    with pytest.raises(DescriberUnavailableError, match=f"does not serve qwen, but {MODEL}"):
        OpenAiCompatible(url=server.api_url, model="qwen", api_key="sesame").look()


def test_an_address_without_v1_is_explained(server: FakeOpenAi) -> None:
    """Most people forget the end of the address."""
    with pytest.raises(DescriberUnavailableError, match="mostly ends in /v1"):
        OpenAiCompatible(url=server.url, model=MODEL, api_key="sesame").look()


def test_a_server_that_still_loads_is_waited_for(server: FakeOpenAi, client: OpenAiCompatible) -> None:
    """llama-server refuses everything while it loads: no event is to blame."""
    server.fail("/v1/models", Fault("http", status=503, body='{"error":{"message":"Loading model"}}'))

    with pytest.raises(DescriberUnavailableError, match="Loading model"):
        client.look()


def test_pictures_stand_where_the_text_speaks_of_them(
    server: FakeOpenAi, client: OpenAiCompatible, clock: SimulatedClock, tmp_path: Path
) -> None:
    """Frame 1 is followed by its picture, frame 2 by its own; no mark is left in the text."""
    describer = ModelDescriber(client, zone=UTC, queries=(), layout=Layout.FRAMES, clock=clock)
    describer.describe(record(tmp_path))

    [chat] = server.chats()
    assert chat["parts"] == ["text", "image_url"] * 4 + ["text"]
    assert "[img]" not in chat["messages"][-1]["content"]


def test_comments_in_the_stream_are_passed_over(client: OpenAiCompatible, server: FakeOpenAi, tmp_path: Path) -> None:
    """Servers behind a proxy send empty lines and comments to keep the connection alive."""
    server.fail(server.chat_path, Fault("blank_line"), Fault("blank_line"))
    description = ModelDescriber(client, zone=UTC, queries=()).describe(record(tmp_path))

    assert description.summary == "A person walks to the door."
