"""What is wrong with a definition as a whole: every fault at once, each with its place."""

from __future__ import annotations

from typing import Any

import pytest

from tidewheel.domain.workflows.checks import kinds
from tidewheel.domain.workflows.checks.validation import validate
from tidewheel.domain.workflows.limits import MAX_STEPS

DATA_FIELDS = {"http": frozenset({"body"}), "quiet": frozenset[str]()}
CALL = {"target": {"kind": "http", "url": "https://example.com"}}
PAUSE = {"wait": {"duration": "1m"}}


def calling(body: Any, **more: Any) -> dict[str, Any]:
    return {"target": {"kind": "http", "body": body}, **more}


def told(steps: dict[str, Any], **document: Any) -> list[str]:
    return [str(fault) for fault in validate({"steps": steps, **document}, DATA_FIELDS)]


def test_a_definition_without_fault_has_none() -> None:
    steps = {
        "extract": CALL,
        "check": {**CALL, "needs": [{"step": "extract", "when": {"path": "$.output.rows", "more_than": 0}}]},
        "pause": {**PAUSE, "needs": ["extract"]},
        "each": {
            "needs": ["check"],
            "map": {"over": "$.steps.extract.output.pages", "target": {"kind": "http", "body": ["$.item", "$.index"]}},
        },
        "child": {"needs": ["each"], "workflow": {"name": "other", "params": {"a": "$.steps.each.output"}}},
        "end": calling({"s": "$.steps.check.state", "r": "$.run.params.region"}, depends="check.Skipped || child"),
        "told": {**CALL, "needs": ["extract", "child"], "rule": "one_failed"},
    }
    assert told(steps, params={"region": {}}) == []


@pytest.mark.parametrize(
    ("steps", "start"),
    [
        ({"a": {**CALL, "needs": ["b"]}}, "steps.a.needs.0: there is no step 'b'"),
        (
            {"load": CALL, "a": {**CALL, "needs": ["lod"]}},
            "steps.a.needs.0: there is no step 'lod'; did you mean load?",
        ),
        ({"a": {**CALL, "needs": [{"step": "b"}]}}, "steps.a.needs.0.step: there is no step 'b'"),
        ({"a": {**CALL, "needs": ["a"]}}, "steps.a.needs.0: the step waits for itself"),
        ({"b": CALL, "a": {**CALL, "needs": ["b", "b"]}}, "steps.a.needs.1: 'b' is named twice"),
        ({"a": {**CALL, "depends": "b.Succeeded"}}, "steps.a.depends: there is no step 'b'"),
        ({"a": {**CALL, "depends": "a.Failed"}}, "steps.a.depends: the step waits for itself"),
        ({"b": CALL, "a": {**CALL, "depends": "b.Done"}}, "steps.a.depends: at character 3: 'Done' is no result"),
        (
            {"b": CALL, "c": CALL, "a": {**CALL, "depends": "b.Succeeded", "needs": ["c"]}},
            "steps.a.depends: the expression does not name c",
        ),
        (
            {"b": CALL, "a": {**CALL, "depends": "b.Succeeded", "rule": "all_done"}},
            "steps.a.depends: is given beside rule",
        ),
        (
            {"b": CALL, "a": {**CALL, "needs": [{"step": "b", "when": {"path": "$.output"}}]}},
            "steps.a.needs.0.when: the value is compared by nothing",
        ),
        (
            {"b": PAUSE, "a": {**CALL, "needs": [{"step": "b", "when": {"path": "$.output", "exists": True}}]}},
            "steps.a.needs.0.when: b is a wait, which answers nothing",
        ),
        (
            {"b": CALL, "a": {**CALL, "needs": ["b"], "rule": "all_skipped"}},
            "steps.a.rule: the step is never reached: the rule all_skipped does not hold, since b ends as failed or",
        ),
        (
            {"b": CALL, "a": {**CALL, "depends": "b.Succeeded && b.Failed"}},
            "steps.a.depends: the expression 'b.Succeeded && b.Failed' can never hold, however",
        ),
        ({"a": {**CALL, "rule": "one_failed"}}, "steps.a.rule: the rule one_failed asks how steps before ended"),
        ({"a": calling("$.steps.b.output")}, "steps.a.target.body: $.steps.b.output: there is no step 'b'"),
        (
            {"b": CALL, "a": calling({"x": "$.steps.b.output"})},
            "steps.a.target.body.x: $.steps.b.output: the step does not come after b; add b to its needs",
        ),
        ({"a": calling("$.steps.a.output")}, "steps.a.target.body: $.steps.a.output: the step does not come after a"),
        (
            {"b": PAUSE, "a": calling("$.steps.b.output", needs=["b"])},
            "steps.a.target.body: b is a wait, which answers nothing",
        ),
        ({"a": calling("$.run.params.x")}, "steps.a.target.body: there is no parameter 'x'"),
        ({"a": calling("$.item")}, "steps.a.target.body: $.item is known to the target or workflow of a map alone"),
        ({"a": calling("$.run.name")}, "steps.a.target.body: leads to no data of a run"),
        ({"a": calling({"$size": []})}, "steps.a.target.body.$size: is no function"),
        (
            {"a": {"target": {"kind": "http", "headers": {"x": "$.run.id"}}}},
            "steps.a.target.headers.x: $.run.id would be sent as it stands: headers takes no data; use one of body",
        ),
        (
            {"a": {"map": {"over": [1], "target": {"kind": "quiet", "body": "$.item"}}}},
            "steps.a.map.target.body: $.item would be sent as it stands: body takes no data; write what is meant",
        ),
        ({"a": {"map": {"over": "$.item", "target": CALL["target"]}}}, "steps.a.map.over: $.item is known to the"),
        ({"a": {"map": {"over": "$.run.id", "target": CALL["target"]}}}, "steps.a.map.over: '$.run.id' is of the type"),
        ({"a": {"wait": {"until": "$.run.params.n"}}}, "steps.a.wait.until: '$.run.params.n' is of the type number"),
        ({"a": {"workflow": {"name": "w", "params": {"x": "$.no"}}}}, "steps.a.workflow.params.x: leads to no"),
    ],
)
def test_a_fault_is_told_at_its_place_and_alone(steps: dict[str, Any], start: str) -> None:
    (found,) = told(steps, params={"n": {"type": "integer"}})
    assert found.startswith(start)


