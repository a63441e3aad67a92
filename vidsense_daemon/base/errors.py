"""Every error that the project raises on purpose, in one tree.

    VidsenseError
    ├── ConfigError          the operator must change something; the daemon ends with status 78
    ├── TransientError       the world may be better in a moment; the worker waits and tries again
    │   ├── StreamError      a camera's stream could not be opened, read or decoded
    │   ├── DescriberError   the describer did not answer, or not now
    │   │   └── DescriberUnavailableError   it is not there at all: no event is to blame
    │   └── DeliveryError    a hook did not take a delivery
    │       └── HeldBackError   on purpose: it is sent later, together with others
    ├── PermanentError       this one item can never succeed; the next one may
    └── StoreError           the database or the media folder failed

A message says what was being done, to what, and what to do next; it never holds a password (`base.redact`).
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; the systemd unit does not restart on it


class VidsenseError(Exception):
    """The root: catching it catches all that the project raises on purpose, and no defect."""


class ConfigError(VidsenseError):
    """The operator must change something before it can work."""


class TransientError(VidsenseError):
    """It failed now and may work later.

    ``retry_after_s`` is what the other side asked for, when it did.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StreamError(TransientError):
    """A camera's stream could not be opened, read or decoded."""


class DescriberError(TransientError):
    """The describer did not answer, or not now."""


class DescriberUnavailableError(DescriberError):
    """The describer is not there at all: no event is to blame, and none is counted as failed for it."""


class DeliveryError(TransientError):
    """A hook did not take a delivery."""


class HeldBackError(DeliveryError):
    """Held back on purpose, to be sent together with others; nothing is wrong with the hook."""


class PermanentError(VidsenseError):
    """This one item can never succeed; trying it again would only hold up the next one."""


class StoreError(VidsenseError):
    """The database or the media folder failed."""
