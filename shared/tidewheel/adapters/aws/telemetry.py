"""Log events and metrics by Powertools: lines of JSON, and CloudWatch's embedded metric format."""

from __future__ import annotations

import sys

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from tidewheel.adapters.counts import Counts
from tidewheel.names import METRICS_NAMESPACE
from tidewheel.telemetry.every_metric import DEPLOYMENT


class PowertoolsTelemetry:
    """``ports.Telemetry``: counts are added up, and written by ``flush``.

    Args:
        service: Who writes.
        deployment: A dimension of every metric: one account holds several deployments, and the namespace is one.
    """

    def __init__(self, service: str, deployment: str) -> None:
        self._logger = Logger(service=service)
        self._deployment = deployment
        self._counts = Counts()

    def count(self, name: str, value: int = 1, **dimensions: str) -> None:
        """See ``ports.Telemetry``."""
        self._counts.add(name, value, dimensions)

    def info(self, message: str, **fields: object) -> None:
        """See ``ports.Telemetry``."""
        self._logger.info(message, extra=fields)

    def error(self, message: str, **fields: object) -> None:
        """See ``ports.Telemetry``."""
        self._logger.error(message, extra=fields, exc_info=sys.exc_info()[1])

    def flush(self) -> None:
        """See ``ports.Telemetry``."""
        for name, dimensions, value in self._counts.take():
            with single_metric(name, MetricUnit.Count, value, namespace=METRICS_NAMESPACE) as metric:
                for key, detail in {DEPLOYMENT: self._deployment, **dimensions}.items():
                    metric.add_dimension(key, detail)
