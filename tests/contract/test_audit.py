"""``ports.Audit``: rows that are only added, and read by day, the newest first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, an_audit_row, full_audit_row
from tidewheel.domain import keys
from tidewheel.domain.access.audit import AuditRow, entries
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.limits import DAY_MS
from tidewheel.ports import Refused


def rows(backend: Backend, below: str = keys.LAST, limit: int = 100, day_ms: int = NOW_MS) -> list[AuditRow]:
    return list(backend.audit.page(TENANT, day_ms, below, limit).items)


def test_every_field_is_kept(backend: Backend) -> None:
    row = full_audit_row()
    backend.audit.add(row)
    assert rows(backend) == [row]


def test_a_repeat_of_an_applied_add_succeeds_and_no_row_is_replaced(backend: Backend) -> None:
    row = an_audit_row(status=200)
    backend.audit.add(row)
    backend.audit.add(row)
    with pytest.raises(Refused):
        backend.audit.add(replace(row, status=403))
    assert rows(backend) == [row]


def test_rows_come_by_time_the_newest_first_page_by_page(backend: Backend) -> None:
    added = [an_audit_row(n % 2, NOW_MS + n // 2, f"r-{n // 2}") for n in range(7)]
    for row in added[::2] + added[1::2]:
        backend.audit.add(row)
    found, below = list[AuditRow](), keys.LAST
    while below:
        page = backend.audit.page(TENANT, NOW_MS, below, 3)
        found += page.items
        below = page.cursor or ""
    assert found == added[::-1]
    assert rows(backend, keys.audit_bound(NOW_MS + 2)) == added[3::-1]


def test_a_day_has_its_own_rows_and_a_tenant_too(backend: Backend) -> None:
    start = NOW_MS - NOW_MS % DAY_MS
    last, first = an_audit_row(0, start - 1), an_audit_row(0, start)
    foreign = an_audit_row(0, start, tenant="other")
    for row in (last, first, foreign):
        backend.audit.add(row)
    assert rows(backend) == [first]
    assert rows(backend, day_ms=start - DAY_MS) == [last]


@pytest.mark.needs("damage")
def test_a_damaged_row_says_so_and_hides_no_other(backend: Backend) -> None:
    assert backend.cloud is not None
    backend.audit.add(an_audit_row(0))
    backend.audit.add(an_audit_row(1))
    key = {"pk": {"S": keys.audit_partition(TENANT, NOW_MS)}, "sk": {"S": keys.audit_sort(NOW_MS, "r-1", 0)}}
    backend.cloud.dynamodb.update_item(TableName=backend.cloud.tables.audit, Key=key, UpdateExpression="REMOVE d")
    page = backend.audit.page(TENANT, NOW_MS, keys.LAST, 10)
    assert (list(page.items), len(page.unreadable)) == ([an_audit_row(1)], 1)


@pytest.mark.needs("damage")
def test_a_row_is_kept_for_400_days(backend: Backend) -> None:
    assert backend.cloud is not None
    backend.audit.add(an_audit_row())
    (item,) = backend.cloud.dynamodb.scan(TableName=backend.cloud.tables.audit)["Items"]
    assert int(item["ttl"]["N"]) == -(-(NOW_MS + 400 * DAY_MS) // 1000)


@given(
    at_ms=st.integers(0, 10**14),
    request=st.text("abcdef0123456789-", min_size=1, max_size=40),
    number=st.integers(0, 99_999),
)
def test_a_sort_key_is_read_as_it_was_made(at_ms: int, request: str, number: int) -> None:
    key = keys.audit_sort(at_ms, request, number)
    assert keys.parse_audit_sort(key) == (at_ms, request, number)
    assert keys.audit_bound(at_ms) < key < keys.audit_bound(at_ms + 1)


@pytest.mark.parametrize(
    "key", ["", "1#r#1", "000000000000001#r#r#00001", "000000000000001##00001", "00000000000000\u0661#r#00001"]
)
def test_other_texts_are_no_sort_keys(key: str) -> None:
    with pytest.raises(Unreadable):
        keys.parse_audit_sort(key)


def test_the_rows_of_a_request_become_one_entry() -> None:
    tried, done = an_audit_row(0, subjects=("j1",)), an_audit_row(1, status=200, subjects=("j1", "j2"))
    more = an_audit_row(2, status=200, changes=full_audit_row().changes)
    lost, refused = an_audit_row(0, NOW_MS - 1, "r-0"), an_audit_row(0, NOW_MS - 2, "r-9", status=403, more=4)
    assert list(entries([more, done, tried, lost, refused])) == [
        replace(done, number=0, changes=more.changes),
        lost,
        refused,
    ]
    assert list(entries([done, refused])) == [refused]  # the rest of the first has expired
    assert list(entries([more, done])) == []  # the rest is on the next page
