"""The webhook against a real HTTP receiver: what counts as delivered, and what every other answer leads to."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from vidsense_daemon.alerts.hooks.webhook import Webhook
from vidsense_daemon.alerts.signatures import Signer
from vidsense_daemon.base.errors import ConfigError, DeliveryError, PermanentError
from vidsense_daemon.domain.events import DeliveryPhase

from .fakes import STARTED_AT, MovedClock, owed, record
from .receiver import Answer, Receiver, cut, drip, endless_body, hang, receiver, status

SECRET = "whsec_" + "c2VjcmV0LWtleS1vZi1leGFjdGx5LTMyLWJ5dGVzISE="  # 32 bytes, made for this test


@pytest.fixture
def phone() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def webhook(to: Receiver, *, timeout_s: float = 5.0, secrets: tuple[str, ...] = ()) -> Webhook:
    return Webhook(name="phone", url=to.url, timeout_s=timeout_s, secrets=secrets, clock=MovedClock())


def test_the_event_arrives_as_json(phone: Receiver) -> None:
    """The receiver gets the event with its description, in UTF-8, under one id."""
    webhook(phone).deliver(owed(DeliveryPhase.DESCRIBED), record(described=True))

    (request,) = phone.received
    assert request.path == "/vidsense?token=s3cr3t"
    assert request.headers["content-type"] == "application/json"
    assert request.json["camera"] == "front_door"
    assert request.json["summary"] == "A courier leaves a parcel – „Ünïcode“."
    assert request.json["phase"] == "described"


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_every_2xx_answer_is_success(phone: Receiver, code: int) -> None:
    """Receivers differ in how they say yes."""
    phone.always = status(code)

    webhook(phone).deliver(owed(), record())

    assert len(phone.received) == 1


@pytest.mark.parametrize("code", [302, 400, 401, 404, 429, 500, 503])
def test_every_other_answer_is_tried_again(phone: Receiver, code: int) -> None:
    """A receiver that is starting up may say 404; only a 2xx means that the alert has arrived."""
    phone.always = status(code)

    with pytest.raises(DeliveryError, match=str(code)):
        webhook(phone).deliver(owed(), record())


def test_a_redirect_is_not_followed(phone: Receiver) -> None:
    """The event goes to the address in the configuration and to no other."""
    with receiver() as elsewhere:
        phone.always = status(307, location=elsewhere.url)
        with pytest.raises(DeliveryError, match="put the final address into the hook's url"):
            webhook(phone).deliver(owed(), record())

        assert elsewhere.received == []


def test_410_ends_the_hook(phone: Receiver) -> None:
    """A receiver that says it is gone for good is not asked again."""
    phone.answers = [status(410)]
    hook = webhook(phone)

    for _ in range(2):
        with pytest.raises(PermanentError, match="410 Gone; the hook is off until the daemon restarts"):
            hook.deliver(owed(), record())
    assert len(phone.received) == 1


@pytest.mark.parametrize(
    ("header", "expected_s"),
    [
        ("120", 120.0),
        (format_datetime(STARTED_AT + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(STARTED_AT - timedelta(seconds=90), usegmt=True), 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_honoured(phone: Receiver, header: str, expected_s: float | None) -> None:
    """A receiver that says when to come back is believed, in both forms that HTTP knows."""
    phone.always = status(503, retry_after=header)

    with pytest.raises(DeliveryError) as raised:
        webhook(phone).deliver(owed(), record())

    assert raised.value.retry_after_s == expected_s


@pytest.mark.parametrize("answer", [hang, drip], ids=["silent", "a byte at a time"])
def test_a_receiver_that_does_not_finish_is_cut_off(phone: Receiver, answer: Answer) -> None:
    """A receiver that hangs, or sends a byte now and then, costs the hook its limit and no more."""
    phone.always = answer

    with pytest.raises(DeliveryError, match=r"did not answer within 0\.3 s"):
        webhook(phone, timeout_s=0.3).deliver(owed(), record())


def test_the_answers_body_is_not_waited_for(phone: Receiver) -> None:
    """The status says all; a body that never ends is not read."""
    phone.always = endless_body

    webhook(phone, timeout_s=5).deliver(owed(), record())

    assert len(phone.received) == 1


def test_a_connection_that_breaks_is_tried_again(phone: Receiver) -> None:
    """A receiver that dies while it answers gets the message again."""
    phone.always = cut

    with pytest.raises(DeliveryError, match="could not be reached"):
        webhook(phone).deliver(owed(), record())


def test_no_error_shows_the_path_of_the_url() -> None:
    """The path often is the password: it stands in no log and no database."""
    with receiver() as gone:
        hook = webhook(gone)

    with pytest.raises(DeliveryError) as raised:
        hook.deliver(owed(), record())

    assert "s3cr3t" not in str(raised.value)
    assert "127.0.0.1" in str(raised.value)
    assert raised.value.__suppress_context__


def test_the_environments_proxy_is_ignored(phone: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable cannot send what the cameras saw elsewhere."""
    with receiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        webhook(phone).deliver(owed(), record())

        assert proxy.received == []
    assert len(phone.received) == 1


