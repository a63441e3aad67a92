"""The `vidsense` script and `python -m vidsense_daemon`: what must hold before anything heavy is imported."""

from __future__ import annotations

import os
import signal
import sys


def entry_point() -> None:
    """Run the command line; silence when a pager on the other end of the pipe has gone."""
    # NumPy's own threads wait by spinning: a small product then costs twenty times its processor time. It reads this
    # once, when it is loaded. PyTorch has a count of its own (`encoder.threads`).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.argv[1:2] == ["run"]:
        # a daemon that is stopped while it still imports ends as it does later: there is nothing to close yet
        signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    from vidsense_daemon.cli.main import main

    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # the interpreter would complain once more while it closes standard output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)


if __name__ == "__main__":
    entry_point()
