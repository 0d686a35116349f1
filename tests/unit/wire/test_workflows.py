"""Reading workflows: what each field takes, what is refused, and what it becomes in the domain."""

from __future__ import annotations

from typing import Any

import pytest

from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.jobs.policies import RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import DAY_MS, HOUR_MS, MINUTE_MS
from tidewheel.domain.workflows.data.conditions import Condition
from tidewheel.domain.workflows.definition import FailurePolicy, Need, Step, digest_of
from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.limits import MAX_DEFINITION_BYTES, MAX_RUN_MS
from tidewheel.domain.workflows.params import Param, ParamType
from tidewheel.domain.workflows.rules import Rule
from tidewheel.domain.workflows.works import (
    Approval,
    Approvers,
    Escalation,
    Manifest,
    Map,
    Numbers,
    SubWorkflow,
    Task,
    Values,
    Wait,
)
from tidewheel.wire import targets
from tidewheel.wire.refused import Refused
from tidewheel.wire.workflows.body import document_of
from tidewheel.wire.workflows.convert import stored_workflow, workflow_of
from tidewheel.wire.workflows.reading import read_workflow

HOOK = {"kind": "http", "url": "https://example.com/hook"}
CALL = {"target": HOOK}
DIGEST = "0" * 64


def step(**fields: Any) -> Step:
    """The domain's step of a step with these fields, behind the steps ``a`` and ``b``."""
    document = {"name": "w", "params": {"x": {}}, "steps": {"a": CALL, "b": CALL, "s": fields}}
    return workflow_of(read_workflow(document)).step("s")


def refused(steps: dict[str, Any], **document: Any) -> list[str]:
    with pytest.raises(Refused) as error:
        read_workflow({"name": "w", "steps": steps, **document})
    return [f"{one.field}: {one.problem}" for one in error.value.errors]


def test_a_task_has_what_its_target_has_and_how_it_is_called() -> None:
    found = step(
        target=HOOK,
        needs=["b", {"step": "a", "when": {"path": "$.output", "equals": None}}],
        rule="none_failed",
        setup=True,
        retry={"max_attempts": 5, "strategy": "fixed", "on": ["5xx"]},
        timeout="5m",
        heartbeat="30s",
        pool="mine",
        priority="high",
        precision="low",
        description="calls",
    )
    assert found == Step(
        "s",
        Task(Target("http", found.target.spec if found.target else {})),
        (Need("a", Condition.parse({"path": "$.output", "equals": None})), Need("b")),
        Rule.NONE_FAILED,
        setup=True,
        retry=RetryPolicy(5, Strategy.FIXED, on=("5xx",)),
        timeout_ms=5 * MINUTE_MS,
        heartbeat_ms=30_000,
        pool="mine",
        priority="high",
        precision=Precision.LOW,
        description="calls",
    )
    assert found.target is not None
    assert found.target.spec == {**HOOK, "method": "POST", "headers": {}, "body": None, "redirects": 0}
    assert (found.kind, found.sub_workflow) == ("task", None)


def test_an_expression_names_the_needs_in_its_order() -> None:
    when = {"path": "$.output", "exists": True}
    found = step(**CALL, depends=" b.Succeeded  &&(a||!b.Failed)", needs=["b", {"step": "a", "when": when}])
    assert found.rule == Depends.parse("b.Succeeded && (a || !b.Failed)")
    assert found.needs == (Need("b"), Need("a", Condition.parse(when)))


@pytest.mark.parametrize(
    ("written", "work"),
    [
        ({"message": "Go?"}, Approval("Go?")),
        (
            {
                "message": "Go?",
                "role": None,
                "principals": ["key:2", "key:1", "key:2"],
                "approvals": 2,
                "starter": True,
                "choices": {"yes": "succeeded", "no": "failed", "later": "failed"},
                "form": {"why": {"required": True}},
                "expires": "1d",
                "default": "later",
                "escalate": {"after": "1h", "role": "admin"},
            },
            Approval(
                "Go?",
                Approvers(None, ("key:1", "key:2")),
                2,
                True,
                {"later": False, "no": False, "yes": True},
                {"why": Param(ParamType.STRING, required=True)},
                DAY_MS,
                "later",
                Escalation(HOUR_MS, Approvers(Role.ADMIN)),
            ),
        ),
    ],
)
def test_an_approval(written: dict[str, Any], work: Approval) -> None:
    assert step(approval=written).work == work


