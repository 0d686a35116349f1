"""The circuit breaker's rules: what counts as a failure, and how a circuit opens and closes."""

from __future__ import annotations

import pytest

from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.fleet.circuit import Circuit, Phase, Sign, Tolerance, sign
from tidewheel.domain.fleet.recheck import recheck_ms
from tidewheel.domain.limits import (
    CIRCUIT_PROBE_GAP_MS,
    CIRCUIT_RECHECK_MS,
    CIRCUIT_SPREAD_MS,
    LEASE_MS,
    MINUTE_MS,
    SECOND_MS,
    TAKEOVER_GRACE_MS,
)

NOW_MS = 1_795_000_000_000
BORNE = Tolerance(failures=3, open_ms=10 * MINUTE_MS)
FRESH = Circuit("acme", "http:example.com:443")


def failed(status: int | None, *, retryable: bool = True) -> Answer:
    return Answer(Result.FAILED, status, retryable=retryable)


@pytest.mark.parametrize(
    ("answer", "stop", "seen"),
    [
        (Answer(Result.SUCCEEDED, 200), None, Sign.WORKS),
        (Answer(Result.SUCCEEDED), Stop.LEASE_LOST, Sign.WORKS),
        (Answer(Result.TIMED_OUT), None, Sign.FAILS),
        (failed(None), Stop.TIMED_OUT, Sign.FAILS),
        (failed(None), Stop.SILENT, Sign.FAILS),
        (failed(500), None, Sign.FAILS),
        (failed(503, retryable=False), None, Sign.FAILS),
        (failed(None), None, Sign.FAILS),
        (failed(200), None, Sign.FAILS),  # a function that raised an error
        (failed(None, retryable=False), None, Sign.NOTHING),
        (failed(301, retryable=False), None, Sign.NOTHING),
        (failed(429), None, Sign.ANSWERS),
        (failed(408), None, Sign.ANSWERS),
        (failed(404, retryable=False), None, Sign.ANSWERS),
        (failed(500), Stop.CANCELLED, Sign.NOTHING),
        (failed(500), Stop.DRAINED, Sign.NOTHING),
        (Answer(Result.TIMED_OUT), Stop.LEASE_LOST, Sign.NOTHING),
        (None, None, Sign.NOTHING),
    ],
)
def test_what_an_attempt_says_of_its_target(answer: Answer | None, stop: Stop | None, seen: Sign) -> None:
    assert sign(answer, stop) is seen


def after(circuit: Circuit, *seen: Sign, claim: str = "c", now_ms: int = NOW_MS) -> Circuit:
    for one in seen:
        circuit = circuit.after(one, claim, BORNE, now_ms) or circuit
    return circuit


def test_a_target_that_works_writes_nothing() -> None:
    for seen in (Sign.WORKS, Sign.ANSWERS, Sign.NOTHING):
        assert FRESH.after(seen, "c", BORNE, NOW_MS) is None


def test_so_many_failures_in_a_row_open_it() -> None:
    two = after(FRESH, Sign.FAILS, Sign.FAILS)
    assert (two.phase(NOW_MS), two.failures, two.version) == (Phase.CLOSED, 2, 2)
    three = after(two, Sign.FAILS)
    assert (three.phase(NOW_MS), three.open_until_ms) == (Phase.OPEN, NOW_MS + BORNE.open_ms)


def test_a_success_between_them_begins_anew_and_what_says_nothing_does_not() -> None:
    assert after(FRESH, Sign.FAILS, Sign.FAILS, Sign.WORKS, Sign.FAILS, Sign.FAILS).phase(NOW_MS) is Phase.CLOSED
    neither = (Sign.FAILS, Sign.ANSWERS, Sign.FAILS, Sign.NOTHING, Sign.FAILS)
    assert after(FRESH, *neither).phase(NOW_MS) is Phase.OPEN


OPENED = after(FRESH, Sign.FAILS, Sign.FAILS, Sign.FAILS)
HALF_MS = OPENED.open_until_ms


def test_what_began_before_it_opened_changes_nothing_any_more() -> None:
    for seen in Sign:
        assert OPENED.after(seen, "c", BORNE, NOW_MS + 1) is None
        assert OPENED.after(seen, "c", BORNE, HALF_MS + 1) is None


def test_when_its_time_is_over_exactly_one_is_let_through() -> None:
    assert (OPENED.phase(HALF_MS - 1), OPENED.phase(HALF_MS)) == (Phase.OPEN, Phase.READY)
    probed = OPENED.probed("p", HALF_MS + 30_000, HALF_MS)
    assert probed.phase(HALF_MS) is Phase.PROBED
    dead_ms = HALF_MS + 30_000 + TAKEOVER_GRACE_MS
    assert (probed.phase(dead_ms), probed.phase(dead_ms + 1)) == (Phase.PROBED, Phase.READY)


@pytest.mark.parametrize(
    ("seen", "phase", "failures"),
    [
        (Sign.WORKS, Phase.CLOSED, 0),
        (Sign.ANSWERS, Phase.CLOSED, 0),
        (Sign.FAILS, Phase.OPEN, 3),
        (Sign.NOTHING, Phase.READY, 3),
    ],
)
def test_the_probe_decides(seen: Sign, phase: Phase, failures: int) -> None:
    probed = OPENED.probed("p", HALF_MS + 30_000, HALF_MS)
    assert probed.after(seen, "another", BORNE, HALF_MS + 5) is None
    decided = after(probed, seen, claim="p", now_ms=HALF_MS + 5)
    assert (decided.phase(HALF_MS + 5), decided.failures, decided.probe) == (phase, failures, "")
    assert decided.version == probed.version + 1
    if phase is Phase.OPEN:
        assert decided.open_until_ms == HALF_MS + 5 + BORNE.open_ms


