"""`python -m vidsense_daemon` is `vidsense`."""

from vidsense_daemon.cli.main import entry_point

if __name__ == "__main__":
    entry_point()
