"""Trigger rules: the outcomes that Airflow documents, as a table."""

from __future__ import annotations

import pytest

from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.ends import EdgeState
from tidewheel.domain.workflows.rules import Rule, Ruling, judge, runs_after_a_failure, waits_for_all

STATES = {
    "S": EdgeState.SUCCEEDED,
    "F": EdgeState.FAILED,
    "U": EdgeState.UPSTREAM_FAILED,
    "K": EdgeState.SKIPPED,
    "?": EdgeState.UNDECIDED,
}
RUN, SKIPPED, UPSTREAM_FAILED, UNDECIDED = Ruling
DOCUMENTED: dict[Rule, dict[Ruling, str]] = {
    Rule.ALL_SUCCESS: {
        RUN: "S SS SSS",
        UPSTREAM_FAILED: "F U SF FK SU F? ?U",
        SKIPPED: "K SK KK",
        UNDECIDED: "? S? K?",
    },
    Rule.ALL_FAILED: {RUN: "F U FU", SKIPPED: "S K FS FK S? K?", UNDECIDED: "? F? U?"},
    Rule.ALL_DONE: {RUN: "S F U K SFUK", UNDECIDED: "? S? SFUK?"},
    Rule.ALL_DONE_MIN_ONE_SUCCESS: {
        RUN: "S SF SU SK SFUK",
        UPSTREAM_FAILED: "F U FK UK",
        SKIPPED: "K KK",
        UNDECIDED: "? S? K?",
    },
    Rule.ALL_DONE_SETUP_SUCCESS: {RUN: "S F U K SFUK", UNDECIDED: "? S?"},
    Rule.ALL_SKIPPED: {RUN: "K KK", SKIPPED: "S F U KS KF S?", UNDECIDED: "? K?"},
    Rule.ONE_FAILED: {RUN: "F U SF KU F? U?", SKIPPED: "S K SK", UNDECIDED: "? S? K?"},
    Rule.ONE_SUCCESS: {RUN: "S SF SK S?", UPSTREAM_FAILED: "F U FK UK FU", SKIPPED: "K KK", UNDECIDED: "? F? K?"},
    Rule.ONE_DONE: {RUN: "S F SK FU S? F?", SKIPPED: "K U KU", UNDECIDED: "? U? K?"},
    Rule.NONE_FAILED: {RUN: "S K SK", UPSTREAM_FAILED: "F U SF FK F?", UNDECIDED: "? S? K?"},
    Rule.NONE_FAILED_MIN_ONE_SUCCESS: {
        RUN: "S SK",
        UPSTREAM_FAILED: "F U SF FK U?",
        SKIPPED: "K KK",
        UNDECIDED: "? S? K?",
    },
    Rule.NONE_SKIPPED: {RUN: "S F U SFU", SKIPPED: "K SK FK K?", UNDECIDED: "? S? F?"},
    Rule.ALWAYS: {RUN: "S F U K ? SF?"},
}


def states(marks: str) -> list[EdgeState]:
    return [STATES[mark] for mark in marks]


def test_the_table_names_each_rule() -> None:
    assert set(DOCUMENTED) == set(Rule)
    assert len(Rule) == 13


@pytest.mark.parametrize(
    ("rule", "parents", "ruling"),
    [
        (rule, parents, ruling)
        for rule, outcomes in DOCUMENTED.items()
        for ruling, examples in outcomes.items()
        for parents in examples.split()
    ],
)
def test_a_documented_outcome(rule: Rule, parents: str, ruling: Ruling) -> None:
    assert judge(rule, states(parents)) is ruling


@pytest.mark.parametrize("rule", Rule)
def test_a_step_without_parents_runs(rule: Rule) -> None:
    assert judge(rule, []) is RUN


@pytest.mark.parametrize(
    ("parents", "setups", "ruling"),
    [
        ("SF", "10", RUN),
        ("FS", "10", UPSTREAM_FAILED),
        ("KS", "10", SKIPPED),
        ("SFK", "111", RUN),
        ("KFK", "111", UPSTREAM_FAILED),
        ("KF", "10", SKIPPED),
        ("S?", "10", UNDECIDED),
        ("F?", "10", UNDECIDED),
        ("FU", "00", RUN),
    ],
)
def test_a_teardown_runs_if_a_setup_succeeded(parents: str, setups: str, ruling: Ruling) -> None:
    marks = [mark == "1" for mark in setups]
    assert judge(Rule.ALL_DONE_SETUP_SUCCESS, states(parents), marks) is ruling


@pytest.mark.parametrize(
    ("text", "parents", "ruling"),
    [
        ("a.Succeeded && (b.Failed || c.Skipped)", "SFS", RUN),
        ("a.Succeeded && (b.Failed || c.Skipped)", "SSK", RUN),
        ("a.Succeeded && (b.Failed || c.Skipped)", "S?K", RUN),
        ("a.Succeeded && (b.Failed || c.Skipped)", "K?K", UNDECIDED),
        ("a.Succeeded && (b.Failed || c.Skipped)", "F?K", UPSTREAM_FAILED),
        ("a.Succeeded && (b.Failed || c.Skipped)", "KSS", SKIPPED),
        ("a", "S", RUN),
        ("a", "K", RUN),
        ("a", "F", UPSTREAM_FAILED),
        ("a.Omitted", "U", RUN),
        ("a.Omitted", "S", SKIPPED),
        ("!a.Failed", "F", UPSTREAM_FAILED),
        ("!a.Failed", "S", RUN),
        ("!!a.Failed || b", "?S", RUN),
    ],
)
def test_what_an_expression_comes_to(text: str, parents: str, ruling: Ruling) -> None:
    assert judge(Depends.parse(text), states(parents)) is ruling


def test_who_runs_though_a_step_failed() -> None:
    quiet = [rule for rule in Rule if not runs_after_a_failure(rule)]
    assert [rule.value for rule in quiet] == [
        "all_success",
        "all_skipped",
        "one_success",
        "none_failed",
        "none_failed_min_one_success",
        "none_skipped",
    ]
    assert runs_after_a_failure(Depends.parse("a.Failed || b.Succeeded"))
    assert runs_after_a_failure(Depends.parse("!(a && b.Omitted)"))
    assert not runs_after_a_failure(Depends.parse("a && b.Skipped"))


def test_who_waits_for_all_its_parents() -> None:
    assert {rule for rule in Rule if not waits_for_all(rule)} == {
        Rule.ONE_SUCCESS,
        Rule.ONE_FAILED,
        Rule.ONE_DONE,
        Rule.ALWAYS,
    }
    assert not waits_for_all(Depends.parse("a && b"))