def test_executions_come_back_apart_and_each_always_at_its_own_time() -> None:
    ids = [f"j{n}" for n in range(300)]
    back = [OPENED.come_back_ms(id, HALF_MS - 1) for id in ids]
    assert [OPENED.come_back_ms(id, HALF_MS - 2) for id in ids] == back
    assert min(back) >= HALF_MS
    assert max(back) < HALF_MS + CIRCUIT_SPREAD_MS
    assert len(set(back)) > 250
    assert max(back) - min(back) > CIRCUIT_SPREAD_MS * 9 // 10


def test_while_it_stays_open_for_long_they_look_again_every_two_minutes() -> None:
    """An operator or a requested run may have closed it."""
    back = [OPENED.come_back_ms(f"j{n}", NOW_MS) - NOW_MS for n in range(300)]
    assert min(back) > CIRCUIT_RECHECK_MS // 2
    assert max(back) <= CIRCUIT_RECHECK_MS
    assert max(back) - min(back) > CIRCUIT_RECHECK_MS // 2 * 9 // 10


def test_a_requested_run_probes_an_open_circuit_ten_seconds_after_the_last_that_failed() -> None:
    at_ms = NOW_MS + CIRCUIT_PROBE_GAP_MS
    assert [OPENED.phase(ms, requested=True) for ms in (at_ms - 1, at_ms)] == [Phase.OPEN, Phase.READY]
    probed = OPENED.probed("p", at_ms + LEASE_MS, at_ms)
    assert {probed.phase(at_ms + n * SECOND_MS, requested=True) for n in range(30)} == {Phase.OPEN, Phase.PROBED}
    assert probed.phase(at_ms + LEASE_MS + TAKEOVER_GRACE_MS + 1, requested=True) is Phase.READY
    failed = after(probed, Sign.FAILS, claim="p", now_ms=at_ms + 5)
    assert (failed.open_until_ms, failed.phase(at_ms + 6, requested=True)) == (HALF_MS, Phase.OPEN)
    assert after(probed, Sign.WORKS, claim="p", now_ms=at_ms + 5).phase(at_ms + 5) is Phase.CLOSED


def test_an_operator_closes_it_and_a_probe_under_way_counts_as_any_other_call() -> None:
    probed = OPENED.probed("p", HALF_MS + LEASE_MS, HALF_MS)
    closed = probed.closed(HALF_MS + 1)
    assert (closed.phase(HALF_MS + 1), closed.failures, closed.version) == (Phase.CLOSED, 0, probed.version + 1)
    assert closed.probe == "p", "its worker extends its lease there"
    assert after(closed, Sign.FAILS, claim="p", now_ms=HALF_MS + 2).failures == 1


def test_while_it_is_probed_they_come_back_ever_more_slowly() -> None:
    probed = OPENED.probed("p", HALF_MS + 30_000, HALF_MS)
    assert HALF_MS < probed.come_back_ms("x", HALF_MS) <= HALF_MS + 4 * SECOND_MS
    later_ms = HALF_MS + 14 * MINUTE_MS
    assert later_ms + 30 * SECOND_MS < probed.come_back_ms("x", later_ms) <= later_ms + MINUTE_MS


def looks(execution: str, duration_ms: int) -> list[int]:
    """The delays between looks for a place, beginning with the due time."""
    at, found = NOW_MS, []
    while at < NOW_MS + duration_ms:
        following = recheck_ms(execution, NOW_MS, at, 30 * SECOND_MS)
        found.append(following - at)
        at = following
    return found


@pytest.mark.parametrize("execution", ["a", "b", "c", "d"])
def test_whoever_looks_again_and_again_does_so_ever_more_slowly(execution: str) -> None:
    delays = looks(execution, 10 * MINUTE_MS)
    assert min(delays) > 2 * SECOND_MS
    assert delays[0] <= 4 * SECOND_MS
    assert max(delays) == 30 * SECOND_MS  # on its grid from then on
    assert len(looks(execution, 30 * SECOND_MS)) <= 7
    assert len(delays) <= 7 + 20 + 1


def test_messages_of_one_execution_come_to_the_same_time() -> None:
    within_two_seconds = {recheck_ms("a", NOW_MS, NOW_MS + n, 30 * SECOND_MS) for n in range(0, 2_000, 10)}
    assert len(within_two_seconds) <= 2
    assert len({recheck_ms(f"x{n}", NOW_MS, NOW_MS, 30 * SECOND_MS) for n in range(100)}) > 90


def test_the_row_outlives_what_it_says() -> None:
    assert OPENED.expires_ms() > HALF_MS


def test_what_worked_since_the_first_failure_ends_the_row() -> None:
    """As far as the worker of the next failure knows: nobody else writes successes down."""
    two = Circuit("acme", "http:example.com:443", failures=2, version=2, since_ms=NOW_MS)
    before = two.after(Sign.FAILS, "claim", BORNE, NOW_MS + 500, worked_ms=NOW_MS - 1)
    since = two.after(Sign.FAILS, "claim", BORNE, NOW_MS + 500, worked_ms=NOW_MS + 100)
    assert before is not None
    assert since is not None
    assert (before.failures, before.phase(NOW_MS + 500), before.since_ms) == (3, Phase.OPEN, NOW_MS)
    assert (since.failures, since.phase(NOW_MS + 500), since.since_ms) == (1, Phase.CLOSED, NOW_MS + 500)
