"""The wheel's rules hold for all numbers: placement, encoding, ring cursors, expansion, release times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.executions.decisions.retry import delay_ms
from tidewheel.domain.fleet.route import ROUTES
from tidewheel.domain.ids import ExecutionId, Origin, shard_of
from tidewheel.domain.jobs.job import Definition, Generation, Job, JobState, Target
from tidewheel.domain.jobs.policies import RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import CADENCES, Precision, release_ms
from tidewheel.domain.limits import SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed, ScheduleEntry, decode, encode, single_key
from tidewheel.domain.wheel.expansion import Drop, expand
from tidewheel.domain.wheel.levels import MINUTES, RINGS, SECONDS, Level, Slot, place
from tidewheel.domain.wheel.ring_cursor import RingCursor

NOW = 1_795_000_000_000
instants = st.integers(NOW, NOW + 10**10)
JOB = "j0123456789abcdef"


@given(now=instants, ahead=st.integers(-(10**7), 10**8))
def test_a_write_that_starts_now_is_applied_before_its_slot_is_loaded(now: int, ahead: int) -> None:
    due = now + ahead
    slot = place(due, now, 3)
    rings = {ring.level: ring for ring in RINGS}
    if slot.level is Level.LATE:
        assert all(now >= ring.open_until(ring.start_of(due)) for ring in RINGS)
        return
    ring = rings[slot.level]
    assert slot.start_ms <= due < slot.start_ms + ring.slot_ms
    assert now + WRITE_BOUND_MS + SKEW_MS < slot.start_ms - ring.lead_ms
    if ring is SECONDS:  # the coarsest level that will do
        assert now >= MINUTES.open_until(MINUTES.start_of(due))


@given(due=instants, delay=st.integers(0, 10**6), generation=st.integers(1, 10**6))
def test_a_schedule_entry_is_decoded_as_it_was_encoded(due: int, delay: int, generation: int) -> None:
    entry = ScheduleEntry("tenant-1", JOB, generation, due, due + delay)
    assert decode(encode(entry)) == entry


@given(
    due=instants,
    attempt=st.integers(1, 100),
    route=st.sampled_from(ROUTES),
    precision=st.sampled_from(list(Precision)),
    origin=st.sampled_from([Origin.RUN, Origin.BACKFILL]),
)
def test_an_execution_entry_is_decoded_as_it_was_encoded(
    due: int, attempt: int, route: object, precision: Precision, origin: Origin
) -> None:
    id = str(ExecutionId(JOB, due, origin, "abc"))
    entry = ExecutionEntry("t", id, attempt, 7, due, route, precision)  # type: ignore[arg-type]
    assert decode(encode(entry)) == entry
    assert entry.job == JOB


@given(first=instants, second=instants)
def test_ids_and_keys_sort_by_time(first: int, second: int) -> None:
    ids = [str(ExecutionId(JOB, instant)) for instant in (first, second)]
    assert (ids[0] < ids[1]) == (first < second)
    keys = [single_key(ScheduleEntry("t", JOB, 1, instant, instant)) for instant in (first, second)]
    assert (keys[0] < keys[1]) == (first < second)
    assert ExecutionId.parse(ids[0]) == ExecutionId(JOB, first)


@given(due=instants, precision=st.sampled_from(list(Precision)))
def test_a_hand_over_is_early_by_its_tier_and_otherwise_never(due: int, precision: Precision) -> None:
    cadence = CADENCES[precision]
    released = release_ms(due, precision)
    assert released % cadence.every_ms == 0
    if cadence.early_ms:
        assert due - cadence.early_ms - cadence.every_ms < released <= due - cadence.early_ms
    else:
        assert due <= released < due + cadence.every_ms


@given(
    strategy=st.sampled_from(list(Strategy)),
    base=st.integers(1, 10**6),
    cap=st.integers(1, 10**8),
    jitter=st.floats(0, 1),
    attempt=st.integers(1, 100),
)
def test_a_delay_stays_within_its_cap_and_jitter(
    strategy: Strategy, base: int, cap: int, jitter: float, attempt: int
) -> None:
    policy = RetryPolicy(100, strategy, base, cap, jitter)
    delay = delay_ms(policy, attempt, "execution")
    assert delay == delay_ms(policy, attempt, "execution")
    assert 0 <= delay <= cap * (1 + jitter) + 1
    exact = delay_ms(RetryPolicy(100, strategy, base, cap, 0), attempt, "execution")
    assert abs(delay - exact) <= exact * jitter + 1


@given(st.lists(st.tuples(st.sampled_from(["step", "close", "jump"]), st.integers(0, 400_000)), max_size=60))
def test_a_ring_cursor_opens_every_slot_once_and_passes_none_that_is_open(
    steps: list[tuple[str, int]],
) -> None:
    start = NOW - NOW % 60_000
    cursor = RingCursor.resume(MINUTES, start - 5 * 60_000, start)
    now, opened = start, []
    for kind, amount in steps:
        now += amount if kind == "jump" else amount % 90_000
        if kind == "close" and cursor.open_slots:
            cursor.passed(sorted(cursor.open_slots)[amount % len(cursor.open_slots)])
            continue
        cursor.wake(now)
        for due in (cursor.due_live, lambda _now: cursor.due_backlog()):
            while (slot := due(now)) is not None:
                assert not cursor.takes(slot) or slot not in opened
                cursor.opened(slot)
                opened.append(slot)
                assert not cursor.takes(slot)
        assert all(cursor.low_water_ms <= slot for slot in cursor.open_slots)
    assert len(opened) == len(set(opened))
    expected = range(start - 5 * 60_000, cursor.live_ms, 60_000)
    assert sorted(opened) == [slot for slot in expected if slot in set(opened)]
    if cursor.backlog_ms >= cursor.live_from_ms and opened:
        assert sorted(opened) == list(expected)


@given(writes=st.lists(st.integers(0, 3), max_size=10))
def test_a_slot_is_not_loaded_while_an_arm_into_it_is_in_flight(writes: list[int]) -> None:
    start = NOW - NOW % 60_000
    cursor = RingCursor.resume(MINUTES, start, start)
    slots = [start + 60_000 * number for number in writes]
    for slot in slots:
        cursor.arm_begins(slot)
    for number, slot in enumerate(slots):
        assert cursor.due_live(start + 10**6) not in slots[number:]
        cursor.arm_ends(slot)
    assert cursor.due_live(start + 10**6) == start


def job(generation: int = 1, effective: int = 0, state: JobState = JobState.ACTIVE) -> Job:
    definition = Definition("n", Schedule(Every(7_000, NOW)), Target("http", {}))
    return Job("t", JOB, definition, state, generation, effective, NOW, NOW)


@given(first=st.integers(0, 100), horizon=st.integers(-10, 200))
def test_expansion_fires_what_the_wheel_no_longer_takes_and_arms_the_next(first: int, horizon: int) -> None:
    nominal, until = NOW + 7_000 * first, NOW + 7_000 * horizon
    entry = ScheduleEntry("t", JOB, 1, nominal, nominal)
    plan = expand(entry, job(), {}, lambda due: due >= until, NOW - 1)
    fired = [firing.dispatch.due_ms for firing in plan.firings]
    assert fired == list(range(nominal, max(nominal, until), 7_000))
    assert plan.arm is not None
    assert plan.arm.nominal_ms == nominal + 7_000 * len(fired)


@given(
    generation=st.integers(1, 4),
    nominal=st.integers(0, 60),
    cuts=st.lists(st.integers(0, 60), min_size=3, max_size=3),
)
def test_an_older_generation_goes_on_up_to_the_one_that_followed_it(
    generation: int, nominal: int, cuts: list[int]
) -> None:
    effective = [NOW, *sorted(NOW + 7_000 * cut for cut in cuts)]
    rows = {
        number: Generation(number, JobState.ACTIVE, Schedule(Every(7_000, NOW)), 0, effective[number - 1])
        for number in range(1, 5)
    }
    at = NOW + 7_000 * nominal
    plan = expand(
        ScheduleEntry("t", JOB, generation, at, at),
        job(4, effective[3]),
        rows,
        lambda due: due >= NOW + 420_000,
        NOW - 1,
    )
    fired = [firing.dispatch.due_ms for firing in plan.firings]
    if generation == 4:
        assert plan.arm is not None
        return
    cut = effective[generation]
    assert fired == [instant for instant in range(at, cut, 7_000) if instant < NOW + 420_000]
    assert (plan.drop is Drop.SUPERSEDED) == (at >= cut)
    assert plan.arm is None or plan.arm.nominal_ms < cut


@given(st.text(alphabet="abc-0", min_size=1, max_size=20), st.integers(1, 64))
def test_a_shard_is_stable_and_in_range(text: str, shards: int) -> None:
    assert 0 <= shard_of("t", text, shards) < shards
    assert shard_of("t", text, shards) == shard_of("t", text, shards)


def test_shards_share_the_load_evenly() -> None:
    counts = [0] * 16
    for number in range(16_000):
        counts[shard_of("default", f"j{number}", 16)] += 1
    assert min(counts) > 850
    assert max(counts) < 1_150


def test_partition_keys_tell_levels_times_and_shards_apart() -> None:
    keys = {Slot(level, start, shard).key for level in Level for start in (0, 60_000) for shard in (0, 1)}
    assert len(keys) == len(Level) * 4
    placed = Placed(Slot(Level.LATE, 0, 0), ScheduleEntry("t", JOB, 2, NOW, NOW))
    assert placed.key.startswith(f"e#{NOW:013d}#t#{JOB}#o2")


@given(ahead=st.integers(-5, 5), offset=st.integers(0, 59_999))
def test_a_cursor_is_resumed_where_it_stands_and_never_moved_back(ahead: int, offset: int) -> None:
    """A coarse slot is done before its time begins: its cursor lies ahead of the clock."""
    start = NOW - NOW % 60_000
    cursor = RingCursor.resume(MINUTES, start + ahead * 60_000, start + offset)
    assert cursor.low_water_ms == start + ahead * 60_000
    assert (cursor.due_backlog() is None) == (ahead >= 0)
