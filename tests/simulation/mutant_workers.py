"""Bugs of workers: of leases, hand-overs and their order; each put into the real engine, and where each is caught."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.mutant_wheel import (
    everywhere,
    late_answers_believed,
    read_only_once,
    refusals_forgotten,
    sent_however_late,
)
from tests.simulation.mutants import Mutant
from tests.simulation.worked import Drained, Frail, Numb, Revenant, Severed, Throttled, Torpid, WorkedHistory
from tidewheel.domain.executions import claiming, transitions
from tidewheel.domain.executions.decisions.steps import Finish
from tidewheel.domain.executions.states import State, Stop
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.engine.worker.calling import TargetCalls
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.lease_renewer import LeaseRenewer
from tidewheel.engine.worker.runner import Runner
from tidewheel.ports import PortError


def _performed(patch: pytest.MonkeyPatch, step: type, mutant: Any) -> None:
    """Has the worker perform a step otherwise."""
    patch.setitem(Runner._PERFORM, step, mutant)


def renewed_without_a_condition(patch: pytest.MonkeyPatch) -> None:
    """A renewal is written over whatever stands."""
    real = LeaseRenewer._extend

    def mutant(self, held):
        standing = self._executions.get(held.record.tenant, held.record.id)
        if standing is not None and standing.state is State.RUNNING:
            held.record = replace(held.record, version=standing.version)
        real(self, held)

    patch.setattr(LeaseRenewer, "_extend", mutant)


def taken_over_by_a_clock_a_minute_ahead(patch: pytest.MonkeyPatch) -> None:
    """As nobody may whose clock is off by more than five seconds."""
    real = claiming.judge
    everywhere(patch, real, lambda record, attempt, now_ms: real(record, attempt, now_ms + MINUTE_MS))


def calls_go_on_without_a_lease(patch: pytest.MonkeyPatch) -> None:
    """A worker that cannot renew its lease lets its call go on, grace or no grace."""
    real = OpenCallProgress.stop
    patch.setattr(OpenCallProgress, "stop", lambda line, why: None if why is Stop.LEASE_LOST else real(line, why))


def finished_before_the_retry_entry(patch: pytest.MonkeyPatch) -> None:
    real = Runner._finish

    def mutant(self, step, handling):
        disposition = real(self, replace(step, retry=None), handling)
        if step.retry is not None and disposition is not None:
            self.wheel_writer.put(step.retry)
        return disposition

    _performed(patch, Finish, mutant)


def deleted_before_the_finish(patch: pytest.MonkeyPatch) -> None:
    real = Consumer._guarded

    def mutant(consumer, message):
        with suppress(PortError):
            consumer.queue.delete(message.route, [message.receipt])
        return real(consumer, message)

    patch.setattr(Consumer, "_guarded", mutant)


def handed_over_without_the_checkpoint(patch: pytest.MonkeyPatch) -> None:
    """What was kept since the last renewal is forgotten when a worker has to end."""
    real = TargetCalls.call

    def mutant(self, *rest):
        held, called = real(self, *rest)
        if called.stop is Stop.DRAINED:
            called = replace(called, checkpoint=held.record.checkpoint)
        return held, called

    patch.setattr(TargetCalls, "call", mutant)


def written_once_after_the_call(patch: pytest.MonkeyPatch) -> None:
    """A write that fails after the call is left to whoever gets the message next."""
    patch.setattr(Runner, "_may_write", lambda runner, held: False)


def finished_without_a_fence(patch: pytest.MonkeyPatch) -> None:
    """Whoever finishes an execution finishes it, whoever has it by now."""
    everywhere(patch, claiming.is_held_by, lambda standing, _claim: standing.state is State.RUNNING)


def lost_attempts_uncounted(patch: pytest.MonkeyPatch) -> None:
    real = transitions.with_lost_attempt

    def mutant(record, now_ms):
        found = real(record, now_ms)
        return replace(found, uncounted_attempts=found.uncounted_attempts + 1)

    everywhere(patch, real, mutant)


def cancel_forgotten_at_take_over(patch: pytest.MonkeyPatch) -> None:
    real = transitions.with_lost_attempt
    everywhere(patch, real, lambda record, now_ms: replace(real(record, now_ms), cancel=""))


def calls_deaf_to_cancels(patch: pytest.MonkeyPatch) -> None:
    real = OpenCallProgress.stop
    patch.setattr(OpenCallProgress, "stop", lambda line, why: None if why is Stop.CANCELLED else real(line, why))


def calls_deaf_to_silence(patch: pytest.MonkeyPatch) -> None:
    """Nobody minds a run that gives no sign of life."""
    patch.setattr(OpenCallProgress, "silent_ms", property(lambda line: 0))


def called_with_a_lease_that_is_over(patch: pytest.MonkeyPatch) -> None:
    """A worker that froze after its claim begins its call nonetheless."""
    real = LeaseRenewer.hold

    def mutant(self, *args):
        held = real(self, *args)
        held.progress._stop = Stop.DRAINED if self._draining else None
        return held

    patch.setattr(LeaseRenewer, "hold", mutant)


def retries_with_the_number_of_the_attempt_before(patch: pytest.MonkeyPatch) -> None:
    real = transitions.claimed

    def mutant(record, attempt, *rest, **more):
        return real(record, max(1, attempt - (record.state is State.RETRYING)), *rest, **more)

    everywhere(patch, real, mutant)


WORKER_MUTANTS: Mapping[str, Mutant] = {
    "a renewal without a condition": Mutant((renewed_without_a_condition,), Revenant, 60),
    "a take-over by a clock that is a minute ahead": Mutant((taken_over_by_a_clock_a_minute_ahead,), Severed, 12),
    "a call goes on though its lease is over": Mutant((calls_go_on_without_a_lease,), Severed, 40),
    "the finish before the retry entry": Mutant((finished_before_the_retry_entry,), Frail, 60),
    "the delete before the finish": Mutant((deleted_before_the_finish,), WorkedHistory, 12),
    "a hand-over without the checkpoint": Mutant((handed_over_without_the_checkpoint,), Drained, 12),
    "what follows a call is written once": Mutant((written_once_after_the_call,), Throttled, 12),
    "a write is sent however late, its answer is believed, and nobody looks again": Mutant(
        (sent_however_late, late_answers_believed, read_only_once), Torpid, 40, first=70
    ),
    "a write that was refused as too late is not repeated": Mutant((refusals_forgotten,), Torpid, 20),
    "a finish without a fence": Mutant((finished_without_a_fence,), Revenant, 40, first=180),
    "lost attempts do not count": Mutant((lost_attempts_uncounted,), WorkedHistory, 12),
    "a take-over forgets that its run was cancelled": Mutant((cancel_forgotten_at_take_over,), Frail, 60),
    "calls are deaf to cancels": Mutant((calls_deaf_to_cancels,), Drained, 40),
    "a silent call goes on": Mutant((calls_deaf_to_silence,), Severed, 40),
    "a call begins with a lease that is over": Mutant((called_with_a_lease_that_is_over,), Numb, 40),
    "a retry has its attempt's number again": Mutant(
        (retries_with_the_number_of_the_attempt_before,), WorkedHistory, 12
    ),
}
"""What is put in, by what goes wrong; the rare ones are looked for where they are less rare."""
