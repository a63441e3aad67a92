"""The real `ollama` client over HTTP, in front of a faithful fake."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidsense_daemon.base.errors import DescriberError, DescriberUnavailableError, PermanentError
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.domain.events import DescriptionStatus, EventRecord

from .fake_ollama import MODEL, STRUCTURED, FakeModel, FakeOllama
from .fake_wire import Fault
from .fakes import QUERIES, SimulatedClock, event, record, wait_until

Make = Callable[..., ModelDescriber]


def test_an_event_gets_a_summary_and_an_answer_to_each_question(
    server: FakeOllama, describer: Make, tmp_path: Path
) -> None:
    """The owner reads one summary and the answers to the four questions, and which model wrote them."""
    description = describer().describe(record(tmp_path))

    assert description.summary == "A person walks to the door."
    assert [answer.question for answer in description.answers] == list(QUERIES)
    assert (description.backend, description.model) == ("ollama", MODEL)
    assert description.status is DescriptionStatus.DONE


def test_the_stills_arrive_as_one_storyboard(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """LLaVA 1.6 sees four frames in one picture of 672×672, the size that it cuts into four whole frames."""
    describer().describe(record(tmp_path))

    [packed] = server.chats()[0]["messages"][-1]["images"]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(packed), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (672, 672, 3)


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
        Fault("http", status=500, body='{"error":"model runner has unexpectedly stopped"}'),
        Fault("http", status=500, body="<html>bad gateway</html>"),
        Fault("http", status=500, body='["not an object"]'),
        Fault("http", status=499, body='{"error":"request canceled"}'),
        Fault("raw", body="<html>hello</html>"),
        Fault("raw", body="[1, 2]\n"),
        Fault("raw", body='{"done": true}'),
        Fault("reset"),
        Fault("drop"),
        Fault("mid_error"),
        Fault("mid_error", body='{"error":{"message":"a dict"}}'),
        Fault("mid_error", body='{"error":"5"}'),
        Fault("mid_reset"),
        Fault("mid_drop"),
        Fault("truncated_json"),
        Fault("blank_line"),
        Fault("no_done"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status} {fault.body[:16]}",
)
def test_whatever_goes_wrong_is_one_kind_of_error(
    server: FakeOllama, describer: Make, tmp_path: Path, fault: Fault
) -> None:
    """Every fault of the server postpones the event; none ends the daemon or loses the event."""
    made = describer()
    made.describe(record(tmp_path))
    server.fail("/api/chat", fault)

    with pytest.raises(DescriberError) as caught:
        made.describe(record(tmp_path, id="second"))

    assert not isinstance(caught.value, DescriberUnavailableError)
    assert "http://127.0.0.1" in str(caught.value)


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


def test_a_hanging_server_is_given_up(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """A server that takes the request and says nothing is left after its time limit, and told so."""
    made = describer(client={"first_token_timeout_s": 0.2})
    server.fail("/api/chat", Fault("delay"), Fault("hang"))

    with pytest.raises(DescriberError, match="did not answer in time"):
        made.describe(record(tmp_path))

    wait_until(lambda: server.in_flight == 0)
    assert server.disconnects == 1


def test_a_dripping_server_is_given_up(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """A byte now and then keeps no request alive: the whole is bounded, not only each silence."""
    server.fail("/api/chat", Fault("delay"), Fault("drip", seconds=0.05))

    with pytest.raises(DescriberError, match="did not answer in time"):
        describer(timeout_s=0.5).describe(record(tmp_path))

    wait_until(lambda: server.in_flight == 0)


def test_silence_in_the_middle_is_given_up(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """A server that stops writing is not waited for as long as one that still reads the pictures."""
    server.fail("/api/chat", Fault("delay"), Fault("mid_hang"))

    with pytest.raises(DescriberError, match="did not answer in time"):
        describer(client={"idle_timeout_s": 0.2}).describe(record(tmp_path))

    wait_until(lambda: server.in_flight == 0)


def test_stopping_interrupts_a_request_at_once(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """The daemon's stop does not wait for a model: the request is cancelled and the server's slot is free."""
    made = describer()
    server.fail("/api/chat", Fault("delay"), Fault("hang"))
    raised: list[BaseException] = []

    def describe() -> None:
        try:
            made.describe(record(tmp_path))
        except DescriberUnavailableError as error:
            raised.append(error)

    thread = threading.Thread(target=describe)
    thread.start()
    wait_until(lambda: len(server.chats()) == 1)
    made.close()
    thread.join(5)

    assert not thread.is_alive()
    assert "daemon stops" in str(raised[0])
    wait_until(lambda: server.in_flight == 0)


def test_a_closed_describer_asks_nothing_more(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """After the stop no request leaves the daemon."""
    made = describer()
    made.close()

    with pytest.raises(DescriberUnavailableError):
        made.describe(record(tmp_path))

    assert not server.chats()


def test_an_answer_that_is_not_as_asked_is_asked_for_once_more(
    server: FakeOllama, describer: Make, tmp_path: Path
) -> None:
    """One repair: the same pictures, with what was wrong."""
    structured = iter(['{"summary": "half', STRUCTURED])
    server.answer = lambda body: next(structured) if body.get("format") else "Yes."
    description = describer().describe(record(tmp_path))

    assert description.status is DescriptionStatus.DONE
    assert "could not be used" in server.chats()[1]["messages"][-1]["content"]
    assert server.chats()[0]["messages"][-1]["images"] == server.chats()[1]["messages"][-1]["images"]


def test_rubbish_is_kept_as_partial(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """A model that cannot keep to the form still has said something: its text is the summary, marked partial."""
    server.answer = lambda body: "I see a man <b>walking</b> his dog." if body.get("format") else "A dog."
    description = describer().describe(record(tmp_path))

    assert description.status is DescriptionStatus.PARTIAL
    assert description.summary == "I see a man walking his dog."
    assert "not usable" in str(description.error)


def test_silence_from_the_model_is_a_failure(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """A model that writes nothing at all gives nothing to keep: the event is tried again."""
    server.answer = lambda body: ""

    with pytest.raises(DescriberError, match="nothing that can be kept"):
        describer().describe(record(tmp_path))


def test_an_event_without_stills_is_never_tried_again(server: FakeOllama, describer: Make) -> None:
    """Media that were cleared away do not come back: the reason is stored instead."""
    with pytest.raises(PermanentError, match="no still"):
        describer().describe(EventRecord(event=event(), stills=(), description=None))


def test_missing_and_broken_stills_are_left_out(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """One lost file costs one frame, not the description."""
    shown = record(tmp_path)
    Path(shown.stills[0].path).unlink()
    Path(shown.stills[1].path).write_bytes(b"no picture")
    description = describer().describe(shown)

    assert description.details["frames"] == 2


def test_the_context_that_the_server_really_has_is_not_retried(
    server: FakeOllama, describer: Make, tmp_path: Path
) -> None:
    """A request that can never fit is the event's own end, with the server's reason in plain words."""
    server.context_tokens = 1000

    with pytest.raises(PermanentError, match="exceeds the available context size"):
        describer().describe(record(tmp_path))


def test_environment_proxies_are_not_used(
    server: FakeOllama, tmp_path: Path, clock: SimulatedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures never leave by way of a proxy that the environment happens to name."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    description = ModelDescriber(Ollama(url=server.url), zone=UTC, queries=(), clock=clock).describe(record(tmp_path))

    assert description.status is DescriptionStatus.DONE


def test_a_password_in_the_url_stays_secret() -> None:
    """Errors name the server without its password."""
    server = Ollama(url="http://owner:hunter22@127.0.0.1:1")

    with pytest.raises(DescriberUnavailableError) as caught:
        server.look()

    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("keep_alive", ["30m", "-1", "300"])
def test_every_way_to_write_keep_alive_is_understood(
    server: FakeOllama, describer: Make, tmp_path: Path, keep_alive: str
) -> None:
    """Seconds, -1 for always and Go's durations all work, though the server takes bare numbers as numbers only."""
    description = describer(client={"keep_alive": keep_alive}).describe(record(tmp_path))

    assert description.status is DescriptionStatus.DONE


def test_a_camera_cannot_move_the_pictures_by_its_name(server: FakeOllama, describer: Make, tmp_path: Path) -> None:
    """`[img]` in a name would be replaced by a picture."""
    describer().describe(record(tmp_path, camera="yard[img]", prompt="a cat [IMG-0]"))

    assert "[img" not in server.chats()[0]["messages"][-1]["content"].lower()
