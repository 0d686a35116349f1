"""``ports.Wheel``: singles, packs, and what is left standing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, chain, execution, minute, waiting
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.domain.precision import Precision
from tidewheel.domain.route import Route
from tidewheel.domain.wheel import Entry, Level, Placed, Slot, late

SLOT = minute()
JOB = a_job()
CHAIN = chain(JOB, delay_ms=250)
WAITING = replace(
    waiting(execution(JOB), attempt=2, due_ms=NOW_MS + 9), route=Route("lambda", "critical"), precision=Precision.HIGH
)


def put(backend: Backend, *entries: Entry, slot: Slot = SLOT) -> list[str]:
    placed = [Placed(slot, entry) for entry in entries]
    for each in placed:
        backend.wheel.put(each)
    return [each.key for each in placed]


def key(sequence: int, *, shard: int = 0, epoch: int = 1) -> str:
    return f"p#{shard:04d}#{epoch:08d}#{sequence:08d}"


def chains(count: int, job: int = 1) -> list[Entry]:
    return [chain(a_job(job), NOW_MS + n) for n in range(count)]


def spoil(backend: Backend, sort: str, *, slot: Slot = SLOT, **attributes: str) -> None:
    """Writes an item behind the adapter's back."""
    if backend.world is not None:
        store = backend.world.packs[slot] if sort.startswith("p#") else backend.world.singles[slot]
        text = attributes.get("v", "")
        store[sort] = tuple(text.split("\n")) if sort.startswith("p#") else text
        return
    assert backend.cloud is not None
    values = {name: {"S": value} for name, value in attributes.items()}
    item = {"pk": {"S": slot.key}, "sk": {"S": sort}, **values}
    backend.cloud.dynamodb.put_item(TableName=backend.cloud.tables.wheel, Item=item)


def test_an_empty_slot(backend: Backend) -> None:
    for load in (backend.wheel.load(SLOT), backend.wheel.load_singles(SLOT)):
        assert (dict(load.singles), list(load.packed), list(load.unreadable)) == ({}, [], [])


def test_singles_come_back_by_their_keys(backend: Backend) -> None:
    keys = put(backend, CHAIN, WAITING)
    load = backend.wheel.load(SLOT)
    assert load.singles == dict(zip(keys, [CHAIN, WAITING], strict=True))
    assert list(load.packed) == []


def test_an_equal_single_is_overwritten(backend: Backend) -> None:
    put(backend, CHAIN)
    (once,) = put(backend, CHAIN)
    assert backend.wheel.load(SLOT).singles == {once: CHAIN}


def test_two_writers_of_one_job_do_not_overwrite_each_other(backend: Backend) -> None:
    """Another generation, another attempt, another instant: each has a key of its own."""
    entries = [CHAIN, replace(CHAIN, generation=2), WAITING, replace(WAITING, attempt=3), chain(JOB, NOW_MS + 1)]
    keys = put(backend, *entries)
    assert backend.wheel.load(SLOT).singles == dict(zip(keys, entries, strict=True))


def test_packs_hold_their_entries_in_order(backend: Backend) -> None:
    entries = [*chains(40), WAITING]
    backend.wheel.put_pack(SLOT, key(0), entries)
    load = backend.wheel.load(SLOT)
    assert list(load.packed) == entries
    assert not load.singles


def test_packs_under_different_keys_do_not_overwrite_each_other(backend: Backend) -> None:
    entries = chains(4)
    keys = [key(0), key(1), key(0, epoch=2), key(0, shard=1)]
    for each, entry in zip(keys, entries, strict=True):
        backend.wheel.put_pack(SLOT, each, [entry])
    assert sorted(backend.wheel.load(SLOT).packed, key=lambda entry: entry.due_ms) == entries


def test_a_repeated_pack_is_there_once(backend: Backend) -> None:
    backend.wheel.put_pack(SLOT, key(0), chains(3))
    backend.wheel.put_pack(SLOT, key(0), chains(3))
    assert list(backend.wheel.load(SLOT).packed) == chains(3)


def test_load_singles_leaves_the_packs_out(backend: Backend) -> None:
    (single,) = put(backend, CHAIN)
    backend.wheel.put_pack(SLOT, key(0), chains(3, job=2))
    load = backend.wheel.load_singles(SLOT)
    assert load.singles == {single: CHAIN}
    assert list(load.packed) == []
    assert len(backend.wheel.load(SLOT).packed) == 3


