"""What cannot be understood is set aside with its reason, accounted for where that is possible, and stops nobody."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain import keys
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.ledger import MISSING
from tidewheel.domain.executions.misfire import Reason
from tidewheel.domain.limits import HOUR_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.levels import HOURS, Level, Slot, late
from tidewheel.engine.api.ledger import LedgerService
from tidewheel.ports import PortError

DUE_MS = START_MS + 100_000  # in a minute that is still to be loaded
BAD = "e#0000000000001#default#bad#o1"


def minute_of(stack: MemoryStack) -> Slot:
    (slot,) = [slot for slot, singles in stack.world.singles.items() if singles]
    assert slot.level is Level.MINUTES
    return slot


def errors(stack: MemoryStack) -> list[dict[str, Any]]:
    return [fields for message, fields in stack.telemetry.errors if message == "set aside in quarantine"]


def test_a_bad_single_is_set_aside_and_removed_with_the_others() -> None:
    stack = MemoryStack(shards=1)
    stack.create(At(DUE_MS))
    slot = minute_of(stack)
    stack.world.singles[slot][BAD] = "nonsense"
    stack.turn_for(160_000)
    assert stack.caller.nominal == [DUE_MS]
    assert not any(stack.world.singles.values())
    ((place, item),) = stack.world.quarantine.items()
    assert place == ("quarantine#0000", item.id)
    assert (item.slot, item.key, item.text, item.what) == (slot, BAD, "nonsense", "wheel entry")
    assert stack.telemetry.counts["quarantined[what=wheel entry]"] == stack.telemetry.counts["entry_given_up"] == 1
    (error,) = errors(stack)
    assert (error["partition"], error["key"], error["entry_key"]) == (*place, BAD)


def test_a_bad_line_of_a_pack_is_set_aside_and_its_neighbours_fire() -> None:
    stack = MemoryStack(shards=1)
    stack.create(At(DUE_MS))
    slot = minute_of(stack)
    (text,) = stack.world.singles.pop(slot).values()
    stack.world.packs[slot][keys.pack_sort(0, 9, 0)] = ("o|broken", text, "?")
    stack.turn_for(160_000)
    assert stack.caller.nominal == [DUE_MS]
    items = stack.world.quarantine.values()
    assert {(item.key, item.text) for item in items} == {
        (keys.pack_sort(0, 9, 0), "o|broken"),
        (keys.pack_sort(0, 9, 0), "?"),
    }
    assert stack.telemetry.counts["quarantined"] == len(errors(stack)) == 2


def test_a_coarse_slot_sets_aside_what_it_cannot_read_as_well() -> None:
    start = HOURS.start_of(START_MS) + HOUR_MS - 5 * MINUTE_MS
    stack = MemoryStack(shards=1, now_ms=start)
    stack.create(At(HOURS.start_of(start) + HOUR_MS + 90_000))
    slot = Slot(Level.HOURS, HOURS.start_of(start) + HOUR_MS, 0)
    assert stack.world.singles[slot]
    stack.world.singles[slot][BAD] = "nonsense"
    stack.turn_for(8 * MINUTE_MS)
    assert len(stack.caller.calls) == 1
    assert [item.slot for item in stack.world.quarantine.values()] == [slot]
    assert not stack.world.singles[slot]


def test_a_bad_late_single_is_set_aside_once() -> None:
    stack = MemoryStack(shards=1)
    stack.create(every(5_000))
    stack.world.singles[late(0)][BAD] = "nonsense"
    stack.turn_for(30_000)
    assert BAD not in stack.world.singles[late(0)]
    assert len(stack.world.quarantine) == 1
    assert stack.telemetry.counts["quarantined"] == len(errors(stack)) == 1


class _Stuck:
    """Fails until a time."""

    def __init__(self, stack: MemoryStack, real: Any, until_ms: int) -> None:
        self.stack, self.real, self.until_ms = stack, real, until_ms
        self.tried = 0

    def __call__(self, *args: Any) -> Any:
        self.tried += 1
        if self.stack.clock.now_ms() < self.until_ms:
            raise PortError("wheel.quarantine", "-", "down")
        return self.real(*args)


@pytest.mark.parametrize("slot", ["late", "minute"])
def test_nothing_is_removed_before_it_is_set_aside(slot: str) -> None:
    """The late slot is read every second; what is in hand is not set aside anew each time."""
    stack = MemoryStack(shards=1)
    stack.create(At(DUE_MS))
    place = late(0) if slot == "late" else minute_of(stack)
    stack.world.singles[place][BAD] = "nonsense"
    stuck = stack.wheel.quarantine = _Stuck(stack, stack.wheel.quarantine, START_MS + 200_000)  # type: ignore[method-assign,assignment]
    stack.crash_after(190_000)
    assert stack.world.singles[place][BAD] == "nonsense"
    assert not errors(stack)
    assert stuck.tried < 100
    stack.turn_for(60_000)
    assert not stack.world.singles[place]
    assert len(stack.world.quarantine) == len(errors(stack)) == 1
    assert len(stack.effects()) == len(set(stack.effects())) == 1


def _damaged(stack: MemoryStack, job: str, what: str) -> None:
    """From here on a job's record, or its history, cannot be read, as if a newer release had written it."""
    error = Unreadable(what, f"{TENANT}#{job}", "KeyError: 'd'")
    batch, get, generations = stack.jobs.batch, stack.jobs.get, stack.jobs.generations

    def bad_batch(keys):
        return {key: error if key[1] == job else record for key, record in batch(keys).items()}

    def bad_get(tenant, id, *, consistent=False):
        if id == job:
            raise error
        return get(tenant, id, consistent=consistent)

    def bad_generations(tenant, id, first):
        if id == job:
            raise error
        return generations(tenant, id, first)

    if what == "job":
        stack.jobs.batch, stack.jobs.get = bad_batch, bad_get  # type: ignore[method-assign]
    else:
        stack.jobs.generations = bad_generations  # type: ignore[method-assign]


