"""``ports.Circuits`` and ``ports.Permits``: rows beside the executions that no list shows, written on condition."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, execution
from tidewheel.adapters.aws.dynamodb.circuits import circuit_item, circuit_key
from tidewheel.adapters.aws.dynamodb.permit_lines import line_key
from tidewheel.adapters.aws.dynamodb.permits import permit_item, permit_key
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.fleet.circuit import Circuit, Sign, Tolerance
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import MAX_TENANT_CONCURRENCY, TAKEOVER_GRACE_MS
from tidewheel.domain.permits.line import Announced, LineEntry
from tidewheel.domain.permits.permit import Permit
from tidewheel.ports import Fenced

KEY = "http:example.com:443"
FRESH = Circuit(TENANT, KEY)
BORNE = Tolerance(failures=2, open_ms=600_000)


def failed(circuit: Circuit, now_ms: int = NOW_MS) -> Circuit:
    new = circuit.after(Sign.FAILS, "", BORNE, now_ms)
    assert new is not None
    return new


# --- circuits -------------------------------------------------------------------------------------------------


def test_a_circuit_that_nobody_wrote(backend: Backend) -> None:
    assert backend.circuits.get(TENANT, KEY) is None


def test_a_circuit_opens_is_probed_and_closes(backend: Backend) -> None:
    once = failed(FRESH)
    opened = failed(once, NOW_MS + 1)
    probed = opened.probed("x#c", NOW_MS + 700_000, NOW_MS + 650_000)
    closed = probed.after(Sign.WORKS, "x#c", BORNE, NOW_MS + 660_000)
    assert closed is not None
    for circuit in (once, opened, probed, closed):
        assert backend.circuits.swap(circuit) is None
        assert backend.circuits.get(TENANT, KEY) == circuit


def test_a_write_over_another_version_returns_what_stands(backend: Backend) -> None:
    once = failed(FRESH)
    twice = failed(once)
    backend.circuits.swap(once)
    assert backend.circuits.swap(replace(once, failures=7)) == once
    backend.circuits.swap(twice)
    assert backend.circuits.swap(replace(twice, failures=7)) == twice
    assert backend.circuits.get(TENANT, KEY) == twice


def test_a_repeat_of_an_applied_write_succeeds(backend: Backend) -> None:
    once = failed(FRESH)
    for circuit in (once, once, failed(once), failed(once)):
        assert backend.circuits.swap(circuit) is None


def test_a_circuit_that_is_gone_is_lost(backend: Backend) -> None:
    with pytest.raises(Fenced):
        backend.circuits.swap(failed(failed(FRESH)))


def test_of_many_probes_exactly_one_is_sent(backend: Backend) -> None:
    opened = failed(FRESH)
    backend.circuits.swap(opened)
    won: list[str] = []

    def probe(claim: str) -> None:
        if backend.circuits.swap(opened.probed(claim, NOW_MS + 30_000, NOW_MS)) is None:
            won.append(claim)

    _side_by_side(probe)
    stored = backend.circuits.get(TENANT, KEY)
    assert stored is not None
    assert won == [stored.probe]


def test_a_tenants_circuits_are_listed_by_party(backend: Backend) -> None:
    """None of another tenant's, though its name begin alike, and nothing else that lies beside the executions."""
    rows = [failed(Circuit(TENANT, key)) for key in ("http:a:80", "http:b:80", "lambda:f", "sqs:q")]
    for row in (*rows[::-1], failed(Circuit(f"{TENANT}2", "http:c:80"))):
        backend.circuits.swap(row)
    backend.permits.take(permit(0), NOW_MS)
    backend.executions.swap(execution(a_job()), None)
    whole = backend.circuits.list(TENANT, 10, None)
    assert (list(whole.items), whole.cursor, list(whole.unreadable)) == (rows, None, [])
    first = backend.circuits.list(TENANT, 3, None)
    rest = backend.circuits.list(TENANT, 3, first.cursor)
    assert [*first.items, *rest.items] == rows
    assert (len(first.items), rest.cursor) == (3, None)
    assert list(backend.circuits.list("nobody", 10, None).items) == []


# --- permits --------------------------------------------------------------------------------------------------


def permit(number: int, holder: str = "a", until_ms: int = NOW_MS + 30_000) -> Permit:
    return Permit(TENANT, number, holder, until_ms)


def test_permits_that_nobody_took(backend: Backend) -> None:
    assert list(backend.permits.all(TENANT)) == []


