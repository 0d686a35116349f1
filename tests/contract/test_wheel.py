"""``ports.Wheel``: singles, packs, and what quarantine keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.world import Backend
from tests.support.world_examples import NOW_MS, TENANT, a_job, execution, minute, schedule_entry, waiting
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import MINUTE_MS, QUARANTINE_CHARS, QUARANTINE_RETENTION_MS, REASON_CHARS
from tidewheel.domain.wheel.entries import Entry, Placed
from tidewheel.domain.wheel.levels import Level, Slot, late
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES, Span, side_by_side
from tidewheel.engine.common.slot_reader import whole

SLOT = minute()
JOB = a_job()
SCHEDULED = schedule_entry(JOB, delay_ms=250)
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


def schedule_entries(count: int, job: int = 1) -> list[Entry]:
    return [schedule_entry(a_job(job), NOW_MS + n) for n in range(count)]


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
    for load in (backend.wheel.load(SLOT), backend.wheel.load(SLOT, SINGLES)):
        assert (dict(load.singles), list(load.packed), list(load.damaged)) == ({}, [], [])


def test_singles_come_back_by_their_keys(backend: Backend) -> None:
    keys = put(backend, SCHEDULED, WAITING)
    load = backend.wheel.load(SLOT)
    assert load.singles == dict(zip(keys, [SCHEDULED, WAITING], strict=True))
    assert list(load.packed) == []


def test_an_equal_single_is_overwritten(backend: Backend) -> None:
    put(backend, SCHEDULED)
    (once,) = put(backend, SCHEDULED)
    assert backend.wheel.load(SLOT).singles == {once: SCHEDULED}


def test_two_writers_of_one_job_do_not_overwrite_each_other(backend: Backend) -> None:
    """Another generation, another attempt, another instant: each has a key of its own."""
    entries = [
        SCHEDULED,
        replace(SCHEDULED, generation=2),
        WAITING,
        replace(WAITING, attempt=3),
        schedule_entry(JOB, NOW_MS + 1),
    ]
    keys = put(backend, *entries)
    assert backend.wheel.load(SLOT).singles == dict(zip(keys, entries, strict=True))


def test_packs_hold_their_entries_in_order(backend: Backend) -> None:
    entries = [*schedule_entries(40), WAITING]
    backend.wheel.put_pack(SLOT, key(0), entries)
    load = backend.wheel.load(SLOT)
    assert list(load.packed) == entries
    assert not load.singles


def test_packs_under_different_keys_do_not_overwrite_each_other(backend: Backend) -> None:
    entries = schedule_entries(4)
    keys = [key(0), key(1), key(0, epoch=2), key(0, shard=1)]
    for each, entry in zip(keys, entries, strict=True):
        backend.wheel.put_pack(SLOT, each, [entry])
    assert sorted(backend.wheel.load(SLOT).packed, key=lambda entry: entry.due_ms) == entries


def test_a_repeated_pack_is_there_once(backend: Backend) -> None:
    backend.wheel.put_pack(SLOT, key(0), schedule_entries(3))
    backend.wheel.put_pack(SLOT, key(0), schedule_entries(3))
    assert list(backend.wheel.load(SLOT).packed) == schedule_entries(3)


def test_the_span_of_singles_leaves_the_packs_out(backend: Backend) -> None:
    (single,) = put(backend, SCHEDULED)
    backend.wheel.put_pack(SLOT, key(0), schedule_entries(3, job=2))
    load = backend.wheel.load(SLOT, SINGLES)
    assert load.singles == {single: SCHEDULED}
    assert list(load.packed) == []
    assert len(backend.wheel.load(SLOT).packed) == 3


def test_slots_are_apart(backend: Backend) -> None:
    slots = [SLOT, minute(shard=1), minute(NOW_MS + MINUTE_MS), Slot(Level.SECONDS, NOW_MS, 0), late(0), late(1)]
    for n, slot in enumerate(slots):
        put(backend, schedule_entry(a_job(n)), slot=slot)
        backend.wheel.put_pack(slot, key(0), [schedule_entry(a_job(n + 100))])
    for n, slot in enumerate(slots):
        load = backend.wheel.load(slot)
        assert list(load.singles.values()) == [schedule_entry(a_job(n))]
        assert list(load.packed) == [schedule_entry(a_job(n + 100))]


@pytest.mark.parametrize(
    "text", ["", "o", "x|y", "o|acme|j1|one|2|3", "w|acme|no-id|1|1|0|lambda-low/low", "o|a|b|1|2|3|4", "☂"]
)
def test_an_unreadable_single_stays_and_hides_no_neighbour(backend: Backend, text: str) -> None:
    (good,) = put(backend, SCHEDULED)
    spoil(backend, "e#0000000000001#acme#bad#o1", v=text)
    for load in (backend.wheel.load(SLOT), backend.wheel.load(SLOT, SINGLES)):
        assert load.singles == {good: SCHEDULED}
        assert len(load.damaged) == 1


def test_an_unreadable_line_of_a_pack_hides_no_neighbour(backend: Backend) -> None:
    job = a_job().id
    lines = [f"o|{TENANT}|{job}|1|{NOW_MS}|0", "o|broken", f"o|{TENANT}|{job}|1|{NOW_MS + 1}|0"]
    spoil(backend, key(0), v="\n".join(lines))
    load = backend.wheel.load(SLOT)
    assert list(load.packed) == schedule_entries(2)
    assert len(load.damaged) == 1


@pytest.mark.needs("damage")
@pytest.mark.parametrize("sort", ["e#0000000000001#acme#bad#o1", "p#bad", "?"])
def test_an_item_of_another_shape_hides_no_neighbour(backend: Backend, sort: str) -> None:
    """A newer version's item may lack what this one reads."""
    (good,) = put(backend, SCHEDULED)
    spoil(backend, sort, other="shape")
    load = backend.wheel.load(SLOT)
    assert load.singles == {good: SCHEDULED}
    assert len(load.damaged) == 1


