"""Idempotency keys: a repeat has no further effect, whatever was done in between; another body conflicts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.support.api_bench import EVERY_JOB, NOW_MS, Answer, ApiBench
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import ended_unrun
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.limits import KEY_RETENTION_MS
from tidewheel.domain.repeats import Remembered
from tidewheel.ports import PortError
from tidewheel.wire.bodies.circuit import circuit_id
from tidewheel.wire.endpoints import OPERATIONS

KEY = {"Idempotency-Key": "k-1"}
PARTY = "http:example.com:443/orders"


@pytest.fixture
def api() -> ApiBench:
    return ApiBench()


def created(api: ApiBench, body: Any = EVERY_JOB) -> str:
    return str(api.call("POST", "/jobs", body).json["id"])


def keyed(api: ApiBench, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    return api.call(method, path, body, headers={**KEY, **headers})


def conflicts(answer: Answer) -> None:
    assert answer.status == 409
    assert answer.json["type"] == "urn:tidewheel:problem:conflict"
    (error,) = answer.json["errors"]
    assert error["field"] == "Idempotency-Key"
    digests = [word.strip(",;") for word in error["problem"].split() if len(word.strip(",;")) == 32]
    assert len(set(digests)) == 2


def test_every_post_takes_a_key() -> None:
    for operation in OPERATIONS:
        if operation.method == "POST":
            assert "Idempotency-Key" in operation.takes("header"), operation.id


def test_a_key_with_another_body_conflicts_and_names_both_digests(api: ApiBench) -> None:
    id = keyed(api, "POST", "/jobs", EVERY_JOB).json["id"]
    conflicts(keyed(api, "POST", "/jobs", EVERY_JOB | {"name": "other"}))
    assert keyed(api, "PATCH", f"/jobs/{id}", {"timeout": "5m"}).status == 200
    conflicts(keyed(api, "PATCH", f"/jobs/{id}", {"timeout": "6m"}))
    assert api.call("GET", f"/jobs/{id}").json["timeout"] == "PT5M"


@pytest.mark.parametrize(("action", "undo"), [("pause", "resume"), ("resume", "pause")])
def test_a_late_repeat_does_not_undo_what_was_done_since(api: ApiBench, action: str, undo: str) -> None:
    id = created(api)
    api.call("POST", f"/jobs/{id}/{undo}")
    first = keyed(api, "POST", f"/jobs/{id}/{action}")
    between = api.call("POST", f"/jobs/{id}/{undo}")
    again = keyed(api, "POST", f"/jobs/{id}/{action}")
    assert (first.status, again.status) == (200, 200)
    assert again.json == between.json  # as it stands now
    other_key = api.call("POST", f"/jobs/{id}/{action}", headers={"Idempotency-Key": "k-2"})
    assert other_key.json["state"] == first.json["state"]


def test_a_key_counts_for_one_operation_on_one_thing_and_one_tenant(api: ApiBench) -> None:
    one, other = created(api), created(api)
    for id in (one, other):
        assert keyed(api, "POST", f"/jobs/{id}/pause").json["state"] == "paused"
        assert keyed(api, "POST", f"/jobs/{id}/resume").json["state"] == "active"
    assert api.ports.tenants.swap(Tenant("acme", version=1)) is None
    api.who = Principal("acme", "key:k", Role.ADMIN)
    assert keyed(api, "POST", "/jobs", EVERY_JOB).json["tenant"] == "acme"
    assert keyed(api, "POST", f"/jobs/{one}/pause").status == 404


def test_a_key_is_forgotten_after_a_day(api: ApiBench) -> None:
    id = created(api)
    keyed(api, "POST", f"/jobs/{id}/pause")
    api.call("POST", f"/jobs/{id}/resume")
    api.clock.advance(KEY_RETENTION_MS)
    assert keyed(api, "POST", f"/jobs/{id}/pause").json["state"] == "paused"


def test_an_edit_whose_answer_was_lost_is_not_outdated_under_its_key(api: ApiBench) -> None:
    """Without a key the repeat of an edit with If-Match cannot be told from somebody else's."""
    id = created(api)
    for body, method in (({"timeout": "5m"}, "PATCH"), (EVERY_JOB | {"name": "b"}, "PUT")):
        etag = api.call("GET", f"/jobs/{id}").headers["ETag"]
        first = keyed(api, method, f"/jobs/{id}", body, **{"If-Match": etag})
        again = keyed(api, method, f"/jobs/{id}", body, **{"If-Match": etag})
        assert (first.status, again.status, again.json) == (200, 200, first.json)