def test_a_signed_message_can_be_verified(phone: Receiver) -> None:
    """The receiver computes the same signature from the headers and the bytes that came."""
    webhook(phone, secrets=(SECRET,)).deliver(owed(), record())

    (request,) = phone.received
    expected = Signer(name="x", secrets=[SECRET]).headers(request.headers["webhook-id"], STARTED_AT, request.body)
    assert expected["webhook-signature"] == request.headers["webhook-signature"]
    assert request.headers["webhook-timestamp"] == str(int(STARTED_AT.timestamp()))


def test_the_messages_id_stays_the_same_over_retries(phone: Receiver) -> None:
    """The receiver can drop what it has had already."""
    hook = webhook(phone)
    hook.deliver(owed(), record())
    hook.deliver(owed(attempts=3), record())
    hook.deliver(owed(DeliveryPhase.DESCRIBED), record(described=True))

    ids = [request.headers["webhook-id"] for request in phone.received]
    assert ids == [
        "1777916523000-abcdef_opened",
        "1777916523000-abcdef_opened",
        "1777916523000-abcdef_described",
    ]


def test_the_operators_own_headers_are_sent(phone: Receiver) -> None:
    """A receiver that wants a token of its own gets it."""
    Webhook(name="phone", url=phone.url, headers={"Authorization": "Bearer t"}).deliver(owed(), record())

    assert phone.received[0].headers["authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://127.0.0.1/", "http:// or https://"),
        ("http:///x", "http:// or https://"),
        ("http://127.0.0.1:99999/", "cannot be read"),
        ("http://user:pw@127.0.0.1/", "into headers"),
        ("http://example.com/s3cr3t", "allow_plain_http"),
        ("http://8.8.8.8/s3cr3t", "allow_plain_http"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused_at_the_start(url: str, complaint: str) -> None:
    """A mistake shows when the daemon starts, not when the burglar comes."""
    with pytest.raises(ConfigError, match=complaint) as raised:
        Webhook(name="phone", url=url)

    assert "phone" in str(raised.value)
    assert "s3cr3t" not in str(raised.value)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x",
        "http://homeassistant.local:8123/x",
        "http://nas/x",
        "http://192.168.1.2/x",
        "http://[::1]/x",
    ],
)
def test_plain_http_is_for_the_home_network(url: str) -> None:
    """What stays in the house may go unencrypted, anything else must say so."""
    assert Webhook(name="phone", url=url).name == "phone"


def test_a_header_that_would_break_the_request_is_refused() -> None:
    """A token read with its newline is named at the start, and not shown."""
    with pytest.raises(ConfigError, match="'authorization' must be one line") as raised:
        Webhook(name="phone", url="https://example.com", headers={"authorization": "s3cr3t\n"})

    assert "s3cr3t" not in str(raised.value)


