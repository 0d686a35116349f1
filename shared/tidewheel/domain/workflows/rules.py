"""Trigger rules: whether a step of a workflow runs, as a pure function of how the steps before it ended.

A rule is asked with what is known of its parents, and answers as soon as no parent that is still open could change the
answer. So the answer is the same for every order in which the parents end, and is never taken back.

The rules have the names and the outcomes of Airflow's (core concepts, trigger rules). Where Airflow's documentation
says nothing, which is whether a step that does not run counts as skipped or as failed by a parent, they follow what
Airflow does; but for ``all_done_min_one_success``, where its documentation and its release notes let a skipped parent
count as done, these hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain.workflows.depends import Depends, holds
from tidewheel.domain.workflows.ends import EdgeState


class Ruling(StrEnum):
    """What a rule says of a step."""

    RUN = "run"  # it runs
    SKIPPED = "skipped"  # it does not run
    UPSTREAM_FAILED = "upstream_failed"  # it does not run, since a step before it failed
    UNDECIDED = "undecided"  # that depends on parents that have not ended


class Rule(StrEnum):
    """Airflow's trigger rules."""

    ALL_SUCCESS = "all_success"
    ALL_FAILED = "all_failed"
    ALL_DONE = "all_done"
    ALL_DONE_MIN_ONE_SUCCESS = "all_done_min_one_success"
    ALL_DONE_SETUP_SUCCESS = "all_done_setup_success"
    ALL_SKIPPED = "all_skipped"
    ONE_FAILED = "one_failed"
    ONE_SUCCESS = "one_success"
    ONE_DONE = "one_done"
    NONE_FAILED = "none_failed"
    NONE_FAILED_MIN_ONE_SUCCESS = "none_failed_min_one_success"
    NONE_SKIPPED = "none_skipped"
    ALWAYS = "always"


AnyRule = Rule | Depends

_AFTER_A_FAILURE = frozenset(
    {
        Rule.ALL_DONE,
        Rule.ALL_DONE_MIN_ONE_SUCCESS,
        Rule.ALL_DONE_SETUP_SUCCESS,
        Rule.ALL_FAILED,
        Rule.ONE_DONE,
        Rule.ONE_FAILED,
        Rule.ALWAYS,
    }
)
_WITHOUT_WAITING = frozenset({Rule.ONE_SUCCESS, Rule.ONE_FAILED, Rule.ONE_DONE, Rule.ALWAYS})


def runs_after_a_failure(rule: AnyRule) -> bool:
    """Whether a step of this rule still runs once its run ends early because a step failed.

    Those that clean up or tell somebody do. An expression does if it names a failure.
    """
    return rule.names_a_failure if isinstance(rule, Depends) else rule in _AFTER_A_FAILURE


def waits_for_all(rule: AnyRule) -> bool:
    """Whether a step of this rule runs only when all its parents have ended."""
    return not isinstance(rule, Depends) and rule not in _WITHOUT_WAITING


def judge(rule: AnyRule, states: Sequence[EdgeState], setups: Sequence[bool] = ()) -> Ruling:
    """What a rule says of a step.

    Args:
        rule: The rule.
        states: For each parent how it ended, or that it has not; for an expression in the order of its ``names``.
        setups: For each parent whether it is a setup step; may be left out if none is.
    """
    if not states:
        return Ruling.RUN
    if isinstance(rule, Depends):
        return _by_expression(rule, states)
    if rule is Rule.ALL_DONE_SETUP_SUCCESS:
        return _by_setups(states, [state for state, setup in zip(states, setups, strict=False) if setup])
    seen = _Seen(states)
    early, last = _RULES[rule]
    return early(seen) or (Ruling.UNDECIDED if EdgeState.UNDECIDED in states else last(seen))


def _by_expression(rule: Depends, states: Sequence[EdgeState]) -> Ruling:
    """Argo omits a step whose expression does not hold; here that says as well whether a parent's failure is why."""
    held = holds(rule, states)
    if held is None:
        return Ruling.UNDECIDED
    if held or _Seen(states).failed:
        return Ruling.RUN if held else Ruling.UPSTREAM_FAILED
    return Ruling.UNDECIDED if EdgeState.UNDECIDED in states else Ruling.SKIPPED


def _by_setups(states: Sequence[EdgeState], setups: Sequence[EdgeState]) -> Ruling:
    if EdgeState.UNDECIDED in states:
        return Ruling.UNDECIDED
    if not setups or EdgeState.SUCCEEDED in setups:
        return Ruling.RUN
    return Ruling.SKIPPED if set(setups) == {EdgeState.SKIPPED} else Ruling.UPSTREAM_FAILED


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the rules that only count ask of the parents that have ended."""

    states: Sequence[EdgeState]

    @property
    def succeeded(self) -> bool:
        return EdgeState.SUCCEEDED in self.states

    @property
    def skipped(self) -> bool:
        return EdgeState.SKIPPED in self.states

    @property
    def failed(self) -> bool:
        return EdgeState.FAILED in self.states or EdgeState.UPSTREAM_FAILED in self.states

    @property
    def tried(self) -> bool:
        return self.succeeded or EdgeState.FAILED in self.states


def _never(_seen: _Seen) -> None:
    """Nothing but the last parent decides."""


def _always(_seen: _Seen) -> Ruling:
    return Ruling.RUN


def _otherwise_skipped(_seen: _Seen) -> Ruling:
    return Ruling.SKIPPED


def _stopped_by_failure(seen: _Seen) -> Ruling | None:
    return Ruling.UPSTREAM_FAILED if seen.failed else None


def _unless_success(seen: _Seen) -> Ruling:
    if seen.succeeded:
        return Ruling.RUN
    return Ruling.UPSTREAM_FAILED if seen.failed else Ruling.SKIPPED


_RULES: Mapping[Rule, tuple[Callable[[_Seen], Ruling | None], Callable[[_Seen], Ruling]]] = {
    Rule.ALL_SUCCESS: (_stopped_by_failure, lambda seen: Ruling.SKIPPED if seen.skipped else Ruling.RUN),
    Rule.ALL_FAILED: (lambda seen: Ruling.SKIPPED if seen.succeeded or seen.skipped else None, _always),
    Rule.ALL_DONE: (_never, _always),
    Rule.ALL_DONE_MIN_ONE_SUCCESS: (_never, _unless_success),
    Rule.ALL_SKIPPED: (lambda seen: Ruling.SKIPPED if seen.succeeded or seen.failed else None, _always),
    Rule.ONE_FAILED: (lambda seen: Ruling.RUN if seen.failed else None, _otherwise_skipped),
    Rule.ONE_SUCCESS: (lambda seen: Ruling.RUN if seen.succeeded else None, _unless_success),
    Rule.ONE_DONE: (lambda seen: Ruling.RUN if seen.tried else None, _otherwise_skipped),
    Rule.NONE_FAILED: (_stopped_by_failure, _always),
    Rule.NONE_FAILED_MIN_ONE_SUCCESS: (_stopped_by_failure, _unless_success),
    Rule.NONE_SKIPPED: (lambda seen: Ruling.SKIPPED if seen.skipped else None, _always),
    Rule.ALWAYS: (_always, _always),
}
"""For each rule that only counts: what the parents that have ended decide already, and what all of them do."""