def test_a_renamed_job_is_found_again_by_the_repeat(api: ApiBench) -> None:
    created(api, EVERY_JOB | {"name": "old"})
    first = keyed(api, "PATCH", "/jobs/name:old", {"name": "new"})
    again = keyed(api, "PATCH", "/jobs/name:old", {"name": "new"})
    assert (again.status, again.json) == (200, first.json)


def test_a_deletion_is_repeated_without_a_404_and_spares_a_job_of_that_name(api: ApiBench) -> None:
    created(api, EVERY_JOB | {"name": "nightly"})
    assert keyed(api, "DELETE", "/jobs/name:nightly").status == 204
    created(api, EVERY_JOB | {"name": "nightly"})
    assert keyed(api, "DELETE", "/jobs/name:nightly").status == 204
    assert api.call("GET", "/jobs/name:nightly").status == 200
    assert api.call("DELETE", "/jobs/name:nightly").status == 204


def test_a_request_that_was_refused_leaves_its_key_free(api: ApiBench) -> None:
    id = created(api)
    assert keyed(api, "PATCH", f"/jobs/{id}", {"timeout": "never"}).status == 422
    assert keyed(api, "PATCH", f"/jobs/{id}", {"timeout": "5m"}, **{"If-Match": '"9"'}).status == 412
    assert keyed(api, "PATCH", f"/jobs/{id}", {"timeout": "5m"}).status == 200


def test_a_cancellation_is_repeated_and_another_reason_conflicts(api: ApiBench) -> None:
    run = api.call("POST", f"/jobs/{created(api)}/run").json["id"]
    first = keyed(api, "POST", f"/executions/{run}/cancel", {"reason": "a"})
    assert keyed(api, "POST", f"/executions/{run}/cancel", {"reason": "a"}).json == first.json
    conflicts(keyed(api, "POST", f"/executions/{run}/cancel", {"reason": "b"}))


def test_a_header_that_cannot_be_read_is_refused_whether_or_not_it_matters(api: ApiBench) -> None:
    id, bad = created(api), {"If-Match": "3"}
    for method, body in (("PATCH", {"timeout": "5m"}), ("DELETE", None)):
        assert keyed(api, method, f"/jobs/{id}", body, **bad).json["errors"][0]["field"] == "If-Match"
        assert keyed(api, method, f"/jobs/{id}", body).status in {200, 204}
        assert keyed(api, method, f"/jobs/{id}", body, **bad).json["errors"][0]["field"] == "If-Match"
    other = created(api)
    dry = api.call("PATCH", f"/jobs/{other}", {}, query={"dry_run": ["true"]}, headers={"Idempotency-Key": "é"})
    assert (dry.status, dry.json["errors"][0]["field"]) == (422, "Idempotency-Key")


def made_before(answer: Answer, id: str) -> None:
    assert (answer.status, answer.json["type"]) == (409, "urn:tidewheel:problem:conflict")
    (error,) = answer.json["errors"]
    assert error["field"] == "Idempotency-Key"
    assert error["problem"].startswith(f"key {id} was made by an earlier request")


