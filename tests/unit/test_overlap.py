"""Overlap: what becomes of a run whose job is still busy, whatever crashes and whoever comes in between."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.domain.execution import Answer, Execution, Result, State, finished, is_end
from tidewheel.domain.expansion import Dispatch, waiting_firing
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.job import Definition
from tidewheel.domain.limits import DAY_MS, LEASE_MARGIN_MS, LOCK_IDLE_MS, RETENTION_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.overlap import Lock, Overlap
from tidewheel.domain.retry import RetryPolicy, Strategy
from tidewheel.domain.wheel import Waiting
from tidewheel.engine.handled import Fate, Handled
from tidewheel.engine.ledger import Ledger
from tidewheel.ports import Call, PortError

STEP_MS = 10_000
RUNS = 6
LONG_MS, SOON_MS = 10 * 60_000, 30_000
"""A lease that nobody outlives who is held up by what is due soon: past its lease, a worker is past all locks."""
OK, FAILED = Answer(Result.SUCCEEDED, 200, "ok"), Answer(Result.FAILED, 500, "", "HTTP 500")
GUARDED = [Overlap.SKIP, Overlap.QUEUE, Overlap.REPLACE]


def number_of(run: Call | Execution) -> int:
    """Which of the job's runs it is."""
    return (run.nominal_ms - START_MS) // STEP_MS


class Bench:
    """A job each ten seconds, whose messages are handed to workers one by one."""

    def __init__(self, overlap: Overlap, **fields: object) -> None:
        self.stack = MemoryStack()
        self.stack.workers_up = False
        retry = RetryPolicy(max_attempts=2, strategy=Strategy.FIXED, base_ms=15_000, jitter=0)
        plain = {"overlap": overlap, "timeout_ms": 1_000, "retry": retry, "end": START_MS + RUNS * STEP_MS}
        self.job = self.stack.create(every(STEP_MS), **(plain | fields))

    def turn_for(self, duration_ms: int) -> None:
        """From here on the wheel and its workers go their way."""
        self.stack.workers_up = True
        self.stack.turn_for(duration_ms)

    def id(self, number: int) -> str:
        return str(ExecutionId(self.job.id, START_MS + number * STEP_MS))

    def message(self, number: int, attempt: int = 1) -> Dispatch:
        due = START_MS + number * STEP_MS
        return Dispatch(TENANT, self.id(number), attempt, self.job.generation, due, recorded=attempt > 1)

    def handle(self, number: int, attempt: int = 1) -> str:
        return self.stack.run.handle(self.message(number, attempt)).why

    def during(self, *steps: Callable[[], object], answer: Answer = OK) -> list[object]:
        """While the target is called for the first time, all this happens; the answers are what came of it."""
        seen: list[object] = []

        def called(_call: Call) -> Answer:
            self.stack.caller.answers = lambda _call: OK
            seen.extend(step() for step in steps)
            return answer

        self.stack.caller.answers = called
        return seen

    def vanishing(self) -> None:
        """The next worker dies while it calls the target."""

        def called(_call: Call) -> Answer:
            self.stack.caller.answers = lambda _call: OK
            raise RuntimeError("killed")

        self.stack.caller.answers = called

    def record(self, number: int) -> Execution:
        return self.stack.define.execution(TENANT, self.id(number))

    def state(self, number: int) -> tuple[State, str]:
        record = self.record(number)
        return record.state, record.reason

    @property
    def lock(self) -> Lock | None:
        return self.stack.locks.get(TENANT, self.job.id)

    @property
    def called(self) -> list[int]:
        """Which runs were called, in order."""
        return [number_of(call) for _, call in self.stack.caller.calls]

    def edit(self, **changes: object) -> None:
        def draft(_id: str, _now: int, existing: Definition | None) -> Definition:
            assert existing is not None
            return replace(existing, **changes)  # type: ignore[arg-type]

        self.job = self.stack.define.edit(TENANT, self.job.id, draft)

    def waiting(self) -> list[Waiting]:
        """What waits on the wheel for attempts."""
        slots = list(self.stack.world.singles)
        entries = [entry for slot in slots for entry in self.stack.wheel.load(slot).singles.values()]
        return [entry for entry in entries if isinstance(entry, Waiting)]


# --- skip ---------------------------------------------------------------------------------------------------


