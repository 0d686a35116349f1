"""Every metric. A metric is a sum since the last flush, in the namespace ``names.METRICS_NAMESPACE``."""

from __future__ import annotations

from collections.abc import Mapping

from tidewheel.telemetry.metrics import api, recovery, scheduler, several, worker
from tidewheel.telemetry.metrics.metric import Dimension, Metric

__all__ = ["METRICS", "Dimension", "Metric"]

_METRICS = (
    *api.METRICS,
    *scheduler.METRICS,
    *worker.METRICS,
    *recovery.METRICS,
    *several.METRICS,
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}
"""By name; a test sees to it that none is there twice."""
