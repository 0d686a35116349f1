"""Waiting for an execution: how it ends, how often it looks, and what it survives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.api_bench import EVERY_JOB, ApiBench
from tests.support.clients import KINDS, FakeTime, a_client
from tidewheel.client import ApiError, Unreachable, WaitTimedOut
from tidewheel.client.calls.waiting import APPEARS_S, FAR_S, LONGEST_S
from tidewheel.wire.bodies.execution import ExecutionAnswer
from tidewheel.wire.bodies.job import Occurrence
from tidewheel.wire.values import from_ms


def not_found() -> httpx.Response:
    return httpx.Response(404)


@pytest.fixture(params=KINDS)
def looking(request: pytest.FixtureRequest) -> Any:
    """Makes clients that see what a function of the seconds that have passed says."""
    made = []

    def make(see: Callable[[float], Any]) -> tuple[Any, FakeTime, list[float]]:
        time, looks = FakeTime(), list[float]()

        def handle(_request: httpx.Request) -> httpx.Response:
            looks.append(time.passed_s)
            seen = see(time.passed_s)
            if isinstance(seen, Exception):
                raise seen
            return seen if isinstance(seen, httpx.Response) else httpx.Response(200, text=seen.model_dump_json())

        client = a_client(request.param, httpx.MockTransport(handle), time)
        made.append(client)
        return client, time, looks

    yield make
    for client in made:
        client.close()


@pytest.fixture(scope="module")
def queued() -> ExecutionAnswer:
    bench = ApiBench()
    job = bench.call("POST", "/jobs", EVERY_JOB).json["id"]
    return ExecutionAnswer.model_validate_json(bench.call("POST", f"/jobs/{job}/run").text)


def stands(execution: ExecutionAnswer, state: str) -> ExecutionAnswer:
    return execution.model_copy(update={"state": state})


@pytest.mark.parametrize("end", ["succeeded", "failed", "dead", "timed_out", "cancelled", "skipped", "blocked"])
def test_whatever_has_ended_is_returned(looking: Any, queued: ExecutionAnswer, end: str) -> None:
    client, time, looks = looking(lambda _s: stands(queued, end))
    assert client.wait(queued.id).state == end
    assert (len(looks), time.waits) == (1, [])


def test_looks_grow_rare_and_an_end_is_seen_within_a_pause(looking: Any, queued: ExecutionAnswer) -> None:
    client, time, looks = looking(lambda s: stands(queued, "succeeded" if s >= 600 else "running"))
    assert client.wait(queued).state == "succeeded"
    assert looks[1] <= 0.13
    assert 600 <= time.passed_s <= 600 + LONGEST_S * 1.25
    assert len(looks) <= 200


def test_a_service_that_holds_its_answer_is_asked_again_at_once(looking: Any, queued: ExecutionAnswer) -> None:
    time: FakeTime

    def see(s: float) -> ExecutionAnswer:
        time.passed_s += 20  # a long poll
        return stands(queued, "succeeded" if s > 50 else "running")

    client, time, _ = looking(see)
    client.wait(queued.id)
    assert set(time.waits) == {0.0}


@pytest.mark.parametrize("timeout", [0, 0.05, 30.0])
def test_the_time_is_over(looking: Any, queued: ExecutionAnswer, timeout: float) -> None:
    client, time, looks = looking(lambda _s: stands(queued, "retrying"))
    with pytest.raises(WaitTimedOut, match="it is retrying") as error:
        client.wait(queued.id, timeout=timeout)
    assert isinstance(error.value, TimeoutError)
    assert error.value.execution is not None
    assert error.value.execution.state == "retrying"
    assert time.passed_s == looks[-1] == pytest.approx(timeout)  # the last look is when the time is over


def test_there_is_no_such_execution(looking: Any) -> None:
    client, _, looks = looking(lambda _s: not_found())
    with pytest.raises(ApiError) as error:
        client.wait("j0000000000000001-000000000-s")
    assert (error.value.status, len(looks)) == (404, 1)


def occurrence(due_in_s: float) -> Occurrence:
    at = from_ms(int(FakeTime().now().wall_s) * 1000) + timedelta(seconds=due_in_s)
    return Occurrence(nominal_at=at, due_at=at, execution="j0000000000000001-000000000-s")


def test_an_occurrence_to_come_is_not_asked_about_before_it_is_due(looking: Any, queued: ExecutionAnswer) -> None:
    client, time, looks = looking(
        lambda s: not_found() if s < 305 else stands(queued, "succeeded" if s > 306 else "running")
    )
    assert client.wait(occurrence(300)).state == "succeeded"
    assert looks[0] == pytest.approx(300)
    assert max(time.waits) <= FAR_S


def test_an_occurrence_that_never_appears_is_not_waited_for_for_ever(looking: Any) -> None:
    client, time, _ = looking(lambda _s: not_found())
    with pytest.raises(ApiError) as error:
        client.wait(occurrence(10))
    assert error.value.status == 404
    assert 10 + APPEARS_S <= time.passed_s <= 10 + APPEARS_S + LONGEST_S * 1.25
    with pytest.raises(WaitTimedOut, match="has not started"):
        client.wait(occurrence(3600), timeout=5)


def test_an_outage_is_waited_out_once_there_was_an_answer(looking: Any, queued: ExecutionAnswer) -> None:
    def see(s: float) -> Any:
        down = httpx.ConnectError("down") if s < 60 else httpx.Response(503, headers={"Retry-After": "31"})
        return down if 1 < s < 120 else stands(queued, "running" if s < 120 else "succeeded")

    client, time, _ = looking(see)
    assert client.wait(queued.id).state == "succeeded"
    assert 31.0 in [round(wait, 6) for wait in time.waits]  # more than a call's own bound: the wait obeys it
    client, _, _ = looking(lambda _s: httpx.ConnectError("down"))
    with pytest.raises(Unreachable):
        client.wait(queued.id)
