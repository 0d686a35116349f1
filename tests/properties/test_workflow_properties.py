"""Definitions of workflows: one digest for all spellings of one meaning, and steps that can never run are found."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from itertools import pairwise, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tidewheel.domain.workflows.checks.reachability import StepEdges, circles, never_faults
from tidewheel.domain.workflows.definition import digest_of
from tidewheel.domain.workflows.ends import EdgeState
from tidewheel.domain.workflows.rules import Rule, Ruling, judge
from tidewheel.wire.workflows.body import document_of
from tidewheel.wire.workflows.convert import workflow_of
from tidewheel.wire.workflows.reading import read_workflow

NAMES = ("a", "b", "c", "d", "e")
SPELT_OUT: dict[str, Any] = {
    "rule": "all_success",
    "timeout": "60s",
    "pool": "lambda",
    "retry": {"max_attempts": 3, "cap": "PT60M"},
    "approval": None,
    "needs": [],
}
TARGET = {"kind": "http", "url": "https://example.com/hook"}
TARGET_SPELT_OUT = {**TARGET, "method": "POST", "body": None, "circuit": "prefix"}
PERMISSIVE = ("all_success", "all_done", "none_failed", "one_done", "always")


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """A definition without faults."""
    steps: dict[str, Any] = {}
    for place, name in enumerate(NAMES[: draw(st.integers(1, len(NAMES)))]):
        before = draw(st.lists(st.sampled_from(NAMES[:place]), unique=True)) if place else []
        needs = [
            {"step": one, "when": {"path": "$.output.n", "more_than": draw(st.integers(0, 3))}}
            if draw(st.booleans())
            else one
            for one in before
        ]
        body = draw(st.recursive(st.integers() | st.text(max_size=5) | st.none(), st.lists, max_leaves=4))
        step: dict[str, Any] = {"target": {**TARGET, "body": {"$literal": body}}}
        if needs:
            step |= {"needs": needs, "rule": draw(st.sampled_from(PERMISSIVE))}
        if draw(st.booleans()):
            step["timeout"] = f"{draw(st.integers(1, 600))}s"
        steps[name] = step
    return {"name": "w", "steps": steps, "failure": draw(st.sampled_from(["let_run", "fail_fast"]))}


def shuffled(value: Any, chance: random.Random, *, ordered: bool = True) -> Any:
    """The same JSON with the names of its objects, and the needs of its steps, in another order."""
    if isinstance(value, Mapping):
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name], chance, ordered=name != "needs") for name in names}
    if isinstance(value, list):
        items = [shuffled(item, chance) for item in value]
        if not ordered:
            chance.shuffle(items)
        return items
    return value


def spelt_out(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same definition with its defaults written, and each need as an object."""
    steps = {}
    for name, step in document["steps"].items():
        needs = [{"step": need, "when": None} if isinstance(need, str) else need for need in step.get("needs", [])]
        target = {**TARGET_SPELT_OUT, **step["target"]}
        steps[name] = {**SPELT_OUT, **step, "needs": needs, "target": target}
    return {"description": "", "params": {}, "tags": {}, **document, "steps": steps}


def digest(document: Mapping[str, Any]) -> str:
    return digest_of(document_of(read_workflow(document)))


@given(definitions(), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_all_spellings_of_one_meaning_have_one_digest(document: dict[str, Any], chance: random.Random) -> None:
    first = digest(document)
    assert digest(shuffled(document, chance)) == first
    assert digest(spelt_out(document)) == first
    assert digest(json.loads(json.dumps(document, indent=3))) == first


@given(definitions())
@settings(max_examples=100)
def test_what_is_read_is_read_the_same_again(document: dict[str, Any]) -> None:
    body = read_workflow(document)
    canonical = document_of(body)
    assert document_of(read_workflow(canonical)) == canonical
    assert workflow_of(read_workflow(canonical)) == workflow_of(body)
    assert len(workflow_of(body).graph()) == len(document["steps"])


@given(definitions(), st.data())
@settings(max_examples=100)
def test_another_meaning_has_another_digest(document: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(document["steps"])))
    change = data.draw(st.sampled_from([{"priority": "low"}, {"timeout": "11m"}, {"setup": True}, {"pool": "mine"}]))
    other = {**document, "steps": {**document["steps"], name: {**document["steps"][name], **change}}}
    assert digest(other) != digest(document)
    assert digest({**document, "name": "x"}) != digest(document)


ENDS = (EdgeState.SUCCEEDED, EdgeState.FAILED, EdgeState.UPSTREAM_FAILED, EdgeState.SKIPPED)
OF_RULING = {Ruling.SKIPPED: {EdgeState.SKIPPED}, Ruling.UPSTREAM_FAILED: {EdgeState.UPSTREAM_FAILED}}


@st.composite
def edges(draw: st.DrawFn) -> dict[str, StepEdges]:
    """An acyclic graph of up to five steps with any rules and conditions."""
    steps: dict[str, StepEdges] = {}
    for place, name in enumerate(NAMES[: draw(st.integers(1, len(NAMES)))]):
        parents = draw(st.lists(st.sampled_from(NAMES[:place]), unique=True, max_size=4)) if place else []
        rule = draw(st.sampled_from(Rule)) if parents else Rule.ALL_SUCCESS
        steps[name] = StepEdges({one: draw(st.booleans()) for one in parents}, rule, draw(st.booleans()))
    return steps


def never_by_trying(steps: Mapping[str, StepEdges]) -> set[str]:
    """The oracle: tries every combination of the ends that parents may have, each for itself."""
    ends: dict[str, set[EdgeState]] = {}
    never = set()
    for name, step in steps.items():
        choices = [
            ends[parent] | ({EdgeState.SKIPPED} if conditional and EdgeState.SUCCEEDED in ends[parent] else set())
            for parent, conditional in step.parents.items()
        ]
        setups = [steps[parent].setup for parent in step.parents]
        rulings = {judge(step.rule, states, setups) for states in product(*choices)}
        if Ruling.RUN in rulings:
            may = ({EdgeState.SUCCEEDED, EdgeState.FAILED} if one is Ruling.RUN else OF_RULING[one] for one in rulings)
            ends[name] = set().union(*may)
        else:
            never.add(name)
            ends[name] = set(ENDS)
    return never


@given(edges())
@settings(max_examples=300)
def test_steps_that_can_never_run_are_found_and_no_others(steps: dict[str, StepEdges]) -> None:
    found = {fault.path.split(".")[1] for fault in never_faults(steps, list(steps), ())}
    assert found == never_by_trying(steps)


@given(st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES)), min_size=1))
@settings(max_examples=300)
def test_circles_are_real_and_without_their_steps_there_is_none(needs: dict[str, set[str]]) -> None:
    steps = {name: StepEdges(dict.fromkeys(sorted(parents), False)) for name, parents in needs.items()}
    found = list(circles(steps))
    for circle in found:
        assert circle[0] == circle[-1]
        assert all(before in steps[after].parents for before, after in pairwise(circle))
    gone = {name for circle in found for name in circle}
    assert list(circles({name: step for name, step in steps.items() if name not in gone})) == []
