"""The audit log: every change and every refusal is on it, whatever the handler does and wherever the process ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from functions.api import request as requests
from tests.support.api_bench import EVERY_JOB, HTTP_JOB, NOW_MS, ApiBench, recorded
from tests.support.world_examples import a_tenant
from tidewheel.adapters.memory import MemoryAudit, World
from tidewheel.domain.access.audit import AuditRow
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.errors import Unauthenticated
from tidewheel.domain.limits import DAY_MS, MINUTE_MS
from tidewheel.engine.api.audit.refusals import REFUSALS_A_MINUTE
from tidewheel.ports import Page, PortError
from tidewheel.wire.endpoints import OPERATIONS

KEY = Principal("default", "key:k1", Role.ADMIN, key="k1", address="192.0.2.7")


@dataclass
class Failing:
    """An audit log of which some adds fail, before or after they were applied."""

    world: World = field(default_factory=World)
    fails: Callable[[AuditRow], bool] = lambda _row: False
    applied: bool = False

    def add(self, row: AuditRow) -> None:
        if self.fails(row):
            if self.applied:
                MemoryAudit(self.world).add(row)
            raise PortError("audit.add", row.request, "no answer")
        MemoryAudit(self.world).add(row)

    def page(self, *args: Any) -> Page[AuditRow]:
        return MemoryAudit(self.world).page(*args)


class Killed(BaseException):
    """The process ends."""


@dataclass
class Bench(ApiBench):
    """The API on memory, with callers of the test's choice."""

    audit: Failing = field(default_factory=Failing)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ports = replace(self.ports, audit=self.audit)

    def log(self, **query: str) -> list[Any]:
        found = self.call("GET", "/audit", query={name.rstrip("_"): [value] for name, value in query.items()})
        assert found.status == 200, found.text
        return list(found.json["items"])

    @property
    def rows(self) -> list[AuditRow]:
        return [row for _, row in sorted(self.audit.world.audit.items())]


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Principal | None], None]:
    """Makes a principal the caller of all requests to come; None for nobody."""

    def sign(principal: Principal | None) -> None:
        def caller_of(*_: Any) -> Principal:
            if principal is None:
                raise Unauthenticated("no key was sent")
            return principal

        monkeypatch.setattr(requests, "caller_of", caller_of)

    return sign


@pytest.fixture
def api(signed: Callable[[Principal | None], None]) -> Bench:
    signed(KEY)
    return Bench()


def created(api: Bench, body: Any = EVERY_JOB) -> str:
    return str(api.call("POST", "/jobs", body).json["id"])


def test_a_change_says_who_what_when_and_both_definitions(api: Bench) -> None:
    id = created(api)
    api.clock.advance(1_000)
    api.call("PATCH", f"/jobs/{id}", {"timeout": "5m"})
    edited, made = api.log()
    assert made | {"changes": []} == {
        "at": "2025-11-20T16:47:00.000Z",
        "request": recorded("get")["requestContext"]["requestId"],
        "principal": "key:k1",
        "key": "k1",
        "role": "admin",
        "address": "192.0.2.7",
        "operation": "createJob",
        "path": "/v1/jobs",
        "subjects": [id],
        "status": 201,
        "problem": None,
        "fields": [],
        "changes": [],
        "more": 0,
    }
    ((first,), (second,)) = made["changes"], edited["changes"]
    assert (first["kind"], first["id"], first["before"]) == ("job", id, None)
    assert second["before"] == first["after"]
    assert (first["after"]["timeout"], second["after"]["timeout"]) == ("PT1M", "PT5M")
    assert (second["before"]["generation"], second["after"]["generation"]) == (1, 2)
    assert (edited["operation"], edited["path"], edited["subjects"]) == ("editJob", f"/v1/jobs/{id}", [id])


def test_whatever_changes_something_is_on_it(api: Bench) -> None:
    """A walk over each operation that changes something; one that is added needs a step here."""
    id = created(api)
    execution = api.call("POST", f"/jobs/{id}/run").json["id"]
    steps: dict[str, tuple[str, str, Any]] = {
        "createJob": ("POST", "/jobs", HTTP_JOB),
        "editJob": ("PATCH", f"/jobs/{id}", {"timeout": "5m"}),
        "replaceJob": ("PUT", f"/jobs/{id}", EVERY_JOB),
        "pauseJob": ("POST", f"/jobs/{id}/pause", None),
        "resumeJob": ("POST", f"/jobs/{id}/resume", None),
        "runJob": ("POST", f"/jobs/{id}/run", None),
        "cancelExecution": ("POST", f"/executions/{execution}/cancel", None),
        "redriveDeadLetters": ("POST", "/dead-letters/redrive", {"ids": [execution]}),
        "closeCircuit": ("POST", "/circuits/http~3Aexample.com/close", None),
        "deleteJob": ("DELETE", f"/jobs/{id}", None),
    }
    for operation, (method, path, body) in steps.items():
        api.clock.advance(10)
        answer = api.call(method, path, body)
        found = api.log()[0]
        assert (found["operation"], found["status"]) == (operation, answer.status)
        assert found["subjects"] or operation == "redriveDeadLetters"  # nothing was dead
    known = {one.id for one in OPERATIONS if one.changes}
    assert steps.keys() <= known