def test_slots_are_apart(backend: Backend) -> None:
    slots = [SLOT, minute(shard=1), minute(NOW_MS + MINUTE_MS), Slot(Level.SECONDS, NOW_MS, 0), late(0), late(1)]
    for n, slot in enumerate(slots):
        put(backend, chain(a_job(n)), slot=slot)
        backend.wheel.put_pack(slot, key(0), [chain(a_job(n + 100))])
    for n, slot in enumerate(slots):
        load = backend.wheel.load(slot)
        assert list(load.singles.values()) == [chain(a_job(n))]
        assert list(load.packed) == [chain(a_job(n + 100))]


@pytest.mark.parametrize(
    "text", ["", "o", "x|y", "o|acme|j1|one|2|3", "w|acme|no-id|1|1|0|lambda-low/low", "o|a|b|1|2|3|4", "☂"]
)
def test_an_unreadable_single_stays_and_hides_no_neighbour(backend: Backend, text: str) -> None:
    (good,) = put(backend, CHAIN)
    spoil(backend, "e#0000000000001#acme#bad#o1", v=text)
    for load in (backend.wheel.load(SLOT), backend.wheel.load_singles(SLOT)):
        assert load.singles == {good: CHAIN}
        assert len(load.unreadable) == 1


def test_an_unreadable_line_of_a_pack_hides_no_neighbour(backend: Backend) -> None:
    job = a_job().id
    lines = [f"o|{TENANT}|{job}|1|{NOW_MS}|0", "o|broken", f"o|{TENANT}|{job}|1|{NOW_MS + 1}|0"]
    spoil(backend, key(0), v="\n".join(lines))
    load = backend.wheel.load(SLOT)
    assert list(load.packed) == chains(2)
    assert len(load.unreadable) == 1


@pytest.mark.needs("damage")
@pytest.mark.parametrize("sort", ["e#0000000000001#acme#bad#o1", "p#bad", "?"])
def test_an_item_of_another_shape_hides_no_neighbour(backend: Backend, sort: str) -> None:
    """A newer version's item may lack what this one reads."""
    (good,) = put(backend, CHAIN)
    spoil(backend, sort, other="shape")
    load = backend.wheel.load(SLOT)
    assert load.singles == {good: CHAIN}
    assert len(load.unreadable) == 1


def test_remove_takes_the_named_and_leaves_the_rest(backend: Backend) -> None:
    keys = put(backend, *chains(3))
    backend.wheel.put_pack(SLOT, key(0), [CHAIN])
    backend.wheel.remove(SLOT, [keys[0], keys[2]])
    load = backend.wheel.load(SLOT)
    assert list(load.singles) == [keys[1]]
    assert list(load.packed) == [CHAIN]


def test_remove_of_what_is_gone_does_not_matter(backend: Backend) -> None:
    (there,) = put(backend, CHAIN)
    backend.wheel.remove(SLOT, [there, "e#0000000000000#nobody#nothing#o1"])
    backend.wheel.remove(SLOT, [there])
    backend.wheel.remove(SLOT, [])
    assert not backend.wheel.load(SLOT).singles


def test_remove_of_many(backend: Backend) -> None:
    keys = put(backend, *chains(60))
    backend.wheel.remove(SLOT, keys[:-1])
    assert list(backend.wheel.load(SLOT).singles) == keys[-1:]


def test_a_slot_of_more_than_a_thousand_entries(backend: Backend) -> None:
    entries = chains(1_003)
    keys = put(backend, *entries)
    assert backend.wheel.load(SLOT).singles == dict(zip(keys, entries, strict=True))
    assert len(backend.wheel.load_singles(SLOT).singles) == len(entries)


def test_a_slot_of_more_than_a_megabyte(backend: Backend) -> None:
    """DynamoDB ends a page there, full or not."""
    packs = [[chain(a_job(job), NOW_MS + n) for n in range(300)] for job in range(70)]
    for sequence, pack in enumerate(packs):
        backend.wheel.put_pack(SLOT, key(sequence), pack)
    assert list(backend.wheel.load(SLOT).packed) == [entry for pack in packs for entry in pack]
