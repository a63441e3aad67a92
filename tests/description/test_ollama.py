"""The real `ollama` client over HTTP, in front of a faithful fake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import wait_until

from vidsense_daemon.base.errors import DescriberError, DescriberUnavailableError
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.domain.events import DescriptionStatus

from .fake_ollama import MODEL, FakeModel, FakeOllama
from .fake_wire import Fault
from .fakes import record

Make = Callable[..., ModelDescriber]


def test_further_questions_are_almost_free(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """The pictures are paid for once: each further question adds few tokens to those of the first."""
    describer().describe(record(tmp_path))

    first, *further = server.prompt_evaluations
    assert first > 2880
    assert max(further) < 40


def test_the_model_is_loaded_once(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """No request, the warm-up included, makes the server load the model anew."""
    made = describer()
    made.describe(record(tmp_path))
    made.describe(record(tmp_path, id="second"))

    assert len(server.loads) == 1


def test_a_prompt_fits_the_models_context(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """Pictures, words and the longest answer together stay below the context that was asked for."""
    long_prompt = "a person who " + "walks and " * 100
    describer().describe(record(tmp_path, prompt=long_prompt))

    body = server.chats()[0]
    words = sum(len(message["content"]) for message in body["messages"])
    assert 2880 + words / 3 + body["options"]["num_predict"] <= body["options"]["num_ctx"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("http", status=499, body='{"error":"request canceled"}'),
        Fault("http", status=500, body='{"error":"llama-server process has terminated: exit status 2"}'),
        Fault("blank_line"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_a_runner_that_dies_is_one_kind_of_error(
    server: FakeOllama, describer: Make, tmp_path: Path, fault: Fault
) -> None:
    """What happens to Ollama's own child process postpones the event."""
    made = describer()
    made.describe(record(tmp_path))
    server.fail("/api/chat", fault)

    with pytest.raises(DescriberError) as caught:
        made.describe(record(tmp_path, id="second"))

    assert not isinstance(caught.value, DescriberUnavailableError)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault("http", status=503, body='{"error":"server busy, please try again."}'), "is busy"),
        (Fault("http", status=403), "IP address"),
        (Fault("http", status=404, body="404 page not found"), "no Ollama"),
        (Fault("http", status=302), "no Ollama"),
        (Fault("http", status=401), "no Ollama"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.status),
)
def test_a_server_that_is_not_ours_blames_no_event(
    server: FakeOllama, describer: Make, tmp_path: Path, fault: Fault, expected: str
) -> None:
    """Busy, forbidding or foreign servers are no event's fault, and the message says what to change."""
    server.fail_always("/api/show", fault)

    with pytest.raises(DescriberUnavailableError, match=expected):
        describer().describe(record(tmp_path))


