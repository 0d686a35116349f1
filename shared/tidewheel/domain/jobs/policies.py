"""The policies of a job: misfire, overlap and retry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.limits import (
    GRACE_MS,
    MISFIRE_LIMIT,
)


class Policy(StrEnum):
    """What happens to missed occurrences."""

    COALESCE = "coalesce"  # one run stands for all of them
    ALL = "all"  # the newest ones run, up to the limit
    SKIP = "skip"  # none runs


@dataclass(frozen=True, slots=True)
class Misfire:
    """A job's misfire policy.

    Args:
        policy: What happens to missed occurrences.
        grace_ms: How late (ms after its due time) an occurrence still fires as if nothing had happened.
        limit: How many missed occurrences run at most, under ``ALL``: the newest ones.
    """

    policy: Policy = Policy.COALESCE
    grace_ms: int = GRACE_MS
    limit: int = MISFIRE_LIMIT


class Overlap(StrEnum):
    """What becomes of a run whose job is still busy with another one."""

    ALLOW = "allow"  # they run side by side
    SKIP = "skip"  # the later one is left out
    QUEUE = "queue"  # one waits; those that come while it waits are left out
    REPLACE = "replace"  # the newer one goes first: the other is cancelled


class Strategy(StrEnum):
    """How the delay grows with the attempts made."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    FIBONACCI = "fibonacci"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how soon an attempt is repeated.

    Args:
        max_attempts: Attempts in all, the first one included; 1 or more.
        strategy: How the delay grows.
        base_ms: The delay after the first attempt.
        cap_ms: The longest delay.
        jitter: Share of the delay, 0 to 1, by which it varies in both directions.
        on: What is tried again, each an item of ``CAUSES`` or an HTTP status; empty: what the target's kind deems
            worth it.
    """

    max_attempts: int = 3
    strategy: Strategy = Strategy.EXPONENTIAL
    base_ms: int = 2_000
    cap_ms: int = 3_600_000
    jitter: float = 0.1
    on: tuple[str, ...] = ()


CAUSES = ("timeout", "error", "4xx", "5xx")
"""What a policy may name beside single statuses: no answer in time, a failure that has no such status (a broken
connection, a function's error, a program's exit code), or classes of them."""