def test_remove_takes_the_named_and_leaves_the_rest(backend: Backend) -> None:
    keys = put(backend, *schedule_entries(3))
    backend.wheel.put_pack(SLOT, key(0), [SCHEDULED])
    backend.wheel.remove(SLOT, [keys[0], keys[2]])
    load = backend.wheel.load(SLOT)
    assert list(load.singles) == [keys[1]]
    assert list(load.packed) == [SCHEDULED]


def test_remove_of_what_is_gone_does_not_matter(backend: Backend) -> None:
    (there,) = put(backend, SCHEDULED)
    backend.wheel.remove(SLOT, [there, "e#0000000000000#nobody#nothing#o1"])
    backend.wheel.remove(SLOT, [there])
    backend.wheel.remove(SLOT, [])
    assert not backend.wheel.load(SLOT).singles


def test_remove_of_many(backend: Backend) -> None:
    keys = put(backend, *schedule_entries(60))
    backend.wheel.remove(SLOT, keys[:-1])
    assert list(backend.wheel.load(SLOT).singles) == keys[-1:]


def test_a_slot_of_more_than_a_thousand_entries(backend: Backend) -> None:
    entries = schedule_entries(1_003)
    keys = put(backend, *entries)
    for span in (EVERYTHING, SINGLES):
        first = backend.wheel.load(SLOT, span)
        assert list(first.singles) == keys[:1_000]
        assert first.rest is not None
        second = backend.wheel.load(SLOT, first.rest)
        assert list(second.singles) == keys[1_000:]
        assert second.rest is None
        assert whole(backend.wheel, SLOT, span).singles == dict(zip(keys, entries, strict=True))


def test_a_slot_of_more_than_a_megabyte(backend: Backend) -> None:
    """DynamoDB ends a page there, full or not."""
    packs = [[schedule_entry(a_job(job), NOW_MS + n) for n in range(300)] for job in range(70)]
    for sequence, pack in enumerate(packs):
        backend.wheel.put_pack(SLOT, key(sequence), pack)
    assert whole(backend.wheel, SLOT, EVERYTHING).packed == [entry for pack in packs for entry in pack]


def test_a_page_that_just_holds_everything(backend: Backend) -> None:
    """A store may or may not know that nothing follows; if it does not, what follows is empty."""
    keys = put(backend, *schedule_entries(1_000))
    load = backend.wheel.load(SLOT)
    assert list(load.singles) == keys
    if load.rest is not None:
        assert len(backend.wheel.load(SLOT, load.rest)) == 0


