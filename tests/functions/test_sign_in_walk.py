"""Every operation, every role, the own tenant and a foreign one: what is refused, and that nothing shows."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from tests.support.api_bench import HTTP_JOB, WHO, Answer, ApiBench, event, signed_in
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.access.tenant import EVERY_KIND, Tenant, TenantState
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.endpoints.access import KEY_ID
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import EXECUTION_ID, JOB_ID, TENANT_HEADER

SIGNED = [one for one in OPERATIONS if one.role is not None]
CALLERS = [
    Principal("acme", f"key:{role.value}", role, kinds, tags=tags)
    for role, kinds, tags in itertools.product(
        Role, (frozenset(), frozenset({"python"})), (frozenset(), frozenset({("team", "a")}))
    )
]
SECRET = "what only the other tenant may see"
THEIRS = {"name": SECRET, "target": {"kind": "http", "url": "https://example.com/theirs"}, "tags": {"team": "a"}}


def named(operation: Operation[Any]) -> str | None:
    """What an operation's path names, if it is of a tenant's."""
    kinds = ((JOB_ID, "job"), (EXECUTION_ID, "execution"), (KEY_ID, "key"))
    return next((kind for parameter, kind in kinds if parameter in operation.parameters), None)


class Walk(ApiBench):
    """Two tenants; the other one has a job, an execution and a key."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for id in ("acme", "other"):
            self.ports.tenants.swap(Tenant(id, version=1, kinds=frozenset({EVERY_KIND})))
        self.who = replace(WHO, tenant="other")
        job = self.call("POST", "/jobs", THEIRS).json["id"]
        run = self.call("POST", f"/jobs/{job}/run").json["id"]
        key = self.call("POST", "/keys", {"name": SECRET, "role": "admin"}).json["id"]
        self.theirs = {"job": job, "execution": run, "key": key}

    def ask(self, who: Principal, operation: Operation[Any], id: str, **rest: Any) -> Answer:
        """Sends an operation about an id, with a body that is good for none of them."""
        body = {} if operation.body else None
        made = event(operation.method, operation.path.replace("{id}", id), body, **rest)
        return self.send(signed_in(made, Grant(who)))


@pytest.fixture(scope="module")
def walk() -> Walk:
    return Walk()


def leaks(walk: Walk, answer: Answer, asked: str) -> list[str]:
    told = answer.text.replace(asked, "")
    return [text for text in (SECRET, *walk.theirs.values(), "theirs") if text in told]


@pytest.mark.parametrize("operation", SIGNED, ids=lambda one: one.id)
def test_no_role_of_one_tenant_sees_anything_of_another(walk: Walk, operation: Operation[Any]) -> None:
    kind = named(operation)
    made_up = {"job": "j" + "0" * 15 + "1", "execution": "j" + "0" * 15 + "1-1kah2jzx0-s", "key": "0" * 16}
    for who in CALLERS:
        id = walk.theirs[kind] if kind else "acme"
        answer = walk.ask(who, operation, id)
        assert leaks(walk, answer, id) == []
        assert operation.role is not None
        if not who.role.includes(operation.role):
            assert answer.status == 403
            assert f"takes the role {operation.role}, and yours is {who.role}" in answer.json["detail"]
        elif kind:
            assert answer.status in {404, 422}  # 422 for a body or a query that is refused before
            nobodys = walk.ask(who, operation, made_up[kind])
            assert nobodys.status == answer.status
            assert nobodys.json["detail"].replace(made_up[kind], "…") == answer.json["detail"].replace(id, "…")
        else:
            assert answer.status != 401
        assert answer.status != 500


@pytest.mark.parametrize("operation", SIGNED, ids=lambda one: one.id)
def test_only_a_platform_admin_acts_in_another_tenant(walk: Walk, operation: Operation[Any]) -> None:
    for who, tenant in itertools.product(CALLERS, ("other", "nobody", "No Tenant", "")):
        answer = walk.ask(who, operation, "acme", headers={TENANT_HEADER: tenant})
        assert answer.status != 500
        if who.role is not Role.PLATFORM_ADMIN:
            assert (answer.status, leaks(walk, answer, "acme")) == (403, [])
            assert "only a platform admin" in answer.json["detail"]
        elif tenant != "other":
            assert answer.status == 404


