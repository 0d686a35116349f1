"""Which steps of a definition can never run: those in a circle, and those whose rule no ends of their parents meet.

A step that can never run is told once; what follows from it alone is not told as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import prod

from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.ends import EdgeState
from tidewheel.domain.workflows.faults import Fault, below
from tidewheel.domain.workflows.rules import AnyRule, Rule, Ruling, judge

_ENDS = (EdgeState.SUCCEEDED, EdgeState.FAILED, EdgeState.UPSTREAM_FAILED, EdgeState.SKIPPED)
_ALL = frozenset(_ENDS)
_OF_RULING = {
    Ruling.RUN: frozenset({EdgeState.SUCCEEDED, EdgeState.FAILED}),
    Ruling.SKIPPED: frozenset({EdgeState.SKIPPED}),
    Ruling.UPSTREAM_FAILED: frozenset({EdgeState.UPSTREAM_FAILED}),
}
_EVERY_RULING = frozenset(_OF_RULING)
_MOST_COMBINATIONS = 4_096
"""Ends of an expression's parents that are tried; beyond, an expression counts as one that may hold."""
_SHOWN = 12
_WANTS_AN_END = frozenset(
    {
        Rule.ALL_FAILED,
        Rule.ALL_SKIPPED,
        Rule.ONE_FAILED,
        Rule.ONE_SUCCESS,
        Rule.ONE_DONE,
        Rule.ALL_DONE_MIN_ONE_SUCCESS,
        Rule.NONE_FAILED_MIN_ONE_SUCCESS,
    }
)
"""Rules that say nothing of a step without parents, which begins with its run."""


@dataclass(frozen=True, slots=True)
class StepEdges:
    """What a step waits for, as far as it could be read.

    Args:
        parents: By name, whether the edge has a condition; of an expression in the order of its names.
        rule: Its rule.
        setup: Whether it is a setup step.
    """

    parents: Mapping[str, bool]
    rule: AnyRule = Rule.ALL_SUCCESS
    setup: bool = False


def circles(steps: Mapping[str, StepEdges]) -> Iterator[list[str]]:
    """Circles of steps that wait for each other: each as the names along it, the first of them again at its end.

    No step is in two of them; what is left without these steps has none.

    Args:
        steps: The steps by name. Parents that are not among them count as ended.
    """
    left = {name: set(step.parents) & steps.keys() for name, step in steps.items()}
    while True:
        _without_ended(left)
        if not left:
            return
        circle = _circle(left)
        yield circle
        for name in circle[:-1]:
            left.pop(name, None)
        for parents in left.values():
            parents.difference_update(circle)


def _without_ended(left: dict[str, set[str]]) -> None:
    """Takes out what waits for nothing that is left, until there is none."""
    children: dict[str, list[str]] = {}
    for name, parents in left.items():
        for parent in parents:
            children.setdefault(parent, []).append(name)
    ready = [name for name, parents in left.items() if not parents]
    while ready:
        ended = ready.pop()
        del left[ended]
        for child in children.get(ended, ()):
            left[child].discard(ended)
            if not left[child]:
                ready.append(child)


def _circle(left: Mapping[str, set[str]]) -> list[str]:
    """Each of these has a parent among them: who goes on to one comes back to where it was."""
    walked = [min(left)]
    while walked[-1] not in walked[:-1]:
        walked.append(min(left[walked[-1]]))
    return walked[walked.index(walked[-1]) :][::-1]


def circle_faults(found: Sequence[Sequence[str]]) -> Iterator[Fault]:
    """A fault for each circle, which names it."""
    for circle in found:
        names = list(circle) if len(circle) <= _SHOWN else [*circle[: _SHOWN - 1], "…", circle[-1]]
        problem = f"steps wait for each other in a circle: {' -> '.join(names)}"
        yield Fault(below(below("steps", circle[0]), "needs"), problem, "take out one of these edges")