def test_a_key_is_made_once_and_its_token_is_neither_stored_nor_shown_again(api: ApiBench) -> None:
    body = {"name": "ci", "role": "viewer"}
    first = keyed(api, "POST", "/keys", body)
    again = keyed(api, "POST", "/keys", body)
    made_before(again, first.json["id"])
    secret = first.json["token"].rpartition("_")[2]
    assert secret not in again.text
    stored = api.ports.requests._world  # type: ignore[attr-defined]
    assert secret not in repr([stored.requests, stored.api_keys, stored.audit])
    assert len(api.call("GET", "/keys").json["items"]) == 1
    conflicts(keyed(api, "POST", "/keys", body | {"name": "other"}))
    assert api.call("POST", "/keys", body, headers={"Idempotency-Key": "k-2"}).status == 201
    assert keyed(api, "POST", "/keys", body | {"role": "nobody"}).status == 422


def test_a_key_is_rotated_once(api: ApiBench) -> None:
    old = api.call("POST", "/keys", {"name": "ci", "role": "viewer"}).json["id"]
    first = keyed(api, "POST", f"/keys/{old}/rotate", {"overlap": "0s"})
    made_before(keyed(api, "POST", f"/keys/{old}/rotate", {"overlap": "0s"}), first.json["id"])
    assert [one["id"] for one in api.call("GET", "/keys").json["items"]] == sorted([old, first.json["id"]])
    conflicts(keyed(api, "POST", f"/keys/{old}/rotate"))


def test_the_key_of_an_aws_identity_has_no_secret_and_is_answered_again(api: ApiBench) -> None:
    body = {"name": "ci", "role": "viewer", "aws_identity": "arn:aws:iam::123456789012:role/deploys"}
    first, again = keyed(api, "POST", "/keys", body), keyed(api, "POST", "/keys", body)
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    api.call("DELETE", f"/keys/{first.json['id']}")
    assert keyed(api, "POST", "/keys", body).json["revoked_at"] is not None  # as it stands now


def test_a_refused_key_leaves_its_idempotency_key_free(api: ApiBench) -> None:
    api.who = replace(api.who, role=Role.ADMIN)
    body = {"name": "ci", "role": "platform-admin"}
    assert keyed(api, "POST", "/keys", body).status == 403
    api.who = replace(api.who, role=Role.PLATFORM_ADMIN)
    assert keyed(api, "POST", "/keys", body).status == 201


@dataclass
class LosesKeys:
    """A store of keys whose writes fail, before or after they are applied."""

    inner: Any
    applied: bool

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def swap(self, new: Any) -> Any:
        if self.applied:
            self.inner.swap(new)
        raise PortError("api_keys.swap", new.id, "no answer")


@pytest.mark.parametrize("applied", [False, True])
def test_a_key_whose_answer_was_lost_is_the_only_one_and_is_named(api: ApiBench, *, applied: bool) -> None:
    whole, body = api.ports, {"name": "ci", "role": "viewer"}
    api.ports = replace(whole, api_keys=LosesKeys(whole.api_keys, applied))
    assert keyed(api, "POST", "/keys", body).status == 503
    api.ports = whole
    again = keyed(api, "POST", "/keys", body)
    (only,) = api.call("GET", "/keys").json["items"]
    if applied:
        made_before(again, only["id"])
    else:
        assert (again.status, again.json["id"]) == (201, only["id"])
        made_before(keyed(api, "POST", "/keys", body), only["id"])


def test_a_tenant_is_made_once_and_a_repeat_gets_it_as_it_stands(api: ApiBench) -> None:
    first = keyed(api, "POST", "/tenants", {"id": "acme"})
    edited = api.call("PATCH", "/tenants/acme", {"plan": "pro"})
    again = keyed(api, "POST", "/tenants", {"id": "acme"})
    assert (first.status, again.status, again.json) == (201, 201, edited.json)
    conflicts(keyed(api, "POST", "/tenants", {"id": "acme", "name": "A"}))
    assert api.call("POST", "/tenants", {"id": "acme"}).status == 409


