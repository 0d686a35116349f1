"""Tenants take turns: nothing is lost or early, and nobody waits longer than a fair share makes it."""

from __future__ import annotations

import itertools
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


_weighted = st.dictionaries(_tenants, st.integers(1, 1_000), min_size=2)


@given(_weighted, st.integers(1, 400))
def test_turns_are_as_many_as_the_weights_say_while_all_have_a_backlog(weights: dict[str, int], places: int) -> None:
    """After any number of turns no two tenants are further apart than one turn of each.

    So of weights 3 and 1 one gets three turns where the other gets one.
    """
    lines: FairLines[tuple[str, int]] = FairLines(weights.__getitem__)
    for tenant in weights:
        for number in range(places):
            lines.push(tenant, 0, (tenant, number))
    turns: Counter[str] = Counter()
    for _ in range(places):
        turns[lines.pop(0)[0]] += 1
        parts = {tenant: turns[tenant] / weight for tenant, weight in weights.items()}
        for one, other in itertools.combinations(weights, 2):
            assert abs(parts[one] - parts[other]) <= 1 / weights[one] + 1 / weights[other] + 1e-6


@given(_weighted, st.integers(1, 300), st.integers(0, 300))
def test_who_comes_late_begins_where_the_others_stand(weights: dict[str, int], before: int, after: int) -> None:
    """It makes up for nothing: it gets its share of what follows, and what it gets while another has a turn."""
    late, *others = sorted(weights)
    lines: FairLines[str] = FairLines(weights.__getitem__)
    for tenant in others:
        for _ in range(before + after):
            lines.push(tenant, 0, tenant)
    for _ in range(before):
        lines.pop(0)
    for _ in range(after):
        lines.push(late, 0, late)
    taken = Counter(lines.pop(0) for _ in range(after))
    share = after * weights[late] / sum(weights.values())
    assert taken[late] <= share + 1 + weights[late] / min(weights[other] for other in others)


@given(_weighted, st.integers(1, 40))
def test_what_is_upcoming_follows_the_weights_too(weights: dict[str, int], count: int) -> None:
    lines: FairLines[tuple[str, int]] = FairLines(weights.__getitem__)
    for tenant in weights:
        for number in range(count):
            lines.push(tenant, 0, (tenant, number))
    assert lines.is_ready(0)
    upcoming = list(lines.upcoming(count))
    assert upcoming == [lines.pop(0) for _ in range(count)]


def test_nobody_gains_by_coming_and_going() -> None:
    """One that puts in a thing at a time, each when its last was taken, gets no more than its share."""
    lines: FairLines[str] = FairLines()
    for _ in range(100):
        lines.push("patient", 0, "patient")
    lines.push("coming", 0, "coming")
    taken: Counter[str] = Counter()
    for _ in range(60):
        one = lines.pop(0)
        taken[one] += 1
        if one == "coming":
            lines.push("coming", 0, "coming")
    assert taken["coming"] <= 31


def test_those_that_are_gone_are_forgotten() -> None:
    lines: FairLines[str] = FairLines()
    for number in range(5_000):
        lines.push(f"t{number}", 0, "")
        lines.pop(0)
    assert len(lines._moved) <= 1_001
