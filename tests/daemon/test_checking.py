"""What `vidsense check` says of the describer, and the command that it names as the next step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from description.fake_ollama import FakeOllama, Fault

from vidsense_daemon.daemon.checking import describer
from vidsense_daemon.daemon.findings import Finding
from vidsense_daemon.settings.load import parse


@pytest.fixture
def server() -> Iterator[FakeOllama]:
    with FakeOllama() as fake:
        yield fake


def found(server: FakeOllama) -> Finding:
    text = f"cameras: {{yard: {{url: /dev/video0}}}}\ndescriber: {{backend: ollama, url: {server.url}, model: moon}}\n"
    return describer(parse(text, source="vidsense.yaml"), ())


def test_a_model_that_is_not_there_is_pulled_and_ollama_is_not_started_again(server: FakeOllama) -> None:
    """The usual second step of a beginner: Ollama runs, the model is not there yet."""
    server.models.clear()

    assert found(server).mend == "ollama pull moon"


def test_where_nobody_answers_ollama_is_started(server: FakeOllama) -> None:
    server.down()

    assert found(server).mend == "systemctl start ollama"


def test_another_program_on_the_port_is_no_reason_to_pull(server: FakeOllama) -> None:
    server.fail("/api/show", Fault("raw", body="<html>a router</html>"))

    assert found(server).mend == "vidsense describer check"