def test_a_circuit_that_opened_again_is_not_closed_by_a_late_repeat(api: ApiBench) -> None:
    circuit = Circuit("default", PARTY, 5, NOW_MS + 600_000, "", 0, 1, NOW_MS, NOW_MS)
    api.ports.circuits.swap(circuit)
    path = f"/circuits/{circuit_id(PARTY)}/close"
    assert keyed(api, "POST", path).json["state"] == "closed"
    closed = api.ports.circuits.get("default", PARTY)
    assert closed is not None
    api.ports.circuits.swap(replace(closed, version=closed.version + 1, open_until_ms=NOW_MS + 600_000, failures=5))
    assert keyed(api, "POST", path).json["state"] == "open"


# --- redrive ----------------------------------------------------------------------------------------------------


def dead(api: ApiBench, job: str) -> str:
    run = str(api.call("POST", f"/jobs/{job}/run").json["id"])
    queued = api.ports.executions.get("default", run)
    assert queued is not None
    assert api.ports.executions.swap(ended_unrun(queued, State.DEAD, "gave up", NOW_MS), queued.version) is None
    api.clock.advance(1)
    return run


def test_a_repeated_redrive_gets_the_first_answer_and_not_the_next_page(api: ApiBench) -> None:
    job = created(api)
    first_dead = dead(api, job)
    first = keyed(api, "POST", "/dead-letters/redrive", {"all": True})
    later_dead = dead(api, job)
    again = keyed(api, "POST", "/dead-letters/redrive", {"all": True})
    assert (first.status, first.json["redriven"]) == (202, [first_dead])
    assert again.json == first.json
    conflicts(keyed(api, "POST", "/dead-letters/redrive", {"ids": [first_dead]}))
    assert api.call("GET", f"/executions/{later_dead}").json["state"] == "dead"


@dataclass
class DiesAfter:
    """A store of requests that fails to remember results, as if the process had died before."""

    inner: Any

    def get(self, tenant: str, name: str, now_ms: int) -> Remembered | None:
        return self.inner.get(tenant, name, now_ms)  # type: ignore[no-any-return]

    def begin(self, new: Remembered, now_ms: int) -> Remembered | None:
        if new.result:
            raise PortError("requests.begin", new.name, "no answer")
        return self.inner.begin(new, now_ms)  # type: ignore[no-any-return]

    def fulfil(self, done: Remembered) -> None:
        raise PortError("requests.fulfil", done.name, "no answer")


def test_a_redrive_that_died_before_it_answered_is_gone_on_with_and_does_no_more(api: ApiBench) -> None:
    job = created(api)
    ours = dead(api, job)
    whole = api.ports
    api.ports = replace(whole, requests=DiesAfter(whole.requests))
    assert keyed(api, "POST", "/dead-letters/redrive", {"all": True}).status == 503
    running = whole.executions.get("default", ours)
    assert running is not None
    again_dead = ended_unrun(running, State.DEAD, "again", NOW_MS)
    assert whole.executions.swap(again_dead, running.version) is None
    others = dead(api, job)
    api.ports = whole
    answer = keyed(api, "POST", "/dead-letters/redrive", {"all": True})
    assert (answer.status, answer.json["redriven"]) == (202, [ours])
    assert whole.executions.get("default", ours) == again_dead  # it ran again once, as was asked
    assert api.call("GET", f"/executions/{others}").json["state"] == "dead"


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_what_could_not_be_remembered_is_not_answered_as_done(api: ApiBench, action: str) -> None:
    """The caller repeats it, with the same key; the effect is safe to repeat."""
    id, whole = created(api), api.ports
    api.ports = replace(whole, requests=DiesAfter(whole.requests))
    assert keyed(api, "POST", f"/jobs/{id}/{action}").status == 503
    api.ports = whole
    assert keyed(api, "POST", f"/jobs/{id}/{action}").status == 200
