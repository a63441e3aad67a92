"""`vidsense doctor` and `vidsense check`: what is in the way, and nothing that is a secret."""

from __future__ import annotations

import json
import socket
import tarfile
from pathlib import Path

import pytest
from cameras import free_port

from vidsense_daemon.base.errors import EXIT_CONFIG, EXIT_FAILED, EXIT_OK
from vidsense_daemon.cli.main import main
from vidsense_daemon.daemon.findings import Verdict
from vidsense_daemon.daemon.surroundings import judged

pytestmark = [
    pytest.mark.timeout(90),  # whichever test comes first imports PyTorch
    pytest.mark.usefixtures("state_dir"),
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """One camera and one hook; nobody listens at either."""
    path = tmp_path / "vidsense.yaml"
    settings = {
        "cameras": {
            "yard": {"url": f"rtsp://viewer:swordfish@127.0.0.1:{free_port()}/secret-path", "triggers": ["person"]}
        },
        "triggers": {"person": {"prompt": "a person"}},
        "encoder": {"backend": "builtin"},
        "describer": {"backend": "builtin"},
        "review": {"port": free_port()},
        "hooks": [{"kind": "webhook", "url": f"http://127.0.0.1:{free_port()}/topic-only-i-know"}],
    }
    path.write_text(json.dumps(settings))
    return path


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    return {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}


def test_the_doctor_looks_at_everything(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parts that the configuration names, and the machine around them; a dead camera is a failure."""
    assert main(["doctor", "--config", str(config), "--json"]) == EXIT_FAILED

    found = findings(capsys)
    assert {
        "configuration", "runtime", "memory", "clock", "disk", "state folder", "systemd", "ports",
        "encoder", "triggers of yard", "database", "hooks", "hook webhook_1", "describer", "camera yard",
        "review pages",
    } == set(found)  # fmt: skip
    assert found["camera yard"]["verdict"] == "failed"
    assert found["camera yard"]["mend"] == "vidsense cameras probe yard"
    assert found["hook webhook_1"]["verdict"] == "warning"
    assert found["encoder"]["verdict"] == "ok"


def test_the_doctor_says_each_line_with_what_mends_it(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people: a verdict, what it is about, what was found, and below it the command."""
    main(["doctor", "--config", str(config)])

    said = capsys.readouterr().out
    assert "failed   camera yard: " in said
    assert "→ vidsense cameras probe yard" in said
    assert "swordfish" not in said


def test_the_doctor_goes_on_without_a_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake in the file is one finding among others, and not the end."""
    path = tmp_path / "vidsense.yaml"
    path.write_text("cameras: {yard: {ulr: /dev/video0}}\n")

    assert main(["doctor", "--config", str(path), "--json"]) == EXIT_FAILED

    found = findings(capsys)
    assert found["configuration"]["verdict"] == "failed"
    assert "did you mean 'url'?" in found["configuration"]["says"]
    assert found["database"]["verdict"] == "ok"


def test_offline_asks_nobody(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a network there is still much to be said."""
    assert main(["doctor", "--config", str(config), "--json", "--offline"]) == EXIT_OK

    assert not {"camera yard", "hook webhook_1", "describer"} & set(findings(capsys))


def test_a_state_folder_that_others_may_read_is_told(
    config: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the cameras saw is nobody else's business; the command that closes the door is named."""
    state_dir.chmod(0o755)

    main(["doctor", "--config", str(config), "--json", "--offline"])

    found = findings(capsys)["state folder"]
    assert (found["verdict"], found["mend"]) == ("warning", f"chmod 700 {state_dir}")


def test_a_port_that_another_program_has_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The review pages could not be served; a daemon that runs has its port itself, of course."""
    with socket.create_server(("127.0.0.1", json.loads(config.read_text())["review"]["port"])):
        assert main(["doctor", "--config", str(config), "--json", "--offline"]) == EXIT_FAILED

        assert findings(capsys)["ports"]["verdict"] == "failed"


def test_a_damaged_database_is_told(config: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The doctor names the way back, and touches nothing."""
    (state_dir / "vidsense.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 8192)

    assert main(["doctor", "--config", str(config), "--json", "--offline"]) == EXIT_FAILED
    assert findings(capsys)["database"]["verdict"] == "failed"


def test_the_report_holds_no_secret_and_no_address(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It can be given to strangers: no password, no path of a URL (it may be one), no host but this machine."""
    config.write_text(config.read_text().replace("http://127.0.0.1", "http://198.51.100.7"))
    report = tmp_path / "report.tar.gz"

    main(["doctor", "--config", str(config), "--offline", "--report", str(report)])

    with tarfile.open(report) as archive:
        files = {Path(name).name: archive.extractfile(name) for name in archive.getnames()}
        texts = {name: file.read().decode() for name, file in files.items() if file}
    assert set(texts) == {"findings.json", "configuration.yaml", "packages.txt", "machine.txt", "journal.txt"}
    everything = "".join(texts.values())
    for secret in ("swordfish", "secret-path", "topic-only-i-know", "198.51.100.7"):
        assert secret not in everything
    assert "yard" in texts["configuration.yaml"]
    assert "host-1" in texts["configuration.yaml"]
    assert "numpy==" in texts["packages.txt"]
    assert report.stat().st_mode & 0o777 == 0o600
    assert "look through it" in capsys.readouterr().err


def test_check_is_the_short_form(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same findings about what the configuration names, and nothing about the machine."""
    assert main(["check", "--config", str(config), "--json", "--offline"]) == EXIT_OK

    names = [finding["what"] for finding in json.loads(capsys.readouterr().out)]
    assert names[:2] == ["configuration", "encoder"]
    assert "clock" not in names


def test_check_finds_pages_that_the_daemon_would_refuse_to_show(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Open to the whole network without a user: `vidsense run` would end at once, and check says so before."""
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "review": {"host": "0.0.0.0", "port": free_port()}}))

    assert main(["check", "--config", str(config), "--json", "--offline"]) == EXIT_FAILED

    found = {finding["what"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["review pages"]["verdict"] == "failed"
    assert "add review.users or review.tokens" in found["review pages"]["says"]


def test_check_of_a_wrong_file_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    """Status 78, as `vidsense run` would end."""
    path = tmp_path / "vidsense.yaml"
    path.write_text("cameras: []\n")

    assert main(["check", "--config", str(path)]) == EXIT_CONFIG


_HEALTHY = {
    "LoadState": "loaded", "UnitFileState": "enabled", "ActiveState": "active", "SubState": "running",
    "Result": "success", "ExecMainStatus": "0", "NRestarts": "0",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "verdict", "mend"),
    [
        ({}, Verdict.OK, ""),
        ({"LoadState": "not-found"}, Verdict.WARNING, "vidsense install"),
        ({"ActiveState": "failed", "ExecMainStatus": "78"}, Verdict.FAILED, "vidsense check"),
        ({"ActiveState": "failed", "Result": "watchdog"}, Verdict.FAILED, "journalctl -u vidsense -n 50"),
        ({"NRestarts": "7"}, Verdict.WARNING, "journalctl -u vidsense -n 50"),
        ({"ActiveState": "inactive"}, Verdict.WARNING, "systemctl enable --now vidsense"),
        ({"UnitFileState": "disabled"}, Verdict.WARNING, "systemctl enable vidsense"),
    ],
)
def test_systemds_word_on_the_service_is_translated(change: dict[str, str], verdict: Verdict, mend: str) -> None:
    """Each state that needs somebody, with what that somebody does."""
    finding = judged({**_HEALTHY, **change})

    assert (finding.verdict, finding.mend) == (verdict, mend)