def test_every_circle_is_named() -> None:
    steps = {
        "a": {**CALL, "needs": ["c"]},
        "b": {**CALL, "needs": ["a"]},
        "c": {**CALL, "needs": ["b", "free"]},
        "free": CALL,
        "x": {**CALL, "needs": ["y"]},
        "y": {**CALL, "depends": "x"},
        "behind": {**CALL, "needs": ["y"]},
    }
    found = told(steps)
    assert [one.split(": ")[2].split(";")[0] for one in found] == ["a -> b -> c -> a", "y -> x -> y"]


def test_a_long_circle_is_shortened() -> None:
    steps = {f"s{number:02}": {**CALL, "needs": [f"s{(number + 1) % 40:02}"]} for number in range(40)}
    (found,) = told(steps)
    assert found.count("->") == 12
    assert "…" in found


def test_what_follows_from_one_fault_is_not_told_again() -> None:
    steps = {
        "a": CALL,
        "never": {**CALL, "needs": ["a"], "rule": "all_skipped"},
        "after": {**CALL, "needs": ["never"]},
        "later": {**CALL, "needs": ["after"], "rule": "all_skipped"},
        "apart": {**CALL, "needs": ["a"], "rule": "all_skipped"},
    }
    assert [one.split(": ")[0] for one in told(steps)] == ["steps.never.rule", "steps.apart.rule"]


def test_a_step_behind_a_branch_may_be_skipped() -> None:
    branch = {"step": "a", "when": {"path": "$.output", "equals": 1}}
    assert told({"a": CALL, "b": {**CALL, "needs": [branch], "rule": "all_skipped"}}) == []


def test_all_faults_of_several_steps_are_told_at_once() -> None:
    steps = {
        "a": calling({"x": "$.steps.zz.output", "y": "$.run.params.q"}, needs=["b"]),
        "b": {**CALL, "needs": ["a"]},
        "c": {**CALL, "needs": ["gone"], "depends": "a &&"},
    }
    assert len(told(steps)) == 5


def test_documents_of_any_shape_are_passed_over() -> None:
    shapes: list[Any] = [None, 5, "a", [], {}, {"a": None}, {"a": []}, {"a": {"needs": 5, "depends": 5}}]
    shapes += [{"a": {"needs": [5, None, {}, {"step": 5}], "target": 5, "map": 5, "wait": 5, "workflow": 5}}]
    shapes += [{"a": {"target": {"kind": 5}, "map": {"over": 5, "target": {"kind": []}}, "rule": "no"}}]
    for steps in shapes:
        assert validate({"steps": steps, "params": steps}, DATA_FIELDS) == []
        assert list(kinds.faults({"steps": steps}))[:0] == []


def test_more_steps_than_fit_are_told_with_the_number() -> None:
    most = {f"s{number}": CALL for number in range(MAX_STEPS)}
    assert told(most) == []
    assert told({**most, "more": CALL}) == [
        "steps: there are 1001 steps; use 1000 or fewer; a map does the same for many items"
    ]


def test_a_thousand_steps_that_all_wait_for_each_other_are_looked_at() -> None:
    steps = {f"s{number}": {**CALL, "needs": [f"s{one}" for one in range(number)]} for number in range(0, MAX_STEPS, 4)}
    steps = {name: {**step, "needs": [one for one in step["needs"] if one in steps]} for name, step in steps.items()}
    assert told(steps) == []


@pytest.mark.parametrize(
    ("step", "start"),
    [
        ({}, "steps.a: has none of target, approval, wait, map, workflow"),
        ({**CALL, **PAUSE}, "steps.a: has target and wait; give it exactly one of"),
        ({**PAUSE, "retry": {}}, "steps.a.retry: a step with wait calls no target"),
        ({"approval": {}, "pool": "x"}, "steps.a.pool: a step with approval calls no target"),
        ({"workflow": {}, "timeout": "1m"}, "steps.a.timeout: a step with workflow calls no target"),
        ({"map": {"over": [1], "workflow": {}}, "priority": "low"}, "steps.a.priority: a step with map calls"),
        ({"map": {"over": [1]}}, "steps.a.map: has none of target, workflow"),
        ({"map": {"target": {}}}, "steps.a.map: has none of over, range, manifest"),
        ({"map": {"over": [], "range": {}, "target": {}}}, "steps.a.map: has over and range"),
        ({"wait": {}}, "steps.a.wait: has none of duration, until, at"),
        ({"wait": {"until": "x", "at": "y"}}, "steps.a.wait: has until and at"),
        ({"wait": {"duration": "1m", "timezone": "UTC"}}, "steps.a.wait.timezone: is given without at"),
    ],
)
def test_a_step_is_of_one_kind(step: dict[str, Any], start: str) -> None:
    (found,) = map(str, kinds.faults({"steps": {"a": step}}))
    assert found.startswith(start)


def test_a_map_of_calls_says_how_they_are_called() -> None:
    step = {"map": {"over": [1], "target": {}}, "retry": {}, "pool": "x", "approval": None}
    assert list(kinds.faults({"steps": {"a": step}})) == []