def test_every_request_that_may_change_something_has_a_row_before_its_handler_runs(api: Bench) -> None:
    """Whatever operations there are, and whatever they are sent."""
    for operation in (one for one in OPERATIONS if one.changes and one.role not in {None, Role.PLATFORM_ADMIN}):
        before = len(api.rows)
        answer = api.call(operation.method, operation.path.removeprefix("/v1").replace("{id}", "j0000000000000001"), {})
        tried, ended = api.rows[before:]
        assert (tried.number, tried.status, tried.operation) == (0, 0, operation.id)
        assert (ended.number, ended.status) == (1, answer.status)


def test_a_bulk_request_is_one_entry_with_all_that_it_did_and_what_it_refused(api: Bench, signed: Any) -> None:
    ids = [created(api) for _ in range(2)]
    items = [{"action": "delete", "id": id} for id in (*ids, "j0000000000000001")]
    signed(replace(KEY, role=Role.EDITOR))
    api.call("POST", "/jobs/bulk", {"items": items})
    signed(replace(KEY, role=Role.OPERATOR))
    api.call("POST", "/jobs/bulk", {"items": [{"action": "create", "job": HTTP_JOB}]})
    signed(KEY)
    refused, done = api.log(operation="bulkJobs")
    assert [(one["kind"], one["id"]) for one in done["changes"]] == [
        ("job", ids[0]),
        ("job", ids[1]),
        ("refusal", "j0000000000000001"),
    ]
    assert refused["changes"][0]["after"] == {"item": 0, "operation": "createJob", "status": 403}


def test_keys_and_tenants_are_on_it_with_what_they_were_and_without_tokens(api: Bench, signed: Any) -> None:
    signed(replace(KEY, role=Role.PLATFORM_ADMIN))
    made = api.call("POST", "/keys", {"name": "ci", "role": "viewer"})
    assert made.status == 201, made.text
    assert api.call("DELETE", f"/keys/{made.json['id']}").status < 300
    assert api.call("POST", "/tenants", {"id": "acme"}).status == 201
    assert api.call("PATCH", "/tenants/acme", {"plan": "pro"}).status == 200
    edited, added, revoked, first = api.log()
    assert [one["changes"][0]["kind"] for one in (first, revoked, added, edited)] == ["key", "key", "tenant", "tenant"]
    assert [one["changes"][0]["before"] is None for one in (first, revoked, added, edited)] == [
        True,
        False,
        True,
        False,
    ]
    assert (edited["changes"][0]["before"]["plan"], edited["changes"][0]["after"]["plan"]) == ("default", "pro")
    assert made.json["token"] not in repr(api.rows)
    assert "digest" not in first["changes"][0]["after"]


def test_a_dry_run_is_not_on_it(api: Bench) -> None:
    assert api.call("POST", "/jobs", HTTP_JOB, query={"dry_run": ["true"]}).status == 200
    assert api.rows == []


def test_reads_that_are_answered_are_not_on_it(api: Bench) -> None:
    id = created(api)
    before = len(api.rows)
    for path in ("/jobs", f"/jobs/{id}", "/executions", "/health", "/openapi.json", "/audit"):
        assert api.call("GET", path).status == 200
    assert len(api.rows) == before


@pytest.mark.parametrize(
    ("role", "asked", "refused"),
    [
        (Role.VIEWER, ("POST", "/jobs", HTTP_JOB), (403, "forbidden", [])),
        (Role.ADMIN, ("GET", "/jobs/j0000000000000001", None), (404, "not-found", [])),
        (Role.ADMIN, ("GET", "/jobs?colour=red", None), (422, "invalid", ["colour"])),
        (Role.ADMIN, ("POST", "/jobs", {"name": ""}), (422, "invalid", ["name", "target"])),
        (Role.ADMIN, ("POST", "/jobs", "{"), (400, "malformed", ["body"])),
    ],
)
def test_what_is_refused_is_on_it(
    api: Bench, signed: Any, role: Role, asked: tuple[str, str, Any], refused: tuple[int, str, list[str]]
) -> None:
    method, whole, body = asked
    path, _, query = whole.partition("?")
    signed(replace(KEY, role=role))
    api.call(method, path, body, query={"colour": ["red"]} if query else None)
    signed(KEY)
    (found,) = api.log()
    assert (found["status"], found["problem"], found["fields"]) == refused
    assert (found["principal"], found["role"], found["changes"]) == ("key:k1", role.value, [])