def test_allow_pays_nothing() -> None:
    bench = Bench(Overlap.ALLOW)
    seen = bench.during(lambda: bench.handle(1))
    assert bench.handle(0) == "succeeded"
    assert seen == ["succeeded"]
    assert bench.lock is None


def test_skip_leaves_a_run_out_while_another_is_called() -> None:
    bench = Bench(Overlap.SKIP)
    seen = bench.during(lambda: bench.handle(1), lambda: bench.handle(1))
    assert bench.handle(0) == "succeeded"
    assert seen == ["skipped", "duplicate"]
    assert bench.state(1) == (State.SKIPPED, f"{bench.id(0)} was not over")
    assert bench.handle(2) == "succeeded"
    assert bench.called == [0, 2]


def test_skip_leaves_a_run_out_while_another_waits_for_its_retry() -> None:
    bench = Bench(Overlap.SKIP)
    bench.during(answer=FAILED)
    assert [bench.handle(0), bench.handle(1), bench.handle(0, attempt=2), bench.handle(2)] == [
        *("retrying", "skipped", "succeeded", "succeeded")
    ]
    assert bench.called == [0, 0, 2]


def test_the_ledger_says_why_a_run_was_left_out() -> None:
    bench = Bench(Overlap.SKIP)
    bench.during(lambda: bench.handle(1))
    bench.handle(0)
    bench.stack.clock.advance(STEP_MS)
    ledger = Ledger(bench.stack.jobs, bench.stack.executions, bench.stack.clock)
    lines = ledger.of(TENANT, bench.job.id, START_MS, None).lines
    assert (lines[1].state, lines[1].reason) == ("skipped", f"{bench.id(0)} was not over")


def test_a_run_that_came_early_is_judged_at_its_due_time() -> None:
    """What is in the way a quarter of a second before may be over when it counts."""
    bench = Bench(Overlap.SKIP)
    bench.stack.clock.advance(1)
    bench.handle(0)
    lock = bench.lock
    assert lock is not None
    running = replace(bench.record(0), state=State.RUNNING, lease_until_ms=10**15)
    bench.stack.world.executions[TENANT, running.id] = running
    bench.stack.world.locks[TENANT, bench.job.id] = replace(lock, holder=running.id)
    sleep_until = bench.stack.clock.sleep_until

    def over_meanwhile(instant_ms: int) -> None:
        sleep_until(instant_ms)
        if instant_ms == START_MS + STEP_MS:
            bench.stack.world.executions[TENANT, running.id] = replace(running, state=State.SUCCEEDED)

    bench.stack.clock.sleep_until = over_meanwhile  # type: ignore[method-assign]
    assert bench.handle(1) == "succeeded"


# --- queue --------------------------------------------------------------------------------------------------


def test_queue_lets_one_wait_and_leaves_further_ones_out() -> None:
    bench = Bench(Overlap.QUEUE)
    seen = bench.during(lambda: bench.handle(1), lambda: bench.handle(2), lambda: bench.state(1), lambda: bench.lock)
    bench.handle(0)
    assert seen[:2] == ["queued", "skipped"]
    assert seen[2] == (State.QUEUED, f"waits until {bench.id(0)} has ended")
    assert isinstance(seen[3], Lock)
    assert (seen[3].holder, seen[3].waiter) == (bench.id(0), bench.id(1))
    assert bench.state(2) == (State.SKIPPED, f"{bench.id(0)} was not over, and {bench.id(1)} waited already")


def test_a_waiter_starts_soon_after_the_release() -> None:
    bench = Bench(Overlap.QUEUE, end=START_MS + 2 * STEP_MS)
    bench.stack.clock.advance(STEP_MS)
    bench.during(lambda: bench.handle(1))
    bench.handle(0)
    released = bench.stack.clock.now_ms()
    bench.turn_for(10_000)
    ((_, first), (at, second)) = bench.stack.caller.calls
    assert [first.execution, second.execution] == [bench.id(0), bench.id(1)]
    assert at - released <= 2_000
    assert bench.lock is not None
    assert bench.lock.holder == ""