def test_an_approval_without_an_end_lasts_as_long_as_a_run() -> None:
    assert Approval("").expires_ms == MAX_RUN_MS


def test_waits() -> None:
    assert step(wait={"duration": "PT2H"}).work == Wait(for_ms=2 * HOUR_MS)
    assert step(wait={"until": "2026-11-18T12:06:40+01:00"}).work == Wait(until=1_795_000_000_000)
    assert step(wait={"until": "$.run.params.x"}).work == Wait(until="$.run.params.x")
    daily = step(wait={"at": "06:30", "timezone": "Europe/Paris"}).work
    assert isinstance(daily, Wait)
    assert daily.daily is not None
    assert (daily.daily.expression, daily.daily.zone) == ("30 6 * * *", "Europe/Paris")


@pytest.mark.parametrize(
    ("items", "over"),
    [
        ({"over": [1, {"a": "$.run.id"}]}, Values((1, {"a": "$.run.id"}))),
        ({"over": "$.run.params.x"}, None),
        ({"range": {"stop": 10}}, Numbers(0, 10)),
        ({"range": {"start": 2, "stop": 10, "step": 3}}, Numbers(2, 10, 3)),
        ({"manifest": {"bucket": "my-bucket", "key": "a/b.jsonl"}}, Manifest("my-bucket", "a/b.jsonl")),
        ({"manifest": {"bucket": "my-bucket", "key": "a.csv", "format": "csv"}}, Manifest("my-bucket", "a.csv", "csv")),
    ],
)
def test_a_map_over(items: dict[str, Any], over: Any) -> None:
    if over is None:
        (told,) = refused({"s": {"map": {**items, **CALL}}}, params={"x": {}})
        assert told.startswith("steps.s.map.over: '$.run.params.x' is of the type string")
        return
    work = step(map={**items, **CALL}).work
    assert isinstance(work, Map)
    assert (work.over, work.page, work.concurrency, work.ordered) == (over, 100, 10, False)


def test_a_map_of_workflows_in_order_runs_a_page_at_a_time() -> None:
    written = {"over": [1], "workflow": {"name": "child"}, "ordered": True, "page": 1, "tolerate_percent": 2.5}
    found = step(map=written)
    assert found.work == Map(Values((1,)), SubWorkflow("child"), 1, 1, tolerated_percent=2.5, ordered=True)
    assert (found.kind, found.sub_workflow, found.target) == ("map", SubWorkflow("child"), None)


def test_a_workflow_of_a_version_with_parameters() -> None:
    found = step(workflow={"name": "child", "version": DIGEST, "params": {"a": "$.run.id"}})
    assert found.work == SubWorkflow("child", DIGEST, {"a": "$.run.id"})
    assert found.kind == "workflow"


