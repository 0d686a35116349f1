"""The ports of coordination: one owner at a time, told apart by epoch; cursors that outlive their owners."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.support.world import Backend
from tidewheel.domain.executions.reconcile import Sweep
from tidewheel.domain.fleet.health import NOTHING, Health, HealthState, Measured, Reason, Signals, Switch
from tidewheel.domain.fleet.lease import Holding, Lease, Mark
from tidewheel.domain.wheel.levels import Level
from tidewheel.domain.wheel.shard_layout import Layout
from tidewheel.ports import Fenced

NOW_MS = 1_794_999_960_000
CURSORS = {Level.MINUTES: 1_794_999_960_000, Level.SECONDS: 1_794_999_961_000}


def taken(backend: Backend, owner: str = "one") -> Lease:
    lease = backend.leases.take(backend.leases.lease(), owner, "v1")
    assert lease is not None
    return lease


def test_nobody_ever_held_it(backend: Backend) -> None:
    assert backend.leases.lease() is None


def test_the_first_taker(backend: Backend) -> None:
    lease = backend.leases.take(None, "one", "v1")
    assert lease == Lease("one", 1, 0, "v1")
    assert backend.leases.lease() == lease


def test_of_two_takers_with_the_same_view_one_wins(backend: Backend) -> None:
    seen = backend.leases.lease()
    assert backend.leases.take(seen, "one", "v1") == Lease("one", 1, 0, "v1")
    assert backend.leases.take(seen, "two", "v1") is None
    seen = backend.leases.lease()
    assert backend.leases.take(seen, "three", "v2") == Lease("three", 2, 0, "v2")
    assert backend.leases.take(seen, "four", "v2") is None
    assert backend.leases.lease() == Lease("three", 2, 0, "v2")


def test_of_many_takers_at_once_one_wins(backend: Backend) -> None:
    seen = taken(backend)
    won: list[Lease] = []

    def take(owner: str) -> None:
        lease = backend.leases.take(seen, owner, "v1")
        if lease is not None:
            won.append(lease)

    threads = [threading.Thread(target=take, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [backend.leases.lease()]


def test_a_holder_that_lives_is_not_overthrown(backend: Backend) -> None:
    seen = taken(backend)
    backend.leases.renew(seen)
    assert backend.leases.take(seen, "two", "v1") is None
    assert backend.leases.lease() == replace(seen, counter=1)


def test_a_silent_holder_is_overthrown(backend: Backend) -> None:
    seen = backend.leases.renew(taken(backend))
    assert backend.leases.take(seen, "two", "v2") == Lease("two", 2, 0, "v2")


def test_a_take_that_was_applied_and_is_repeated_succeeds(backend: Backend) -> None:
    """The SDK repeats what was reported as failed; a name is used by one run alone."""
    lease = backend.leases.take(None, "one", "v1")
    assert backend.leases.take(None, "one", "v1") == lease
    assert backend.leases.take(lease, "two", "v1") == backend.leases.take(lease, "two", "v1")


def test_renew_raises_the_counter(backend: Backend) -> None:
    lease = taken(backend)
    assert backend.leases.renew(lease) == replace(lease, counter=1)
    assert backend.leases.renew(lease) == replace(lease, counter=2)
    assert backend.leases.lease() == replace(lease, counter=2)


def test_who_was_overthrown_cannot_renew(backend: Backend) -> None:
    old = taken(backend)
    new = taken(backend, "two")
    with pytest.raises(Fenced):
        backend.leases.renew(old)
    assert backend.leases.lease() == new


def test_who_released_cannot_renew(backend: Backend) -> None:
    lease = taken(backend)
    backend.leases.release(lease)
    with pytest.raises(Fenced):
        backend.leases.renew(lease)


def test_nobody_renews_what_never_was(backend: Backend) -> None:
    with pytest.raises(Fenced):
        backend.leases.renew(Lease("one", 1, 0, "v1"))
    assert backend.leases.lease() is None


def test_a_released_lease_is_free_and_keeps_its_epoch(backend: Backend) -> None:
    lease = taken(backend)
    backend.leases.announce(lease, "v2")
    backend.leases.release(lease)
    assert backend.leases.lease() == replace(lease, owner=None)
    assert taken(backend, "two").epoch == 2


def test_release_is_for_the_holder_alone(backend: Backend) -> None:
    old = taken(backend)
    new = taken(backend, "two")
    backend.leases.release(old)
    assert backend.leases.lease() == new
    backend.leases.release(new)
    backend.leases.release(new)
    seen = backend.leases.lease()
    assert seen is not None
    assert seen.owner is None


def test_a_release_of_nothing_makes_nothing(backend: Backend) -> None:
    backend.leases.release(Lease("one", 1, 0, "v1"))
    assert backend.leases.lease() is None


def test_a_candidate_is_seen_by_the_holder_until_the_lease_changes_hands(backend: Backend) -> None:
    lease = taken(backend)
    assert backend.leases.announce(lease, "v2") is True
    assert backend.leases.renew(lease).candidate == "v2"
    assert backend.leases.renew(lease).candidate == "v2"
    assert taken(backend, "two").candidate is None


def test_a_candidate_who_looked_too_long_ago(backend: Backend) -> None:
    seen = taken(backend)
    taken(backend, "two")
    assert backend.leases.announce(seen, "v2") is False
    now = backend.leases.lease()
    assert now is not None
    assert now.candidate is None


def test_nobody_stands_for_what_never_was(backend: Backend) -> None:
    assert backend.leases.announce(Lease("one", 1, 0, "v1"), "v2") is False
    assert backend.leases.lease() is None


def claimed(backend: Backend, shard: int = 0, instance: int = 0, term: int = 1) -> Holding:
    holding = backend.ownership.claim(shard, backend.ownership.holding(shard), instance, term)
    assert holding is not None
    return holding


def test_instances_are_apart(backend: Backend) -> None:
    first, second = taken(backend), backend.leases.take(None, "two", "v1", 1)
    assert second == Lease("two", 1, 0, "v1", instance=1)
    assert backend.leases.renew(second) == replace(second, counter=1)
    assert backend.leases.lease() == first
    backend.leases.release(second)
    assert backend.leases.lease(1) == replace(second, counter=1, owner=None)
    assert backend.leases.lease() == first


def test_a_shard_that_was_never_turned_has_no_cursors(backend: Backend) -> None:
    assert backend.ownership.holding(0) is None
    assert claimed(backend) == Holding(1, 0, 1, {}) == backend.ownership.holding(0)


def test_cursors_survive_their_holders(backend: Backend) -> None:
    claimed(backend)
    backend.ownership.advance(0, 1, CURSORS)
    assert claimed(backend, instance=1, term=7) == Holding(2, 1, 7, CURSORS)


def test_cursors_are_replaced_and_may_come_one_at_a_time(backend: Backend) -> None:
    claimed(backend)
    backend.ownership.advance(0, 1, CURSORS)
    moved = CURSORS[Level.SECONDS] + 1_000
    backend.ownership.advance(0, 1, {Level.SECONDS: moved})
    assert backend.ownership.holding(0) == Holding(1, 0, 1, {**CURSORS, Level.SECONDS: moved})


def test_of_two_claims_with_the_same_view_one_wins(backend: Backend) -> None:
    seen = claimed(backend)
    assert backend.ownership.claim(0, seen, 1, 3) == Holding(2, 1, 3)
    assert backend.ownership.claim(0, seen, 0, 2) is None
    assert backend.ownership.claim(0, None, 0, 2) is None
    assert backend.ownership.holding(0) == Holding(2, 1, 3)


def test_a_former_holder_is_fenced_off(backend: Backend) -> None:
    old, new = claimed(backend), claimed(backend, instance=1)
    with pytest.raises(Fenced):
        backend.ownership.advance(0, old.epoch, CURSORS)
    backend.ownership.vacate(0, old.epoch)
    assert backend.ownership.holding(0) == new


def test_a_shard_is_advanced_by_who_holds_it(backend: Backend) -> None:
    with pytest.raises(Fenced):
        backend.ownership.advance(0, 1, CURSORS)
    claimed(backend)
    with pytest.raises(Fenced):
        backend.ownership.advance(0, 2, CURSORS)
    assert backend.ownership.holding(0) == Holding(1, 0, 1)


def test_a_vacated_shard_keeps_its_epoch_and_cursors(backend: Backend) -> None:
    claimed(backend)
    backend.ownership.advance(0, 1, CURSORS)
    backend.ownership.vacate(0, 1)
    assert backend.ownership.holding(0) == Holding(1, None, 1, CURSORS)
    assert claimed(backend, instance=1, term=2) == Holding(2, 1, 2, CURSORS)


def test_vacating_what_nobody_holds_makes_nothing(backend: Backend) -> None:
    backend.ownership.vacate(0, 1)
    assert backend.ownership.holding(0) is None


def test_shards_and_leases_are_apart(backend: Backend) -> None:
    lease = taken(backend)
    claimed(backend)
    claimed(backend, shard=12, term=5)
    backend.ownership.advance(12, 1, CURSORS)
    assert backend.ownership.holding(0) == Holding(1, 0, 1)
    assert backend.ownership.holding(12) == Holding(1, 0, 5, CURSORS)
    assert backend.leases.lease() == lease


def test_the_first_layout_is_the_first_callers(backend: Backend) -> None:
    assert backend.layouts.layout() is None
    first = Layout.first(NOW_MS, 4)
    assert backend.layouts.establish(first) == first
    assert backend.layouts.establish(Layout.first(NOW_MS - 5, 9)) == first
    assert backend.layouts.layout() == first
    assert backend.leases.lease() is None
    assert backend.ownership.holding(0) is None


def test_a_layout_is_replaced_only_as_seen(backend: Backend) -> None:
    first = backend.layouts.establish(Layout.first(NOW_MS, 4))
    more = first.reshaped(16, NOW_MS)
    assert backend.layouts.reshape(first, more)
    assert backend.layouts.reshape(first, more), "a repeat of what was applied succeeds"
    assert not backend.layouts.reshape(first, first.reshaped(8, NOW_MS))
    assert backend.layouts.layout() == more


def test_there_is_nothing_to_replace_before_the_first_layout(backend: Backend) -> None:
    first = Layout.first(NOW_MS, 4)
    assert not backend.layouts.reshape(first, first.reshaped(8, NOW_MS))
    assert backend.layouts.layout() is None


def test_a_heartbeat_carries_a_mark_and_keeps_it_until_there_is_a_new_one(backend: Backend) -> None:
    lease = taken(backend)
    assert lease.mark == Mark()
    first, second = Mark(NOW_MS, frozenset({0, 12})), Mark(NOW_MS + 1, frozenset({3}))
    assert backend.leases.renew(lease, first).mark == first
    assert backend.leases.renew(lease).mark == first
    assert backend.leases.renew(lease, second).mark == second
    backend.leases.release(lease)
    again = backend.leases.take(backend.leases.lease(), "two", "v1")
    assert again is not None
    assert again.mark == second


def test_a_shard_that_is_given_up_keeps_its_mark(backend: Backend) -> None:
    claimed(backend)
    backend.ownership.vacate(0, 1, NOW_MS)
    seen = backend.ownership.holding(0)
    assert seen == Holding(1, None, 1, handed_ms=NOW_MS)
    again = backend.ownership.claim(0, seen, 1, 5)
    assert again == Holding(2, 1, 5, handed_ms=NOW_MS)


def test_whoever_claims_a_shard_stores_what_is_known_of_it(backend: Backend) -> None:
    claimed(backend)
    seen = backend.ownership.holding(0)
    assert backend.ownership.claim(0, seen, 1, 5, NOW_MS) == Holding(2, 1, 5, handed_ms=NOW_MS)
    seen = backend.ownership.holding(0)
    assert backend.ownership.claim(0, seen, 0, 6, NOW_MS - 1) == Holding(3, 0, 6, handed_ms=NOW_MS)


def test_a_sweep_that_never_was(backend: Backend) -> None:
    assert backend.sweeps.sweep() is None
    assert backend.sweeps.move_sweep(Sweep(NOW_MS), Sweep(NOW_MS, "a/b")) is False
    assert backend.sweeps.sweep() is None


def test_a_sweep_moves_for_who_saw_where_it_stood(backend: Backend) -> None:
    seen = None
    for new in (Sweep(NOW_MS), Sweep(NOW_MS, "a/b"), Sweep(NOW_MS, "", over=True), Sweep(NOW_MS + 5, "a/b")):
        assert backend.sweeps.move_sweep(seen, new) is True
        assert backend.sweeps.sweep() == new
        seen = new


@pytest.mark.parametrize(
    "seen", [None, Sweep(NOW_MS, "a/c"), Sweep(NOW_MS + 1, "a/b"), Sweep(NOW_MS), Sweep(NOW_MS, "a/b", over=True)]
)
def test_a_sweep_that_moved_on_stays_where_it_is(backend: Backend, seen: Sweep | None) -> None:
    now = Sweep(NOW_MS, "a/b")
    assert backend.sweeps.move_sweep(None, now) is True
    assert backend.sweeps.move_sweep(seen, Sweep(NOW_MS, "z/z")) is False
    assert backend.sweeps.sweep() == now


def test_a_move_that_was_applied_and_is_repeated_succeeds(backend: Backend) -> None:
    assert backend.sweeps.move_sweep(None, Sweep(NOW_MS)) is True
    assert backend.sweeps.move_sweep(None, Sweep(NOW_MS)) is True
    assert backend.sweeps.move_sweep(Sweep(NOW_MS), Sweep(NOW_MS, "a/b")) is True
    assert backend.sweeps.move_sweep(Sweep(NOW_MS), Sweep(NOW_MS, "a/b")) is True


def test_the_sweep_is_apart_from_the_rest(backend: Backend) -> None:
    backend.sweeps.move_sweep(None, Sweep(NOW_MS, "a/b"))
    assert backend.leases.lease() is None
    assert backend.ownership.holding(0) is None
    assert backend.layouts.layout() is None
    assert backend.sweeps.sweep() == Sweep(NOW_MS, "a/b")


def test_a_pace_is_known_since_it_was_named_first(backend: Backend) -> None:
    assert backend.leases.pace_since("loop", NOW_MS) == 0  # there never was another
    assert backend.leases.pace_since("loop", NOW_MS + 5) == 0
    assert backend.leases.pace_since("economy", NOW_MS + 7) == NOW_MS + 7
    assert backend.leases.pace_since("economy", NOW_MS + 9) == NOW_MS + 7


def test_a_pace_that_comes_back_begins_anew(backend: Backend) -> None:
    assert backend.leases.pace_since("loop", NOW_MS) == 0
    for step, pace in enumerate(["economy", "loop", "economy"]):
        assert backend.leases.pace_since(pace, NOW_MS + step) == NOW_MS + step


def test_a_heartbeat_carries_facts_and_keeps_them_until_there_are_new_ones(backend: Backend) -> None:
    lease = taken(backend)
    assert lease.signals == NOTHING
    signals = Signals(queue_age_ms=7, route="lambda-normal", overdue=3)
    assert backend.leases.renew(lease, signals=signals).signals == signals
    assert backend.leases.renew(lease, Mark(NOW_MS)).signals == signals
    assert backend.leases.renew(lease, signals=NOTHING).signals == NOTHING
    seen = backend.leases.lease()
    assert seen is not None
    assert seen.signals == NOTHING


# --- health -----------------------------------------------------------------------------------------------

WHY = (Reason("queue-age", "a message has waited"), Reason("store", "9 requests failed"))
BUSY = Health(HealthState.BUSY, NOW_MS, WHY)


def test_there_is_no_health_before_the_first_report(backend: Backend) -> None:
    assert backend.health.health() == (None, None)


def test_a_health_is_found_as_it_was_reported(backend: Backend) -> None:
    for measured in (Measured(BUSY, NOW_MS + 5, 3), Measured(Health(since_ms=NOW_MS), NOW_MS + 9, 3)):
        assert backend.health.report(measured) is True
        assert backend.health.report(measured) is True  # a try that was applied, though it was reported as failed
        assert backend.health.health() == (measured, None)


@pytest.mark.parametrize(("at_ms", "epoch"), [(NOW_MS + 60_000, 2), (NOW_MS - 1, 3)], ids=["fenced", "overtaken"])
def test_what_is_older_is_not_stored(backend: Backend, at_ms: int, epoch: int) -> None:
    """By the epoch of its writer: whose clock is right is not asked. One writer's own are told apart by time."""
    newer = Measured(BUSY, NOW_MS, 3)
    assert backend.health.report(newer) is True
    assert backend.health.report(Measured(Health(), at_ms, epoch)) is False
    assert backend.health.health() == (newer, None)
    assert backend.health.report(Measured(Health(), NOW_MS - 60_000, 4)) is True


def test_the_switch_is_apart_from_what_is_measured(backend: Backend) -> None:
    switch, measured = Switch("key:1", "upkeep", NOW_MS), Measured(BUSY, NOW_MS, 1)
    backend.health.switch(None)  # off already
    backend.health.switch(switch)
    assert backend.health.health() == (None, switch)
    assert backend.health.report(measured) is True
    assert backend.health.health() == (measured, switch)
    another = Switch("key:2", "an incident", NOW_MS + 1)
    backend.health.switch(another)
    assert backend.health.health() == (measured, another)
    backend.health.switch(None)
    assert backend.health.health() == (measured, None)