def test_a_place_is_taken_held_and_left(backend: Backend) -> None:
    assert backend.permits.take(permit(3), NOW_MS)
    assert list(backend.permits.all(TENANT)) == [permit(3)]
    longer = permit(3, until_ms=NOW_MS + 60_000)
    assert backend.permits.hold(longer)
    assert list(backend.permits.all(TENANT)) == [longer]
    backend.permits.leave(permit(3))
    assert list(backend.permits.all(TENANT)) == [Permit(TENANT, 3, "", 0)]
    assert backend.permits.take(permit(3, "b"), NOW_MS)


def test_a_place_that_another_has_is_not_taken_held_or_left(backend: Backend) -> None:
    backend.permits.take(permit(0), NOW_MS)
    assert not backend.permits.take(permit(0, "b"), NOW_MS)
    assert not backend.permits.hold(permit(0, "b"))
    backend.permits.leave(permit(0, "b"))
    assert list(backend.permits.all(TENANT)) == [permit(0)]


def test_a_repeat_of_an_applied_write_changes_nothing(backend: Backend) -> None:
    for _ in range(2):
        assert backend.permits.take(permit(0), NOW_MS)
        assert backend.permits.hold(permit(0))
    for _ in range(2):
        backend.permits.leave(permit(0))
    assert list(backend.permits.all(TENANT)) == [Permit(TENANT, 0, "", 0)]


def test_a_permit_whose_holder_has_no_use_for_it_is_taken_from_that_one_alone(backend: Backend) -> None:
    whole = replace(permit(0), attempt=2, redriven_ms=NOW_MS - 5, since_ms=NOW_MS)
    backend.permits.take(whole, NOW_MS)
    assert list(backend.permits.all(TENANT)) == [whole]
    assert not backend.permits.take(permit(0, "b"), NOW_MS, "c")
    assert backend.permits.take(permit(0, "b"), NOW_MS, "a")
    assert not backend.permits.take(permit(0, "c"), NOW_MS, "a")
    assert [one.holder for one in backend.permits.all(TENANT)] == ["b"]


def test_a_lease_stands_for_the_grace_beyond_its_end(backend: Backend) -> None:
    backend.permits.take(permit(0, until_ms=NOW_MS), NOW_MS - 30_000)
    assert not backend.permits.take(permit(0, "b"), NOW_MS + TAKEOVER_GRACE_MS)
    assert backend.permits.take(permit(0, "b"), NOW_MS + TAKEOVER_GRACE_MS + 1)
    assert not backend.permits.hold(permit(0))  # whoever had it before finds out


def test_what_was_left_is_not_held_any_more(backend: Backend) -> None:
    assert not backend.permits.hold(permit(0))
    backend.permits.take(permit(0), NOW_MS)
    backend.permits.leave(permit(0))
    assert not backend.permits.hold(permit(0))


def test_of_many_takers_exactly_one_has_the_permit(backend: Backend) -> None:
    won: list[str] = []

    def take(holder: str) -> None:
        if backend.permits.take(permit(0, holder), NOW_MS):
            won.append(holder)

    _side_by_side(take)
    assert [one.holder for one in backend.permits.all(TENANT)] == won


def test_permits_are_listed_in_order_and_by_tenant(backend: Backend) -> None:
    numbers = [0, 2, 10, 9, MAX_TENANT_CONCURRENCY - 1]
    for number in numbers:
        backend.permits.take(permit(number), NOW_MS)
    backend.permits.take(replace(permit(1), tenant=f"{TENANT}2"), NOW_MS)
    assert [one.number for one in backend.permits.all(TENANT)] == sorted(numbers)
    assert [one.number for one in backend.permits.all(TENANT, 10)] == [10, MAX_TENANT_CONCURRENCY - 1]


# --- lines ----------------------------------------------------------------------------------------------------


def waiting(number: int = 0, rank: int = 2, mark: str = "m", redriven_ms: int = 0) -> LineEntry:
    job = a_job()
    id = str(ExecutionId(job.id, NOW_MS + number))
    return LineEntry(TENANT, id, 1, rank, NOW_MS + number, redriven_ms, 7, NOW_MS + number, job.route, mark)


def test_a_line_is_ordered_by_priority_then_by_since_when(backend: Backend) -> None:
    entries = [waiting(3), waiting(1), waiting(2, rank=0), waiting(4, rank=3, redriven_ms=NOW_MS)]
    for entry in entries:
        backend.permit_lines.join(entry)
    backend.permit_lines.join(replace(waiting(0), tenant=f"{TENANT}2"))
    in_order = [entries[2], entries[1], entries[0], entries[3]]
    assert list(backend.permit_lines.head(TENANT, 10)) == in_order
    assert list(backend.permit_lines.head(TENANT, 2)) == in_order[:2]


