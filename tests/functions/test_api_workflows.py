"""Definitions of workflows by the API: put, read, versions, dry runs, who may do what, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.api_bench import ApiBench
from tests.support.world_examples import a_tenant
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.quotas.limit import Limit
from tidewheel.domain.wheel.pace import ECONOMY
from tidewheel.domain.workflows.limits import MAX_WORKFLOW_BODY_BYTES, MAX_WORKFLOW_DEPTH
from tidewheel.wire.targets import allowed_kinds

HOOK = {"kind": "http", "url": "https://example.com/hook"}
CALL = {"target": HOOK}
DRY = {"dry_run": ["true"]}


def a_workflow(name: str = "nightly", **steps: Any) -> dict[str, Any]:
    return {"name": name, "steps": steps or {"extract": CALL}}


def running(name: str, *others: str) -> dict[str, Any]:
    """A workflow that runs others."""
    return a_workflow(name, **{f"s{place}": {"workflow": {"name": other}} for place, other in enumerate(others)})


@pytest.fixture
def api() -> ApiBench:
    return ApiBench()


def put(api: ApiBench, document: dict[str, Any], **rest: Any) -> Any:
    return api.call("PUT", f"/workflows/{document['name']}", document, **rest)


def errors(answer: Any) -> list[str]:
    assert answer.status == 422, answer.text
    return [f"{one['field']}: {one['problem']}" for one in answer.json["errors"]]


def test_a_workflow_is_put_and_read(api: ApiBench) -> None:
    made = put(api, a_workflow() | {"description": "d", "tags": {"team": "x"}})
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    assert made.json["definition"] == a_workflow() | {"description": "d", "tags": {"team": "x"}}
    assert (made.json["steps"], made.json["created_by"], made.json["changes"]) == (1, "key:bench", None)
    read = api.call("GET", "/workflows/nightly")
    assert (read.status, read.json, read.headers["ETag"]) == (200, made.json, '"1"')


def test_the_same_definition_again_changes_nothing_however_it_is_written(api: ApiBench) -> None:
    first = put(api, a_workflow())
    api.clock.advance(60_000)
    spelt = {"description": "", "steps": {"extract": {"timeout": "PT60S", "needs": [], **CALL}}, "name": "nightly"}
    again = put(api, spelt)
    assert (again.status, again.json, again.headers["ETag"]) == (200, first.json, '"1"')
    assert len(api.call("GET", "/workflows/nightly/versions").json["items"]) == 1


def test_versions_are_kept_and_do_not_grow_by_going_back(api: ApiBench) -> None:
    documents = [a_workflow(), a_workflow(extract={**CALL, "timeout": "PT2M"})]
    digests = []
    for document in (*documents, documents[0]):
        api.clock.advance(1_000)
        digests.append(put(api, document).json["version"])
    assert digests[0] == digests[2] != digests[1]
    found = api.call("GET", "/workflows/nightly/versions").json["items"]
    assert [(one["version"], one["latest"]) for one in found] == [(digests[1], False), (digests[0], True)]
    assert api.call("GET", "/workflows/nightly").json["generation"] == 3
    for digest, document in zip(digests, documents, strict=False):
        version = api.call("GET", f"/workflows/nightly/versions/{digest}").json
        assert (version["definition"], version["name"], version["version"]) == (document, "nightly", digest)


def test_versions_are_paged(api: ApiBench) -> None:
    for seconds in range(1, 4):
        api.clock.advance(1_000)
        put(api, a_workflow(extract={**CALL, "timeout": f"{seconds}m"}))
    first = api.call("GET", "/workflows/nightly/versions", query={"limit": ["2"]}).json
    rest = api.call("GET", "/workflows/nightly/versions", query={"cursor": [first["cursor"]]}).json
    assert (len(first["items"]), len(rest["items"]), rest["cursor"]) == (2, 1, None)
    put(api, a_workflow("other"))
    foreign = api.call("GET", "/workflows/other/versions", query={"cursor": [first["cursor"]]})
    assert errors(foreign) == ["cursor: is not one of this list"]


def test_workflows_are_listed_by_name_in_pages(api: ApiBench) -> None:
    for name in ("b", "a", "c"):
        put(api, a_workflow(name))
    first = api.call("GET", "/workflows", query={"limit": ["2"]}).json
    assert [one["name"] for one in first["items"]] == ["a", "b"]
    assert "definition" not in first["items"][0]
    rest = api.call("GET", "/workflows", query={"cursor": [first["cursor"]]}).json
    assert ([one["name"] for one in rest["items"]], rest["cursor"]) == (["c"], None)


def test_an_edit_of_what_was_edited_since_is_refused(api: ApiBench) -> None:
    put(api, a_workflow())
    changed = a_workflow(extract={**CALL, "timeout": "2m"})
    assert put(api, changed, headers={"If-Match": '"1"'}).headers["ETag"] == '"2"'
    late = put(api, a_workflow(), headers={"If-Match": '"1"'})
    assert (late.status, late.json["errors"][0]["field"]) == (412, "If-Match")
    assert api.call("DELETE", "/workflows/nightly", headers={"If-Match": '"1"'}).status == 412
    assert put(api, a_workflow("new"), headers={"If-Match": '"1"'}).status == 412
    assert put(api, a_workflow("new"), headers={"If-Match": "*"}).status == 201


def test_a_deleted_workflow_is_gone_and_its_generation_goes_on(api: ApiBench) -> None:
    digest = put(api, a_workflow()).json["version"]
    assert api.call("DELETE", "/workflows/nightly").status == 204
    for path in ("", "/versions", f"/versions/{digest}"):
        assert api.call("GET", f"/workflows/nightly{path}").status == 404
    assert api.call("DELETE", "/workflows/nightly").status == 404
    assert api.call("GET", "/workflows").json["items"] == []
    again = put(api, a_workflow())
    assert (again.status, again.headers["ETag"], again.json["version"]) == (201, '"3"', digest)


def test_a_repeat_under_a_key_has_no_further_effect(api: ApiBench) -> None:
    key = {"Idempotency-Key": "k"}
    first = put(api, a_workflow(), headers=key)
    put(api, a_workflow(extract={**CALL, "timeout": "2m"}))
    again = put(api, a_workflow(), headers=key)
    assert (again.status, again.json["generation"]) == (200, 2)
    assert put(api, a_workflow(extract={**CALL, "timeout": "3m"}), headers=key).status == 409
    assert first.status == 201
    assert api.call("DELETE", "/workflows/nightly", headers=key).status == 204
    put(api, a_workflow())
    assert api.call("DELETE", "/workflows/nightly", headers=key).status == 204
    assert api.call("GET", "/workflows/nightly").status == 200


def test_a_dry_run_tells_what_differs_and_writes_nothing(api: ApiBench) -> None:
    new = put(api, a_workflow(), query=DRY)
    assert (new.status, "ETag" in new.headers) == (200, False)
    assert [(one["path"], one["change"]) for one in new.json["changes"]] == [("name", "added"), ("steps", "added")]
    assert api.call("GET", "/workflows/nightly").status == 404
    put(api, a_workflow(extract={**CALL, "timeout": "2m"}, gone=CALL))
    before = api.call("GET", "/workflows/nightly").json
    dry = put(
        api, a_workflow(extract={**CALL, "retry": {"max_attempts": 5}}, load={**CALL, "needs": ["extract"]}), query=DRY
    )
    assert dry.json["changes"] == [
        {"path": "steps.extract.retry", "change": "added", "before": None, "after": {"max_attempts": 5}},
        {"path": "steps.extract.timeout", "change": "removed", "before": "PT2M", "after": None},
        {"path": "steps.gone", "change": "removed", "before": CALL, "after": None},
        {"path": "steps.load", "change": "added", "before": None, "after": {**CALL, "needs": ["extract"]}},
    ]
    assert dry.json["generation"] == 2
    assert api.call("GET", "/workflows/nightly").json == before
    assert put(api, a_workflow(extract={**CALL, "timeout": "2m"}, gone=CALL), query=DRY).json["changes"] == []


def test_a_definition_with_faults_is_refused_with_all_of_them(api: ApiBench) -> None:
    bad = a_workflow(a={**CALL, "needs": ["b"]}, b={**CALL, "needs": ["a"]}, c={"target": {"kind": "http"}})
    assert errors(put(api, bad)) == [
        "steps.a.needs: steps wait for each other in a circle: a -> b -> a",
        "steps.c.target.url: is missing",
    ]
    other = api.call("PUT", "/workflows/other", a_workflow())
    assert errors(other) == ["name: 'nightly' is not the name in the path, 'other'"]
    assert api.call("PUT", "/workflows/a", "x" * (MAX_WORKFLOW_BODY_BYTES + 1)).status == 413


def test_names_that_are_none_are_not_found(api: ApiBench) -> None:
    for name in ("nightly", "%2Ehidden", "a%23b", "x" * 200):
        assert api.call("GET", f"/workflows/{name}").status == 404
    put(api, a_workflow())
    for version in ("latest", "0" * 64, "x"):
        assert api.call("GET", f"/workflows/nightly/versions/{version}").status == 404


def test_a_deployment_refuses_what_it_cannot_run_all_at_once(api: ApiBench) -> None:
    api.ports = replace(
        api.ports, pace=ECONOMY, pools=("lambda", "mine"), kinds=allowed_kinds({"mine": frozenset({"sql"})})
    )
    python = {"kind": "python", "function": "a.b"}
    document = a_workflow(
        a={**CALL, "pool": "other"},
        b={**CALL, "timeout": "15m"},
        c={**CALL, "precision": "high"},
        d={"target": python, "pool": "mine"},
        e={"map": {"over": [1], "target": python}, "pool": "mine"},
        f={"wait": {"duration": "1m"}},
        g={"workflow": {"name": "gone"}},
    )
    assert [one.split(": ")[0] for one in errors(put(api, document))] == [
        "steps.a.pool",
        "steps.b.timeout",
        "steps.c.precision",
        "steps.d.target.kind",
        "steps.e.map.target.kind",
        "steps.g.workflow.name",
    ]


def test_a_tenants_limit_of_a_payload_holds_for_every_step() -> None:
    api = ApiBench(plans={"default": {Limit.PAYLOAD_BYTES: 200}})
    assert put(api, a_workflow()).status == 201
    large = {"target": {**HOOK, "body": "x" * 200}}
    assert put(api, a_workflow(b=large)).status == 429
    assert put(api, a_workflow(b={"map": {"over": [1], **large}})).status == 429


@pytest.mark.parametrize(
    ("role", "reads", "writes"), [(Role.VIEWER, 200, 403), (Role.OPERATOR, 200, 403), (Role.EDITOR, 200, 200)]
)
def test_viewers_read_and_editors_write(api: ApiBench, role: Role, reads: int, writes: int) -> None:
    digest = put(api, a_workflow()).json["version"]
    api.who = Principal("default", "key:1", role)
    for path in ("", "/nightly", "/nightly/versions", f"/nightly/versions/{digest}"):
        assert api.call("GET", f"/workflows{path}").status == reads
    assert put(api, a_workflow()).status == writes
    assert put(api, a_workflow(), query=DRY).status == writes
    assert api.call("DELETE", "/workflows/nightly").status == (204 if writes == 200 else writes)


def test_a_privileged_kind_takes_its_grant_in_every_place(api: ApiBench) -> None:
    api.ports = replace(api.ports, kinds=allowed_kinds({"*": frozenset({"python", "sql"})}))
    python = {"kind": "python", "function": "a.b"}
    documents = [
        a_workflow(a={"target": python, "pool": "fargate"}),
        a_workflow(a={"map": {"over": [1], "target": python}, "pool": "fargate"}),
    ]
    for kinds, status in ((frozenset[str](), 403), (frozenset({"sql"}), 403), (frozenset({"python"}), 201)):
        api.who = Principal("default", "key:1", Role.EDITOR, kinds)
        for document in documents:
            assert put(api, document).status == status
            if status == 201:
                assert api.call("DELETE", "/workflows/nightly").status == 204


def test_a_key_for_some_jobs_sees_no_workflow(api: ApiBench) -> None:
    put(api, a_workflow())
    api.who = Principal("default", "key:1", Role.ADMIN, tags=frozenset({("team", "x")}))
    assert api.call("GET", "/workflows").status == 403
    assert api.call("GET", "/workflows/nightly").status == 403
    assert put(api, a_workflow()).status == 403


def test_another_tenants_workflow_is_not_there(api: ApiBench) -> None:
    api.ports.tenants.swap(a_tenant("other"))
    digest = put(api, a_workflow()).json["version"]
    api.who = Principal("other", "key:2", Role.ADMIN)
    for path in ("", "/versions", f"/versions/{digest}"):
        assert api.call("GET", f"/workflows/nightly{path}").status == 404
    assert api.call("DELETE", "/workflows/nightly").status == 404
    assert errors(put(api, running("mine", "nightly"))) == ["steps.s0.workflow.name: there is no workflow 'nightly'"]
    assert api.call("GET", "/workflows").json["items"] == []
    assert put(api, a_workflow()).status == 201


def test_the_audit_log_tells_which_version_became_the_latest(api: ApiBench) -> None:
    digests = [put(api, a_workflow(extract={**CALL, "timeout": time})).json["version"] for time in ("1m", "2m")]
    put(api, a_workflow(extract={**CALL, "timeout": "2m"}))
    api.call("DELETE", "/workflows/nightly")
    rows = api.call("GET", "/audit", query={"subject": ["nightly"]}).json["items"]
    assert [row["operation"] for row in rows] == ["deleteWorkflow", "putWorkflow", "putWorkflow", "putWorkflow"]
    kept = [
        [
            (one["before"] and one["before"]["version"], one["after"]["version"], one["after"]["deleted"])
            for one in row["changes"]
        ]
        for row in rows
    ]
    assert kept == [
        [(digests[1], digests[1], True)],
        [],
        [(digests[0], digests[1], False)],
        [(None, digests[0], False)],
    ]


def test_workflows_are_run_by_workflows_that_are_there(api: ApiBench) -> None:
    child = a_workflow("child") | {"params": {"day": {"required": True}, "n": {"type": "integer"}}}
    digest = put(api, child).json["version"]
    ok = {"workflow": {"name": "child", "params": {"day": "$.run.nominal", "n": 3}}}
    assert put(api, a_workflow("parent", a=ok, b={"workflow": {**ok["workflow"], "version": digest}})).status == 201
    bad = a_workflow(
        "parent",
        a={"workflow": {"name": "child", "params": {"n": "3", "x": 1}}},
        b={"workflow": {"name": "child", "version": "0" * 64}},
        c={"map": {"over": [1], "workflow": {"name": "gone"}}},
    )
    assert errors(put(api, bad)) == [
        "steps.a.workflow.params.n: is no integer",
        "steps.a.workflow.params.x: is no parameter",
        "steps.a.workflow.params.day: is missing",
        f"steps.b.workflow.version: 'child' has no version {'0' * 64}",
        "steps.c.map.workflow.name: there is no workflow 'gone'",
    ]
    api.call("DELETE", "/workflows/child")
    assert errors(put(api, a_workflow("parent", a=ok))) == ["steps.a.workflow.name: there is no workflow 'child'"]


def test_workflows_do_not_run_each_other_for_ever(api: ApiBench) -> None:
    assert errors(put(api, running("a", "a"))) == ["steps.s0.workflow: workflows run each other for ever: a -> a"]
    digest = put(api, a_workflow("a")).json["version"]
    put(api, running("b", "a"))
    put(api, running("c", "b"))
    told = "steps.s0.workflow: workflows run each other for ever: a -> c -> b -> a"
    assert errors(put(api, running("a", "c"))) == [told]
    pinned = a_workflow("a", s={"workflow": {"name": "a", "version": digest}})
    assert put(api, pinned).status == 200


def test_workflows_lie_ten_deep_in_each_other_at_most(api: ApiBench) -> None:
    put(api, a_workflow("w1"))
    for depth in range(2, MAX_WORKFLOW_DEPTH + 1):
        assert put(api, running(f"w{depth}", f"w{depth - 1}", f"w{max(1, depth - 2)}")).status == 201
    (told,) = errors(put(api, running("w11", "w10")))
    assert told.startswith("steps.s0.workflow: workflows lie deeper than 10 in each other: w11 -> w10 -> ")


def test_a_workflow_of_too_many_others_is_refused(api: ApiBench) -> None:
    for number in range(101):
        put(api, a_workflow(f"w{number}"))
    found = errors(put(api, running("all", *(f"w{number}" for number in range(101)))))
    assert found == ["steps.s99.workflow: more than 100 workflows lie below this one"]
    assert put(api, running("all", *(f"w{number}" for number in range(100)))).status == 201


def test_a_refused_definition_leaves_what_stands(api: ApiBench) -> None:
    before = put(api, a_workflow()).json
    put(api, a_workflow(extract={**CALL, "pool": "nowhere"}))
    assert api.call("GET", "/workflows/nightly").json == before
    assert before["created_at"] == "2025-11-20T16:47:00.000Z"
