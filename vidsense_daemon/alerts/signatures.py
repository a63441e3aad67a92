"""Sign a webhook's message, so that its receiver knows who sent it and that nobody changed or replays it.

Standard Webhooks, "Signature scheme" (symmetric): HMAC-SHA256 over ``id.timestamp.body``, base64, after ``v1,``;
one signature per key, separated by spaces, so that a key can be replaced without a moment in which messages fail.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from datetime import datetime

from vidsense_daemon.base.errors import ConfigError

PREFIX = "whsec_"
_SHORTEST_KEY_BYTES, _LONGEST_KEY_BYTES = 24, 64  # the specification's bounds


class Signer:
    """Makes the three headers; without secrets only the two that need no key."""

    def __init__(self, *, name: str, secrets: Sequence[str]) -> None:
        self._keys = tuple(_key(name, secret) for secret in secrets)

    def headers(self, identity: str, sent_at: datetime, body: bytes) -> dict[str, str]:
        """The headers of one attempt: the id stays the same over retries, the timestamp does not."""
        timestamp = str(int(sent_at.timestamp()))
        headers = {"webhook-id": identity, "webhook-timestamp": timestamp}
        if self._keys:
            signed = b".".join((identity.encode(), timestamp.encode(), body))
            headers["webhook-signature"] = " ".join(_signature(key, signed) for key in self._keys)
        return headers


def _signature(key: bytes, signed: bytes) -> str:
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _key(name: str, secret: str) -> bytes:
    how = "make one with: echo whsec_$(openssl rand -base64 32)"
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        # from None: the error's frame holds the secret
        raise ConfigError(f"hook {name!r}: its secret is not base64 after {PREFIX}; {how}") from None
    if not _SHORTEST_KEY_BYTES <= len(key) <= _LONGEST_KEY_BYTES:
        raise ConfigError(
            f"hook {name!r}: its secret holds {len(key)} bytes, "
            f"but {_SHORTEST_KEY_BYTES} to {_LONGEST_KEY_BYTES} are asked for; {how}"
        )
    return key
