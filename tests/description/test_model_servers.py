"""The contract of every model server: the same events, faults and limits, through each real client over HTTP."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import SimulatedClock, wait_until

from vidsense_daemon.base.errors import DescriberError, DescriberUnavailableError, PermanentError
from vidsense_daemon.description.describers.model import ModelDescriber
from vidsense_daemon.description.describers.ollama import Ollama
from vidsense_daemon.description.describers.openai_compatible import OpenAiCompatible
from vidsense_daemon.description.describers.server import ModelServer
from vidsense_daemon.domain.events import DescriptionStatus, EventRecord

from .fake_ollama import MODEL, STRUCTURED, FakeOllama
from .fake_openai import FakeOpenAi
from .fake_wire import Fault
from .fakes import QUERIES, event, record

Fake = FakeOllama | FakeOpenAi
Make = Callable[..., ModelDescriber]


@pytest.fixture(params=[FakeOllama, FakeOpenAi], ids=["ollama", "openai"])
def server(request: pytest.FixtureRequest) -> Iterator[Fake]:
    made: Fake = request.param()
    with made as fake:
        yield fake


def client_of(fake: Fake, **options: Any) -> ModelServer:
    if isinstance(fake, FakeOllama):
        return Ollama(url=fake.url, **options)
    return OpenAiCompatible(url=fake.api_url, model=MODEL, **options)


@pytest.fixture
def describer(server: Fake, clock: SimulatedClock) -> Make:
    def make(*, client: dict[str, Any] | None = None, **more: Any) -> ModelDescriber:
        options = {"queries": QUERIES, "zone": UTC, "clock": clock, **more}
        return ModelDescriber(client_of(server, **(client or {})), **options)

    return make


def test_an_event_gets_a_summary_and_an_answer_to_each_question(server: Fake, describer: Make, tmp_path: Path) -> None:
    """The owner reads one summary and the answers to the four questions, and which model wrote them."""
    description = describer().describe(record(tmp_path))

    assert description.summary == "A person walks to the door."
    assert [answer.question for answer in description.answers] == list(QUERIES)
    assert description.model == MODEL
    assert description.status is DescriptionStatus.DONE


def test_each_camera_and_trigger_has_questions_of_its_own(server: Fake, describer: Make, tmp_path: Path) -> None:
    """What was asked for one camera or one trigger is asked there only, and nothing is asked twice."""
    made = describer(
        queries=("Who?",),
        queries_by_trigger={"person_at_door": ("Is there a parcel?",), "other": ("Never?",)},
        queries_by_camera={"front_door": ("Who?", "Is the gate open?"), "other": ("Never?",)},
    )
    answered = made.describe(record(tmp_path)).answers

    assert [answer.question for answer in answered] == ["Who?", "Is there a parcel?", "Is the gate open?"]


def test_the_stills_arrive_as_one_storyboard(server: Fake, describer: Make, tmp_path: Path) -> None:
    """LLaVA 1.6 sees four frames in one picture of 672×672, the size that it cuts into four whole frames."""
    describer().describe(record(tmp_path))

    [packed] = server.chats()[0]["messages"][-1]["images"]
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(packed), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (672, 672, 3)


def test_all_questions_share_one_beginning(server: Fake, describer: Make, tmp_path: Path) -> None:
    """The same pictures and facts come first and the question last: what the server has cached is not read again."""
    describer().describe(record(tmp_path))

    asked = [chat["messages"][-1] for chat in server.chats()]
    facts = {message["content"].rpartition("\n")[0] for message in asked}
    assert len(asked) == 1 + len(QUERIES)
    assert len(facts) == 1
    assert len({tuple(message["images"]) for message in asked}) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("http", status=500, body='{"error":"model runner has unexpectedly stopped"}'),
        Fault("http", status=500, body="<html>bad gateway</html>"),
        Fault("http", status=500, body='["not an object"]'),
        Fault("raw", body="<html>hello</html>"),
        Fault("raw", body="[1, 2]\n"),
        Fault("raw", body="data: [1, 2]\n\n"),
        Fault("raw", body='{"done": true}'),
        Fault("raw", body="data: " + "[" * 100_000),
        Fault("raw", body="[" * 100_000),
        Fault("reset"),
        Fault("drop"),
        Fault("mid_error"),
        Fault("mid_error", body='{"error":{"message":"a dict"}}'),
        Fault("mid_error", body='{"error":"5"}'),
        Fault("mid_reset"),
        Fault("mid_drop"),
        Fault("truncated_json"),
        Fault("no_done"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status} {fault.body[:16]}",
)
def test_whatever_goes_wrong_is_one_kind_of_error(server: Fake, describer: Make, tmp_path: Path, fault: Fault) -> None:
    """Every fault of the server postpones the event; none ends the daemon or loses the event."""
    made = describer()
    made.describe(record(tmp_path))
    server.fail(server.chat_path, fault)

    with pytest.raises(DescriberError) as caught:
        made.describe(record(tmp_path, id="second"))

    assert not isinstance(caught.value, DescriberUnavailableError)
    assert "http://127.0.0.1" in str(caught.value)


@pytest.mark.parametrize("status", [503, 403, 404, 302, 401])
def test_a_server_that_is_not_ours_blames_no_event(server: Fake, describer: Make, tmp_path: Path, status: int) -> None:
    """Busy, forbidding or foreign servers are no event's fault."""
    server.fail_always(server.chat_path, Fault("http", status=status))

    with pytest.raises(DescriberUnavailableError):
        describer().describe(record(tmp_path))