def test_an_entry_that_was_put_anew_is_not_removed_by_who_read_the_old_one(backend: Backend) -> None:
    old, new = waiting(mark="old"), waiting(mark="new")
    backend.permit_lines.join(old)
    backend.permit_lines.join(new)
    assert list(backend.permit_lines.head(TENANT, 10)) == [new]
    backend.permit_lines.leave(old)
    assert list(backend.permit_lines.head(TENANT, 10)) == [new]
    for _ in range(2):
        backend.permit_lines.leave(new)
        assert list(backend.permit_lines.head(TENANT, 10)) == []


def test_lines_are_announced_and_forgotten(backend: Backend) -> None:
    assert list(backend.permit_lines.announced()) == []
    first, second = Announced(TENANT, 5, "a"), Announced(TENANT, 7, "b")
    backend.permit_lines.announce(first)
    backend.permit_lines.announce(second)
    backend.permit_lines.announce(Announced(f"{TENANT}2", 1, "c"))
    assert list(backend.permit_lines.announced()) == [second, Announced(f"{TENANT}2", 1, "c")]
    backend.permit_lines.forget(first)
    assert len(backend.permit_lines.announced()) == 2
    for _ in range(2):
        backend.permit_lines.forget(second)
        assert [one.tenant for one in backend.permit_lines.announced()] == [f"{TENANT}2"]


def test_several_executions_are_read_at_once(backend: Backend) -> None:
    runs = [execution(a_job(number)) for number in range(3)]
    for run in runs[:2]:
        backend.executions.swap(run, None)
    found = backend.executions.several((run.tenant, run.id) for run in runs)
    assert found == {(run.tenant, run.id): run for run in runs[:2]}
    assert backend.executions.several([]) == {}


@pytest.mark.needs("damage")
def test_a_damaged_entry_in_line_stops_nobody(backend: Backend) -> None:
    assert backend.cloud is not None
    for number in range(3):
        backend.permit_lines.join(waiting(number))
    table = backend.cloud.tables.executions
    backend.cloud.dynamodb.update_item(TableName=table, Key=line_key(waiting(0)), UpdateExpression="REMOVE ro")
    assert list(backend.permit_lines.head(TENANT, 2)) == [waiting(1), waiting(2)]


# --- both -----------------------------------------------------------------------------------------------------


def test_no_list_shows_them(backend: Backend) -> None:
    job = a_job()
    run = execution(job)
    backend.executions.swap(run, None)
    backend.circuits.swap(failed(FRESH))
    backend.permits.take(permit(0), NOW_MS)
    backend.permit_lines.join(waiting())
    backend.permit_lines.announce(Announced(TENANT, 5, "a"))
    assert list(backend.executions.list(TENANT, job.id, 100, None).items) == [run]
    assert list(backend.executions.dead(TENANT, 100, None).items) == []
    assert list(backend.executions.missed(TENANT, job.id, 0, 10**14)) == []


@pytest.mark.needs("damage")
def test_damaged_rows_say_so(backend: Backend) -> None:
    assert backend.cloud is not None
    backend.circuits.swap(failed(FRESH))
    backend.permits.take(permit(0), NOW_MS)
    table = backend.cloud.tables.executions
    for key, name in ((circuit_key(TENANT, KEY), "fa"), (permit_key(TENANT, 0), "un")):
        backend.cloud.dynamodb.update_item(TableName=table, Key=key, UpdateExpression=f"REMOVE {name}")
    with pytest.raises(Unreadable, match=KEY):
        backend.circuits.get(TENANT, KEY)
    backend.circuits.swap(failed(Circuit(TENANT, "sqs:q")))
    page = backend.circuits.list(TENANT, 10, None)
    assert ([circuit.key for circuit in page.items], len(page.unreadable)) == (["sqs:q"], 1)
    with pytest.raises(Unreadable, match="#cap#"):
        backend.permits.all(TENANT)


def test_rows_live_long_enough() -> None:
    opened = failed(failed(FRESH))
    assert int(circuit_item(opened)["ttl"]["N"]) * 1_000 > opened.open_until_ms
    assert int(permit_item(permit(0))["ttl"]["N"]) * 1_000 > NOW_MS + 30_000 + TAKEOVER_GRACE_MS
    assert "ttl" not in permit_item(permit(0).returned())


def _side_by_side(work: Callable[[str], None]) -> None:
    threads = [threading.Thread(target=work, args=(f"x#{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
