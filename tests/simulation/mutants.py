"""Mutants: bugs that a wheel like this is prone to, each patched into the real engine, and where each is caught."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.simulation import mutant_rules as rules
from tests.simulation import mutant_wheel as wheel
from tests.simulation.harsh import (
    Brittle,
    Contended,
    Doomed,
    Forsaken,
    Harsh,
    Outages,
    Retouch,
    Rush,
    Sluggish,
    Torpid,
    Undead,
)
from tests.simulation.history import History
from tests.simulation.marked import CutOff, Unaccounted
from tests.simulation.swamped import Swamped

Mutate = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """A bug, and the histories that must catch it.

    Args:
        changes: Patch it into the engine; several where one alone does no harm.
        history: The kind of history that is likely to meet it.
        seeds: How many of those are played at most.
        first: The seed to begin with.
    """

    changes: tuple[Mutate, ...]
    history: type[History | Swamped]
    seeds: int
    first: int = 0

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Patches it into the engine."""
        for change in self.changes:
            change(patch)


def broken(history: History | Swamped) -> list[str]:
    """The promises that a history breaks; an engine that fails an assertion has broken one as well."""
    try:
        history.play()
    except (AssertionError, LookupError) as error:
        return [repr(error)]
    return history.violations()


def expect_caught(name: str, mutant: Mutant, patch: pytest.MonkeyPatch) -> None:
    """Applies a mutant, and fails unless one of the histories that it gets breaks a promise."""
    mutant.apply(patch)
    seeds = range(mutant.first, mutant.first + mutant.seeds)
    found = next(((seed, violations) for seed in seeds if (violations := broken(mutant.history(seed)))), None)
    assert found is not None, f"{name}: none of {mutant.seeds} histories breaks a promise"
    seed, violations = found
    print(f"{name}: {mutant.history.__name__} {seed}: {violations[0]}")  # noqa: T201


MUTANTS: Mapping[str, Mutant] = {
    "a slot is retired before the arm is durable": Mutant((wheel.retired_before_the_arm_is_durable,), Doomed, 40),
    "a slot is retired before the account is durable": Mutant(
        (wheel.retired_before_the_account_is_durable,), Outages, 12
    ),
    "a slot is loaded while an arm into it is in flight": Mutant((wheel.loaded_while_an_arm_is_in_flight,), Rush, 40),
    "the cursor moves before the slot is done": Mutant((wheel.cursor_before_the_slot_is_done,), History, 4),
    "singles are deleted before the cursor, and before all is done": Mutant((wheel.deleted_before_done,), Brittle, 20),
    "partial failures are taken for success": Mutant((wheel.partial_failures_taken_for_success,), Harsh, 6),
    "what can never be sent holds its window": Mutant((wheel.refusals_are_retried_for_ever,), History, 12),
    "what can never be sent is dropped without an account": Mutant((wheel.refused_messages_are_dropped,), History, 12),
    "catching up goes ahead without looking at the queue": Mutant((wheel.nobody_looks_at_the_queue,), Swamped, 3),
    "catching up goes at a pace of its own": Mutant((wheel.only_own_shards_are_paced,), Swamped, 3),
    "catching up waits for an empty queue": Mutant((wheel.catching_up_waits_for_an_empty_queue,), Swamped, 4),
    "placement knows no margins for late writes, and no second read": Mutant(
        (wheel.placed_without_margins, wheel.read_only_once), Harsh, 20
    ),
    "placement by slot start, and no second read": Mutant(
        (wheel.placed_by_slot_start, wheel.read_only_once), Harsh, 20
    ),
    "a passed slot is not read again": Mutant((wheel.read_only_once, wheel.late_answers_believed), Sluggish, 8),
    "a late answer to a write is believed": Mutant((wheel.late_answers_believed,), Torpid, 12),
    "a write is sent however late, and its answer is believed": Mutant(
        (wheel.sent_however_late, wheel.late_answers_believed), Torpid, 8
    ),
    "a write that was refused as too late is not repeated": Mutant((wheel.refusals_forgotten,), Torpid, 8),
    "packs are overwritten after a crash": Mutant((wheel.packs_overwritten,), Brittle, 6),
    "an arm in flight overwrites an edit's single": Mutant((wheel.arms_share_keys_with_edits,), Retouch, 4),
    "the origin is forgotten": Mutant((wheel.origin_forgotten,), History, 16),
    "what is late is planned before what is due is loaded": Mutant((wheel.late_planned_alone,), Doomed, 24),
    "a frozen scheduler goes on": Mutant((wheel.nobody_lets_go,), Undead, 16),
    "nobody lets go, and cursors are not fenced": Mutant((wheel.nobody_lets_go, wheel.cursors_unfenced), Undead, 6),
    "who let go never stands again": Mutant((wheel.nobody_stands_again,), Forsaken, 3),
    "an arm without the generation check": Mutant((rules.generations_unchecked,), History, 12),
    "no generation check, of the worker neither": Mutant((rules.generations_unchecked_anywhere,), History, 4),
    "the older generation's entry is dropped at once": Mutant((rules.older_entry_dropped,), History, 8),
    "an edit is judged by due time": Mutant((rules.judged_by_due_time,), History, 6),
    "coalescing runs another instant than the entry's": Mutant((rules.coalesced_into_the_newest,), History, 8),
    "a duplicate of a live claim is deleted": Mutant((rules.duplicate_of_a_live_claim_deleted,), History, 4),
    "old shards are not turned any more": Mutant((wheel.old_shards_forgotten,), History, 16),
    "a mark speaks of what is still on its way": Mutant((wheel.marks_beyond_what_is_sent,), CutOff, 8),
    "a mark speaks of shards that are not caught up": Mutant((wheel.marks_beyond_what_is_planned,), Unaccounted, 8),
    "a job's lock is taken by force": Mutant((rules.locks_taken_by_force,), Contended, 6),
    "a retry lets go of its job's lock": Mutant((rules.retries_let_go_of_the_lock,), Contended, 6),
    "an edit drops a waiting retry": Mutant((rules.edit_drops_a_waiting_retry,), History, 40),
}
"""By what goes wrong. A rare one is looked for in a kind of history in which it is less rare: in the usual ones it
would take hundreds of seeds, not a handful.

Where one rule covers another, a mutant of one of them does no harm: ``COVERED`` says which. Such a pair is here as one
mutant."""


