"""The command hook with real programs: what they get, how long they may run, and what is left of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import wait_until

from vidsense_daemon.alerts.hooks.command import Command
from vidsense_daemon.base.errors import ConfigError, DeliveryError

from .fakes import owed, record


def shell(script: str, *, timeout_s: float = 10.0, **environment: str) -> Command:
    """Stands for a program of the operator's; the hook itself uses no shell."""
    return Command(name="siren", argv=["/bin/sh", "-c", script], timeout_s=timeout_s, environment=environment)


def test_the_program_gets_the_event_on_its_standard_input(tmp_path: Path) -> None:
    """Whatever language it is written in, it can read JSON."""
    shell(f"cat > {tmp_path}/got").deliver(owed(), record(described=True))

    got = json.loads((tmp_path / "got").read_bytes())
    assert got["id"] == "1777916523000-abcdef"
    assert got["summary"] == "A courier leaves a parcel – „Ünïcode“."


def test_the_arguments_are_used_as_they_are(tmp_path: Path) -> None:
    """No shell reads them: an argument with a dollar sign is just that."""
    marker = tmp_path / "made"
    hook = Command(name="siren", argv=["/usr/bin/env", "touch", str(marker), f"{tmp_path}/$(echo x); a b"])

    hook.deliver(owed(), record())

    assert sorted(path.name for path in tmp_path.iterdir()) == ["$(echo x); a b", "made"]


def test_what_a_model_says_is_never_run(tmp_path: Path) -> None:
    """A sign before the camera that reads like a command is text on standard input."""
    found = record(described=True)
    assert found.description is not None
    trap = f"$(touch {tmp_path}/trap); `touch {tmp_path}/trap`; -rf\n--help"
    found = replace(found, description=replace(found.description, summary=trap))

    shell(f"cat > {tmp_path}/got").deliver(owed(), found)

    assert [path.name for path in tmp_path.iterdir()] == ["got"]
    assert json.loads((tmp_path / "got").read_bytes())["summary"] == trap


def test_the_programs_environment_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cameras' passwords, which the daemon has in its environment, do not reach a program."""
    monkeypatch.setenv("CAM_PASSWORD", "hunter22")

    shell(f"env > {tmp_path}/got", SIREN_PORT="7").deliver(owed(), record())

    got = (tmp_path / "got").read_text()
    assert "hunter22" not in got
    assert "SIREN_PORT=7" in got
    assert {line.split("=")[0] for line in got.splitlines()} <= {
        "PATH",
        "LANG",
        "SIREN_PORT",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    }


def test_a_status_other_than_zero_is_tried_again_with_its_last_words() -> None:
    """The program's own complaint stands where the operator looks."""
    with pytest.raises(DeliveryError, match="hook 'siren': /bin/sh ended with status 3: no siren here"):
        shell("echo no siren here >&2; exit 3").deliver(owed(), record())


def test_a_program_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    """A hundred stuck hooks must not eat the memory."""
    with pytest.raises(DeliveryError, match=r"was killed after 0\.5 s"):
        shell(f"sleep 1000 & echo $! > {tmp_path}/pid; sleep 1000", timeout_s=0.5).deliver(owed(), record())

    wait_until(lambda: not is_running(int((tmp_path / "pid").read_text())))


def test_what_a_program_leaves_behind_is_killed_at_its_end(tmp_path: Path) -> None:
    """A program that ends well but leaves a child running does not gather children over the weeks."""
    shell(f"sleep 1000 & echo $! > {tmp_path}/pid; exit 0").deliver(owed(), record())

    wait_until(lambda: not is_running(int((tmp_path / "pid").read_text())))


def test_a_program_that_does_not_read_its_input_is_no_trouble() -> None:
    """Many programs only need to know that something happened."""
    shell("exec <&-; exit 0").deliver(owed(), record())


def test_a_program_that_closes_its_output_may_still_work(tmp_path: Path) -> None:
    """The end of the output is not the end of the program."""
    shell(f"exec >&- 2>&-; sleep 0.2; echo done > {tmp_path}/got").deliver(owed(), record())

    assert (tmp_path / "got").exists()


def test_only_the_end_of_a_long_output_is_kept() -> None:
    """A program that writes a million lines costs neither memory nor a row of a gigabyte."""
    with pytest.raises(DeliveryError) as raised:
        shell("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last words; exit 1").deliver(owed(), record())

    assert str(raised.value).endswith("last words")
    assert len(str(raised.value)) < 500


def test_a_program_ended_by_a_signal_is_told() -> None:
    """A crash is not a success."""
    with pytest.raises(DeliveryError, match="ended by signal 11"):
        shell("kill -SEGV $$").deliver(owed(), record())


@pytest.mark.parametrize("argv", [[], ["/no/such/program"], ["no-such-program"], ["/etc/passwd"]])
def test_a_program_that_cannot_be_run_is_refused_at_the_start(argv: list[str]) -> None:
    """The mistake shows at the start of the daemon."""
    with pytest.raises(ConfigError, match=r"hook 'siren'.*full path"):
        Command(name="siren", argv=argv)


def test_a_program_that_vanished_later_is_tried_again(tmp_path: Path) -> None:
    """An upgrade that replaces the program in just this moment loses no alert."""
    program = tmp_path / "siren"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    hook = Command(name="siren", argv=[str(program)])
    program.unlink()

    with pytest.raises(DeliveryError, match="did not start: No such file"):
        hook.deliver(owed(), record())


def is_running(pid: int) -> bool:
    """Whether the process lives; one that waits for its parent to notice its end does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
