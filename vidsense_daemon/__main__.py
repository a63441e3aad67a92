"""The `vidsense` script and `python -m vidsense_daemon`: what must hold before anything heavy is imported."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path


def entry_point() -> None:
    """Run the command line; silence when a pager on the other end of the pipe has gone."""
    # NumPy's own threads wait by spinning: a small product then costs twenty times its processor time. It reads this
    # once, when it is loaded. PyTorch has a count of its own (`encoder.threads`).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.argv[1:2] == ["run"]:
        # a daemon that is stopped while it still imports ends as it does later: there is nothing to close yet
        signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the configuration is read later: there is nothing to reload yet
    _make_streams_safe()
    try:
        from vidsense_daemon.cli.main import main

        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # the interpreter would complain once more while it closes standard output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:  # while it was imported; later it is main's
        status = 130
    sys.exit(status)


def _make_streams_safe() -> None:
    """A closed stream (`>&-`) swallows what is written; a letter that the locale does not have becomes a `?`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end
        elif isinstance(stream := getattr(sys, name), io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    entry_point()
