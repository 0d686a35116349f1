"""Bugs of lines: of standing in one, of giving permits on, and of the guard; each put into the engine by a patch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.mutant_wheel import everywhere
from tests.simulation.permit_watch import WatchedLines, WatchedPermits
from tidewheel.adapters.memory import MemoryPermitLines
from tidewheel.domain.executions.decisions.steps import Finish, JoinLine
from tidewheel.domain.limits import LEASE_MS
from tidewheel.domain.permits import line
from tidewheel.domain.permits.line import LineEntry
from tidewheel.domain.permits.permit import Grant
from tidewheel.engine.permits import guard
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.guard import LineGuard
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.worker.runner import Runner

# --- arriving, and standing in line ---------------------------------------------------------------------------


def nobody_looks_at_the_line(patch: pytest.MonkeyPatch) -> None:
    """Who arrives takes a permit, whoever waits."""
    real = ConcurrencyLimiter.take

    def mutant(self, asked):
        lines, self._lines = self._lines, _Blind()
        try:
            return real(self, asked)
        finally:
            self._lines = lines

    patch.setattr(ConcurrencyLimiter, "take", mutant)


class _Blind:
    def head(self, *_: object) -> list[LineEntry]:
        return []


def taken_without_a_condition(patch: pytest.MonkeyPatch) -> None:
    """Of two who try, both succeed."""

    def mutant(self, one, now_ms, replaced=""):
        self._world.permits[one.tenant, one.number] = one
        self._watch.taken(one)
        return True

    patch.setattr(WatchedPermits, "take", mutant)


def never_announced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ConcurrencyLimiter, "_announce", lambda self, tenant, limit: None)


def announced_after_the_entry(patch: pytest.MonkeyPatch) -> None:
    def mutant(self, entry, found):
        tenant, limit = entry.tenant, self._limit(entry.tenant)
        self._lines.join(self._grants.marked(entry))
        if not found.behind or self._announced.get(tenant) != limit:
            self._announce(tenant, limit)
        if not found.behind:
            self._give_free_ones(tenant, limit)

    patch.setattr(ConcurrencyLimiter, "join", mutant)


def announced_once(patch: pytest.MonkeyPatch) -> None:
    """Who took long to stand in line does not announce it once more."""
    real = ConcurrencyLimiter.join

    def mutant(self, entry, found):
        real(self, entry, replace(found, seen_ms=1 << 62))

    patch.setattr(ConcurrencyLimiter, "join", mutant)


def other_limits_unannounced(patch: pytest.MonkeyPatch) -> None:
    """A process that knows of another limit does not announce it."""
    real = ConcurrencyLimiter.join

    def mutant(self, entry, found):
        if found.behind:
            self._announced[entry.tenant] = self._limit(entry.tenant)
        real(self, entry, found)

    patch.setattr(ConcurrencyLimiter, "join", mutant)


def nobody_looks_again(patch: pytest.MonkeyPatch) -> None:
    """The first in line does not look once more for free permits."""
    patch.setattr(ConcurrencyLimiter, "_give_free_ones", lambda self, tenant, limit: None)


def deleted_before_it_stands_in_line(patch: pytest.MonkeyPatch) -> None:
    real = Runner._join_line

    def mutant(self, step, handling):
        if handling.message is not None:
            handling.admission.control.limiter._grants.queue.delete(handling.message.route, [handling.message.receipt])
        return real(self, step, handling)

    patch.setitem(Runner._PERFORM, JoinLine, mutant)


def deadline_without_an_entry(patch: pytest.MonkeyPatch) -> None:
    """Nothing brings an execution back from the line when its deadline passes."""
    real = Runner._join_line
    patch.setitem(
        Runner._PERFORM,
        JoinLine,
        lambda self, step, handling: real(self, replace(step, deadline=None), handling),
    )


# --- returning and giving -------------------------------------------------------------------------------------


def returned_before_the_finish(patch: pytest.MonkeyPatch) -> None:
    """A permit is given on when the call returns, before its record says so."""
    real = Runner._finish

    def mutant(self, step, handling):
        handling.admission._give_back()
        handling.admission.permit = None
        return real(self, step, handling)

    patch.setitem(Runner._PERFORM, Finish, mutant)


def never_given_on(patch: pytest.MonkeyPatch) -> None:
    """Who returns a permit leaves it to the line guard."""
    patch.setattr(ConcurrencyLimiter, "give_back", lambda self, one, *, void: None)


def entry_removed_before_the_message(patch: pytest.MonkeyPatch) -> None:
    real = PermitGrants.wake

    def mutant(self, entry, grant):
        self.lines.leave(entry)
        return real(self, entry, grant)

    patch.setattr(PermitGrants, "wake", mutant)


def message_before_the_permit(patch: pytest.MonkeyPatch) -> None:
    def mutant(self, entry, one):
        now = self.clock.now_ms()
        grant = Grant(one.number, self.token(), max(now, entry.due_ms) + LEASE_MS, entry.redriven_ms)
        woken = self.wake(entry, grant)
        self.permits.take(grant.permit(entry.tenant, entry.execution, entry.attempt), now, one.holder)
        return woken

    patch.setattr(PermitGrants, "_granted", mutant)


def given_unseen(patch: pytest.MonkeyPatch) -> None:
    """Whether who is chosen still waits is not looked up."""
    patch.setattr(PermitGrants, "waits", lambda self, entry: True)


def chosen_at_random(patch: pytest.MonkeyPatch) -> None:
    """Any of the beginning of the line, however long the others wait."""
    everywhere(patch, line.choose, lambda entries, number, limit: next(reversed([*entries]), None))


def chosen_whatever_the_priority(patch: pytest.MonkeyPatch) -> None:
    """Who has waited longest goes first."""

    def mutant(entries, number, limit):
        return min(entries, key=lambda entry: entry.since_ms, default=None)

    everywhere(patch, line.choose, mutant)


def chosen_within_a_minute(patch: pytest.MonkeyPatch) -> None:
    """Those that have waited as long to within a minute count as equal."""
    patch.setattr(line, "LINE_SPREAD_MS", 60_000)


def removed_whatever_the_mark(patch: pytest.MonkeyPatch) -> None:
    def mutant(self, entry):
        self._world.lines[entry.tenant].pop(entry.key, None)
        self._watch.left(entry)

    patch.setattr(WatchedLines, "leave", mutant)


def entries_of_the_refused_removed(patch: pytest.MonkeyPatch) -> None:
    """A worker that may not send to another pool's queue removes the entry."""
    real = PermitGrants.wake

    def mutant(self, entry, grant):
        granted = real(self, entry, grant)
        self.lines.leave(entry)
        return granted

    patch.setattr(PermitGrants, "wake", mutant)