def test_whoever_is_not_signed_in_is_in_the_log_alone(api: Bench, signed: Any) -> None:
    signed(None)
    assert api.call("POST", "/jobs", HTTP_JOB).status == 401
    assert api.rows == []
    (line,) = [fields for message, fields in api.ports.telemetry.infos if message == "audit"]
    assert (line["tenant"], line["principal"], line["status"], line["operation"]) == ("", "", 401, "createJob")
    assert line["address"]


def test_a_flood_of_refusals_is_bounded_and_counted(api: Bench, signed: Any) -> None:
    signed(replace(KEY, role=Role.VIEWER))
    for _ in range(REFUSALS_A_MINUTE + 37):
        api.call("POST", "/jobs", HTTP_JOB)
    assert len(api.rows) == REFUSALS_A_MINUTE
    assert api.ports.telemetry.counts["audit_refusal_left_out"] == 37
    signed(replace(KEY, name="key:k2", role=Role.VIEWER))
    api.call("POST", "/jobs", HTTP_JOB)  # another principal has rows of its own
    assert len(api.rows) == REFUSALS_A_MINUTE + 1
    signed(replace(KEY, role=Role.VIEWER))
    api.clock.advance(MINUTE_MS)
    api.call("POST", "/jobs", HTTP_JOB)
    signed(KEY)
    assert [one["more"] for one in api.log(principal="key:k1")][:2] == [37, 0]


@pytest.mark.parametrize("applied", [False, True])
def test_nothing_is_changed_if_the_first_row_may_be_missing(api: Bench, applied: bool) -> None:
    id = created(api)
    api.audit.fails, api.audit.applied = (lambda row: row.number == 0), applied
    for method, path, body in (("POST", "/jobs", HTTP_JOB), ("DELETE", f"/jobs/{id}", None)):
        assert api.call(method, path, body).status == 503
    api.audit.fails = lambda _row: False
    assert [job["id"] for job in api.call("GET", "/jobs").json["items"]] == [id]
    assert api.call("DELETE", f"/jobs/{id}").status == 204  # a repeat has a row of its own


@pytest.mark.parametrize("applied", [False, True])
def test_a_lost_second_row_leaves_the_first_and_the_line_in_the_log(api: Bench, applied: bool) -> None:
    api.audit.fails, api.audit.applied = (lambda row: row.number > 0), applied
    assert api.call("POST", "/jobs", HTTP_JOB).status == 201
    (found,) = api.log()
    assert (found["operation"], found["status"]) == ("createJob", 201 if applied else None)
    telemetry = api.ports.telemetry
    assert telemetry.counts["audit_row_lost"] == 1
    ((_, error),) = telemetry.errors
    (line,) = [fields for message, fields in telemetry.infos if message == "audit"]
    assert error["request_id"] == line["request_id"]
    assert json.loads(line["changes"][0]["after"])["name"] == "hook"


@pytest.mark.parametrize("after", ["tried", "changed"])
def test_a_process_that_ends_leaves_what_was_tried(api: Bench, after: str, monkeypatch: pytest.MonkeyPatch) -> None:
    id = created(api)
    jobs = api.ports.jobs
    stored = type(jobs).delete

    def delete(self: Any, *args: Any) -> bool:
        if after == "changed":
            stored(self, *args)
        raise Killed

    monkeypatch.setattr(type(jobs), "delete", delete)
    with pytest.raises(Killed):
        api.call("DELETE", f"/jobs/{id}")
    monkeypatch.undo()
    assert (api.ports.jobs.get("default", id) is None) == (after == "changed")
    last = api.rows[-1]
    assert (last.operation, last.status, last.subjects, last.principal) == ("deleteJob", 0, (id,), "key:k1")