def test_a_stopped_ollama_is_named_with_the_next_step(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """Connection refused reads as: no Ollama there, start it or correct the URL."""
    server.down()

    with pytest.raises(DescriberUnavailableError, match="systemctl start ollama"):
        describer().describe(record(tmp_path))


def test_a_missing_model_is_named_with_the_command(describer: Make, server: FakeOllama, tmp_path: Path) -> None:
    """404 reads as the command that pulls the model."""
    server.models.clear()

    with pytest.raises(DescriberUnavailableError, match=f"ollama pull {MODEL}"):
        describer().describe(record(tmp_path))


def test_a_blind_model_is_refused_before_any_work(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """A text model given pictures would invent what it sees."""
    server.models[MODEL] = FakeModel(capabilities=["completion"])

    with pytest.raises(DescriberUnavailableError, match="cannot see"):
        describer().describe(record(tmp_path))

    assert not server.chats()


@pytest.mark.parametrize("keep_alive", ["30m", "-1", "300"])
def test_every_way_to_write_keep_alive_is_understood(
    server: FakeOllama, describer: Make, tmp_path: Path, keep_alive: str
) -> None:
    """Seconds, -1 for always and Go's durations all work, though the server takes bare numbers as numbers only."""
    description = describer(client={"keep_alive": keep_alive}).describe(record(tmp_path))

    assert description.status is DescriptionStatus.DONE


def test_a_full_queue_at_loading_blames_no_event(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """Ollama refuses only what has to load a model, when too many wait for one: the event waits too."""
    server.max_queue = 0

    with pytest.raises(DescriberUnavailableError, match="is busy"):
        describer().describe(record(tmp_path))


def test_a_model_that_was_unloaded_is_loaded_again(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """Between two events hours apart the model leaves the memory; the next event brings it back."""
    made = describer(client={"keep_alive": "0.01"})
    made.describe(record(tmp_path))
    wait_until(lambda: not server.running())

    assert made.describe(record(tmp_path, id="second")).status is DescriptionStatus.DONE


def test_models_for_several_pictures_get_one_a_frame(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """qwen3-vl and its like see each frame on its own, with its number and time before it."""
    server.models["qwen3-vl:4b"] = FakeModel(architecture="qwen3vl", families=["qwen3vl"])
    description = describer(client={"model": "qwen3-vl:4b"}).describe(record(tmp_path))

    message = server.chats()[0]["messages"][-1]
    assert description.details["layout"] == "frames"
    assert len(message["images"]) == 4
    assert "Frame 2 of 4 (t=+3.2s): [img]" in message["content"]


def test_a_model_without_a_template_gets_no_marks(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """Where Ollama would send the marks as plain text they are left out; the frames keep their order."""
    server.models["gemma3:4b"] = FakeModel(template="", architecture="gemma3", families=["gemma3"])
    describer(client={"model": "gemma3:4b"}).describe(record(tmp_path))

    message = server.chats()[0]["messages"][-1]
    assert "[img]" not in message["content"]
    assert len(message["images"]) == 4


def test_a_thinking_model_is_told_not_to(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """Thoughts cost minutes; other models refuse to be told about them."""
    thinking = ["completion", "vision", "thinking"]
    server.models["qwen3.5:4b"] = FakeModel(capabilities=thinking, architecture="qwen35", families=["qwen35"])
    describer(client={"model": "qwen3.5:4b"}).describe(record(tmp_path))
    describer().describe(record(tmp_path, id="second"))

    told = {chat["model"]: chat.get("think") for chat in server.chats()}
    assert told == {"qwen3.5:4b": False, MODEL: None}


def test_a_dead_model_is_refused_with_the_reason(describer: Make, tmp_path: Path) -> None:
    """llama3.2-vision is still in many guides, but today's Ollama can't load it."""
    with pytest.raises(DescriberUnavailableError, match="choose another model"):
        describer(client={"model": "llama3.2-vision"}).describe(record(tmp_path))


def test_a_pull_tells_how_far_it_is(server: FakeOllama) -> None:
    """The command line shows bytes while the model comes, and the model is there afterwards."""
    server.models.clear()
    client = Ollama(url=server.url)
    steps = list(client.pull())

    assert [step.completed_bytes for step in steps if step.total_bytes] == [0, 1_000_000, 3_300_000_000]
    assert steps[-1].status == "success"
    assert client.look().family.name == "llava-1.6"


@pytest.mark.parametrize(
    ("model", "fault", "expected"),
    [
        ("unknown", None, "file does not exist"),
        (MODEL, Fault("reset"), "could not pull"),
        (MODEL, Fault("raw", body="<html>"), "could not pull"),
        (MODEL, Fault("http", status=500), "broken"),
        (MODEL, Fault("cut"), "before it was complete"),
    ],
    ids=["unknown name", "reset", "rubbish", "status", "cut short"],
)
def test_a_pull_that_fails_says_why(server: FakeOllama, model: str, fault: Fault | None, expected: str) -> None:
    """Errors arrive in the middle of a good answer too, and an end without success is none."""
    if fault:
        server.fail("/api/pull", fault)

    with pytest.raises(DescriberError, match=expected):
        list(Ollama(url=server.url, model=model).pull())


@pytest.mark.parametrize("body", ["<html>a router</html>", '{"models": 5}'], ids=["a web page", "another program"])
def test_what_is_no_ollama_is_told_in_plain_words(server: FakeOllama, body: str) -> None:
    """A port of another program: the line of advice names describer.url, not the parser's trouble alone."""
    server.fail("/api/show", Fault("raw", body=body))

    with pytest.raises(DescriberError, match=r"does not answer as Ollama does; is describer\.url right"):
        Ollama(url=server.url).look()


def test_a_pull_from_nobody_is_named_with_the_next_step(server: FakeOllama) -> None:
    """Without Ollama there is nothing to pull with."""
    server.down()

    with pytest.raises(DescriberUnavailableError, match="systemctl start ollama"):
        list(Ollama(url=server.url).pull())
