"""What is known of a metric."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.telemetry.process import Process


@dataclass(frozen=True, slots=True)
class Dimension:
    """What a metric is divided by.

    Args:
        name: Its name.
        meaning: What its values say.
    """

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Args:
        name: What happened, as ``<thing>_<participle>`` where that reads well.
        process: Who counts it.
        meaning: What one count stands for.
        dimensions: What it is divided by, besides the deployment.
        remedy: What to do when it is above zero; empty if that is as it should be.
    """

    name: str
    process: Process
    meaning: str
    dimensions: tuple[Dimension, ...] = ()
    remedy: str = ""

    @property
    def dimension_names(self) -> frozenset[str]:
        """The names of its dimensions."""
        return frozenset(dimension.name for dimension in self.dimensions)