def test_an_entry_of_a_job_that_cannot_be_read_is_accounted_for() -> None:
    stack = MemoryStack(shards=1)
    bad = stack.create(every(MINUTE_MS, DUE_MS))
    good = stack.create(every(MINUTE_MS, DUE_MS))
    kept = stack.jobs.batch, stack.jobs.get
    _damaged(stack, bad.id, "job")
    stack.turn_for(190_000)
    assert {call.execution.partition("-")[0] for _, call in stack.caller.calls} == {good.id}
    assert len(stack.caller.calls) >= 2
    (item,) = stack.world.quarantine.values()
    assert item.what == "job"
    assert item.text.startswith(f"o|{TENANT}|{bad.id}|1|{DUE_MS}|")
    assert "KeyError: 'd'" in item.problem
    assert stack.telemetry.counts["quarantined[what=job]"] == len(errors(stack)) == 1
    (row,) = stack.world.missed.values()
    assert (row.job, row.from_ms, row.until_ms, row.count) == (bad.id, DUE_MS, DUE_MS, 1)
    assert row.reason is Reason.QUARANTINED
    stack.jobs.batch, stack.jobs.get = kept  # type: ignore[method-assign]
    ledger = LedgerService(stack.jobs, stack.executions, stack.clock).report(TENANT, bad.id, START_MS, DUE_MS + 61_000)
    lines = [(line.state, line.reason) for line in ledger.lines]
    assert lines == [("skipped", "quarantined"), (MISSING, "")]  # nothing follows until somebody edits the job
    stack.job_service.edit(TENANT, bad.id, lambda *_: bad.definition)
    stack.turn_for(130_000)
    assert bad.id in {call.execution.partition("-")[0] for _, call in stack.caller.calls}


def test_an_entry_whose_history_cannot_be_read_is_set_aside_for_that() -> None:
    stack = MemoryStack(shards=1)
    job = stack.create(every(20 * SECOND_MS, DUE_MS))
    stack.clock.advance(5_000)
    stack.job_service.pause(TENANT, job.id)
    slot = minute_of(stack)
    (text,) = stack.world.singles[slot].values()
    stack.world.jobs[TENANT, job.id] = stack.world.jobs[TENANT, job.id].edited(
        job.definition, job.state, START_MS + HOUR_MS
    )
    _damaged(stack, job.id, "generation")
    stack.turn_for(160_000)
    (item,) = stack.world.quarantine.values()
    assert (item.what, item.text) == ("generation", text)
    assert [row.reason for row in stack.world.missed.values()] == [Reason.QUARANTINED]
    assert not stack.caller.calls
    assert not stack.world.singles[slot]


def test_a_straggler_that_cannot_be_read_is_found_by_the_second_read() -> None:
    stack = MemoryStack(shards=1)
    stack.create(At(DUE_MS))
    slot = minute_of(stack)

    def remaining() -> int:
        if stack.clock.now_ms() == START_MS + 90_000:
            stack.world.singles[slot][BAD] = "nonsense"
        return START_MS + 180_000 - stack.clock.now_ms()

    stack.scheduler_loop().run(remaining)
    assert len(stack.world.quarantine) == len(errors(stack)) == 1
    assert not stack.world.singles[slot]


def test_a_bad_row_of_an_older_generation_does_not_stop_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = MemoryStack(shards=1)
    job = stack.create(every(10_000, START_MS + 90_000))
    edited = stack.job_service.edit(TENANT, job.id, lambda _id, _now, existing: existing)  # type: ignore[arg-type,return-value]
    assert edited.generation == 2

    def damaged(tenant: str, id: str, first: int) -> Any:
        raise Unreadable("generation", id, "damaged")

    monkeypatch.setattr(stack.jobs, "generations", damaged)
    # An occurrence of before the edit, beside the newest generation's own, in one slot.
    slot = minute_of(stack)
    old = next(text for text in stack.world.singles[slot].values() if text.split("|")[3] == "1")
    fields = old.split("|")
    fields[4] = str(job.created_ms - 1)
    stack.world.packs[slot][keys.pack_sort(0, 9, 0)] = ("|".join(fields),)
    stack.turn_for(160_000)
    assert stack.caller.nominal[:4] == [START_MS + 90_000 + n * 10_000 for n in range(4)]
    assert [item.what for item in stack.world.quarantine.values()] == ["generation"]