def test_a_waiter_whose_holder_vanished_finds_out_by_itself() -> None:
    """The message of the one that vanished is gone for good."""
    bench = Bench(Overlap.QUEUE, end=START_MS + 2 * STEP_MS)
    bench.during(lambda: bench.handle(1))
    hold = bench.stack.locks.swap
    bench.stack.locks.swap = lambda new: hold(new) if new.holder == bench.id(0) else _fail()  # type: ignore[method-assign]
    with pytest.raises(PortError):
        bench.handle(0)
    bench.stack.locks.swap = hold  # type: ignore[method-assign]
    bench.stack.world.singles.clear()
    bench.stack.run.handle(bench.message(1))  # as its entry on the wheel would
    assert bench.called == [0, 1]


def test_a_waiter_looks_again_once_the_holders_lease_is_over() -> None:
    bench = Bench(Overlap.QUEUE, timeout_ms=100_000)
    seen = bench.during(lambda: bench.handle(1), bench.waiting)
    bench.handle(0)
    (entry,) = seen[1]  # type: ignore[misc]
    lease = bench.record(0).lease_until_ms
    assert (entry.execution, entry.attempt, entry.due_ms) == (bench.id(1), 1, lease + TAKEOVER_GRACE_MS)
    assert lease == START_MS + 100_000 + LEASE_MARGIN_MS


def test_a_look_in_vain_costs_no_write_but_that_of_the_next() -> None:
    bench = Bench(Overlap.QUEUE)
    bench.during(answer=FAILED)
    bench.handle(0)
    bench.handle(1)
    before = bench.record(1), bench.lock
    bench.stack.clock.advance(60_000)
    assert bench.stack.run.handle(replace(bench.message(1), recorded=True)).why == "queued"
    assert (bench.record(1), bench.lock) == before
    assert max(entry.due_ms for entry in bench.waiting()) == bench.stack.clock.now_ms() + 60_000


# --- replace ------------------------------------------------------------------------------------------------


def test_replace_lets_a_call_end_and_no_retry_follow() -> None:
    bench = Bench(Overlap.REPLACE, end=START_MS + 2 * STEP_MS)
    bench.stack.clock.advance(STEP_MS)
    seen = bench.during(lambda: bench.handle(1), answer=FAILED)
    assert bench.handle(0) == "retrying"
    assert seen == ["queued"]
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")
    assert len(bench.record(0).attempts) == 1
    bench.turn_for(40_000)
    assert bench.called == [0, 1]
    assert bench.record(1).state is State.SUCCEEDED


def test_replace_leaves_a_call_that_succeeds_its_success() -> None:
    bench = Bench(Overlap.REPLACE, end=START_MS + 2 * STEP_MS)
    bench.stack.clock.advance(STEP_MS)
    bench.during(lambda: bench.handle(1))
    assert bench.handle(0) == "succeeded"
    bench.turn_for(5_000)
    assert bench.called == [0, 1]


def test_a_call_that_ends_while_its_successor_gets_in_line_is_noticed() -> None:
    """Its worker looked for successors just before there was one."""
    bench = Bench(Overlap.REPLACE)
    bench.vanishing()
    with pytest.raises(RuntimeError):
        bench.handle(0)
    swap, running = bench.stack.locks.swap, bench.record(0)

    def ended_just_before(new: Lock) -> Lock | None:
        bench.stack.locks.swap = swap  # type: ignore[method-assign]
        bench.stack.executions.swap(finished(running, State.RETRYING, FAILED, START_MS, START_MS), running.version)
        return swap(new)

    bench.stack.locks.swap = ended_just_before  # type: ignore[method-assign]
    assert bench.handle(1) == "succeeded"
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")


def test_replace_cancels_one_that_waits_for_its_retry_at_once() -> None:
    bench = Bench(Overlap.REPLACE)
    bench.during(answer=FAILED)
    assert [bench.handle(0), bench.handle(1), bench.handle(0, attempt=2)] == ["retrying", "succeeded", "duplicate"]
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")
    assert bench.called == [0, 1]


@pytest.mark.parametrize("recorded", [False, True])
def test_replace_cancels_one_that_has_the_lock_and_has_not_begun(*, recorded: bool) -> None:
    bench = Bench(Overlap.REPLACE)
    bench.stack.locks.swap(Lock(TENANT, bench.job.id).given(bench.id(0), START_MS))
    if recorded:
        bench.stack.executions.swap(replace(bench.message(0).blank(), version=1), None)
    assert [bench.handle(1), bench.handle(0)] == ["succeeded", "duplicate"]
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")


