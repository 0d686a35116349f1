"""Mutants of the wheel: bugs in slots, arms, cursors and leases, each put into the engine by a patch."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from tidewheel.adapters.memory import MemoryControl, MemoryWheel
from tidewheel.domain import keys
from tidewheel.domain.limits import SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.wheel.entries import Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import Level, Ring
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.ring_cursor import RingCursor
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.engine.scheduler import heartbeat
from tidewheel.engine.scheduler.dispatch.catch_up import MOST_WINDOW, CatchUp
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.engine.scheduler.election import Election
from tidewheel.engine.scheduler.shard.arming import Armer
from tidewheel.engine.scheduler.shard.late_slot import LateSlot
from tidewheel.engine.scheduler.shard.retiring import Retirer
from tidewheel.engine.scheduler.shard.wheel import ShardWheel
from tidewheel.engine.scheduler.shard.window import Obligation, Window, WindowState
from tidewheel.ports import TooLate


def everywhere(patch: pytest.MonkeyPatch, original: Any, bug: Any) -> None:
    """Replaces a function in every module that imported it by name."""
    holders = [
        (module, name)
        for module in [module for at, module in sys.modules.items() if at.startswith("tidewheel.")]
        for name, value in vars(module).items()
        if value is original
    ]
    assert holders, f"nobody uses {original}"
    for module, name in holders:
        patch.setattr(module, name, bug)


def _waits_only_for(patch: pytest.MonkeyPatch, *obligations: Obligation) -> None:
    """A window that was read counts as settled when nothing of these kinds is open, whatever else is."""

    def bug(window: Window) -> WindowState:
        return WindowState.SENDING if any(map(window.owes, obligations)) else WindowState.SETTLED

    patch.setattr(Window, "_awaited", bug)


def retired_before_the_arm_is_durable(patch: pytest.MonkeyPatch) -> None:
    _waits_only_for(patch, Obligation.SEND)


def loaded_while_an_arm_is_in_flight(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RingCursor, "arm_begins", lambda cursor, slot_ms: None)
    patch.setattr(RingCursor, "arm_ends", lambda cursor, slot_ms: None)


def cursor_before_the_slot_is_done(patch: pytest.MonkeyPatch) -> None:
    real = RingCursor.low_water_ms.fget  # type: ignore[attr-defined]
    patch.setattr(RingCursor, "low_water_ms", property(lambda cursor: real(replace(cursor, open_slots=set()))))


def retired_before_the_account_is_durable(patch: pytest.MonkeyPatch) -> None:
    _waits_only_for(patch, Obligation.SEND, Obligation.ARM)


def deleted_before_the_cursor(patch: pytest.MonkeyPatch) -> None:
    """A slot's singles are deleted as soon as it is passed; the cursor is stored some time later."""
    real = Retirer._store_cursors

    def bug(retirer, *, draining):
        for window in retirer._passed:
            retirer._remove(window)
            window.singles.clear()
        real(retirer, draining=draining)

    patch.setattr(Retirer, "_store_cursors", bug)


def deleted_before_done(patch: pytest.MonkeyPatch) -> None:
    """A slot's singles are deleted when its time is over; only the cursor waits until all of them is durable."""
    real = Retirer.work

    def bug(retirer, now_ms, *, draining):
        for window in retirer._windows:
            if window.ends_ms <= now_ms:
                retirer._remove(window)
                window.singles.clear()
        real(retirer, now_ms, draining=draining)

    patch.setattr(Retirer, "work", bug)