def test_a_busy_server_in_the_middle_blames_no_event(server: Fake, describer: Make, tmp_path: Path) -> None:
    """A full queue that comes after the probe postpones the event without counting it as its failure."""
    made = describer()
    made.describe(record(tmp_path))
    server.fail(server.chat_path, Fault("http", status=503, body='{"error":"server busy, please try again."}'))

    with pytest.raises(DescriberUnavailableError, match="is busy") as caught:
        made.describe(record(tmp_path, id="second"))

    assert caught.value.retry_after_s


def test_a_stopped_server_is_named_with_the_next_step(server: Fake, describer: Make, tmp_path: Path) -> None:
    """Connection refused reads as: nobody there, start it or correct the URL."""
    server.down()

    with pytest.raises(DescriberUnavailableError, match="start it"):
        describer().describe(record(tmp_path))


def test_a_hanging_server_is_given_up(server: Fake, describer: Make, tmp_path: Path) -> None:
    """A server that takes the request and says nothing is left after its time limit, and told so."""
    made = describer(client={"first_token_timeout_s": 0.2})
    server.fail(server.chat_path, Fault("delay"), Fault("hang"))

    with pytest.raises(DescriberError, match="did not answer in time"):
        made.describe(record(tmp_path))

    wait_until(lambda: server.in_flight == 0)
    assert server.disconnects == 1


def test_a_dripping_server_is_given_up(server: Fake, describer: Make, tmp_path: Path) -> None:
    """A byte now and then keeps no request alive: the whole is bounded, not only each silence."""
    server.fail(server.chat_path, Fault("delay"), Fault("drip", seconds=0.05))

    with pytest.raises(DescriberError, match="did not answer in time"):
        describer(timeout_s=0.5).describe(record(tmp_path))

    wait_until(lambda: server.in_flight == 0)


def test_silence_in_the_middle_is_given_up(server: Fake, describer: Make, tmp_path: Path) -> None:
    """A server that stops writing is not waited for as long as one that still reads the pictures."""
    server.fail(server.chat_path, Fault("delay"), Fault("mid_hang"))

    with pytest.raises(DescriberError, match="did not answer in time"):
        describer(client={"idle_timeout_s": 0.2}).describe(record(tmp_path))

    wait_until(lambda: server.in_flight == 0)


def test_a_model_that_never_stops_is_cut_off(server: Fake, describer: Make, tmp_path: Path) -> None:
    """A server that ignores the longest answer is hung up on, and what it wrote is not trusted."""
    words = " ".join(str(number) for number in range(40_000))
    server.answer = lambda body: words if body.get("format") else "A dog."
    server.ignores_limits = True
    description = describer().describe(record(tmp_path))

    assert description.status is DescriptionStatus.PARTIAL
    assert len(description.summary) <= 240


def test_stopping_interrupts_a_request_at_once(server: Fake, describer: Make, tmp_path: Path) -> None:
    """The daemon's stop does not wait for a model: the request is cancelled and the server's slot is free."""
    made = describer()
    server.fail(server.chat_path, Fault("delay"), Fault("hang"))
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


def test_a_closed_describer_asks_nothing_more(server: Fake, describer: Make, tmp_path: Path) -> None:
    """After the stop no request leaves the daemon."""
    made = describer()
    made.close()

    with pytest.raises(DescriberUnavailableError):
        made.describe(record(tmp_path))

    assert not server.requests


def test_an_answer_that_is_not_as_asked_is_asked_for_once_more(server: Fake, describer: Make, tmp_path: Path) -> None:
    """One repair: the same pictures, with what was wrong."""
    structured = iter(['{"summary": "half', STRUCTURED])
    server.answer = lambda body: next(structured) if body.get("format") else "Yes."
    description = describer().describe(record(tmp_path))

    first, second = server.chats()[:2]
    assert description.status is DescriptionStatus.DONE
    assert "could not be used" in second["messages"][-1]["content"]
    assert first["messages"][-1]["images"] == second["messages"][-1]["images"]
    assert second["options"]["temperature"] == 0