def test_the_newest_of_those_that_wait_to_replace_goes_first() -> None:
    bench = Bench(Overlap.REPLACE, end=START_MS + 4 * STEP_MS)
    bench.stack.clock.advance(3 * STEP_MS)
    seen = bench.during(*(lambda n=n: bench.handle(n) for n in (1, 3, 2)))  # type: ignore[misc]
    bench.handle(0)
    assert seen == ["queued", "queued", "cancelled"]
    assert bench.state(1) == bench.state(2) == (State.CANCELLED, f"replaced by {bench.id(3)}")
    bench.turn_for(5_000)
    assert bench.called == [0, 3]


def test_an_older_run_replaces_no_newer_one() -> None:
    bench = Bench(Overlap.REPLACE)
    bench.stack.clock.advance(STEP_MS)
    bench.during(lambda: bench.handle(0), answer=FAILED)
    assert bench.handle(1) == "retrying"
    assert bench.state(0) == (State.CANCELLED, f"replaced by {bench.id(1)}")
    assert bench.handle(1, attempt=2) == "succeeded"


def test_a_vanished_run_that_is_to_be_replaced_is_not_tried_again() -> None:
    bench = Bench(Overlap.REPLACE)
    bench.vanishing()
    with pytest.raises(RuntimeError):
        bench.handle(0)
    assert bench.handle(1) == "queued"  # its lease stands: it may be calling still
    bench.stack.clock.advance(10**6)
    assert bench.handle(0) == "cancelled"
    assert [attempt.result for attempt in bench.record(0).attempts] == [Result.LOST]
    assert bench.handle(1) == "succeeded"


def test_a_late_double_of_what_has_ended_replaces_nothing() -> None:
    bench = Bench(Overlap.REPLACE)
    bench.handle(1)
    bench.during(answer=FAILED)
    assert bench.handle(0) == "retrying"  # it came late, and nothing newer is in its way
    assert bench.handle(1) == "duplicate"
    assert bench.record(0).state is State.RETRYING


# --- by hand, edits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "state"), [(Overlap.SKIP, State.SKIPPED), (Overlap.QUEUE, State.QUEUED), (Overlap.REPLACE, State.QUEUED)]
)
def test_a_run_by_hand_obeys(policy: Overlap, state: State) -> None:
    bench = Bench(policy, end=START_MS + 1)
    ids: list[str] = []

    def by_hand() -> None:
        ids.append(bench.stack.define.run(TENANT, bench.job.id).id)
        bench.stack.run.handle(Dispatch(TENANT, ids[0], 1, 1, START_MS, recorded=True))

    bench.stack.clock.advance(5)
    bench.during(by_hand)
    bench.handle(0)
    record = bench.stack.define.execution(TENANT, ids[0])
    assert record.state is state
    assert bench.id(0) in record.reason
    bench.turn_for(5_000)
    assert is_end(bench.stack.define.execution(TENANT, ids[0]).state)


@pytest.mark.parametrize("act", ["delete", "pause", "allow", "skip", "replace"])
@pytest.mark.parametrize("policy", [Overlap.QUEUE, Overlap.REPLACE])
def test_whatever_happens_to_the_job_a_waiter_does_not_stand_for_ever(act: str, policy: Overlap) -> None:
    bench = Bench(policy, end=START_MS + 2 * STEP_MS)
    bench.stack.clock.advance(STEP_MS + 1)

    def change() -> None:
        if act in list(Overlap):
            bench.edit(overlap=Overlap(act))
        elif act == "delete":
            bench.stack.define.delete(TENANT, bench.job.id)
        else:
            bench.stack.define.pause(TENANT, bench.job.id)

    seen = bench.during(lambda: bench.handle(1), change, answer=FAILED)
    bench.handle(0)
    assert seen[0] == "queued"
    bench.turn_for(400_000)
    ends = {"delete": State.CANCELLED}
    if policy is Overlap.QUEUE:
        ends["skip"] = State.SKIPPED  # the holder waits for its retry, and what has not begun obeys what is in force
    assert bench.record(1).state is ends.get(act, State.SUCCEEDED)
    assert is_end(bench.record(0).state)


