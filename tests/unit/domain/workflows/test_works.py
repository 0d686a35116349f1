"""What steps do: when a wait is over, who may approve, how many numbers are mapped over."""

from __future__ import annotations

import pytest

from tidewheel.domain.access.roles import Role
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS
from tidewheel.domain.recurrence.timings.cron import parse_cron
from tidewheel.domain.workflows.params import Param, ParamType, given_faults, with_defaults
from tidewheel.domain.workflows.works import Approvers, Numbers, Wait

NOW_MS = 1_795_000_000_000  # 2026-11-18T11:06:40Z, 12:06:40 in Berlin


@pytest.mark.parametrize(
    ("wait", "until_ms", "due_ms"),
    [
        (Wait(for_ms=MINUTE_MS), None, NOW_MS + MINUTE_MS),
        (Wait(until=NOW_MS + 5), None, NOW_MS + 5),
        (Wait(until=NOW_MS - 5), None, NOW_MS),
        (Wait(until="$.run.params.x"), NOW_MS + 7, NOW_MS + 7),
        (Wait(until="$.run.params.x"), NOW_MS - 7, NOW_MS),
    ],
)
def test_a_wait_is_over_at_its_time_and_never_before_it_begins(wait: Wait, until_ms: int | None, due_ms: int) -> None:
    assert wait.due_ms(NOW_MS, until_ms) == due_ms


def test_a_wait_for_a_time_of_day_ends_when_the_wall_clock_shows_it_next() -> None:
    wait = Wait(daily=parse_cron("0 13 * * *", "Europe/Berlin", salt=""))
    first = wait.due_ms(NOW_MS)
    assert first == NOW_MS + 53 * MINUTE_MS + 20_000
    assert wait.due_ms(first) == first + 24 * HOUR_MS


def test_who_may_approve() -> None:
    assert Approvers().include("anybody", Role.EDITOR)
    assert not Approvers().include("anybody", Role.VIEWER)
    named = Approvers(None, ("key:1",))
    assert named.include("key:1", Role.VIEWER)
    assert not named.include("key:2", Role.ADMIN)


def test_numbers_are_counted() -> None:
    assert [Numbers(0, 10).count, Numbers(1, 10, 3).count, Numbers(5, 5).count] == [10, 3, 0]


PARAMS = {
    "day": Param(ParamType.STRING, required=True),
    "n": Param(ParamType.INTEGER, default=3),
    "all": Param(ParamType.ARRAY),
}


def test_given_parameters_are_checked() -> None:
    assert list(given_faults(PARAMS, {"day": "monday", "n": 4.0}, "params")) == []
    found = [str(one) for one in given_faults(PARAMS, {"n": 1.5, "x": 1, "all": {}}, "params")]
    assert [one.split(";")[0] for one in found] == [
        "params.n: is no integer",
        "params.x: is no parameter",
        "params.all: is no array",
        "params.day: is missing",
    ]


def test_parameters_that_are_not_given_have_their_default() -> None:
    assert with_defaults(PARAMS, {"day": "monday"}) == {"day": "monday", "n": 3, "all": None}


def test_a_boolean_is_no_number() -> None:
    assert not ParamType.INTEGER.takes(True)
    assert not ParamType.NUMBER.takes(False)
    assert ParamType.NUMBER.takes(1.5)