def test_a_whole_workflow() -> None:
    document = {
        "name": "nightly.v2",
        "description": "d",
        "failure": "fail_fast",
        "params": {"n": {"type": "integer", "default": 3, "description": "how many"}},
        "tags": {"team": "billing"},
        "steps": {"b": {**CALL, "needs": ["a"]}, "a": CALL},
    }
    found = workflow_of(read_workflow(document))
    assert (found.name, found.description, found.failure) == ("nightly.v2", "d", FailurePolicy.FAIL_FAST)
    assert found.params == {"n": Param(ParamType.INTEGER, 3, description="how many")}
    assert found.tags == {"team": "billing"}
    assert [node.name for node in found.graph().nodes] == ["a", "b"]
    assert [edge.parent for edge in found.graph().nodes[1].parents] == [0]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"target": {"kind": "htp"}}, "steps.s.target.kind: 'htp' is not known"),
        ({"target": {}}, "steps.s.target.kind: is missing"),
        ({"target": 5}, "steps.s.target: is not an object"),
        ({"target": {**HOOK, "bdy": 1}}, "steps.s.target.bdy: is not a known field"),
        ({**CALL, "timeot": 1}, "steps.s.timeot: is not a known field"),
        ({**CALL, "timeout": "0s"}, "steps.s.timeout: PT0S is out of bounds"),
        ({**CALL, "rule": "sometimes"}, "steps.s.rule: 'sometimes' is not known"),
        ({**CALL, "needs": "a"}, "steps.s.needs: input should be a valid list"),
        ({**CALL, "needs": [5]}, "steps.s.needs.0: is not an object"),
        ({**CALL, "needs": ["1"]}, "steps.s.needs.0: '1' is no name of a step"),
        ({**CALL, "needs": [{"step": "a", "wen": {}}]}, "steps.s.needs.0.wen: is not a known field"),
        ({**CALL, "retry": {"max": 1}}, "steps.s.retry.max: is not a known field"),
        ({"target": {"kind": "python", "function": "a.b"}}, "steps.s.pool: the pool lambda cannot run a target of"),
        ({"map": {"over": [1], "target": {"kind": "python", "function": "a.b"}}}, "steps.s.pool: the pool lambda"),
        ({"approval": {}}, "steps.s.approval.message: is missing"),
        ({"approval": {"message": "x", "role": None}}, "steps.s.approval: 1 must answer, and 0 may"),
        ({"approval": {"message": "x", "default": "no"}}, "steps.s.approval: the default 'no' is no choice"),
        ({"approval": {"message": "x", "choices": {}}}, "steps.s.approval.choices: dictionary should have at least"),
        ({"approval": {"message": "x", "choices": {"a": "dead"}}}, "steps.s.approval.choices.a: 'dead' is not known"),
        ({"approval": {"message": "x", "form": {"a": {"typ": 1}}}}, "steps.s.approval.form.a.typ: is not a known"),
        (
            {"approval": {"message": "x", "expires": "1h", "escalate": {"after": "1h", "role": "admin"}}},
            "steps.s.approval: it escalates when the question is over",
        ),
        ({"approval": {"message": "x", "escalate": {"after": "1h"}}}, "steps.s.approval.escalate: nobody is named"),
        ({"wait": {"at": "24:00"}}, "steps.s.wait.at: '24:00' is not a time of day"),
        ({"wait": {"at": "06:00", "timezone": "Mars"}}, "steps.s.wait.timezone: 'Mars' is not a known time zone"),
        ({"wait": {"until": "soon"}}, "steps.s.wait.until: 'soon' is not a time"),
        ({"wait": {"until": 5}}, "steps.s.wait.until: 5 is not a time"),
        ({"wait": {"duration": "367d"}}, "steps.s.wait.duration: P367D is out of bounds"),
        ({"map": {"over": "a", **CALL}}, "steps.s.map.over: 'a' is no list and no path"),
        ({"map": {"range": {"stop": 1_000_001}, **CALL}}, "steps.s.map.range: these are 1000001 numbers"),
        ({"map": {"range": {"stop": 0}, **CALL}}, "steps.s.map.range: these are 0 numbers"),
        ({"map": {"manifest": {"bucket": "B", "key": "k"}, **CALL}}, "steps.s.map.manifest.bucket: 'B' is no bucket"),
        ({"map": {"over": [], **CALL, "tolerate": 1, "tolerate_percent": 1.0}}, "steps.s.map: has tolerate and"),
        ({"map": {"over": [], **CALL, "ordered": True, "concurrency": 5}}, "steps.s.map: pages that run side by side"),
        ({"map": {"over": [], "target": {"kind": "htp"}}}, "steps.s.map.target.kind: 'htp' is not known"),
        ({"map": {"over": [], "target": {**HOOK, "x": 1}}}, "steps.s.map.target.x: is not a known field"),
        ({"workflow": {"name": "a b"}}, "steps.s.workflow.name: 'a b' is no name of a workflow"),
        ({"workflow": {"name": "a", "version": "3"}}, "steps.s.workflow.version: '3' is no version"),
        (5, "steps.s: is not an object"),
    ],
)
def test_a_field_is_refused_at_its_place_and_alone(fields: Any, told: str) -> None:
    (found,) = refused({"a": CALL, "s": fields})
    assert found.startswith(told)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"name": ".hidden"}, "name: '.hidden' is no name of a workflow"),
        ({"nam": "x"}, "nam: is not a known field"),
        ({"failure": "ignore"}, "failure: 'ignore' is not known"),
        ({"params": {"n": {"type": "int"}}}, "params.n.type: 'int' is not known"),
        ({"params": {"n": {"type": "integer", "default": "3"}}}, "params.n: the default '3' is no integer"),
        ({"params": {"n": {"default": "3", "required": True}}}, "params.n: a default is given though it is required"),
        ({"generation": 3}, "generation: is set by the API"),
    ],
)
def test_the_head_is_refused_at_its_place_and_alone(document: dict[str, Any], told: str) -> None:
    (found,) = refused({"s": CALL}, **document)
    assert found.startswith(told)


