"""Tenants take turns: nothing is lost or early, and nobody waits longer than a fair share makes it."""

from __future__ import annotations

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.limits import FOREVER_MS
from tidewheel.engine.scheduler.dispatch.fair_lines import FairLines

Thing = tuple[str, int, int]
"""Its tenant, from when on it may be taken, and its number."""

_tenants = st.sampled_from("abcd")
_pushes = st.tuples(st.just("push"), _tenants, st.integers(0, 20))
_pops = st.tuples(st.just("pop"), st.integers(1, 5), st.integers(0, 20))


@given(st.lists(st.one_of(_pushes, _pushes, _pops), max_size=80))
def test_nothing_is_lost_or_early_and_each_line_keeps_its_order(steps: list[tuple[str, object, int]]) -> None:
    """Also if the time that is asked for goes back, as it does when a route is held back."""
    lines: FairLines[Thing] = FairLines()
    waiting: dict[str, list[Thing]] = defaultdict(list)
    for number, (kind, what, at) in enumerate(steps):
        if kind == "push":
            thing = (str(what), at, number)
            lines.push(thing[0], at, thing)
            waiting[thing[0]] = sorted([*waiting[thing[0]], thing], key=lambda one: (one[1], one[2]))
        else:
            assert isinstance(what, int)
            for _ in range(what):
                ready = [line[0] for line in waiting.values() if line and line[0][1] <= at]
                first = lines.first(at)
                assert (first in ready) == bool(ready) == lines.is_ready(at)
                if first is not None:
                    assert lines.pop(at) == first == waiting[first[0]].pop(0)
        everything = [thing for line in waiting.values() for thing in line]
        assert len(lines) == len(everything)
        assert lines.lowest_ms == min((thing[1] for thing in everything), default=None)
        assert Counter(lines.upcoming(1_000)) == Counter(everything)
    rest = [lines.pop(FOREVER_MS) for _ in range(len(lines))]
    assert sorted(rest) == sorted(thing for line in waiting.values() for thing in line)
    assert lines.first(FOREVER_MS) is None
    assert lines.lowest_ms is None


@given(st.dictionaries(_tenants, st.integers(1, 200), min_size=1), st.integers(0, 30))
def test_a_flood_takes_no_more_than_its_share(counts: dict[str, int], taken_before: int) -> None:
    """Of ``n`` tenants, what is at place ``p`` of its tenant's line is taken within ``p * n`` places."""
    lines: FairLines[tuple[str, int]] = FairLines()
    for number in range(taken_before):  # the flood was there before all others
        lines.push("flood", 0, ("flood", number - taken_before))
    for _ in range(taken_before):
        lines.pop(0)
    for number in range(5_000):
        lines.push("flood", 0, ("flood", number))
    for tenant, count in counts.items():
        for number in range(count):
            lines.push(tenant, 0, (tenant, number))
    everybody = len(counts) + 1
    for place in range(sum(counts.values()) * everybody):
        if not lines.is_ready(0):
            break
        tenant, number = lines.pop(0)
        assert tenant == "flood" or place < (number + 1) * everybody


@given(st.lists(st.tuples(_tenants, st.integers(0, 20)), max_size=40), st.integers(1, 50))
def test_what_is_upcoming_is_taken_next_if_all_is_ready(pushed: list[tuple[str, int]], count: int) -> None:
    """For tenants whose lines have begun; each tenant's own order is exact, that between tenants is about right."""
    lines: FairLines[Thing] = FairLines()
    for number, (tenant, at) in enumerate(pushed):
        lines.push(tenant, at, (tenant, at, number))
    assert lines.is_ready(FOREVER_MS) == bool(pushed)
    upcoming = list(lines.upcoming(count))
    assert upcoming == [lines.pop(FOREVER_MS) for _ in range(min(count, len(pushed)))]
