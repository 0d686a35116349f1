"""Permits: which are free, which are void, and which grant may be used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import LEASE_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.permits.permit import Grant, Permit, free_permits, is_void, limit_of

NOW_MS = 1_795_000_000_000
ID = str(ExecutionId("0123456789abcdef", NOW_MS))
GRANT = Grant(3, "tok", NOW_MS + LEASE_MS)
PERMIT = GRANT.permit("t", ID, 2)
QUEUED = Execution("t", ID, State.QUEUED, NOW_MS, 1, attempt=1)
RUNNING = replace(QUEUED, state=State.RUNNING, attempt=2, holder="other", permit="tok")


@pytest.mark.parametrize(
    ("limits", "limit"),
    [({}, None), ({"*": 50}, 50), ({"*": 50, "acme": 5}, 5), ({"other": 5}, None)],
)
def test_the_limit_of_a_tenant(limits: dict[str, int], limit: int | None) -> None:
    assert limit_of(limits, "acme") == limit


@pytest.mark.parametrize(
    ("record", "void"),
    [
        (None, False),
        (QUEUED, False),  # its claim may be to come
        (replace(QUEUED, state=State.RETRYING), False),
        (replace(QUEUED, attempt=2), True),
        (RUNNING, False),
        (replace(RUNNING, permit=""), True),  # under a permit that its claim took itself
        (replace(RUNNING, permit="", holder="tok"), False),
        (replace(RUNNING, permit="another"), True),
        (replace(RUNNING, attempt=1, permit="another"), False),  # its retry may be to come
        (replace(RUNNING, attempt=3), False),
        (replace(QUEUED, permit="tok"), True),  # declined
        (replace(QUEUED, permit="another"), False),
        (replace(QUEUED, redriven_ms=NOW_MS), True),
        (replace(QUEUED, state=State.CANCELLED), True),
        (replace(RUNNING, state=State.SUCCEEDED, permit=""), True),
    ],
)
def test_whether_a_permit_is_void(record: Execution | None, *, void: bool) -> None:
    assert is_void(PERMIT, record) is void


def test_a_permit_of_an_older_release_is_free_only_when_its_lease_is_over() -> None:
    assert not is_void(replace(PERMIT, attempt=0), replace(QUEUED, state=State.SUCCEEDED))


@pytest.mark.parametrize(
    ("record", "attempt", "after_ms", "usable"),
    [
        (QUEUED, 2, 0, True),
        (QUEUED, 3, 0, False),
        (replace(QUEUED, redriven_ms=NOW_MS), 2, 0, False),
        (replace(QUEUED, declined_ms=GRANT.until_ms), 2, 0, False),
        (replace(QUEUED, declined_ms=GRANT.until_ms - 1), 2, 0, True),
        (QUEUED, 2, LEASE_MS * 2 // 3, False),
        (QUEUED, 2, LEASE_MS * 2 // 3 - 1, True),
    ],
)
def test_whether_a_grant_may_be_used(record: Execution, attempt: int, after_ms: int, *, usable: bool) -> None:
    assert GRANT.is_usable(record, attempt, 2, NOW_MS + after_ms) is usable


def test_which_permits_are_free() -> None:
    over_ms = NOW_MS - TAKEOVER_GRACE_MS
    rows = [
        Permit("t", 0, "a#1", NOW_MS),
        Permit("t", 1, "b#1", over_ms - 1),
        Permit("t", 2, "", 0),
        Permit("t", 3, "c#1", over_ms),
    ]

    def numbers(limit: int) -> list[int]:
        return [permit.number for permit in free_permits(rows, {}, limit, NOW_MS, "t")]

    assert numbers(6) == [1, 2, 4, 5]
    assert numbers(3) == [1]  # number 3 is still held, so whoever looks chooses the same one
    assert numbers(2) == []  # two run, under whichever numbers
    assert [permit.number for permit in free_permits([], {}, 3, NOW_MS, "t")] == [0, 1, 2]


def test_a_spent_permit_is_free_and_names_whom_it_is_taken_from() -> None:
    held = replace(PERMIT, number=0)
    assert list(free_permits([held], {}, 1, NOW_MS, "t")) == []
    assert list(free_permits([held], {ID: replace(QUEUED, attempt=2)}, 1, NOW_MS, "t")) == [held]


def test_the_parts_of_a_holder() -> None:
    assert (PERMIT.execution, PERMIT.token, PERMIT.since_ms) == (ID, "tok", NOW_MS)
    assert PERMIT.holder == keys.claim_name(ID, "tok")
    assert (PERMIT.returned().execution, PERMIT.returned().token) == ("", "")
