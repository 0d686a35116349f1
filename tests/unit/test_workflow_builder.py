"""The builder of workflows makes the document that its owner would have written."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tidewheel.domain.workflows.definition import digest_of
from tidewheel.tasks import registered
from tidewheel.wire.workflows.body import document_of
from tidewheel.wire.workflows.reading import read_workflow
from tidewheel.workflows import (
    Manifest,
    Step,
    Workflow,
    approval,
    call,
    default,
    each,
    index,
    item,
    length,
    literal,
    merge,
    nominal,
    parsed,
    run,
    run_id,
    step,
    text,
    to_json,
    total,
    wait,
)

HOOK = {"kind": "http", "url": "https://example.com/hook"}


@step(task="tests.extract", pool="mine", timeout=timedelta(minutes=10), retry={"max_attempts": 5})
def extract(region: str, limit: int = 3) -> dict[str, Any]:
    return {"region": region, "limit": limit}


@step(task="tests.load")
def load(page: str, table: str = "t") -> str:
    return page + table


def canonical(document: Any) -> str:
    return digest_of(document_of(read_workflow(document)))


def test_the_document_is_the_one_that_its_owner_would_have_written() -> None:
    with Workflow("nightly", params={"region": {"default": "eu"}}, failure="fail_fast", tags={"a": "b"}) as nightly:
        found = extract(region=nightly.params.region)
        pages = load.map(found.output.pages, arguments={"table": text("t-", run_id)}, concurrency=20)
        tell = call("tell", {**HOOK, "body": {"pages": length(found.output.pages), "state": pages.state}})
        alert = call("alert", {**HOOK, "body": nominal}, rule="one_failed")
        (found.output.rows > 0) >> tell
        [pages, tell] >> alert
    by_hand = {
        "name": "nightly",
        "failure": "fail_fast",
        "params": {"region": {"default": "eu"}},
        "tags": {"a": "b"},
        "steps": {
            "extract": {
                "target": {
                    "kind": "python",
                    "function": "tests.extract",
                    "arguments": {"region": "$.run.params.region"},
                },
                "pool": "mine",
                "timeout": "10m",
                "retry": {"max_attempts": 5},
            },
            "load": {
                "needs": ["extract"],
                "pool": "fargate",
                "map": {
                    "over": "$.steps.extract.output.pages",
                    "target": {
                        "kind": "python",
                        "function": "tests.load",
                        "arguments": {"page": "$.item", "table": {"$text": ["t-", "$.run.id"]}},
                    },
                    "concurrency": 20,
                },
            },
            "tell": {
                "needs": ["load", {"step": "extract", "when": {"path": "$.output.rows", "more_than": 0}}],
                "target": {
                    **HOOK,
                    "body": {"pages": {"$length": "$.steps.extract.output.pages"}, "state": "$.steps.load.state"},
                },
            },
            "alert": {"needs": ["load", "tell"], "rule": "one_failed", "target": {**HOOK, "body": "$.run.nominal"}},
        },
    }
    assert canonical(nightly.document()) == canonical(by_hand)
    assert json.loads(json.dumps(nightly.document())) == nightly.document()


def test_a_step_function_is_a_task_and_outside_of_a_workflow_a_function() -> None:
    assert extract("eu") == {"region": "eu", "limit": 3}
    assert registered()["tests.extract"] is extract.function
    with Workflow("w") as made:
        one = extract("eu", 5)
        two = extract.named("other", priority="low")(region="us")
    assert (one.name, two.name) == ("extract", "other")
    assert made.document()["steps"]["extract"]["target"]["arguments"] == {"region": "eu", "limit": 5}
    assert made.document()["steps"]["other"] | {"target": 0} == {
        "pool": "mine",
        "timeout": "PT600S",
        "retry": {"max_attempts": 5},
        "priority": "low",
        "target": 0,
    }


def test_every_kind_of_step() -> None:
    with Workflow("w") as made:
        ask = approval("ask", "Go?", role="admin", expires=timedelta(hours=1), rule="always")
        ask >> wait("pause", duration="1m") >> wait("until", until=made.params.at)  # type: ignore[operator]
        wait("daily", at="06:30", timezone="Europe/Paris")
        run("child", "other", params={"n": ask.output.choice})
        each("numbers", range(2, 10, 3), target={**HOOK, "body": [item.id, index]}, tolerate=3)
        each("lines", Manifest("my-bucket", "a.csv", "csv"), workflow="other", params={"x": item}, page=1)
        each("list", [1, 2], target=HOOK, timeout="2m")
    document = made.document() | {"params": {"at": {}}}
    read_workflow(document)
    steps = document["steps"]
    assert steps["ask"] == {
        "approval": {"message": "Go?", "role": "admin", "expires": "PT3600S"},
        "rule": "always",
    }
    assert steps["until"] == {"wait": {"until": "$.run.params.at"}, "needs": ["pause"]}
    assert steps["child"]["needs"] == ["ask"]
    assert steps["numbers"]["map"]["range"] == {"start": 2, "stop": 10, "step": 3}
    assert steps["numbers"]["map"]["target"]["body"] == ["$.item.id", "$.index"]
    assert steps["lines"]["map"]["manifest"] == {"bucket": "my-bucket", "key": "a.csv", "format": "csv"}
    assert steps["list"] == {"map": {"over": [1, 2], "target": HOOK}, "timeout": "2m"}


def a_step() -> Step:
    with Workflow("w"):
        return call("a", HOOK)


def test_conditions_are_those_of_the_document() -> None:
    out = a_step().output
    pairs = [
        (out == 1, {"path": "$.output", "equals": 1}),
        (out.n != 1, {"not": {"path": "$.output.n", "equals": 1}}),
        (out.n < 1, {"path": "$.output.n", "less_than": 1}),
        (out.n <= 1, {"path": "$.output.n", "at_most": 1}),
        (out["odd name"][0] >= 1, {"path": '$.output["odd name"][0]', "at_least": 1}),
        (out.n.one_of((1, 2)), {"path": "$.output.n", "one_of": [1, 2]}),
        (out.n.contains("x"), {"path": "$.output.n", "contains": "x"}),
        (out.n.begins_with("x"), {"path": "$.output.n", "begins_with": "x"}),
        (out.n.ends_with("x"), {"path": "$.output.n", "ends_with": "x"}),
        (out.n.is_a("null"), {"path": "$.output.n", "is_a": "null"}),
        (out.n.exists(False), {"path": "$.output.n", "exists": False}),
    ]
    for made, document in pairs:
        assert made.document == document
    both = (out.n > 1) & ~(out.m == 2) | (out.n == 0)
    assert both.document["any"][0]["all"][1] == {"not": {"path": "$.output.m", "equals": 2}}


def test_functions_are_those_of_the_document() -> None:
    pairs = [
        (default(1, 2), {"$default": [1, 2]}),
        (total(1, 2), {"$sum": [1, 2]}),
        (total(item), {"$sum": item}),
        (merge({}, {}), {"$merge": [{}, {}]}),
        (to_json(1), {"$json": 1}),
        (parsed("1"), {"$parse": "1"}),
        (literal("$.x"), {"$literal": "$.x"}),
    ]
    for made, document in pairs[:2] + pairs[3:]:
        assert made == document
    assert pairs[2][0]["$sum"] is item


def test_what_cannot_be_is_refused_while_it_is_built() -> None:
    one, other = a_step(), a_step()
    with pytest.raises(RuntimeError, match="belongs to no workflow"):
        call("a", HOOK)
    with Workflow("w"):
        call("a", HOOK)
        with pytest.raises(ValueError, match="has a step a already"):
            call("a", HOOK)
    with pytest.raises(ValueError, match="a is a step of w, not of w"):
        one >> other
    with pytest.raises(TypeError, match="known when the workflow runs"):
        bool(one.output.rows)
    with pytest.raises(TypeError, match="known when the workflow runs"):
        list(one.output.rows)
    with pytest.raises(TypeError, match="met or not when the workflow runs"):
        bool(one.output > 1)
    with pytest.raises(TypeError, match="with a constant"):
        one.output > other.output  # noqa: B015
    with pytest.raises(TypeError, match="no output of a step"):
        run_id == 1  # noqa: B015
    with pytest.raises(TypeError, match="no output of a step"):
        one.state == "failed"  # noqa: B015
    with pytest.raises(TypeError, match="about one step"):
        (one.output > 1) & (other.output > 1)
    with pytest.raises(TypeError, match="missing a required argument"), Workflow("w"):
        extract()
    with Workflow("w"):
        first, second = call("a", HOOK), call("b", HOOK)
        (first.output > 1) >> second
        first >> second
        with pytest.raises(ValueError, match="under another condition"):
            (first.output > 2) >> second
    assert second.document()["needs"] == [{"step": "a", "when": {"path": "$.output", "more_than": 1}}]