@pytest.mark.parametrize("operation", SIGNED, ids=lambda one: one.id)
def test_a_suspended_tenant_does_nothing_and_a_read_only_one_changes_nothing(operation: Operation[Any]) -> None:
    walk = Walk()
    for version, state in ((2, TenantState.SUSPENDED), (3, TenantState.READ_ONLY)):
        walk.ports.tenants.swap(Tenant("acme", version=version, state=state))
        walk.ports.quota.tenants.forget("acme")
        for who in (Principal("acme", "key:a", Role.ADMIN), Principal("acme", "key:p", Role.PLATFORM_ADMIN)):
            answer = walk.ask(who, operation, walk.theirs["job"])
            closed = state is TenantState.SUSPENDED or operation.method != "GET"
            if closed and operation.role is not Role.PLATFORM_ADMIN:
                assert answer.status == 403
                assert f"the tenant is {state}" in answer.json["detail"]
            else:
                assert f"the tenant is {state}" not in answer.text


def test_a_tenant_that_is_gone_signs_nobody_in(walk: Walk) -> None:
    for operation in SIGNED:
        assert walk.ask(Principal("gone", "key:a", Role.PLATFORM_ADMIN), operation, "acme").status == 401


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"principalId": "somebody"},
        {"tenant": "acme", "role": "admin"},
        Grant(WHO).context() | {"role": "owner"},
        Grant(WHO).context() | {"kinds": "all"},
        Grant(WHO).context() | {"until": "soon"},
        {name: value for name, value in Grant(WHO).context().items() if name != "networks"},
    ],
    ids=str,
)
def test_a_context_that_the_authorizer_did_not_write_signs_nobody_in(walk: Walk, context: dict[str, str]) -> None:
    made = event("GET", "/v1/jobs", headers={"Authorization": "Bearer whatever"})
    made["requestContext"]["authorizer"] = context
    assert walk.send(made).status == 401


def test_a_grant_of_the_gateways_cache_ends_when_its_key_does() -> None:
    bench = ApiBench()
    grant = Grant(WHO, until_ms=bench.clock.now_ms() + 10_000)
    made = signed_in(event("GET", "/v1/jobs"), grant)
    assert bench.send(made).status == 200
    bench.clock.advance(9_999)
    assert bench.send(made).status == 200
    bench.clock.advance(1)
    assert bench.send(made).status == 401


@pytest.mark.parametrize(("networks", "status"), [(("192.0.2.0/24",), 401), (("0.0.0.0/0",), 200), (("::/0",), 401)])
def test_a_key_is_used_from_its_networks_alone(networks: tuple[str, ...], status: int) -> None:
    bench = ApiBench()
    made = signed_in(event("GET", "/v1/jobs"), Grant(WHO, networks))
    made["requestContext"]["identity"]["sourceIp"] = "127.0.0.1"
    assert bench.send(made).status == status


def test_a_tenants_networks_hold_for_all_its_callers() -> None:
    bench = ApiBench()
    bench.ports.tenants.swap(Tenant("acme", version=1, networks=("192.0.2.0/24",)))
    made = signed_in(event("GET", "/v1/jobs"), Grant(Principal("acme", "key:a", Role.ADMIN)))
    for address, status in (("192.0.2.7", 200), ("198.51.100.7", 401), ("", 401)):
        made["requestContext"]["identity"]["sourceIp"] = address
        assert bench.send(made).status == status


def test_privileged_kinds_take_a_grant_of_tenant_and_caller() -> None:
    bench = ApiBench()
    bench.ports.tenants.swap(Tenant("acme", version=1, kinds=frozenset({"python"})))
    job = {"name": "x", "pool": "fargate", "target": {"kind": "python", "function": "a.b"}}
    for kinds, told in ((frozenset(), "your key or token"), (frozenset({"command"}), "your key or token")):
        bench.who = Principal("acme", "key:a", Role.EDITOR, kinds)
        answer = bench.call("POST", "/jobs", job)
        assert (answer.status, told in answer.json["detail"], "python" in answer.json["detail"]) == (403, True, True)
    bench.who = Principal("acme", "key:a", Role.EDITOR, frozenset({"command", "python"}))
    command = bench.call("POST", "/jobs", {**job, "target": {"kind": "command", "command": ["true"]}})
    assert (command.status, "the tenant" in command.json["detail"]) == (403, True)
    assert bench.call("POST", "/jobs", job).status == 422  # granted; the deployment's own allow_kinds still says no
    plain = bench.call("POST", "/jobs", HTTP_JOB).json["id"]
    assert (
        bench.call("PUT", f"/jobs/{plain}", {**job, "target": {"kind": "command", "command": ["true"]}}).status == 403
    )


