"""Bugs that a wheel like this is prone to, each planted in the real engine while it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.simulation.history import History
from tests.simulation.weather import SLOW_BUT_ALIVE
from tidewheel.adapters.memory import MemoryControl
from tidewheel.domain import expansion, wheel
from tidewheel.domain.expansion import Drop, Expansion
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.track import Track
from tidewheel.domain.wheel import MINUTES, Ring
from tidewheel.engine.fire import Hopper
from tidewheel.engine.run import Fate, Handled, Run
from tidewheel.engine.window import Window


class Harsh(History):
    """Busy users, writes that are slow as a rule, schedulers that live long enough to pass what they missed."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users, self.executor.slow, self.lives_ms = 0.04, SLOW_BUT_ALIVE, [50_000, 100_000]


class Rush(Harsh):
    """All that users do they do in the seconds before a minute is loaded: what follows is armed at the last moment."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users = 0.6

    def _act(self) -> None:
        if MINUTES.slot_ms - MINUTES.lead_ms - 2_000 <= self.stack.clock.now_ms() % MINUTES.slot_ms < 50_000:
            super()._act()


class Brittle(Harsh):
    """Schedulers that all die before they have finished what they began, again and again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users, self.lives_ms = 0.08, [9_000, 15_000]

    def _strike(self) -> None:
        for number in self.fleet.running:
            self.fleet.kill(number)
        self.executor.bury()


class Doomed(Brittle):
    """And before they die they get what other writers may not put into the next minute, while its owner still may."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.users = 0.6

    def _act(self) -> None:
        now = self.stack.clock.now_ms()
        start = MINUTES.start_of(now) + MINUTES.slot_ms
        if MINUTES.open_until(start) <= now < start - MINUTES.lead_ms:
            super()._act()


Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Bug:
    """What is planted, and where it is looked for.

    Args:
        plant: Puts it into the engine.
        weather: The kind of history that is likely to meet it.
        seeds: How many of those are played at most.
    """

    plant: Plant
    weather: type[History]
    seeds: int


def broken(history: History) -> list[str]:
    """The promises that a history breaks; an engine that breaks down promises nothing any more."""
    try:
        history.play()
    except (AssertionError, LookupError, TypeError, ValueError) as error:
        return [repr(error)]
    return history.faults()


def _everywhere(patch: pytest.MonkeyPatch, original: Any, bug: Any) -> None:
    """Replaces a function in every module that imported it by name, wherever the engine keeps its rooms."""
    holders = [
        (module, name)
        for module in [module for at, module in sys.modules.items() if at.startswith("tidewheel.")]
        for name, value in vars(module).items()
        if value is original
    ]
    assert holders, f"nobody uses {original}"
    for module, name in holders:
        patch.setattr(module, name, bug)


def _retired_before_the_arm_is_durable(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Window, "done", property(lambda window: not (window.unsent or window.reading)))


def _loaded_while_an_arm_is_in_flight(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Track, "arm_begins", lambda track, slot_ms: None)
    patch.setattr(Track, "arm_ends", lambda track, slot_ms: None)


def _cursor_before_the_slot_is_done(patch: pytest.MonkeyPatch) -> None:
    real = Track.cursor_ms.fget  # type: ignore[attr-defined]
    patch.setattr(Track, "cursor_ms", property(lambda track: real(replace(track, open_slots=set()))))


class _Trusting:
    """A queue whose answers nobody reads: the request went through, so all of it did."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    def send(self, route, dispatches):
        self._queue.send(route, dispatches)
        return [True] * len(dispatches)


def _partial_failures_taken_for_success(patch: pytest.MonkeyPatch) -> None:
    real = Hopper.__init__
    patch.setattr(
        Hopper, "__init__", lambda hopper, queue, *rest, **more: real(hopper, _Trusting(queue), *rest, **more)
    )


def _placed_without_margins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ring, "open_until", lambda ring, slot_start_ms: slot_start_ms - ring.lead_ms)


def _older_chain_dropped(patch: pytest.MonkeyPatch) -> None:
    real = expansion.expand

    def bug(chain, job, *rest, **more):
        if job is not None and chain.generation < job.generation:
            return Expansion(drop=Drop.SUPERSEDED)
        return real(chain, job, *rest, **more)

    _everywhere(patch, real, bug)


def _judged_by_due_time(patch: pytest.MonkeyPatch) -> None:
    real = expansion.expand

    def bug(chain, job, history, *rest, **more):
        if job is not None and chain.generation < job.generation:
            following = history.get(chain.generation + 1, job)
            if chain.due_ms >= following.effective_from_ms:
                return Expansion(drop=Drop.SUPERSEDED)
        return real(chain, job, history, *rest, **more)

    judge = Run._superseded

    def worker_bug(run, dispatch, job):
        older = dispatch.generation < job.generation
        return judge(run, dispatch, job) or (older and dispatch.due_ms >= job.effective_from_ms)

    _everywhere(patch, real, bug)
    patch.setattr(Run, "_superseded", worker_bug)


def _duplicate_of_a_live_claim_deleted(patch: pytest.MonkeyPatch) -> None:
    real = Run.handle

    def bug(run, dispatch):
        handled = real(run, dispatch)
        return Handled(Fate.DELETE, handled.why) if handled.why == "busy" else handled

    patch.setattr(Run, "handle", bug)


def _edit_drops_a_waiting_retry(patch: pytest.MonkeyPatch) -> None:
    real = Run.handle

    def bug(run, dispatch):
        job = run.jobs.get(dispatch.tenant, ExecutionId.parse(dispatch.execution).job)
        if dispatch.attempt > 1 and job is not None and dispatch.generation < job.generation:
            return Handled(Fate.DELETE, "superseded")
        return real(run, dispatch)

    patch.setattr(Run, "handle", bug)


def _packs_overwritten(patch: pytest.MonkeyPatch) -> None:
    _everywhere(patch, wheel.pack_key, lambda source, epoch, sequence: f"p#{source:04d}#{sequence:08d}")


def _origin_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryControl, "establish", lambda control, layout: layout)


PLANTS: Mapping[str, Bug] = {
    "a slot is retired before the arm is durable": Bug(_retired_before_the_arm_is_durable, Doomed, 40),
    "a slot is loaded while an arm into it is in flight": Bug(_loaded_while_an_arm_is_in_flight, Rush, 40),
    "the cursor moves before the slot is done": Bug(_cursor_before_the_slot_is_done, History, 4),
    "partial failures are taken for success": Bug(_partial_failures_taken_for_success, History, 6),
    "placement knows no margins for late writes": Bug(_placed_without_margins, Harsh, 6),
    "the older chain is dropped at once": Bug(_older_chain_dropped, History, 8),
    "an edit is judged by due time": Bug(_judged_by_due_time, History, 6),
    "a duplicate of a live claim is deleted": Bug(_duplicate_of_a_live_claim_deleted, History, 4),
    "an edit drops a waiting retry": Bug(_edit_drops_a_waiting_retry, History, 40),
    "packs are overwritten after a crash": Bug(_packs_overwritten, Brittle, 6),
    "the origin is forgotten": Bug(_origin_forgotten, History, 8),
}
"""What is planted, by what goes wrong. The rare ones are looked for where they are less rare; in the weather of all
histories they would take hundreds of seeds, not a handful."""
