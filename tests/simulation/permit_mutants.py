"""The rules of permits and lines, each left out of the real engine, and where each is caught.

``docs/design/permits.md`` names the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.simulation import mutant_lines as lines
from tests.simulation import mutant_permits as permits
from tests.simulation.line_kinds import (
    Brief,
    Choosy,
    Doubled,
    Dozing,
    Ebbing,
    Expiring,
    LongCalls,
    Lowered,
    Picky,
    Poisoned,
    Redriven,
    Severed,
)
from tests.simulation.lined import LineHistory
from tests.simulation.mutants import Mutant

PERMIT_MUTANTS: Mapping[str, Mutant] = {
    "a permit whose execution has no record is free": Mutant((permits.free_without_a_record,), LineHistory, 4),
    "a permit is free while its execution runs": Mutant((permits.free_while_it_runs,), LineHistory, 4),
    "a declined permit is held": Mutant((permits.declined_in_vain,), LineHistory, 60),
    "the permit of what ended before its attempt is held": Mutant((permits.held_after_the_end,), LineHistory, 12),
    "a permit of before a redrive is held": Mutant((permits.held_after_a_redrive,), Redriven, 80),
    "the permit of an attempt that is over is held": Mutant((permits.held_by_later_attempts,), LineHistory, 60),
    "a permit does not say for which attempt": Mutant((permits.free_for_any_attempt,), LineHistory, 40),
    "who arrives looks at no line": Mutant((lines.nobody_looks_at_the_line,), LineHistory, 4),
    "a permit is taken without a condition": Mutant((lines.taken_without_a_condition,), LineHistory, 4),
    "no line is announced": Mutant((lines.never_announced,), LineHistory, 12),
    "a line is announced after its entry": Mutant((lines.announced_after_the_entry,), Brief, 600),
    "a message is deleted before its entry stands": Mutant((lines.deleted_before_it_stands_in_line,), LineHistory, 6),
    "no entry on the wheel brings back what has a deadline": Mutant((lines.deadline_without_an_entry,), Expiring, 8),
    "an entry is removed before its message is sent": Mutant(
        (lines.entry_removed_before_the_message,), LineHistory, 12
    ),
    "a message is sent before its permit is written": Mutant((lines.message_before_the_permit,), LineHistory, 4),
    "any of the line is chosen": Mutant((lines.chosen_at_random,), LineHistory, 4),
    "priority does not count in line": Mutant((lines.chosen_whatever_the_priority,), LineHistory, 6),
    "a minute does not count in line": Mutant((lines.chosen_within_a_minute,), LineHistory, 8),
    "who may not send removes the entry": Mutant((lines.entries_of_the_refused_removed,), LineHistory, 12),
    "what no queue takes keeps its permit": Mutant((lines.refused_for_ever,), LineHistory, 12),
    "a permit waits for the next look after what no queue takes": Mutant((lines.refused_at_the_head,), Poisoned, 6),
    "a claim's lease begins with the claim": Mutant((permits.leases_from_the_claim,), Dozing, 20),
    "a permit is used after it was declined": Mutant(
        (permits.used_after_it_was_declined, permits.claimed_with_what_is_void), Doubled, 20
    ),
    "a claim is made with what was declined meanwhile": Mutant((permits.claimed_with_what_is_void,), Picky, 1, 1912),
    "a permit for the next attempt has the same name": Mutant((permits.named_as_the_one_before,), Dozing, 60),
    "permits are not extended": Mutant((permits.permits_not_extended,), LongCalls, 4),
    "an unused permit goes on undeclined": Mutant((permits.given_on_undeclined,), Doubled, 8),
    "an unused permit is never declined": Mutant((permits.never_declined,), Choosy, 6),
    "who could not claim gives on what a message brought": Mutant(
        (permits.granted_ones_given_back_unclaimed,), Doubled, 8
    ),
    "the guard gives nothing": Mutant((lines.guard_gives_nothing,), LineHistory, 6),
    "the guard wakes nobody": Mutant((lines.guard_wakes_nobody,), LineHistory, 12),
    "permits are given while more are held than a lowered limit": Mutant(
        (permits.given_while_too_many_are_held,), Lowered, 20
    ),
    "permits beyond a lowered limit are given": Mutant((permits.given_beyond_the_limit,), Lowered, 8),
    "permits beyond a lowered limit do not count": Mutant((permits.higher_numbers_uncounted,), Lowered, 8),
    "a process takes its last permit, though it lies beyond the limit": Mutant(
        (permits.own_permit_beyond_the_limit,), Lowered, 100
    ),
}
"""What is put in, by what goes wrong; the rare ones are looked for where they are less rare."""


@dataclass(frozen=True)
class Unbroken:
    """A rule that no history breaks when it is left out.

    Args:
        change: Leaves it out.
        history: Where that would show soonest.
        why: What keeps it from doing harm, or what it is for.
    """

    change: Callable[[pytest.MonkeyPatch], None]
    history: type[LineHistory]
    why: str


UNBROKEN: Mapping[str, Unbroken] = {
    "a permit is free when its lease ends, with no grace": Unbroken(
        permits.free_when_the_lease_ends,
        Severed,
        "a call is told to stop long enough before its lease ends, by whatever clock; the grace is for what does not",
    ),
    "who took long to stand in line does not announce it again": Unbroken(
        lines.announced_once,
        Dozing,
        "nearly always the first in line, who looks once more for free permits, took that long",
    ),
    "another limit is not announced": Unbroken(
        lines.other_limits_unannounced, Lowered, "nothing is promised of how soon a changed limit is in force"
    ),
    "the first in line does not look again": Unbroken(
        lines.nobody_looks_again, LineHistory, "the guard looks within 2 s"
    ),
    "permits are left to the guard": Unbroken(
        lines.never_given_on, LineHistory, "the guard gives them within 2 s; whoever returns one is quicker"
    ),
    "a permit is given on before the finish": Unbroken(
        lines.returned_before_the_finish, LineHistory, "the call is over by then; only the record says that it runs"
    ),
    "a permit is given to whoever is chosen, unseen": Unbroken(
        lines.given_unseen, LineHistory, "it is void at once, and given on; a message is sent in vain"
    ),
    "an entry is removed whatever its mark": Unbroken(
        lines.removed_whatever_the_mark, Picky, "what stood there anew is hardly ever overtaken by so late a removal"
    ),
    "a permit is used to the last": Unbroken(
        permits.used_to_the_last,
        Dozing,
        "the claim's lease ends with the permit's, and no call begins under one that is over",
    ),
    "a permit is used for another attempt": Unbroken(
        permits.used_for_another_attempt, Redriven, "a claim is made only with a permit that is for its attempt"
    ),
    "a call goes on though its permit is another's": Unbroken(
        permits.extended_whoever_holds_it,
        Severed,
        "nobody gets a permit before the lease that stops the call has ended",
    ),
    "the guard gives a second permit to one entry": Unbroken(
        lines.guard_gives_twice, LineHistory, "the claim with one of them makes the other void"
    ),
    "an empty line is forgotten at once": Unbroken(
        lines.forgotten_at_once, Ebbing, "who finds nobody in line announces it; so does a process that never has"
    ),
    "a line is forgotten whatever the mark": Unbroken(
        lines.forgotten_whatever_the_mark,
        Ebbing,
        "its guard would have to hang just when somebody comes after a minute",
    ),
}
"""Rules that no history has been found to need; each is shown to do no harm when it is left out."""
