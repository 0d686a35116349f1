"""When a failed attempt is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.ids import stable_hash

_SCALE = 1 << 64


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
    """

    max_attempts: int = 3
    strategy: Strategy = Strategy.EXPONENTIAL
    base_ms: int = 2_000
    cap_ms: int = 3_600_000
    jitter: float = 0.1


def _fibonacci(n: int) -> int:
    a, b = 1, 1
    for _ in range(n - 1):
        a, b = b, a + b
    return a


def _factor(strategy: Strategy, attempt: int) -> int:
    match strategy:
        case Strategy.EXPONENTIAL:
            return 1 << (attempt - 1)
        case Strategy.LINEAR:
            return attempt
        case Strategy.FIBONACCI:
            return _fibonacci(attempt)
        case Strategy.FIXED:
            return 1


def delay_ms(policy: RetryPolicy, attempt: int, execution: str) -> int:
    """How long (ms) to wait after the given attempt (1 is the first).

    The jitter is a stable hash of execution and attempt: whoever repeats the calculation gets the same delay,
    and executions that failed together come back apart.
    """
    plain = min(policy.cap_ms, policy.base_ms * _factor(policy.strategy, attempt))
    swing = 2 * stable_hash(execution, attempt) / _SCALE - 1
    return max(0, round(plain * (1 + policy.jitter * swing)))