def test_a_tenants_pools_and_targets_bound_its_jobs() -> None:
    bench = ApiBench()
    bench.ports.tenants.swap(
        Tenant("acme", version=1, pools=frozenset({"lambda"}), targets=("http:*.example.org:*", "lambda:acme-*"))
    )
    bench.who = Principal("acme", "key:a", Role.EDITOR)
    ours = {"name": "x", "target": {"kind": "http", "url": "https://api.example.org/x"}}
    assert bench.call("POST", "/jobs", ours).status == 201
    assert bench.call("POST", "/jobs", {**ours, "pool": "fargate"}).status == 403
    assert bench.call("POST", "/jobs", HTTP_JOB).status == 403
    assert bench.call("POST", "/jobs", {**ours, "target": {"kind": "lambda", "function": "acme-report"}}).status == 201
    assert bench.call("POST", "/jobs", {**ours, "target": {"kind": "lambda", "function": "report"}}).status == 403


def test_a_key_for_certain_jobs_sees_and_changes_no_others() -> None:
    bench = ApiBench()
    mine, others = ({**HTTP_JOB, "tags": {"team": team, "x": "y"}, "unique_name": True, "name": team} for team in "ab")
    own, foreign = bench.call("POST", "/jobs", mine).json["id"], bench.call("POST", "/jobs", others).json["id"]
    theirs = bench.call("POST", f"/jobs/{foreign}/run").json["id"]
    run = bench.call("POST", f"/jobs/{own}/run").json["id"]
    bench.who = replace(WHO, role=Role.ADMIN, tags=frozenset({("team", "a")}))
    assert [one["id"] for one in bench.call("GET", "/jobs").json["items"]] == [own]
    assert [one["id"] for one in bench.call("GET", "/jobs", query={"tag": ["x:y"]}).json["items"]] == [own]
    assert bench.call("GET", "/jobs", query={"ref": ["b"]}).json["items"] == []
    assert bench.call("GET", f"/jobs/{own}").status == bench.call("GET", f"/executions/{run}").status == 200
    for path in (foreign, "b", "name:b", foreign[:8]):
        for operation in SIGNED:
            if JOB_ID in operation.parameters:
                made = event(operation.method, operation.path.replace("{id}", path), {} if operation.body else None)
                assert bench.send(signed_in(made, Grant(bench.who))).status == 404
    for operation in SIGNED:
        if EXECUTION_ID in operation.parameters:
            made = event(operation.method, operation.path.replace("{id}", theirs), None)
            assert bench.send(signed_in(made, Grant(bench.who))).status == 404
    assert bench.call("GET", "/executions").status == bench.call("GET", "/circuits").status == 403
    assert bench.call("GET", "/executions", query={"job": [own]}).status == 200
    assert bench.call("GET", "/executions", query={"job": [foreign]}).status == 422
    assert bench.call("POST", "/jobs", others).status == 403
    assert bench.call("PATCH", f"/jobs/{own}", {"tags": {"team": "b"}}).status == 403
    assert bench.call("POST", "/dead-letters/redrive", {"all": True}).status == 403


def test_a_cursor_is_its_tenants_and_its_lists_alone() -> None:
    bench = ApiBench()
    for id in ("acme", "other"):
        bench.ports.tenants.swap(Tenant(id, version=1))
    cursors = {}
    for tenant in ("acme", "other"):
        bench.who = replace(WHO, tenant=tenant)
        for _ in range(3):
            assert bench.call("POST", "/jobs", HTTP_JOB).status == 201
        cursors[tenant] = bench.call("GET", "/jobs", query={"limit": ["1"]}).json["cursor"]
    assert bench.call("GET", "/jobs", query={"cursor": [cursors["other"]]}).status == 200
    for query in ({"cursor": [cursors["acme"]]}, {"cursor": [cursors["other"]], "name_prefix": ["h"]}):
        answer = bench.call("GET", "/jobs", query=query)
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, "cursor")
    bench.who = replace(bench.who, tags=frozenset({("team", "a")}))
    assert bench.call("GET", "/jobs", query={"cursor": [cursors["other"]]}).status == 422