def test_spans_read_side_by_side_hold_everything_once(backend: Backend) -> None:
    entries = [schedule_entry(a_job(n), NOW_MS + n * 53) for n in range(1_100)]
    keys = put(backend, *entries)
    backend.wheel.put_pack(SLOT, key(0), schedule_entries(3, job=5_000))
    spoil(backend, "e#odd", v="nonsense")
    first = backend.wheel.load(SLOT)
    assert first.rest is not None
    spans = side_by_side(SLOT, first.rest)
    assert len(spans) > 1
    loads = [whole(backend.wheel, SLOT, span) for span in spans]
    assert [single for load in loads for single in load.singles] == keys[1_000:]
    assert [entry for load in loads for entry in load.packed] == schedule_entries(3, job=5_000)
    assert [bad.key for load in loads for bad in load.damaged] == ["e#odd"]


def test_a_span_holds_what_lies_between_its_ends(backend: Backend) -> None:
    keys = put(backend, *schedule_entries(10))
    assert list(backend.wheel.load(SLOT, Span(keys[2], keys[5])).singles) == keys[2:6]
    assert list(backend.wheel.load(SLOT, Span(keys[2], keys[5], after=keys[3])).singles) == keys[4:6]
    assert len(backend.wheel.load(SLOT, Span(keys[2], keys[5], after=keys[5]))) == 0


# --- quarantine -------------------------------------------------------------------------------------------

BAD = Quarantined(SLOT, "e#0000000000001#acme#bad#o1", "o|acme|☂", "wheel entry", "unknown form", NOW_MS)


def kept(backend: Backend, shard: int = 0) -> list[dict[str, str]]:
    """What a person finds in a shard's quarantine."""
    partition = f"quarantine#{shard:04d}"
    if backend.world is not None:
        found = [item for (at, _), item in sorted(backend.world.quarantine.items()) if at == partition]
        return [
            {
                "sk": item.id,
                "sl": item.slot.key,
                "k": item.key,
                "v": item.text,
                "w": item.what,
                "r": item.problem,
                "at": str(item.noted_ms),
                "ttl": str(item.expires_ms() // 1_000),
            }
            for item in found
        ]
    assert backend.cloud is not None
    answer = backend.cloud.dynamodb.query(
        TableName=backend.cloud.tables.wheel,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
    )
    return [
        {name: next(iter(value.values())) for name, value in item.items() if name != "pk"} for item in answer["Items"]
    ]


def test_quarantine_keeps_what_was_bad_with_its_origin_and_reason(backend: Backend) -> None:
    backend.wheel.quarantine(BAD)
    (found,) = kept(backend)
    assert found == {
        "sk": BAD.id,
        "sl": SLOT.key,
        "k": BAD.key,
        "v": BAD.text,
        "w": "wheel entry",
        "r": "unknown form",
        "at": str(NOW_MS),
        "ttl": str((NOW_MS + QUARANTINE_RETENTION_MS) // 1_000),
    }


def test_a_repeated_quarantine_is_there_once_and_others_beside_it(backend: Backend) -> None:
    others = [replace(BAD, text="o|other"), replace(BAD, key="p#1"), replace(BAD, slot=minute(NOW_MS + MINUTE_MS))]
    for item in (BAD, *others, replace(BAD, noted_ms=NOW_MS + 5)):
        backend.wheel.quarantine(item)
    found = kept(backend)
    assert len(found) == 4
    assert [item["at"] for item in found if item["sk"] == BAD.id] == [str(NOW_MS + 5)]


def test_quarantines_of_shards_are_apart_and_are_no_slots(backend: Backend) -> None:
    backend.wheel.quarantine(replace(BAD, slot=minute(shard=3)))
    assert not kept(backend)
    assert len(kept(backend, 3)) == 1
    assert len(backend.wheel.load(minute(shard=3))) == 0


def test_quarantine_takes_whatever_is_there(backend: Backend) -> None:
    """A text that no item could hold beside its origin must not hold a slot open for ever."""
    backend.wheel.quarantine(replace(BAD, key="e#" + "k" * 900, text="☂" * 130_000, problem="p" * 400_000))
    (found,) = kept(backend)
    assert found["v"] == "☂" * QUARANTINE_CHARS
    assert len(found["r"]) == REASON_CHARS


@pytest.mark.needs("damage")
def test_what_an_item_of_another_shape_held_is_not_lost(backend: Backend) -> None:
    spoil(backend, "e#0000000000001#acme#bad#o1", other="shape")
    (bad,) = backend.wheel.load(SLOT).damaged
    assert bad.key == "e#0000000000001#acme#bad#o1"
    assert '"other": {"S": "shape"}' in bad.text
