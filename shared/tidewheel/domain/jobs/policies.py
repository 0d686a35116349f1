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

    COALESCE = "coalesce"  # one execution replaces all of them
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
    """What happens to an execution while another one of its job has not ended."""

    ALLOW = "allow"  # they run in parallel
    SKIP = "skip"  # the later one is skipped
    QUEUE = "queue"  # one waits; others that come meanwhile are skipped
    REPLACE = "replace"  # the older one is cancelled


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
        base_ms: The delay after the first attempt (ms).
        cap_ms: The longest delay (ms).
        jitter: The fraction of the delay, 0 to 1, by which it varies in both directions.
        on: What is retried: items of ``CAUSES`` or HTTP statuses; if empty, the target's kind decides.
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
