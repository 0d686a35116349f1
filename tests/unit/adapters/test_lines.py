"""Telemetry as lines."""

from __future__ import annotations

import io
import json
from typing import Any

from tidewheel.adapters.lines import LineTelemetry
from tidewheel.adapters.memory import SettableClock
from tidewheel.domain.fleet.route import Route
from tidewheel.names import METRICS_NAMESPACE

NOW_MS = 1_795_000_000_123


def lines(act: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    act(LineTelemetry("worker-x", "acme", SettableClock(NOW_MS), stream))
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_remark_is_a_line() -> None:
    (line,) = lines(lambda telemetry: telemetry.info("it begins\nhere", pool="x", route=Route("x", "low")))
    assert line == {
        "level": "INFO",
        "message": "it begins\nhere",
        "timestamp": "2026-11-18T11:06:40.123+00:00",
        "service": "worker-x",
        "pool": "x",
        "route": "x-low",
    }


def test_an_alarm_has_its_exception_if_there_is_one() -> None:
    def act(telemetry: LineTelemetry) -> None:
        telemetry.error("plain")
        try:
            int("nought")
        except ValueError:
            telemetry.error("met one")

    plain, met = lines(act)
    assert (plain["level"], "exception" in plain) == ("ERROR", False)
    assert "ValueError: invalid literal" in met["exception"]


def test_counts_are_added_up_and_written_as_metrics_when_flushed() -> None:
    def act(telemetry: LineTelemetry) -> None:
        telemetry.count("message_handled", outcome="succeeded")
        telemetry.count("message_handled", 2, outcome="succeeded")
        telemetry.count("lease_renewal_failed")
        telemetry.flush()
        telemetry.flush()

    handled, failed = lines(act)
    metric = {
        "Namespace": METRICS_NAMESPACE,
        "Dimensions": [["deployment", "outcome"]],
        "Metrics": [{"Name": "message_handled", "Unit": "Count"}],
    }
    assert handled == {
        "_aws": {"Timestamp": NOW_MS, "CloudWatchMetrics": [metric]},
        "deployment": "acme",
        "outcome": "succeeded",
        "message_handled": 3,
    }
    assert (failed["lease_renewal_failed"], failed["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == (
        1,
        [["deployment"]],
    )
