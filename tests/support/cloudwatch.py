"""What CloudWatch makes of log lines, and what an alarm of a template makes of that.

Written from the Amazon CloudWatch User Guide: "Embedded metric format specification", "Alarm evaluation", "Configuring
how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

MINUTE_MS = 60_000
Dimensions = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Datum:
    """One value of a metric; ``at_ms`` is its own time, ``arrived_ms`` when CloudWatch knows it."""

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str
    value: float
    at_ms: int
    arrived_ms: int


def extracted(line: str, late_ms: int = 0) -> Iterator[Datum]:
    """The metrics in a log line; none if it is not in the embedded format."""
    root = json.loads(line)
    for directive in root.get("_aws", {}).get("CloudWatchMetrics", []):
        for names in directive["Dimensions"]:
            assert len(names) <= 30
            dimensions = frozenset((name, root[name]) for name in names)
            assert all(isinstance(value, str) and value for _, value in dimensions)
            for metric in directive["Metrics"]:
                found, at_ms = root[metric["Name"]], root["_aws"]["Timestamp"]
                assert isinstance(at_ms, int)
                value = sum(found) if isinstance(found, list) else found
                unit, namespace = metric.get("Unit", "None"), directive["Namespace"]
                yield Datum(namespace, metric["Name"], dimensions, unit, value, at_ms, at_ms + late_ms)


@dataclass(frozen=True)
class Alarm:
    """An alarm over the sum of one metric, which breaches from the threshold on, or ``below`` it.

    ``filled`` stands for a formula with ``FILL(metric, 0)``: no period is ever missing.
    """

    namespace: str
    name: str
    dimensions: Dimensions
    unit: str | None
    period_ms: int
    periods: int
    to_alarm: int
    threshold: float
    missing: str
    below: bool = False
    filled: bool = False
    known: list[Datum] = field(default_factory=list)

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Self:
        """The alarm of a template."""
        assert "Metrics" not in properties, "a formula: it looks at no minute twice"
        assert properties["Statistic"] == "Sum"
        below = {"GreaterThanOrEqualToThreshold": False, "LessThanThreshold": True}[properties["ComparisonOperator"]]
        periods = properties["EvaluationPeriods"]
        return cls(
            properties["Namespace"],
            properties["MetricName"],
            frozenset((one["Name"], one["Value"]) for one in properties.get("Dimensions", [])),
            properties.get("Unit"),
            properties["Period"] * 1_000,
            periods,
            properties.get("DatapointsToAlarm", periods),
            properties["Threshold"],
            properties["TreatMissingData"],
            below,
        )

    def watches(self, datum: Datum) -> bool:
        """Whether a value is of its metric: same namespace, name and exactly these dimensions, and its unit if it names
        one."""
        same = (self.namespace, self.name, self.dimensions) == (datum.namespace, datum.name, datum.dimensions)
        return same and self.unit in (None, datum.unit)

    def learn(self, data: Iterable[Datum]) -> None:
        """Takes what is of its metric."""
        self.known.extend(datum for datum in data if self.watches(datum))

    def rings(self, now_ms: int) -> bool:
        """Whether it is in ``ALARM`` when it is evaluated then, over the last full periods."""
        newest = now_ms // self.period_ms - 1
        points = [self._point(newest - back, now_ms) for back in range(self.periods)]
        breaching = [
            self.missing == "breaching" if point is None else (point < self.threshold) is self.below for point in points
        ]
        return sum(breaching) >= self.to_alarm

    def _point(self, period: int, now_ms: int) -> float | None:
        found = [d.value for d in self.known if d.arrived_ms <= now_ms and d.at_ms // self.period_ms == period]
        return sum(found) if found else (0 if self.filled else None)
