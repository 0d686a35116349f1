"""The networks of a key and of a tenant hold on every way into the API: no operation, flag or header avoids them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.api_bench import WHO, ApiBench, event, signed_in
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.tenant import Tenant
from tidewheel.names import SIGNED_PREFIX
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import TENANT_HEADER

WITHIN, OUTSIDE = "192.0.2.7", "198.51.100.7"
NETWORKS = ("192.0.2.0/24", "2001:db8::/32")
ELSEWHERE = [OUTSIDE, "", "2001:db9::1", f"{WITHIN}, {OUTSIDE}"]
ROLE = "arn:aws:iam::123456789012:role/deploys"
SIGNED = [one for one in OPERATIONS if one.role is not None]
FORGED = {"X-Forwarded-For": WITHIN, "Forwarded": f"for={WITHIN}", "X-Real-Ip": WITHIN, "Host": WITHIN}

Way = Callable[[ApiBench, dict[str, Any]], dict[str, Any]]


def by_authorizer(bench: ApiBench, made: dict[str, Any]) -> dict[str, Any]:
    """The gateway has asked its authorizer, for this request or for another one of the same key."""
    return signed_in(made, Grant(WHO, NETWORKS))


def by_tenant(bench: ApiBench, made: dict[str, Any]) -> dict[str, Any]:
    """The key is for any network, and its tenant is not."""
    version = (bench.ports.tenants.get(WHO.tenant) or Tenant(WHO.tenant)).version
    bench.ports.tenants.swap(Tenant(WHO.tenant, version=version + 1, networks=NETWORKS))
    return signed_in(made, Grant(WHO))


def by_tenant_for_another(bench: ApiBench, made: dict[str, Any]) -> dict[str, Any]:
    """A platform admin acts in a tenant that is for any network; its own is not."""
    bench.ports.tenants.swap(Tenant("acme", version=1))
    made["headers"][TENANT_HEADER] = "acme"
    return by_tenant(bench, made)


def by_key_for_another(bench: ApiBench, made: dict[str, Any]) -> dict[str, Any]:
    """The same by a key with networks."""
    bench.ports.tenants.swap(Tenant("acme", version=1))
    made["headers"][TENANT_HEADER] = "acme"
    return by_authorizer(bench, made)


def by_function(bench: ApiBench, made: dict[str, Any]) -> dict[str, Any]:
    """There is no authorizer: the function looks at the key."""
    body = {"name": "x", "role": "platform-admin", "networks": list(NETWORKS)}
    token = bench.call("POST", "/keys", body).json["token"]
    bench.ports = replace(bench.ports, sign_in_here=True)
    made["headers"]["Authorization"] = f"Bearer {token}"
    return signed_in(made, None)


def by_signature(bench: ApiBench, made: dict[str, Any]) -> dict[str, Any]:
    """An AWS identity has signed the request."""
    body = {"name": "x", "role": "platform-admin", "networks": list(NETWORKS), "aws_identity": ROLE}
    assert bench.call("POST", "/keys", body).status == 201
    signed = signed_in(made, None) | {"resource": f"{SIGNED_PREFIX}/{{proxy+}}", "path": SIGNED_PREFIX + made["path"]}
    signed["requestContext"]["identity"]["userArn"] = "arn:aws:sts::123456789012:assumed-role/deploys/i-1"
    return signed


WAYS = [by_authorizer, by_tenant, by_tenant_for_another, by_key_for_another, by_function, by_signature]


def asked(operation: Operation[Any]) -> list[dict[str, Any]]:
    """Requests of an operation: with forged headers, and as a dry run where there is one."""
    path = operation.path.replace("{id}", "j0000000000000001")
    body = {} if operation.body else None
    dry = [{"dry_run": ["true"]}] if "dry_run" in operation.takes("query") else []
    return [event(operation.method, path, body, FORGED, query) for query in (None, *dry)]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_operation_is_refused_from_elsewhere_and_not_from_within(way: Way) -> None:
    for operation in SIGNED:
        for made in asked(operation):
            bench = ApiBench()
            sent = way(bench, made)
            known, rows = (
                len(vars(bench.ports.api_keys)["_world"].api_keys),
                len(vars(bench.ports.audit)["_world"].audit),
            )
            identity = sent["requestContext"]["identity"]
            for address in ELSEWHERE:
                identity["sourceIp"] = address
                answer = bench.send(sent)
                assert (answer.status, address) == (401, address)
                assert "network" in answer.json["detail"]
            assert len(vars(bench.ports.api_keys)["_world"].api_keys) == known
            assert len(vars(bench.ports.audit)["_world"].audit) == rows  # nobody's tenant has a row of it
            for address in (WITHIN, "2001:db8::7"):
                identity["sourceIp"] = address
                assert bench.send(sent).status != 401


def test_what_is_open_to_everybody_tells_nobody_anything_of_a_tenant() -> None:
    bench = ApiBench()
    for operation in (one for one in OPERATIONS if one.role is None):
        answers = []
        for address in (WITHIN, OUTSIDE):
            made = signed_in(event(operation.method, operation.path), Grant(WHO, NETWORKS))
            made["requestContext"]["identity"]["sourceIp"] = address
            answers.append(bench.send(made))
        assert answers[0].status == answers[1].status == 200
        assert answers[0].text == answers[1].text
        assert operation.id in {"health", "openapi"}
