"""Precision tiers: when an occurrence is sent to its queue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Precision(StrEnum):
    """How close to its due time an execution starts. The value is the 99th percentile of lateness."""

    HIGH = "high"  # 100 ms
    NORMAL = "normal"  # 1 s
    LOW = "low"  # 10 s


@dataclass(frozen=True, slots=True)
class Cadence:
    """When occurrences of a tier are sent.

    Args:
        every_ms: They are sent at whole multiples of this (ms), so that lower tiers fill SQS batches.
        early_ms: How long before the due time (ms); the worker claims, waits, then calls.
    """

    every_ms: int
    early_ms: int


CADENCES = {
    Precision.HIGH: Cadence(every_ms=100, early_ms=1_000),
    Precision.NORMAL: Cadence(every_ms=500, early_ms=0),
    Precision.LOW: Cadence(every_ms=5_000, early_ms=0),
}
CLAIM_EARLY_MS = 250
"""How long before the due time (ms) a worker reads the job and claims an execution that was sent early: long enough for
both calls, short enough that an edit or a pause up to then still counts."""

TICK_MS = 100
"""The scheduler's tick: the finest cadence."""


def release_ms(due_ms: int, precision: Precision) -> int:
    """The instant (ms since the epoch) at which an occurrence is sent to its queue.

    High precision is rounded down, since its worker waits for the due time; the others up, since they must not start
    early.
    """
    cadence = CADENCES[precision]
    if cadence.early_ms:
        return (due_ms - cadence.early_ms) // cadence.every_ms * cadence.every_ms
    return -(-due_ms // cadence.every_ms) * cadence.every_ms
