"""When a request is sent again, after how long, and until when."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clients import FakeTime, a_client
from tidewheel.client.errors import ApiError, Unreachable
from tidewheel.client.moment import Moment
from tidewheel.client.sending import RETRIES, Retries, call, retry_after_s
from tidewheel.wire.endpoints.service import GET_HEALTH

WALL_S = 1_795_000_000
GOOD = {"status": "ok", "version": "v1"}
NOW = Moment(5.0, WALL_S)


def asked(*steps: httpx.Response | Exception, time: FakeTime, took_s: float = 0.0, retries: Retries = RETRIES) -> Any:
    """Reads the health over a script of answers, each of which takes some time."""
    left = list(steps)

    def handle(_request: httpx.Request) -> httpx.Response:
        time.passed_s += took_s
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    client = a_client("blocking", httpx.MockTransport(handle), time)
    return client.carrier.run(call(GET_HEALTH, retries=retries))


def busy(after: str = "", date: str = "") -> httpx.Response:
    headers = {"Retry-After": after} if after else {}
    return httpx.Response(503, headers=headers | ({"Date": date} if date else {}))


@pytest.mark.parametrize(
    ("after", "date", "seconds"),
    [
        ("0", "", 0.0),
        ("17", "", 17.0),
        (" 3 ", "", 3.0),
        (formatdate(WALL_S + 40, usegmt=True), "", 40.0),
        (formatdate(WALL_S - 40, usegmt=True), "", 0.0),
        (formatdate(WALL_S + 40, usegmt=True), formatdate(WALL_S + 30, usegmt=True), 10.0),  # the service's own clock
        (formatdate(WALL_S + 40), "no date", 40.0),
        ("", "", None),
        ("soon", "", None),
        ("-3", "", None),
        ("1.5", "", None),
        ("٣", "", None),
        ("Fri, 99 Nov 2026 99:00:00 GMT", "", None),
    ],
)
def test_what_the_service_asks_for_is_read(after: str, date: str, seconds: float | None) -> None:
    headers = [(b"Retry-After", after.encode()), (b"Date", date.encode())]
    assert retry_after_s(httpx.Response(503, headers=headers), NOW) == seconds


def test_the_pause_is_exactly_what_the_service_asks_for() -> None:
    time = FakeTime(WALL_S)
    asked(busy("1"), busy(formatdate(WALL_S + 8, usegmt=True)), httpx.Response(200, json=GOOD), time=time)
    assert time.waits == [1.0, 7.0]  # the second is counted from when the first was over


def test_what_the_service_asks_for_beyond_the_bound_is_told_and_not_waited_for() -> None:
    time = FakeTime()
    with pytest.raises(ApiError) as error:
        asked(httpx.Response(429, headers={"Retry-After": "86400"}), time=time)
    assert (error.value.status, error.value.retry_after_s, time.waits) == (429, 86_400.0, [])


@given(tried=st.integers(1, 60), first_s=st.floats(0.01, 2), longest_s=st.floats(2, 60))
def test_other_pauses_are_any_share_of_one_that_doubles(tried: int, first_s: float, longest_s: float) -> None:
    retries = Retries(first_s=first_s, longest_s=longest_s)
    assert 0 <= retries.pause_s(tried, None) <= min(longest_s, first_s * 2 ** (tried - 1))


def test_callers_that_failed_together_do_not_come_back_together() -> None:
    assert len({RETRIES.pause_s(4, None) for _ in range(50)}) > 40


@given(took_s=st.floats(0, 40), total_s=st.floats(0, 60))
def test_no_try_begins_after_the_bound(took_s: float, total_s: float) -> None:
    time, retries = FakeTime(), Retries(tries=20, total_s=total_s)
    started: list[float] = []

    def handle(_request: httpx.Request) -> httpx.Response:
        started.append(time.passed_s)
        time.passed_s += took_s
        raise httpx.ReadTimeout("slow")

    client = a_client("blocking", httpx.MockTransport(handle), time)
    with pytest.raises(Unreachable):
        client.carrier.run(call(GET_HEALTH, retries=retries))
    assert started[-1] <= total_s
    assert len(started) <= 20


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500])
def test_an_answer_that_will_stay_the_same_is_not_asked_for_again(status: int) -> None:
    time = FakeTime()
    with pytest.raises(ApiError):
        asked(httpx.Response(status, headers={"Retry-After": "1"}), time=time)
    assert time.waits == []
