"""Numbers for Prometheus, and the dashboard that shows them."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from vidsense_daemon.daemon.measuring import of_descriptions, of_pace, of_runtimes
from vidsense_daemon.description.tally import DescriptionTally
from vidsense_daemon.perception.pace import Pace
from vidsense_daemon.perception.runtimes.choosing import Standing
from vidsense_daemon.perception.runtimes.failover import Handover
from vidsense_daemon.perception.runtimes.notes import Failure
from vidsense_daemon.review.ports import Measurement

from .house import CameraSays, House, frame

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "vidsense.json"


def samples(client: httpx.Client) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = client.get("/metrics").raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(camera: str, **labels: str) -> frozenset[tuple[str, str]]:
    return frozenset({"camera": camera, **labels}.items())


def test_a_cameras_losses_are_counted_by_reason(house: House, client: httpx.Client) -> None:
    """Frames dropped, stalls and restarts: each with its reason, as counters."""
    house.board.heard(CameraSays("yard"))
    house.board.heard(CameraSays("yard", phase="waiting", fault="stalled", faults=1))
    house.board.heard(CameraSays("yard", phase="waiting", fault="stalled", faults=1))
    house.board.heard(CameraSays("yard", phase="waiting", fault="timeout", faults=2, sessions=3))

    found = samples(client)

    assert found["vidsense_camera_up", of("yard")] == 0
    assert found["vidsense_camera_faults_total", of("yard", reason="stalled")] == 1
    assert found["vidsense_camera_faults_total", of("yard", reason="timeout")] == 1
    assert found["vidsense_camera_restarts_total", of("yard")] == 2
    assert found["vidsense_camera_frames_dropped_total", of("yard", reason="calm")] == 90
    assert found["vidsense_camera_frames_decoded_total", of("yard")] == 100


def test_what_stands_in_the_database_is_shown_by_state(house: House, client: httpx.Client) -> None:
    """Events, owed descriptions, owed and dead deliveries."""
    house.happens()

    found = samples(client)

    assert found["vidsense_stored_events", frozenset()] == 1
    owed, sent = (found["vidsense_deliveries", frozenset({("state", state)})] for state in ("pending", "sent"))
    assert (owed, sent) == (2, 0)
    assert found["vidsense_disk_free_bytes", frozenset()] > 0
    assert found["vidsense_worker_up", frozenset({("worker", "http")})] == 1


def test_other_stages_bring_their_own_numbers(tmp_path: Path) -> None:
    """A stage's counter appears under its own name, beside the others."""

    def queue() -> list[Measurement]:
        return [Measurement("vidsense_describer_queue", "events that wait for words", 3)]

    with House(tmp_path / "state", measurements=(queue,)) as house, house.client() as client:
        found = samples(client)
        page = client.get("/health").text

    assert found["vidsense_describer_queue", frozenset()] == 3
    assert "events that wait for words" in page


def test_how_long_things_take_is_a_histogram(tmp_path: Path) -> None:
    """Prometheus can tell the 95th percentile; the health page tells the mean."""

    def seconds() -> list[Measurement]:
        buckets = ((1, 2), (10, 3), (math.inf, 4))
        return [Measurement("vidsense_describer_seconds", "seconds an event", 64.0, "histogram", buckets=buckets)]

    with House(tmp_path / "state", measurements=(seconds,)) as house, house.client() as client:
        found = samples(client)
        page = client.get("/health").text

    assert found["vidsense_describer_seconds_bucket", frozenset({("le", "10.0")})] == 3
    assert found["vidsense_describer_seconds_bucket", frozenset({("le", "+Inf")})] == 4
    assert found["vidsense_describer_seconds_sum", frozenset()] == 64
    assert "16 in the mean of 4" in page


def test_what_computes_the_pictures_is_served_and_what_has_failed(tmp_path: Path) -> None:
    """An operator sees on the health page why everything has become slower."""
    standing = Standing(
        "torch fp32",
        handovers=(Handover("openvino int8", "gone", "openvino fp32"), Handover("openvino fp32", "gone", "torch fp32")),
        left_out={"cuda bf16": Failure("out of memory", "2026-11-22T12:00:00+00:00", {})},
    )
    with House(tmp_path / "state", measurements=(lambda: of_runtimes(standing),)) as house, house.client() as client:
        found = dict(samples(client))

    at = {
        name.removeprefix("vidsense_perception_"): {dict(labels)["runtime"] for other, labels in found if other == name}
        for name, _ in found
        if name.startswith("vidsense_perception_runtime")
    }
    assert at == {
        "runtime": {"torch fp32"},
        "runtime_failures_total": {"openvino int8", "openvino fp32"},
        "runtime_left_out": {"cuda bf16"},
    }
    assert list(of_runtimes(None)) == []


def test_every_name_has_its_prefix_and_its_unit(house: House, client: httpx.Client) -> None:
    """vidsense_*, counters end in _total, times in _seconds, sizes in _bytes; Python's own stay as they are called."""
    house.board.heard(CameraSays("yard"))
    text = client.get("/metrics").text

    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    ours = {name: kind for name, kind in kinds.items() if not name.startswith(("process_", "python_"))}
    assert ours
    assert all(name.startswith("vidsense_") for name in ours)
    assert all(name.endswith("_total") for name, kind in ours.items() if kind == "counter")


def test_the_dashboard_asks_only_for_numbers_that_exist(tmp_path: Path) -> None:
    """Every panel of the Grafana dashboard names a metric that the daemon serves."""
    tally, pace = DescriptionTally(), Pace(max_frames_per_s=40)
    with pace.over([frame("yard")]):
        pass
    with (
        House(tmp_path / "state", measurements=(lambda: of_descriptions(tally), lambda: of_pace(pace))) as house,
        house.client() as client,
    ):
        house.board.heard(CameraSays("yard", phase="waiting", fault="stalled", faults=1))
        house.board.saw(frame("yard"))
        house.happens()
        served = {name for name, _ in samples(client)}

    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {
        name
        for panel in panels
        for target in panel.get("targets", ())
        for name in re.findall(r"\b(?:vidsense|process)_\w+", target["expr"])
    }

    assert asked
    assert asked - served == set()


def test_numbers_need_a_token_where_everything_does(locked: House) -> None:
    """How often somebody moves in a house is nobody's business."""
    with locked.client() as stranger:
        assert stranger.get("/metrics").status_code == 401
