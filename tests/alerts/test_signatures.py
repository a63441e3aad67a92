"""Signatures by the Standard Webhooks specification, against its published example."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vidsense_daemon.alerts.signatures import Signer
from vidsense_daemon.base.errors import ConfigError

# the example that the specification's reference libraries test themselves with
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
IDENTITY = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SENT_AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

NEXT_SECRET = "whsec_" + "bmV4dC1rZXktb2YtZXhhY3RseS0zMi1ieXRlcy1vbmUh"


def test_the_published_example_gets_the_published_signature() -> None:
    """Any receiver with a Standard Webhooks library can verify our messages."""
    headers = Signer(name="phone", secrets=[SECRET]).headers(IDENTITY, SENT_AT, BODY)

    assert headers == {
        "webhook-id": IDENTITY,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_the_prefix_may_be_left_out() -> None:
    """A key without whsec_ is the same key."""
    signer = Signer(name="phone", secrets=[SECRET.removeprefix("whsec_")])

    assert signer.headers(IDENTITY, SENT_AT, BODY)["webhook-signature"] == SIGNATURE


def test_a_key_is_replaced_without_a_gap() -> None:
    """While two keys are configured, receivers with either key accept the message."""
    headers = Signer(name="phone", secrets=[NEXT_SECRET, SECRET]).headers(IDENTITY, SENT_AT, BODY)

    first, second = headers["webhook-signature"].split(" ")
    assert second == SIGNATURE
    assert first.startswith("v1,")
    assert first != second


def test_without_a_secret_nothing_is_signed() -> None:
    """The id and the time are sent all the same: they need no key."""
    headers = Signer(name="phone", secrets=[]).headers(IDENTITY, SENT_AT, BODY)

    assert set(headers) == {"webhook-id", "webhook-timestamp"}


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_c2hvcnQ=", "whsec_", "whsec_" + "QUFB" * 30])
def test_a_bad_secret_is_refused_without_showing_it(secret: str) -> None:
    """The operator learns how to make a good one."""
    with pytest.raises(ConfigError, match="openssl rand") as raised:
        Signer(name="phone", secrets=[secret])

    assert secret.removeprefix("whsec_") == "" or secret.removeprefix("whsec_") not in str(raised.value)


def test_the_receivers_example_in_the_docs_verifies_a_message() -> None:
    """Who copies the lines from docs/hooks.md accepts our messages and no others."""
    page = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    found: dict[str, Any] = {}
    exec(example, found)
    headers = Signer(name="phone", secrets=[NEXT_SECRET, SECRET]).headers(IDENTITY, SENT_AT, BODY)

    assert found["is_ours"](SECRET, headers, BODY)
    assert not found["is_ours"](SECRET, headers, BODY + b" ")
    assert not found["is_ours"]("whsec_" + "AAAA" * 8, headers, BODY)
