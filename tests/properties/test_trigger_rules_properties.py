"""Trigger rules under every partial knowledge: never taken back, and in the end what the words of the rule say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.ends import EdgeState
from tidewheel.domain.workflows.rules import AnyRule, Rule, Ruling, judge

S, F, U, K, OPEN = EdgeState
ENDS = (S, F, U, K)
MOST = 5


def oracle(rule: AnyRule, ends: Sequence[EdgeState], setups: Sequence[bool]) -> Ruling:
    """What the words of a rule say when every parent has ended, written without a look at the rules' code."""
    bad = [end for end in ends if end in (F, U)]
    if isinstance(rule, Depends):
        if spelled(rule, ends):
            return Ruling.RUN
        return Ruling.UPSTREAM_FAILED if bad else Ruling.SKIPPED
    runs = {
        Rule.ALL_SUCCESS: all(end is S for end in ends),
        Rule.ALL_FAILED: len(bad) == len(ends),
        Rule.ALL_DONE: True,
        Rule.ALL_DONE_MIN_ONE_SUCCESS: S in ends,
        Rule.ALL_DONE_SETUP_SUCCESS: not any(setups) or any(e is S for e, m in zip(ends, setups, strict=True) if m),
        Rule.ALL_SKIPPED: all(end is K for end in ends),
        Rule.ONE_FAILED: bool(bad),
        Rule.ONE_SUCCESS: S in ends,
        Rule.ONE_DONE: S in ends or F in ends,
        Rule.NONE_FAILED: not bad,
        Rule.NONE_FAILED_MIN_ONE_SUCCESS: not bad and S in ends,
        Rule.NONE_SKIPPED: K not in ends,
        Rule.ALWAYS: True,
    }
    if runs[rule]:
        return Ruling.RUN
    if rule in (Rule.ALL_FAILED, Rule.ALL_SKIPPED, Rule.ONE_FAILED, Rule.ONE_DONE, Rule.NONE_SKIPPED):
        return Ruling.SKIPPED
    if rule is Rule.ALL_DONE_SETUP_SUCCESS:
        all_skipped = all(e is K for e, m in zip(ends, setups, strict=True) if m)
        return Ruling.SKIPPED if all_skipped else Ruling.UPSTREAM_FAILED
    return Ruling.UPSTREAM_FAILED if bad else Ruling.SKIPPED


def spelled(rule: Depends, ends: Sequence[EdgeState]) -> bool:
    """The expression as Python evaluates it."""
    results = {"Succeeded": (S,), "Failed": (F,), "Skipped": (K,), "Omitted": (U,)}
    text = f" {rule.text} "
    for name, end in zip(rule.names, ends, strict=True):
        for result, meant in results.items():
            text = text.replace(f"{name}.{result}", str(end in meant))
        text = text.replace(f" {name} ", f" {end in (S, K)} ")
    found = eval(text.replace("!", " not ").replace("&&", " and ").replace("||", " or "))
    return bool(found)


def partial(ends: Sequence[EdgeState]) -> Iterator[tuple[EdgeState, ...]]:
    for known in product((True, False), repeat=len(ends)):
        yield tuple(end if seen else OPEN for end, seen in zip(ends, known, strict=True))


def check(rule: AnyRule, ends: Sequence[EdgeState], setups: Sequence[bool]) -> None:
    """The answer with full knowledge is the oracle's; with less it is that one, or none yet."""
    final = judge(rule, ends, setups)
    assert final is oracle(rule, ends, setups)
    for known in partial(ends):
        assert judge(rule, known, setups) in (Ruling.UNDECIDED, final)


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_under_every_partial_knowledge(rule: Rule) -> None:
    for width in range(1, MOST + 1):
        marks = (False,) * width
        for ends in product(ENDS, repeat=width):
            check(rule, ends, marks)


def test_setups_under_every_partial_knowledge() -> None:
    for width in range(1, 4):
        for ends, marks in product(product(ENDS, repeat=width), product((True, False), repeat=width)):
            check(Rule.ALL_DONE_SETUP_SUCCESS, ends, marks)


@pytest.mark.parametrize("rule", Rule)
def test_an_answer_comes_as_soon_as_nothing_could_change_it(rule: Rule) -> None:
    """With what is known, an undecided rule has two ways to go."""
    for width in range(1, MOST):
        marks = (False,) * width
        for known in product((*ENDS, OPEN), repeat=width):
            ways = product(*[ENDS if end is OPEN else (end,) for end in known])
            answers = {judge(rule, way, marks) for way in ways}
            early = rule not in (Rule.ALL_DONE, Rule.ALL_DONE_MIN_ONE_SUCCESS, Rule.ALL_DONE_SETUP_SUCCESS)
            if len(answers) == 1 and early:
                assert judge(rule, known, marks) in answers
            elif len(answers) > 1:
                assert judge(rule, known, marks) is Ruling.UNDECIDED


names = st.sampled_from("abcde")
terms = st.builds(
    lambda name, result: f" {name}{result} ",
    names,
    st.sampled_from(["", ".Succeeded", ".Failed", ".Skipped", ".Omitted"]),
)
expressions = st.recursive(
    terms,
    lambda inner: st.one_of(
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda parts: f"({''.join(parts)})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map("".join),
    ),
    max_leaves=8,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(expressions, st.data())
def test_every_expression_under_every_partial_knowledge(text: str, data: st.DataObject) -> None:
    rule = Depends.parse(text)
    ends = data.draw(st.lists(st.sampled_from(ENDS), min_size=len(rule.names), max_size=len(rule.names)))
    check(rule, ends, ())


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(st.sampled_from(Rule), st.lists(st.sampled_from(ENDS), min_size=1, max_size=MOST), st.randoms())
def test_every_order_of_ends_gives_the_same_answer(rule: Rule, ends: list[EdgeState], random: Random) -> None:
    """The parents end one after the other, in any order: the first answer is the last one."""
    order = list(range(len(ends)))
    random.shuffle(order)
    seen = [OPEN] * len(ends)
    answers = []
    for place in order:
        seen[place] = ends[place]
        answers.append(judge(rule, seen))
    decided = [answer for answer in answers if answer is not Ruling.UNDECIDED]
    assert set(decided) == {judge(rule, ends)}
    assert answers[answers.index(decided[0]) :] == decided
