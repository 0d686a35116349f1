"""When a failed attempt is tried again."""

from __future__ import annotations

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.jobs.policies import RetryPolicy, Strategy
from tidewheel.domain.limits import DAY_MS

_SCALE = 1 << 64
LONGEST_RETRY_AFTER_MS = DAY_MS
"""The longest delay (ms) that a target may ask for by ``Retry-After`` (RFC 9110, 10.2.3)."""


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


def is_worth_retrying(policy: RetryPolicy, answer: Answer) -> bool:
    """Whether a failed attempt is retried, if attempts are left.

    If the policy names causes, only these are retried. Else the target's kind decides: for HTTP 408, 425, 429, all 5xx,
    time-outs and broken connections are. A request that cannot be sent is never retried.
    """
    if answer.result is Result.TIMED_OUT:
        return not policy.on or "timeout" in policy.on
    if not policy.on:
        return answer.retryable
    if answer.status is None or answer.status // 100 not in (4, 5):
        return answer.retryable and "error" in policy.on
    return str(answer.status) in policy.on or f"{answer.status // 100}xx" in policy.on


def repeats_unknown(policy: RetryPolicy) -> bool:
    """Whether a call is made again of which nobody knows whether it was carried out, for its connection broke."""
    return policy.max_attempts > 1 and is_worth_retrying(policy, Answer(Result.FAILED))


def wait_ms(policy: RetryPolicy, attempt: int, execution: str, answer: Answer) -> int:
    """The delay (ms) before the next attempt: the strategy's, or a longer one that the target asked for."""
    asked_ms = min(answer.retry_after_ms or 0, LONGEST_RETRY_AFTER_MS)
    return max(delay_ms(policy, attempt, execution), asked_ms)


def delay_ms(policy: RetryPolicy, attempt: int, execution: str) -> int:
    """The delay (ms) of the strategy after an attempt (1 is the first), with jitter.

    The jitter is a stable hash of execution and attempt, so that a repeated calculation gives the same delay, and
    executions that failed together are retried apart.
    """
    plain = plain_delay_ms(policy, attempt)
    swing = 2 * stable_hash(execution, attempt) / _SCALE - 1
    return max(0, round(plain * (1 + policy.jitter * swing)))


def plain_delay_ms(policy: RetryPolicy, attempt: int) -> int:
    """The delay (ms) of the strategy after an attempt (1 is the first), without jitter."""
    return min(policy.cap_ms, policy.base_ms * _factor(policy.strategy, attempt))