def test_everything_wrong_is_told_at_once_in_the_order_of_the_document() -> None:
    steps = {
        "z": {"target": {"kind": "http", "url": "nowhere"}, "needs": ["gone"]},
        "bad name": CALL,
        "a": {"wait": {"at": "25:00"}, "needs": ["z", "b"]},
        "b": {**CALL, "needs": ["a"]},
    }
    assert [one.split(": ")[0] for one in refused(steps, nam="x", name=5)] == [
        "name",
        "nam",
        "steps.z.target.url",
        "steps.z.needs.0",
        "steps.bad name",
        "steps.a.wait.at",
        "steps.a.needs",
    ]


def test_a_definition_has_a_largest_size() -> None:
    def sized(length: int) -> dict[str, Any]:
        return {"s": {"target": {**HOOK, "body": "x" * length}}}

    room = MAX_DEFINITION_BYTES - len('{"name":"w","steps":{"s":{"target":{"body":"","kind":"http","url":""}}}}') - 24
    read_workflow({"name": "w", "steps": sized(room)})
    (told,) = refused(sized(room + 1))
    assert told == f"steps: the definition has {MAX_DEFINITION_BYTES + 1} bytes, without its spaces and defaults"


def test_what_has_its_default_is_not_in_the_canonical_document() -> None:
    document = {"name": "w", "description": "", "steps": {"s": {**CALL, "timeout": "60s", "needs": []}}}
    assert document_of(read_workflow(document)) == {"name": "w", "steps": {"s": CALL}}


def test_a_stored_definition_of_a_newer_release_is_read_as_far_as_it_is_known() -> None:
    document = {"name": "w", "new": 1, "steps": {"s": {"target": {**HOOK, "new": 1}, "new": 1}}}
    assert stored_workflow(document, "w", DIGEST) == workflow_of(read_workflow({"name": "w", "steps": {"s": CALL}}))
    with pytest.raises(Unreadable, match=f"workflow w@{DIGEST}"):
        stored_workflow({"name": "w", "steps": {"s": {"target": {"kind": "new"}}}}, "w", DIGEST)


def test_the_digest_of_a_definition_stays_the_same_from_release_to_release() -> None:
    document = {"name": "w", "steps": {"a": CALL, "b": {**CALL, "needs": ["a"], "retry": {"max_attempts": 5}}}}
    assert digest_of(document_of(read_workflow(document))) == (
        "65431335f700b74a9e55d1a2cc50a3293c5efe8a0ad00192ac18e91d826d47e4"
    )


def test_a_step_calls_and_starts_no_workflow_by_its_target() -> None:
    step = {"target": {"kind": "workflow", "workflow": "other"}}
    with pytest.raises(Refused, match="workflow"):
        read_workflow({"name": "w", "steps": {"a": step}})


@pytest.mark.parametrize("kind", sorted(kind for kind, model in targets.MODELS.items() if model.IS_CALL))
def test_every_kind_of_target_says_which_of_its_fields_take_data(kind: str) -> None:
    model = targets.MODELS[kind]
    assert model.DATA
    assert model.model_fields.keys() - {model.PARTY, "kind"} >= model.DATA