def never_faults(steps: Mapping[str, StepEdges], order: Sequence[str], left_out: Collection[str]) -> Iterator[Fault]:
    """A fault for each step that can never run.

    Args:
        steps: The steps by name.
        order: Those that are in no circle, each after its parents.
        left_out: Names of steps that have other faults, of which nothing is known here.
    """
    ends: dict[str, frozenset[EdgeState]] = {}
    for name in order:
        step = steps[name]
        known = name not in left_out and all(parent in steps for parent in step.parents)
        if not known:
            ends[name] = _ALL
            continue
        choices = [_through(ends.get(parent, _ALL), conditional=step.parents[parent]) for parent in step.parents]
        setups = [steps[parent].setup for parent in step.parents]
        rulings = _rulings(step.rule, choices, setups)
        if Ruling.RUN in rulings:
            ends[name] = frozenset().union(*(_OF_RULING[ruling] for ruling in rulings))
            if not step.parents and step.rule in _WANTS_AN_END:
                yield _wants_nothing(name, step.rule)
        else:
            ends[name] = _ALL
            yield _never(name, step, choices, setups)


def _through(ends: frozenset[EdgeState], *, conditional: bool) -> frozenset[EdgeState]:
    """How a parent may have ended for its child: a condition that is not met shows it as skipped."""
    return ends | {EdgeState.SKIPPED} if conditional and EdgeState.SUCCEEDED in ends else ends


def _rulings(rule: AnyRule, choices: Sequence[frozenset[EdgeState]], setups: Sequence[bool]) -> frozenset[Ruling]:
    """What a rule may say, given how each parent may have ended."""
    if not choices:
        return frozenset({Ruling.RUN})
    if isinstance(rule, Depends):
        if prod(map(len, choices)) > _MOST_COMBINATIONS:
            return _EVERY_RULING
        return frozenset(judge(rule, states) for states in product(*(sorted(one) for one in choices)))
    if rule is Rule.ALL_DONE_SETUP_SUCCESS:
        choices = [one for one, setup in zip(choices, setups, strict=True) if setup]
        return frozenset(judge(rule, states, [True] * len(states)) for states in _mixtures(choices)) or frozenset(
            {Ruling.RUN}
        )
    return frozenset(judge(rule, states) for states in _mixtures(choices))


def _mixtures(choices: Sequence[frozenset[EdgeState]]) -> Iterator[tuple[EdgeState, ...]]:
    """Which sets of ends the parents may have together: trigger rules ask for nothing else."""
    alike = Counter(choices)
    some = [one for one, count in alike.items() for _ in range(min(count, len(_ENDS)))]
    for size in range(1, len(_ENDS) + 1):
        for mixture in combinations(_ENDS, size):
            fit = all(one & frozenset(mixture) for one in alike)
            if fit and size <= len(choices) and _each_by_another(mixture, some):
                yield mixture


def _each_by_another(mixture: Sequence[EdgeState], choices: Sequence[frozenset[EdgeState]]) -> bool:
    """Whether each end of a mixture can be that of a parent of its own."""
    if not mixture:
        return True
    return any(
        mixture[0] in one and _each_by_another(mixture[1:], [*choices[:place], *choices[place + 1 :]])
        for place, one in enumerate(choices)
    )


def _never(name: str, step: StepEdges, choices: Sequence[frozenset[EdgeState]], setups: Sequence[bool]) -> Fault:
    is_expression = isinstance(step.rule, Depends)
    place = below(below("steps", name), "depends" if is_expression else "rule")
    rule = f"the expression {step.rule.text!r}" if isinstance(step.rule, Depends) else f"the rule {step.rule}"
    if Ruling.RUN not in _rulings(step.rule, [_ALL] * len(choices), setups):
        return Fault(place, f"{rule} can never hold, however the steps before end", "write one that can")
    parents = [
        f"{parent} ends as {' or '.join(sorted(ends))}" for parent, ends in zip(step.parents, choices, strict=True)
    ]
    shown = "; ".join([*parents[:_SHOWN], *(["…"] if len(parents) > _SHOWN else [])])
    problem = f"the step is never reached: {rule} does not hold, since {shown}"
    return Fault(place, problem, "use another rule, or other needs")


def _wants_nothing(name: str, rule: AnyRule) -> Fault:
    problem = f"the rule {rule} asks how steps before ended, and the step needs none, so that it would begin at once"
    return Fault(below(below("steps", name), "rule"), problem, "add needs, or leave the rule out")