class _Trusting:
    """A queue whose answers nobody reads: if the request succeeded, all of it counts as accepted."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def send(self, route, dispatches, delays_s=()):
        self._queue.send(route, dispatches, delays_s)
        return [True] * len(dispatches)

    def waiting(self, route):
        return self._queue.waiting(route)


def partial_failures_taken_for_success(patch: pytest.MonkeyPatch) -> None:
    real = Dispatcher.__init__
    patch.setattr(
        Dispatcher,
        "__init__",
        lambda dispatcher, queue, *rest, **more: real(dispatcher, _Trusting(queue), *rest, **more),
    )


def refusals_are_retried_for_ever(patch: pytest.MonkeyPatch) -> None:
    """What can never be sent is sent again and again, and holds its window."""

    def bug(dispatcher, route, batch, failures, refusal):
        for pending in batch:
            dispatcher._buffers[route].add_refused(pending, dispatcher._now_ms + 1_000, alone=True)

    patch.setattr(Dispatcher, "_was_refused", bug)


def refused_messages_are_dropped(patch: pytest.MonkeyPatch) -> None:
    """What can never be sent lets its window pass without an account."""
    patch.setattr(Dispatcher, "_set_aside", lambda dispatcher, route, pending, refusal: pending.sent())


def nobody_looks_at_the_queue(patch: pytest.MonkeyPatch) -> None:
    """Catching up goes ahead as fast as it can be sent."""
    patch.setattr(CatchUp, "_budget", lambda catch_up, now_ms: MOST_WINDOW)
    patch.setattr(CatchUp, "_is_blind", lambda catch_up, now_ms: True)


def only_own_shards_are_paced(patch: pytest.MonkeyPatch) -> None:
    """Catching up goes at a fixed pace, whatever the route takes: 100 a second."""
    patch.setattr(CatchUp, "_budget", lambda catch_up, now_ms: 10)
    patch.setattr(CatchUp, "_is_blind", lambda catch_up, now_ms: True)


def catching_up_waits_for_an_empty_queue(patch: pytest.MonkeyPatch) -> None:
    """A queue that live work keeps filled is waited for, and nothing long overdue goes by it."""
    real = CatchUp._budget

    def bug(catch_up, now_ms):
        return 0 if catch_up._crowded or not catch_up._has_seen else real(catch_up, now_ms)

    patch.setattr(CatchUp, "_budget", bug)


def placed_without_margins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ring, "open_until", lambda ring, slot_start_ms: slot_start_ms - ring.lead_ms)


def placed_by_slot_start(patch: pytest.MonkeyPatch) -> None:
    """The margins are counted from the start of a slot, not from its load."""
    patch.setattr(Ring, "open_until", lambda ring, slot_start_ms: slot_start_ms - WRITE_BOUND_MS - SKEW_MS)


def sent_however_late(patch: pytest.MonkeyPatch) -> None:
    """No store refuses a write that was held up."""
    patch.setattr(Placed, "is_too_late", lambda placed, now_ms: False)


def late_answers_believed(patch: pytest.MonkeyPatch) -> None:
    """Whoever wrote to the wheel does not look at the clock when the answer is there."""
    patch.setattr(Placed, "is_in_time", lambda placed, answered_ms: True)


def refusals_forgotten(patch: pytest.MonkeyPatch) -> None:
    """An entry that was refused as too late counts as written."""
    real = WheelWriter.write

    def bug(writer, entry, write, tries=1):
        def once(placed):
            try:
                return write(placed)
            except TooLate:
                return True

        return real(writer, entry, once, tries)

    patch.setattr(WheelWriter, "write", bug)


def read_only_once(patch: pytest.MonkeyPatch) -> None:
    """A passed slot is not read again."""
    real = MemoryWheel.load

    def bug(wheel, slot, span=EVERYTHING):
        return Load() if span == SINGLES and slot.level is not Level.LATE else real(wheel, slot, span)

    patch.setattr(MemoryWheel, "load", bug)


def packs_overwritten(patch: pytest.MonkeyPatch) -> None:
    everywhere(patch, keys.pack_sort, lambda source, epoch, sequence: f"p#{source:04d}#{sequence:08d}")


def arms_share_keys_with_edits(patch: pytest.MonkeyPatch) -> None:
    """What is armed is a single under a key without the generation, which an edit's single has as well."""
    patch.setattr(ScheduleEntry, "ref", property(lambda entry: "o"))

    def put_single(armer, slot, arms):
        shard, cursor = armer._shard, armer._cursors[slot.level]
        armer._open(arms)
        for window, entry in arms:
            cursor.arm_begins(slot.start_ms)
            armer._write(
                [(window, entry)],
                lambda entry=entry: shard.stores.wheel.put(Placed(slot, entry)),
                armer._refused_one(window, entry),
                lambda: cursor.arm_ends(slot.start_ms),
            )

    patch.setattr(Armer, "_put_pack", put_single)


def origin_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryControl, "establish", lambda control, layout: layout)


def late_not_first(patch: pytest.MonkeyPatch) -> None:
    """A new owner loads what is due before it has read the late slot."""
    patch.setattr(LateSlot, "seen", property(lambda late: True))


def late_planned_alone(patch: pytest.MonkeyPatch) -> None:
    """Late entries are planned before the due slots are opened: what follows is armed into one that is due."""
    real = ShardWheel._take_in_late

    def bug(wheel, windows):
        opens = wheel._open_slots
        wheel._open_slots = lambda now_ms: None
        try:
            real(wheel, windows)
        finally:
            wheel._open_slots = opens

    patch.setattr(ShardWheel, "_take_in_late", bug)


def nobody_lets_go(patch: pytest.MonkeyPatch) -> None:
    """A scheduler whose heartbeat could not be renewed goes on, whoever took its instance meanwhile."""
    patch.setattr(heartbeat, "LET_GO_MS", 1 << 60)
    patch.setattr(MemoryControl, "renew", lambda control, lease, *_: replace(lease, counter=lease.counter + 1))


def nobody_stands_again(patch: pytest.MonkeyPatch) -> None:
    """The run of a scheduler that let go is over, as if another had taken its instance."""

    def bug(election, remaining_ms):
        return
        yield

    patch.setattr(Election, "stand_again", bug)


def cursors_unfenced(patch: pytest.MonkeyPatch) -> None:
    """Whoever once held a shard may move its cursors."""
    real = MemoryControl.advance

    def bug(control, shard, _epoch, cursors):
        real(control, shard, control.holding(shard).epoch, cursors)

    patch.setattr(MemoryControl, "advance", bug)


def old_shards_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Only the shards that are in force are turned."""
    patch.setattr(Layout, "numbers", property(lambda layout: layout.newest))


def marks_beyond_what_is_sent(patch: pytest.MonkeyPatch) -> None:
    """A heartbeat says that everything up to now is handed over, whatever is still in flight."""
    patch.setattr(Dispatcher, "handed_over_ms", lambda dispatcher, now_ms: now_ms)


def marks_beyond_what_is_planned(patch: pytest.MonkeyPatch) -> None:
    """A heartbeat covers shards that have not caught up."""
    patch.setattr(ShardWheel, "is_planned", lambda wheel, until_ms: True)