def refused_for_ever(patch: pytest.MonkeyPatch) -> None:
    """What no queue takes stands in line with its permit, and is sent again and again."""
    real = PermitGrants.wake
    patch.setattr(PermitGrants, "wake", lambda self, entry, grant: real(replace(self, put=None), entry, grant))


def refused_at_the_head(patch: pytest.MonkeyPatch) -> None:
    """A permit that was given in vain to what no queue takes is left to the next look."""
    real = PermitGrants.wake

    def mutant(self, entry, grant):
        real(self, entry, grant)
        return True

    patch.setattr(PermitGrants, "wake", mutant)


# --- the line guard -------------------------------------------------------------------------------------------


def guard_gives_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guard, "free_permits", lambda *_: [])


def guard_wakes_nobody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LineGuard, "_resend", lambda self, named, now_ms: None)


def guard_gives_twice(patch: pytest.MonkeyPatch) -> None:
    """Those that were given a permit get another one."""
    real = PermitGrants.give
    patch.setattr(PermitGrants, "give", lambda self, one, limit, passed_over=(): real(self, one, limit))


def forgotten_at_once(patch: pytest.MonkeyPatch) -> None:
    """A line that is empty is not announced any more."""
    patch.setattr(guard, "LINE_LINGER_MS", 0)


def forgotten_whatever_the_mark(patch: pytest.MonkeyPatch) -> None:
    def mutant(self, announced):
        self._world.announced.pop(announced.tenant, None)

    patch.setattr(MemoryPermitLines, "forget", mutant)