def test_keys_and_tenants_through_the_api() -> None:
    bench = ApiBench()
    made = bench.call("POST", "/tenants", {"id": "acme", "kinds": ["python"], "limits": {"requests_per_second": 5}})
    assert made.status == 201
    assert bench.call("POST", "/tenants", {"id": "acme"}).status == 409
    assert bench.call("POST", "/tenants", {"id": "No"}).status == bench.call("POST", "/tenants", {}).status == 422
    edited = bench.call("PATCH", "/tenants/acme", {"plan": "pro", "limits": {"requests_per_second": None}}).json
    assert (edited["plan"], edited["limits"], edited["kinds"], edited["updated_by"]) == (
        "pro",
        {},
        ["python"],
        WHO.name,
    )
    assert bench.call("PATCH", "/tenants/acme", {"state": "closed"}).status == 422
    assert bench.call("GET", "/tenants/nobody").status == bench.call("PATCH", "/tenants/nobody", {}).status == 404
    assert [one["id"] for one in bench.call("GET", "/tenants").json["items"]] == ["acme"]
    made = bench.call("POST", "/keys", {"name": "ci", "role": "editor"}, headers={TENANT_HEADER: "acme"})
    assert (made.status, made.headers["Cache-Control"]) == (201, "no-store")
    assert made.json["token"].startswith(f"tw_{made.json['id']}_")
    bench.who = Principal("acme", "key:boss", Role.ADMIN)
    listed = bench.call("GET", "/keys")
    assert [one["id"] for one in listed.json["items"]] == [made.json["id"]]
    assert made.json["token"] not in listed.text
    assert "token" not in listed.json["items"][0]
    assert bench.call("POST", f"/keys/{made.json['id']}/rotate", {"overlap": "31d"}).status == 422
    assert bench.call("DELETE", f"/keys/{made.json['id']}").json["revoked_at"] is not None
    assert bench.call("POST", "/keys", {"name": "x", "role": "platform-admin"}).status == 403
    assert bench.call("POST", "/keys", {"name": "x", "role": "viewer", "networks": ["10.0.0.1/8"]}).status == 422
    me = bench.call("GET", "/me").json
    assert me == {"tenant": "acme", "principal": "key:boss", "role": "admin", "kinds": [], "tags": {}, "key": None}


def test_without_authorizers_the_function_looks_at_keys_itself() -> None:
    bench = ApiBench()
    token = bench.call("POST", "/keys", {"name": "x", "role": "viewer"}).json["token"]
    made = event("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert bench.send(signed_in(made, None)).status == 401  # a gateway with an authorizer would have said who it is
    bench.ports = replace(bench.ports, sign_in_here=True)
    assert bench.send(signed_in(made, None)).json["role"] == "viewer"
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {token}x"}, {"Authorization": token}):
        assert bench.send(signed_in(event("GET", "/v1/me", headers=header), None)).status == 401


def test_a_signed_request_is_its_aws_identitys() -> None:
    bench = ApiBench()
    arn = "arn:aws:iam::123456789012:role/deploys"
    assert bench.call("POST", "/keys", {"name": "x", "role": "viewer", "aws_identity": arn}).json["token"] is None
    made = signed_in(event("GET", "/iam/v1/me"), None) | {"resource": "/iam/{proxy+}"}
    identity = made["requestContext"]["identity"]
    assert bench.send(made).status == 401
    identity["userArn"] = "arn:aws:sts::123456789012:assumed-role/deploys/i-1"
    assert (bench.send(made).json["principal"], bench.send(made).json["role"]) == (arn, "viewer")
    made["requestContext"]["authorizer"] = Grant(WHO).context()  # a signature alone counts there
    assert bench.send(made).json["role"] == "viewer"
    identity["userArn"] = "arn:aws:sts::123456789012:assumed-role/others/i-1"
    assert bench.send(made).status == 401
    del made["requestContext"]["authorizer"]
    assert bench.send(made | {"resource": "/{proxy+}"}).status == 401  # an ARN counts where a signature is checked