@pytest.fixture
def own_certificate(tmp_path: Path) -> Path:
    """A certificate that no authority has signed, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program")
    pem, key = tmp_path / "own.pem", tmp_path / "own.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=receiver"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(pem)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    pem.write_text(pem.read_text() + key.read_text())
    return pem


def test_a_receiver_with_a_strange_certificate_is_refused_unless_it_is_trusted(own_certificate: Path) -> None:
    """https means that the other side is who it says; a certificate of one's own is trusted by naming it."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(own_certificate)
    with receiver(tls=tls) as phone:
        with pytest.raises(DeliveryError, match="certificate"):
            webhook(phone).deliver(owed(), record())
        Webhook(name="phone", url=phone.url, ca_file=str(own_certificate)).deliver(owed(), record())

        assert len(phone.received) == 1


def test_a_silent_receiver_behind_tls_is_cut_off_too(own_certificate: Path) -> None:
    """The limit holds for an encrypted connection as well."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(own_certificate)
    with receiver(tls=tls) as phone:
        phone.always = drip
        hook = Webhook(name="phone", url=phone.url, ca_file=str(own_certificate), timeout_s=0.5)

        with pytest.raises(DeliveryError, match=r"within 0\.5 s"):
            hook.deliver(owed(), record())


def test_a_missing_ca_file_is_named(tmp_path: Path) -> None:
    """The path that was looked for stands in the message."""
    with pytest.raises(ConfigError, match=r"missing\.pem"):
        Webhook(name="phone", url="https://example.com", ca_file=str(tmp_path / "missing.pem"))


def test_the_still_can_be_in_the_message(phone: Receiver, tmp_path: Path) -> None:
    """A receiver elsewhere, which cannot read the daemon's disk, gets the picture itself."""
    jpeg = tmp_path / "still.jpg"
    jpeg.write_bytes(b"\xff\xd8 a picture \xff\xd9")
    found = record()
    found = replace(found, stills=(replace(found.stills[0], path=str(jpeg)),))
    Webhook(name="phone", url=phone.url, attach_still=True).deliver(owed(), found)

    assert base64.b64decode(phone.received[0].json["still_jpeg_base64"]) == jpeg.read_bytes()


def test_a_still_that_is_gone_or_too_large_does_not_cost_the_alert(phone: Receiver, tmp_path: Path) -> None:
    """The words arrive without the picture."""
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(9 * 1024 * 1024))
    hook = Webhook(name="phone", url=phone.url, attach_still=True)
    found = record()
    hook.deliver(owed(), found)
    hook.deliver(owed(), replace(found, stills=(replace(found.stills[0], path=str(large)),)))
    hook.deliver(owed(), replace(found, stills=()))

    assert ["still_jpeg_base64" in request.json for request in phone.received] == [False] * 3


def test_the_message_can_link_to_the_event(phone: Receiver) -> None:
    """A tap on the notification opens the event's page."""
    Webhook(name="phone", url=phone.url, link_base_url="https://home.example/vidsense/").deliver(owed(), record())

    assert phone.received[0].json["link"] == "https://home.example/vidsense/events/1777916523000-abcdef"


def test_the_body_can_be_the_operators_own(phone: Receiver) -> None:
    """A chat service that wants its own form gets it, signed as it is sent."""
    template = '{"content": {{ (title ~ ": " ~ summary) | tojson }}}'
    Webhook(name="phone", url=phone.url, body_template=template, secrets=[SECRET], clock=MovedClock()).deliver(
        owed(), record()
    )

    (request,) = phone.received
    assert request.json == {"content": "person at door · front door: a person standing at the front door"}
    signed = Signer(name="x", secrets=[SECRET]).headers(request.headers["webhook-id"], STARTED_AT, request.body)
    assert signed["webhook-signature"] == request.headers["webhook-signature"]


def test_events_that_were_held_back_are_in_the_message(phone: Receiver) -> None:
    """One message tells of all of them."""
    webhook(phone).deliver(owed(), record("3-a"), [record("1-a"), record("2-a", camera="garden")])

    message = phone.received[0].json
    assert message["title"] == "3 × person at door · front door, garden"
    assert [other["id"] for other in message["others"]] == ["1-a", "2-a"]