def test_rubbish_is_kept_as_partial(server: Fake, describer: Make, tmp_path: Path) -> None:
    """A model that cannot keep to the form still has said something: its text is the summary, marked partial."""
    server.answer = lambda body: "I see a man <b>walking</b> his dog." if body.get("format") else "A dog."
    description = describer().describe(record(tmp_path))

    assert description.status is DescriptionStatus.PARTIAL
    assert description.summary == "I see a man walking his dog."
    assert "not usable" in str(description.error)
    assert sum(bool(chat.get("format")) for chat in server.chats()) == 2


def test_a_query_that_fails_costs_its_own_answer_only(server: Fake, describer: Make, tmp_path: Path) -> None:
    """The summary that was already written is kept, and the missing answer is named."""
    made = describer(queries=("Who?",))
    server.fail(server.chat_path, Fault("delay"), Fault("delay"), Fault("reset"))
    description = made.describe(record(tmp_path))

    assert description.status is DescriptionStatus.PARTIAL
    assert description.summary == "A person walks to the door."
    assert '"Who?" was not answered' in str(description.error)


def test_silence_from_the_model_is_a_failure(server: Fake, describer: Make, tmp_path: Path) -> None:
    """A model that writes nothing at all gives nothing to keep: the event is tried again."""
    server.answer = lambda body: ""

    with pytest.raises(DescriberError, match="nothing that can be kept"):
        describer().describe(record(tmp_path))


def test_an_event_without_stills_is_never_tried_again(server: Fake, describer: Make) -> None:
    """Media that were cleared away do not come back: the reason is stored instead."""
    with pytest.raises(PermanentError, match="no still"):
        describer().describe(EventRecord(event=event(), stills=(), description=None))


def test_missing_and_broken_stills_are_left_out(server: Fake, describer: Make, tmp_path: Path) -> None:
    """One lost file costs one frame, not the description."""
    shown = record(tmp_path)
    Path(shown.stills[0].path).unlink()
    Path(shown.stills[1].path).write_bytes(b"no picture")
    description = describer().describe(shown)

    assert description.details["frames"] == 2


def test_the_context_that_the_server_really_has_is_not_retried(server: Fake, describer: Make, tmp_path: Path) -> None:
    """A request that can never fit is the event's own end, with the server's reason in plain words."""
    server.context_tokens = 1000

    with pytest.raises(PermanentError, match="exceeds the available context size"):
        describer().describe(record(tmp_path))


def test_environment_proxies_are_not_used(
    server: Fake, describer: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures never leave by way of a proxy that the environment happens to name."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert describer().describe(record(tmp_path)).status is DescriptionStatus.DONE


def test_a_camera_cannot_move_the_pictures_by_its_name(server: Fake, describer: Make, tmp_path: Path) -> None:
    """`[img]` in a name would be replaced by a picture."""
    describer().describe(record(tmp_path, camera="yard[img]", prompt="a cat [IMG-0]"))

    assert "[img" not in server.chats()[0]["messages"][-1]["content"].lower()


@pytest.mark.parametrize("kind", [Ollama, OpenAiCompatible])
def test_a_password_in_the_url_stays_secret(kind: type[Ollama | OpenAiCompatible]) -> None:
    """Errors name the server without its password."""
    unreachable = kind(url="http://owner:hunter22@127.0.0.1:1", model=MODEL)

    with pytest.raises(DescriberUnavailableError) as caught:
        unreachable.look()

    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("kind", [Ollama, OpenAiCompatible], ids=["ollama", "openai"])
def test_an_answer_without_an_end_is_an_error_and_no_memory(kind: type[Ollama | OpenAiCompatible]) -> None:
    """A server gone mad, or something else at this address, must not fill the memory that cameras are watched with."""
    sent_bytes = 0

    def babble() -> None:
        nonlocal sent_bytes
        caller, _ = listener.accept()
        with caller, contextlib.suppress(OSError):
            caller.recv(65536)
            caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
            while sent_bytes < 256 * 2**20:
                sent_bytes += caller.send(b"x" * 2**20)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        talking = threading.Thread(target=babble)
        talking.start()
        with pytest.raises(DescriberError, match="more than 16 MB"):
            kind(url=f"http://127.0.0.1:{listener.getsockname()[1]}", model=MODEL).look()
        talking.join()

    assert sent_bytes < 64 * 2**20