def test_a_lock_left_from_before_an_edit_does_not_stand_in_the_way() -> None:
    bench = Bench(Overlap.SKIP)
    bench.during(lambda: bench.edit(overlap=Overlap.ALLOW), answer=FAILED)
    bench.handle(0)
    assert bench.handle(0, attempt=2) == "succeeded"  # under allow nobody looks at the lock
    assert bench.lock is not None
    assert bench.lock.holder == bench.id(0)
    bench.edit(overlap=Overlap.SKIP)
    assert bench.handle(3) == "succeeded"


def test_one_that_has_the_lock_and_is_not_wanted_any_more_lets_go_of_it() -> None:
    bench = Bench(Overlap.SKIP)
    message = bench.message(1)
    bench.stack.locks.swap(Lock(TENANT, bench.job.id).given(bench.id(1), START_MS))
    bench.edit(name="renamed")
    assert bench.stack.run.handle(message).why == "cancelled"
    assert bench.stack.run.handle(replace(bench.message(2))).why == "succeeded"
    assert bench.stack.run.handle(message).why in {"unwanted", "duplicate"}


# --- what is left behind ------------------------------------------------------------------------------------


def test_the_lock_of_one_that_ended_without_letting_go_is_taken_over() -> None:
    bench = Bench(Overlap.SKIP)
    bench.handle(0)
    bench.stack.world.locks[TENANT, bench.job.id] = Lock(TENANT, bench.job.id, holder=bench.id(0), version=7)
    assert bench.handle(1) == "succeeded"


def test_a_message_that_comes_back_after_the_end_lets_go_of_the_lock() -> None:
    bench = Bench(Overlap.SKIP)
    bench.handle(0)
    bench.stack.world.locks[TENANT, bench.job.id] = Lock(TENANT, bench.job.id, holder=bench.id(0), version=7)
    assert bench.handle(0) == "duplicate"
    assert bench.lock is not None
    assert (bench.lock.holder, bench.lock.version) == ("", 8)


@pytest.mark.parametrize("policy", [Overlap.SKIP, Overlap.QUEUE])
def test_a_holder_that_never_begins_is_put_out_after_an_hour(policy: Overlap) -> None:
    bench = Bench(policy)
    bench.stack.locks.swap(Lock(TENANT, bench.job.id).given(bench.id(0), START_MS))
    bench.stack.clock.advance(LOCK_IDLE_MS)
    assert bench.handle(1) == {Overlap.SKIP: "skipped", Overlap.QUEUE: "queued"}[policy]
    bench.stack.clock.advance(LOCK_IDLE_MS + 1)
    assert bench.handle(2) == {Overlap.SKIP: "succeeded", Overlap.QUEUE: "queued"}[policy]
    assert bench.record(0).state is State.CANCELLED
    if policy is Overlap.QUEUE:  # the one that waited longer goes first
        assert [bench.handle(1), bench.handle(2)] == ["succeeded", "succeeded"]


def test_the_lock_of_a_run_that_is_tried_for_weeks_is_kept() -> None:
    bench = Bench(Overlap.SKIP)
    bench.during(answer=FAILED)
    bench.handle(0)
    bench.stack.clock.advance(RETENTION_MS + DAY_MS)
    lock = bench.lock
    assert lock is not None
    assert lock.expires_ms() > bench.stack.clock.now_ms() + RETENTION_MS
    seen = bench.during(lambda: bench.lock)
    bench.handle(0, attempt=2)
    (kept,) = seen
    assert isinstance(kept, Lock)
    assert (kept.holder, kept.written_ms) == (bench.id(0), bench.stack.clock.now_ms())


def test_a_lock_that_nobody_has_is_soon_gone() -> None:
    bench = Bench(Overlap.SKIP)
    bench.handle(0)
    assert bench.lock is not None
    assert bench.lock.expires_ms() == bench.lock.written_ms + DAY_MS


# --- crashes and others -------------------------------------------------------------------------------------


class Killed(Exception):
    """The worker is gone."""


