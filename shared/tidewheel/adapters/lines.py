"""Telemetry as lines of JSON, for processes outside Lambda: log events, and counts in CloudWatch's metric format."""

from __future__ import annotations

import json
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import TextIO

from tidewheel.adapters.counts import Counts
from tidewheel.domain.limits import SECOND_MS
from tidewheel.names import METRICS_NAMESPACE
from tidewheel.ports import Clock
from tidewheel.telemetry.every_metric import DEPLOYMENT, UNIT


class LineTelemetry:
    """``ports.Telemetry`` on a stream, a line each; counts are added up and written when flushed.

    Args:
        service: Who writes.
        deployment: A dimension of every metric.
        clock: When.
        stream: Where to, stderr unless said otherwise.
    """

    def __init__(self, service: str, deployment: str, clock: Clock, stream: TextIO | None = None) -> None:
        self._service = service
        self._deployment = deployment
        self._clock = clock
        self._stream = stream or sys.stderr
        self._counts = Counts()
        self._lock = threading.Lock()

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """See ``ports.Telemetry``."""
        self._counts.add(name, value, dimensions)

    def info(self, message: str, **fields: object) -> None:
        """See ``ports.Telemetry``."""
        self._say("INFO", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """See ``ports.Telemetry``."""
        error = sys.exception()
        told = {} if error is None else {"exception": "".join(traceback.format_exception(error))}
        self._say("ERROR", message, {**fields, **told})

    def flush(self) -> None:
        """See ``ports.Telemetry``. The lines are in CloudWatch's embedded metric format."""
        now = self._clock.now_ms()
        for name, given, value in self._counts.take():
            dimensions = {DEPLOYMENT: self._deployment, **given}
            metrics = [{"Name": name, "Unit": UNIT}]
            embedded = {"Namespace": METRICS_NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": metrics}
            self._write({"_aws": {"Timestamp": now, "CloudWatchMetrics": [embedded]}, **dimensions, name: value})

    def _say(self, level: str, message: str, fields: dict[str, object]) -> None:
        at = datetime.fromtimestamp(self._clock.now_ms() / SECOND_MS, UTC).isoformat(timespec="milliseconds")
        self._write({"level": level, "message": message, "timestamp": at, "service": self._service, **fields})

    def _write(self, line: dict[str, object]) -> None:
        text = json.dumps(line, default=str) + "\n"
        with self._lock:
            self._stream.write(text)
            self._stream.flush()
