"""Retries: the delays of the four strategies against numbers by hand, and what is tried again at all."""

from __future__ import annotations

import pytest

from tidewheel.domain.executions.decisions.retry import delay_ms, is_worth_retrying, repeats_unknown, wait_ms
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import RetryPolicy, Strategy
from tidewheel.domain.limits import DAY_MS

ID = str(ExecutionId("j0000000000000001", 1_795_000_000_000))
HOUR_MS = 3_600_000
# By hand, for a base of 2 s and a cap of an hour: what is waited (ms) after the 1st, 2nd, ... attempt.
TABLE = {
    Strategy.EXPONENTIAL: [
        2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000, 1_024_000, 2_048_000, 3_600_000,
    ],
    Strategy.LINEAR: [
        2_000, 4_000, 6_000, 8_000, 10_000, 12_000, 14_000, 16_000, 18_000, 20_000, 22_000, 24_000,
    ],
    Strategy.FIBONACCI: [
        2_000, 2_000, 4_000, 6_000, 10_000, 16_000, 26_000, 42_000, 68_000, 110_000, 178_000, 288_000,
    ],
    Strategy.FIXED: [2_000] * 12,
}  # fmt: skip
CASES = [(strategy, n, plain) for strategy, row in TABLE.items() for n, plain in enumerate(row, 1)]


def test_the_table_has_every_strategy() -> None:
    assert TABLE.keys() == set(Strategy)


@pytest.mark.parametrize(("strategy", "attempt", "plain"), CASES)
def test_the_delays_are_those_of_the_formula(strategy: Strategy, attempt: int, plain: int) -> None:
    assert delay_ms(RetryPolicy(strategy=strategy, jitter=0), attempt, ID) == plain


@pytest.mark.parametrize(("strategy", "attempt", "plain"), CASES)
def test_the_default_jitter_is_a_tenth_in_both_directions(strategy: Strategy, attempt: int, plain: int) -> None:
    policy = RetryPolicy(strategy=strategy)
    delays = [delay_ms(policy, attempt, f"{ID}{n}") for n in range(200)]
    assert plain * 9 // 10 <= min(delays) < plain < max(delays) <= plain * 11 // 10
    assert len(set(delays)) > 100
    assert delays == [delay_ms(policy, attempt, f"{ID}{n}") for n in range(200)]  # whoever asks


def test_the_default_is_exponential_from_two_seconds_to_an_hour() -> None:
    assert RetryPolicy() == RetryPolicy(3, Strategy.EXPONENTIAL, 2_000, HOUR_MS, 0.1, ())


@pytest.mark.parametrize("strategy", Strategy)
def test_the_hundredth_attempt_has_a_delay_too(strategy: Strategy) -> None:
    assert 0 < delay_ms(RetryPolicy(strategy=strategy, jitter=0), 100, ID) <= HOUR_MS


def test_the_widest_jitter_never_goes_back_in_time() -> None:
    delays = [delay_ms(RetryPolicy(jitter=1), 1, f"{ID}{n}") for n in range(500)]
    assert 0 <= min(delays) < 100
    assert 3_900 < max(delays) <= 4_000


# --- Retry-After ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_ms", "waited_ms"),
    [
        (None, 8_000),
        (0, 8_000),
        (7_999, 8_000),  # shorter than the strategy's
        (8_001, 8_001),  # longer
        (HOUR_MS + 1, HOUR_MS + 1),  # the policy's cap is not the target's
        (DAY_MS, DAY_MS),
        (DAY_MS + 1, DAY_MS),
        (10**12, DAY_MS),
    ],
)
def test_the_target_may_ask_for_longer(asked_ms: int | None, waited_ms: int) -> None:
    answer = Answer(Result.FAILED, 429, retry_after_ms=asked_ms)
    assert wait_ms(RetryPolicy(jitter=0), 3, ID, answer) == waited_ms


# --- what is tried again ----------------------------------------------------------------------------------------

KIND_SAYS_YES = {
    "503": Answer(Result.FAILED, 503),
    "429": Answer(Result.FAILED, 429),
    "broken": Answer(Result.FAILED, None),
    "slow": Answer(Result.TIMED_OUT, None),
    "raised": Answer(Result.FAILED, 200),  # a Lambda function's own error
    "exit": Answer(Result.FAILED, 1),  # a program's exit code
}
KIND_SAYS_NO = {
    "404": Answer(Result.FAILED, 404, retryable=False),
    "301": Answer(Result.FAILED, 301, retryable=False),
    "unsendable": Answer(Result.FAILED, None, retryable=False),
}
ANSWERS = KIND_SAYS_YES | KIND_SAYS_NO


@pytest.mark.parametrize(
    ("on", "again"),
    [
        ((), {"503", "429", "broken", "slow", "raised", "exit"}),
        (("timeout",), {"slow"}),
        (("error",), {"broken", "raised", "exit"}),
        (("5xx",), {"503"}),
        (("4xx",), {"429", "404"}),
        (("404",), {"404"}),
        (("429", "503"), {"429", "503"}),
        (("500",), set()),
        (("timeout", "error", "4xx", "5xx"), {"503", "429", "broken", "slow", "raised", "exit", "404"}),
    ],
)
def test_what_the_policy_names_is_tried_again(on: tuple[str, ...], again: set[str]) -> None:
    policy = RetryPolicy(on=on)
    assert {name for name, answer in ANSWERS.items() if is_worth_retrying(policy, answer)} == again


@pytest.mark.parametrize("status", [408, 504])
def test_a_status_is_not_a_time_out_of_ours(status: int) -> None:
    assert not is_worth_retrying(RetryPolicy(on=("timeout",)), Answer(Result.FAILED, status))


@pytest.mark.parametrize(
    ("policy", "repeats"),
    [
        (RetryPolicy(), True),
        (RetryPolicy(max_attempts=2, on=("error",)), True),
        (RetryPolicy(max_attempts=1), False),
        (RetryPolicy(on=("timeout", "5xx", "409")), False),
    ],
)
def test_a_broken_connection_is_repeated_where_the_policy_says_so(policy: RetryPolicy, repeats: bool) -> None:
    assert repeats_unknown(policy) is repeats
