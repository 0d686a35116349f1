"""Logs and metrics by way of Powertools: JSON lines, and metrics in CloudWatch's embedded format."""

from __future__ import annotations

import sys
import threading
from collections import Counter

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from tidewheel.names import METRICS


class PowertoolsTelemetry:
    """``ports.Telemetry``: counts are added up and written when flushed, so that a hot loop stays quiet."""

    def __init__(self, service: str) -> None:
        self._logger = Logger(service=service)
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """See ``ports.Telemetry``."""
        with self._lock:
            self._counts[name, tuple(sorted(dimensions.items()))] += value

    def note(self, message: str, **fields: object) -> None:
        """See ``ports.Telemetry``."""
        self._logger.info(message, extra=fields)

    def alarm(self, message: str, **fields: object) -> None:
        """See ``ports.Telemetry``."""
        self._logger.error(message, extra=fields, exc_info=sys.exc_info()[1])

    def flush(self) -> None:
        """See ``ports.Telemetry``."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        for (name, dimensions), value in counts.items():
            with single_metric(name, MetricUnit.Count, value, namespace=METRICS) as metric:
                for key, detail in dimensions:
                    metric.add_dimension(key, detail)