class Street:
    """What stands between wheel and workers: brings each message when it is due, and back if it has to come back."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._order = itertools.count()
        self._agenda: list[tuple[int, int, Dispatch]] = []
        for number in range(RUNS):
            self._bring(bench.message(number).due_ms, bench.message(number))

    def _bring(self, at_ms: int, dispatch: Dispatch) -> None:
        heapq.heappush(self._agenda, (at_ms, next(self._order), dispatch))

    def deliver(self, within_ms: int = SOON_MS) -> None:
        """The next message, if it is due soon, from its arrival to what becomes of it."""
        stack = self.bench.stack
        if not self._agenda or self._agenda[0][0] > stack.clock.now_ms() + within_ms:
            return
        at_ms, _, dispatch = heapq.heappop(self._agenda)
        stack.clock.sleep_until(at_ms)
        try:
            handled = stack.run.handle(dispatch)
        except Killed:
            handled = Handled(Fate.POSTPONE, "killed", 4_000)
        if handled.fate is Fate.POSTPONE:
            self._bring(stack.clock.now_ms() + handled.delay_ms, dispatch)
        for entry in self.bench.waiting():
            self._bring(max(entry.due_ms, stack.clock.now_ms() + 1_000), waiting_firing(entry).dispatch)
        stack.world.singles.clear()

    def settle(self) -> None:
        while self._agenda:
            self.deliver(within_ms=10**12)


Act = Callable[[Street], None]
Plan = Mapping[int, tuple[Act, bool]]
"""What happens at which of the workers' steps: before it is applied, or (true) after."""


class Tap:
    """Counts the workers' steps, and lets things happen between them."""

    def __init__(self, street: Street, plan: Plan) -> None:
        self.steps = 0
        self._street, self._plan = street, plan
        stack = street.bench.stack
        parts = {"get": [stack.locks, stack.executions], "swap": [stack.locks, stack.executions]}
        for name, tapped in (parts | {"put": [stack.wheel], "call": [stack.caller]}).items():
            for part in tapped:
                setattr(part, name, self._tapped(getattr(part, name)))

    def _tapped(self, operation: Callable[..., object]) -> Callable[..., object]:
        def tapped(*args: object) -> object:
            self.steps += 1
            act, after = self._plan.get(self.steps, (None, False))
            if act and not after:
                act(self._street)
            result = operation(*args)
            if act and after:
                act(self._street)
            return result

        return tapped


def side_by_side(bench: Bench) -> list[str]:
    called = [call.execution for _, call in bench.stack.caller.calls]
    spans = {one: (called.index(one), len(called) - 1 - called[::-1].index(one)) for one in called}
    return [f"{other} in {one}" for one, (i, j) in spans.items() for other in called[i:j] if other != one]


def sound(bench: Bench) -> None:
    """Once all is settled: nothing ran side by side, nothing stands still, everything has its account."""
    world = bench.stack.world
    assert side_by_side(bench) == []
    records = list(world.executions.values())
    assert [record.id for record in records if not is_end(record.state)] == []
    assert {record.id for record in records} == {bench.id(number) for number in range(RUNS)}
    assert all(record.reason for record in records if record.state in {State.SKIPPED, State.CANCELLED})
    assert set(bench.called) <= {number_of(record) for record in records if record.attempts}
    assert world.locks[TENANT, bench.job.id].holder == ""


def failing_first(call: Call) -> Answer:
    """Each second run fails at first, and so is not over when the next is due."""
    return FAILED if call.attempt == 1 and (call.nominal_ms // STEP_MS) % 2 else OK


def played(policy: Overlap, plan: Plan) -> int:
    """One passage in which things happen between the workers' steps; the answer is how many there were."""
    bench = Bench(policy, timeout_ms=LONG_MS)
    bench.stack.caller.answers = failing_first
    street = Street(bench)
    tap = Tap(street, plan)
    street.settle()
    sound(bench)
    return tap.steps


def die(_street: Street) -> None:
    raise Killed


def deliver_two(street: Street) -> None:
    street.deliver()
    street.deliver()


ACTS: dict[str, Act] = {"it dies": die, "another message is handled": Street.deliver, "two others are": deliver_two}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("policy", GUARDED)
def test_whatever_happens_at_any_step_of_a_worker(policy: Overlap, act: str) -> None:
    for at in itertools.count(1):
        steps = [played(policy, {at: (ACTS[act], after)}) for after in (False, True)]
        if max(steps) < at:
            break
    assert at > 20


@given(
    st.sampled_from(GUARDED),
    st.dictionaries(st.integers(1, 100), st.tuples(st.sampled_from(list(ACTS.values())), st.booleans()), max_size=8),
)
def test_whatever_happens_at_several_steps(policy: Overlap, plan: dict[int, tuple[Act, bool]]) -> None:
    played(policy, plan)


def _fail() -> None:
    raise PortError("locks.swap", "-", "refused")
