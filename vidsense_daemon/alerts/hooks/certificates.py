"""Whose certificates a hook's connection trusts."""

from __future__ import annotations

import ssl

from vidsense_daemon.base.errors import ConfigError


def trusted_context(ca_file: str | None, *, hook: str) -> ssl.SSLContext:
    """TLS that checks the other side's certificate against ``ca_file``, or against the machine's authorities.

    Raises:
        ConfigError: the file can't be used.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"hook {hook!r}: ca_file {ca_file} cannot be used: {error}") from error
