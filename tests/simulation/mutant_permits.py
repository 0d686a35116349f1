"""Bugs of permits: of when one is free, of waking, declining and limits; each put into the engine by a patch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.mutant_wheel import everywhere
from tidewheel.adapters.memory import MemoryPermits
from tidewheel.domain.executions.decisions import admission
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.limits import LEASE_MS
from tidewheel.domain.permits import permit
from tidewheel.domain.permits.permit import Grant
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.worker.admission import Admission
from tidewheel.engine.worker.runner import Runner

_is_void = permit.is_void


# --- when a permit is free ------------------------------------------------------------------------------------


def free_without_a_record(patch: pytest.MonkeyPatch) -> None:
    everywhere(patch, _is_void, lambda one, record: record is None or _is_void(one, record))


def free_while_it_runs(patch: pytest.MonkeyPatch) -> None:
    """An attempt that has come as far as its permit's frees that, also while it runs under it."""

    def mutant(one, record):
        return _is_void(one, record) or (record is not None and record.attempt >= one.attempt)

    everywhere(patch, _is_void, mutant)


def declined_in_vain(patch: pytest.MonkeyPatch) -> None:
    """What the record says was declined is held until its lease ends."""

    def mutant(one, record):
        if record is not None and record.state is not State.RUNNING and record.permit == one.token:
            record = replace(record, permit="")
        return _is_void(one, record)

    everywhere(patch, _is_void, mutant)


def held_after_the_end(patch: pytest.MonkeyPatch) -> None:
    """An end frees nothing: an execution that was cancelled before its attempt keeps its permit."""

    def mutant(one, record):
        if record is not None and is_end(record.state):
            return record.permit == one.token or record.attempt >= one.attempt
        return _is_void(one, record)

    everywhere(patch, _is_void, mutant)


def held_after_a_redrive(patch: pytest.MonkeyPatch) -> None:
    def mutant(one, record):
        return _is_void(replace(one, redriven_ms=10**15), record)

    everywhere(patch, _is_void, mutant)


def held_by_later_attempts(patch: pytest.MonkeyPatch) -> None:
    """A permit whose attempt is over is held while the execution goes on."""

    def mutant(one, record):
        over = record is not None and not is_end(record.state) and record.permit != one.token
        return not (over and (record.redriven_ms or 0) <= one.redriven_ms) and _is_void(one, record)

    everywhere(patch, _is_void, mutant)


def free_when_the_lease_ends(patch: pytest.MonkeyPatch) -> None:
    """Nobody grants the grace by which machines' clocks, and the call's end, may be late."""
    everywhere(patch, permit.open_before_ms, lambda now_ms: now_ms)


def free_for_any_attempt(patch: pytest.MonkeyPatch) -> None:
    """Permits do not say for which attempt they were given."""
    real = MemoryPermits.take
    patch.setattr(MemoryPermits, "take", lambda self, one, *rest: real(self, replace(one, attempt=1), *rest))


# --- waking ---------------------------------------------------------------------------------------------------


def leases_from_the_claim(patch: pytest.MonkeyPatch) -> None:
    """The lease of a claim begins with the claim, not with its permit's."""
    patch.setattr(Runner, "_admitted_ms", lambda self, until_ms: self.clock.now_ms())


def used_to_the_last(patch: pytest.MonkeyPatch) -> None:
    """A permit is used, however little is left of its lease."""

    def mutant(self, record, attempt, dispatched, now_ms):
        fits = (attempt, record.redriven_ms or 0) == (dispatched, self.redriven_ms)
        return fits and self.until_ms > (record.declined_ms or 0)

    patch.setattr(Grant, "is_usable", mutant)


def used_after_it_was_declined(patch: pytest.MonkeyPatch) -> None:
    real = Grant.is_usable

    def mutant(self, record, *rest):
        return real(self, replace(record, declined_ms=None), *rest)

    patch.setattr(Grant, "is_usable", mutant)


def claimed_with_what_is_void(patch: pytest.MonkeyPatch) -> None:
    """Who claims does not look whether its permit was declined meanwhile."""
    patch.setattr(admission, "is_void", lambda one, record: False)


def named_as_the_one_before(patch: pytest.MonkeyPatch) -> None:
    """A permit for the next attempt has the name of the one that was returned for it."""
    real = Admission.take_permit

    def mutant(self, *rest):
        self.asked = 0
        return real(self, *rest)

    patch.setattr(Admission, "take_permit", mutant)


def used_for_another_attempt(patch: pytest.MonkeyPatch) -> None:
    """A permit that was given for one attempt is used for the next one."""

    def mutant(self, record, attempt, dispatched, now_ms):
        return self.until_ms > (record.declined_ms or 0) and now_ms < self.until_ms - LEASE_MS // 3

    patch.setattr(Grant, "is_usable", mutant)


def permits_not_extended(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ConcurrencyLimiter, "extend", lambda self, one, until_ms: True)


def extended_whoever_holds_it(patch: pytest.MonkeyPatch) -> None:
    """A call goes on though its permit is another's."""
    real = ConcurrencyLimiter.extend

    def mutant(self, one, until_ms):
        real(self, one, until_ms)
        return True

    patch.setattr(ConcurrencyLimiter, "extend", mutant)


# --- declining ------------------------------------------------------------------------------------------------


def given_on_undeclined(patch: pytest.MonkeyPatch) -> None:
    """A permit that is not used goes on at once: another copy of the message may run under it."""
    patch.setattr(ConcurrencyLimiter, "_is_declined", lambda self, dispatch, one: True)


def never_declined(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ConcurrencyLimiter, "decline", lambda self, dispatch, *, dropped=False: None)


def granted_ones_given_back_unclaimed(patch: pytest.MonkeyPatch) -> None:
    """Who could not claim with a permit that came with a message gives it on, as one that it took itself."""
    patch.setattr(Admission, "_is_granted", property(lambda self: False))


# --- a limit that was lowered ---------------------------------------------------------------------------------


def given_while_too_many_are_held(patch: pytest.MonkeyPatch) -> None:
    """After the limit was lowered, who returns a permit gives it on though more are held."""
    patch.setattr(ConcurrencyLimiter, "_may_give", lambda self, one, limit: one.number < limit)


def given_beyond_the_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ConcurrencyLimiter, "_may_give", lambda self, one, limit: True)


def higher_numbers_uncounted(patch: pytest.MonkeyPatch) -> None:
    """Permits beyond a lowered limit do not count as held."""
    real = permit.free_permits

    def mutant(permits, records, limit, now_ms, tenant):
        return real([one for one in permits if one.number < limit], records, limit, now_ms, tenant)

    everywhere(patch, real, mutant)


def own_permit_beyond_the_limit(patch: pytest.MonkeyPatch) -> None:
    real = ConcurrencyLimiter._own
    patch.setattr(ConcurrencyLimiter, "_own", lambda self, one, limit: real(self, one, 10**9))