def test_what_looks_like_a_secret_is_on_no_row_and_in_no_line(api: Bench) -> None:
    canary = "s3cr3t-canary"
    target = {
        "kind": "http",
        "url": f"https://example.com/hook?token={canary}&day=1",
        "headers": {"Authorization": f"Bearer {canary}", "X-Api-Key": canary, "X-Signed": {"secret": "billing"}},
        "body": {"password": canary, "inner": [{"clientSecret": canary, "page": 3}]},
    }
    id = created(api, {**HTTP_JOB, "target": target})
    api.call("PATCH", f"/jobs/{id}", {"target": {"headers": {"Authorization": f"Basic {canary}"}}})
    api.call("POST", "/jobs", {**HTTP_JOB, "timeout": canary, "nothing": canary})
    api.call("DELETE", f"/jobs/{id}")
    assert canary not in repr(api.rows) + repr(api.ports.telemetry.infos) + repr(api.ports.telemetry.errors)
    shown = api.log(operation="createJob")[-1]["changes"][0]["after"]["target"]
    assert shown["headers"]["X-Signed"]["secret"] == "billing"
    assert shown["body"]["inner"] == [{"clientSecret": "***", "page": 3}]
    assert shown["url"] == "https://example.com/hook?token=***&day=1"


def test_it_is_shown_to_admins_of_its_tenant_alone(api: Bench, signed: Any) -> None:
    created(api)
    api.ports.tenants.swap(a_tenant("other"))
    signed(replace(KEY, tenant="other", name="key:o1"))
    assert api.log() == []
    for role in (Role.VIEWER, Role.OPERATOR, Role.EDITOR):
        signed(replace(KEY, role=role))
        assert api.call("GET", "/audit").status == 403


def test_filters_and_pages(api: Bench, signed: Any) -> None:
    ids = []
    for number in range(6):
        signed(replace(KEY, name=f"key:k{number % 2}"))
        ids.append(created(api))
        api.clock.advance(DAY_MS // 2)
    for id in ids[:3]:
        api.call("DELETE", f"/jobs/{id}")
    since = {"from_": "2025-11-20T00:00:00Z"}

    def walked(**query: str) -> Iterator[tuple[str, str]]:
        cursor: dict[str, str] = {}
        while True:
            page = api.call("GET", "/audit", query={n.rstrip("_"): [v] for n, v in {**query, **cursor}.items()}).json
            assert len(page["items"]) <= 2
            yield from ((one["operation"], one["subjects"][0]) for one in page["items"])
            if page["cursor"] is None:
                return
            cursor = {"cursor": page["cursor"]}

    made, gone = [("createJob", id) for id in ids[::-1]], [("deleteJob", id) for id in ids[2::-1]]
    assert list(walked(limit="2", **since)) == gone + made
    assert list(walked(limit="2", operation="createJob", principal="key:k1", **since)) == made[::2]
    assert list(walked(limit="2", subject=ids[1], **since)) == [gone[1], made[4]]
    assert list(walked(limit="2", to="2025-11-21T00:00:00Z", **since)) == made[5:]
    assert list(walked(limit="2")) == gone + made[:1]  # a day, unless told otherwise
    cursor = api.call("GET", "/audit", query={"limit": ["2"], "from": [since["from_"]]}).json["cursor"]
    assert api.call("GET", "/audit", query={"cursor": [cursor], "operation": ["createJob"]}).status == 422
    assert api.call("GET", "/audit", query={"operation": ["createjob"]}).status == 422
    assert (
        api.call("GET", "/audit", query={"from": ["2025-11-21T00:00:00Z"], "to": ["2025-11-20T00:00:00Z"]}).status
        == 422
    )


def test_a_year_without_rows_is_gone_through_page_by_page(api: Bench) -> None:
    created(api)
    api.clock.advance(399 * DAY_MS)
    pages, cursor, found = 0, None, list[Any]()
    while pages == 0 or cursor:
        query = {"from": ["2025-11-20T00:00:00Z"], **({"cursor": [cursor]} if cursor else {})}
        page = api.call("GET", "/audit", query=query).json
        pages, cursor, found = pages + 1, page["cursor"], found + page["items"]
    assert ([one["operation"] for one in found], pages) == (["createJob"], 21)


def test_many_rows_of_others_are_read_in_bounded_pieces(api: Bench) -> None:
    store = MemoryAudit(api.audit.world)
    for number in range(9_000):
        store.add(
            AuditRow(
                "default", NOW_MS - 1 - number, f"x{number}", principal="key:other", operation="runJob", status=202
            )
        )
    store.add(AuditRow("default", NOW_MS - 9_500, "y", principal="key:k1", operation="runJob", status=202))
    first = api.call("GET", "/audit", query={"principal": ["key:k1"]}).json
    assert (first["items"], bool(first["cursor"])) == ([], True)
    cursor, pages = first["cursor"], 1
    while cursor:
        page = api.call("GET", "/audit", query={"principal": ["key:k1"], "cursor": [cursor]}).json
        cursor, pages, found = page["cursor"], pages + 1, page["items"]
    assert [one["request"] for one in found] == ["y"]
    assert pages == 3