@dataclass(frozen=True)
class Covered:
    """A mutant that breaks no promise by itself.

    Args:
        change: Patches it into the engine.
        history: Where it breaks something together with another mutant.
        by: The rule that keeps it from doing harm.
        pair: The one of ``MUTANTS`` in which that rule is gone as well.
    """

    change: Mutate
    history: type[History]
    by: str
    pair: str


COVERED: Mapping[str, Covered] = {
    "cursors are not fenced": Covered(
        wheel.cursors_unfenced,
        Undead,
        "letting go: whoever could not renew its heartbeat writes nothing more, and what was on its way is true, "
        "because only what is over is below a cursor, and nobody arms into that",
        "nobody lets go, and cursors are not fenced",
    ),
    "placement by slot start": Covered(
        wheel.placed_by_slot_start,
        Harsh,
        "the second read: a write that misses the load lands before the slot is over",
        "placement by slot start, and no second read",
    ),
    "placement knows no margins for late writes": Covered(
        wheel.placed_without_margins,
        Harsh,
        "the second read, which comes later after the load than a write may take, whatever the level",
        "placement knows no margins for late writes, and no second read",
    ),
    "a write is sent however late": Covered(
        wheel.sent_however_late,
        Torpid,
        "the look at the clock after the answer: what may have missed its slot is put elsewhere as well",
        "a write is sent however late, and its answer is believed",
    ),
    "no second read": Covered(
        wheel.read_only_once,
        Harsh,
        "the margins: no write within its bound misses the load; one beyond it is the mutant in Sluggish",
        "placement by slot start, and no second read",
    ),
    "singles are deleted before the cursor": Covered(
        wheel.deleted_before_the_cursor,
        Brittle,
        "done: only then are they deleted, and by then all that they stood for is sent, armed and on the ledger; a "
        "repeat of the slot needs them no more",
        "singles are deleted before the cursor, and before all is done",
    ),
    "the late slot is not read first": Covered(
        wheel.late_not_first,
        Doomed,
        "planning: what is due counts as loaded before a late entry is planned, whichever was read first; and entries "
        "are planned one by one, so that the order of two reads shows in nothing",
        "what is late is planned before what is due is loaded",
    ),
}
"""Bugs that another rule covers; each is shown to do no harm alone, and its pair, without that rule, to do some."""
