import json
from dataclasses import replace

import pytest
from openapi_spec_validator import validate

from functions.api import problems
from functions.api.app import HANDLERS, resolver
from functions.api.cursors import cursor
from tests.support.api_bench import EVERY_JOB, HTTP_JOB, NOW_MS, ApiBench, Context, event, recorded, signed_in
from tidewheel.domain.access.grant import Grant
from tidewheel.domain.access.principal import Principal
from tidewheel.domain.access.roles import Role
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import claimed, ended_unrun
from tidewheel.domain.ids import ExecutionId, Origin, stable_hash
from tidewheel.domain.limits import MAX_JOB_BYTES
from tidewheel.domain.wheel.pace import ECONOMY
from tidewheel.ports import PortError, Throttled
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.openapi import document
from tidewheel.wire.problem import KINDS
from tidewheel.wire.reading import canonical
from tidewheel.wire.values import parse_instant, to_ms

FIRST = "j0000000000000001"
ALL_JOBS = f"jobs@{stable_hash(canonical(['default', [], ['{}']])):x}"
"""The mark of the cursors of all jobs."""


@pytest.fixture
def api_bench():
    return ApiBench()


def created(api_bench, body=EVERY_JOB):
    return api_bench.call("POST", "/jobs", body).json["id"]


def refused(answer, status, *fields):
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    kind = answer.json["type"].removeprefix("urn:tidewheel:problem:")
    assert KINDS[kind] == (status, answer.json["title"])
    assert answer.json["instance"].startswith("urn:tidewheel:request:c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
    assert [one["field"] for one in answer.json["errors"]] == list(fields)
    assert all(one["problem"] and one["remedy"] for one in answer.json["errors"])
    return answer


def test_a_job_is_created(api_bench):
    answer = api_bench.send(recorded("create"))
    assert answer.status == 201
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == f"jobs/{answer.json['id']}"
    sent = json.loads(recorded("create")["body"])
    sent["target"]["redirects"] = 0
    assert {name: answer.json[name] for name in sent} == sent
    assert answer.json["next_fire_at"] == "2025-11-21T08:00:00.000Z"
    assert api_bench.call("GET", f"/jobs/{answer.json['id']}").json == answer.json


def test_a_repeated_key_gives_the_same_job(api_bench):
    first, second = api_bench.send(recorded("create")), api_bench.send(recorded("create"))
    assert (second.status, second.text) == (201, first.text)
    assert len(api_bench.call("GET", "/jobs").json["items"]) == 1
    other = recorded("create") | {"body": json.dumps(HTTP_JOB)}
    refused(api_bench.send(other), 409, "Idempotency-Key")


def test_a_key_whose_job_is_gone_conflicts(api_bench):
    id = api_bench.send(recorded("create")).json["id"]
    assert api_bench.call("DELETE", f"/jobs/{id}").status == 204
    refused(api_bench.send(recorded("create")), 409)


def test_a_body_may_come_in_base64(api_bench):
    assert api_bench.send(recorded("create_base64")).json["name"] == "rapport journalier é"
    refused(api_bench.send(recorded("create_base64") | {"body": "{}"}), 400, "body")


def test_a_malformed_body_is_refused(api_bench):
    refused(api_bench.send(recorded("create_malformed")), 400, "body")
    refused(api_bench.call("POST", "/jobs"), 400, "body")
    refused(api_bench.call("POST", "/jobs", "[]"), 400, "body")
    refused(api_bench.call("POST", "/jobs", '"\ud800"'), 400, "body")


def test_a_body_of_another_type_is_refused(api_bench):
    def status(kind, body=HTTP_JOB):
        return api_bench.call("POST", "/jobs", body, headers={"Content-Type": kind}).status

    assert [status(kind) for kind in ("text/xml", "application/x-www-form-urlencoded", "json", "")] == [415] * 3 + [201]
    assert status("application/JSON; charset=utf-8") == status("application/merge-patch+json") == 201
    typed = api_bench.call("POST", "/jobs", HTTP_JOB, headers={"Content-Type": "text/plain"})
    refused(typed, 415, "Content-Type")
    id = created(api_bench)
    without_body = api_bench.call("POST", f"/jobs/{id}/pause", headers={"Content-Type": "text/xml"})
    assert without_body.status == 200


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (HTTP_JOB | {"tags": json.loads("[" * 64 + "]" * 64)}, "nested deeper than 64 levels"),
        ('{"name": ' + "[" * 30_000, "nested deeper than 64 levels"),
        ('{"name": ' + '{"a":' * 300 + "1" + "}" * 301, "nested deeper than 64 levels"),
        ('{"name": "a", "name": "b"}', "'name' twice"),
        ('{"target": {"kind": "http", "kind": "sqs"}}', "'kind' twice"),
        ('{"name": "a\\ud800"}', "is not JSON"),
        ('{"timeout": 1e999}', "is not JSON"),
        ('{"timeout": NaN}', "is not JSON"),
        ('{"timeout": ' + "9" * 5_000 + "}", "is not JSON"),
        ("\ufeff{}", "is not JSON"),
    ],
    ids=range(10),
)
def test_bodies_that_would_be_read_in_two_ways_or_not_at_all(api_bench, body, told):
    answer = refused(api_bench.call("POST", "/jobs", body), 400, "body")
    assert told in answer.json["detail"]


def test_a_path_that_is_written_out_is_not_that_of_a_job(api_bench):
    """OpenAPI has it so; a job with such a name is meant by ``name:``."""
    id = created(api_bench, EVERY_JOB | {"name": "bulk"})
    answer = refused(api_bench.call("GET", "/jobs/bulk"), 405)
    assert answer.headers["Allow"] == "POST"
    assert api_bench.call("GET", "/jobs/name:bulk").json["id"] == id


def test_a_body_may_be_so_deep(api_bench):
    deep = json.loads("[" * 62 + "]" * 62)
    answer = api_bench.call("POST", "/jobs", HTTP_JOB | {"target": HTTP_JOB["target"] | {"body": deep}})
    assert (answer.status, answer.json["target"]["body"]) == (201, deep)


def test_an_answer_names_fifty_errors_at_most(api_bench):
    answer = api_bench.call("POST", "/jobs", HTTP_JOB | {f"field{number}": 1 for number in range(3_000)})
    assert (answer.status, len(answer.json["errors"])) == (422, 50)
    assert len(answer.text) < 50_000


def test_an_interval_first_runs_one_interval_later_and_says_so(api_bench):
    """It ran at once, while ``next_fire_at`` and ``upcoming``, asked a moment later, named the second run."""
    id = created(api_bench)
    cron = created(api_bench, HTTP_JOB | {"schedule": {"cron": "0 0 1 1 *"}})
    schedule = {"cron": None, "timezone": None, "every": "PT5M"}
    edited = api_bench.call("PATCH", f"/jobs/{cron}", {"schedule": schedule})
    assert not api_bench.ports.queue.requests
    assert edited.json["next_fire_at"] == "2025-11-20T16:52:00.000Z"
    for job in (id, cron):
        (first, _) = api_bench.call("GET", f"/jobs/{job}/upcoming", query={"count": ["2"]}).json["items"]
        assert first["due_at"] == "2025-11-20T16:52:00.000Z"


def test_an_interval_begins_at_once_when_asked_to(api_bench):
    answer = api_bench.call("POST", "/jobs", HTTP_JOB | {"schedule": {"every": "PT5M", "immediate": True}})
    assert answer.json["schedule"] == {"every": "PT5M", "anchor": "2025-11-20T16:47:00.001Z"}
    assert answer.json["next_fire_at"] == "2025-11-20T16:47:00.001Z"
    assert api_bench.ports.queue.requests == 1


def test_what_is_shortened_is_said_at_creation_and_whenever_the_job_is_shown(api_bench):
    answer = api_bench.call("POST", "/jobs", EVERY_JOB | {"window": "1h"})
    (warning,) = answer.json["warnings"]
    assert (answer.status, warning["field"]) == (201, "window")
    assert "5m apart" in warning["problem"]
    id = answer.json["id"]
    assert api_bench.call("GET", f"/jobs/{id}").json["warnings"] == [warning]
    assert api_bench.call("GET", "/jobs").json["items"][0]["warnings"] == []
    assert api_bench.call("PATCH", f"/jobs/{id}", {"window": "5m"}).json["warnings"] == []
    refused(api_bench.call("PUT", f"/jobs/{id}", EVERY_JOB | {"warnings": []}), 422, "warnings")


def test_all_offending_fields_are_named(api_bench):
    fields = ("name", "target.url", "timeout", "overlap", "schedule.cron", "schedule.timezone")
    refused(api_bench.send(recorded("create_bad_body")), 422, *fields)


def test_a_past_instant_is_refused(api_bench):
    refused(
        api_bench.call("POST", "/jobs", HTTP_JOB | {"schedule": {"at": "2020-01-01T00:00:00Z"}}), 422, "schedule.at"
    )


def test_a_body_may_be_so_large_and_no_larger(api_bench):
    room = MAX_JOB_BYTES - len(json.dumps(HTTP_JOB | {"tags": {}})) - 40
    target = HTTP_JOB["target"] | {"body": "x" * room}
    assert api_bench.call("POST", "/jobs", HTTP_JOB | {"target": target}).status == 201
    refused(api_bench.call("POST", "/jobs", HTTP_JOB | {"target": target | {"body": "x" * MAX_JOB_BYTES}}), 413, "body")


def test_a_recorded_job_is_read(api_bench):
    created(api_bench)
    answer = api_bench.send(recorded("get"))
    assert (answer.status, answer.headers["ETag"], answer.json["id"]) == (200, '"1"', FIRST)


@pytest.mark.parametrize(
    "path", [f"/jobs/{FIRST}", "/jobs/nonsense", "/jobs/J%200", f"/jobs/{FIRST}/upcoming", f"/jobs/{FIRST}/ledger"]
)
def test_an_unknown_job_is_not_found(api_bench, path):
    refused(api_bench.call("GET", path), 404)


def test_jobs_are_listed_in_pages(api_bench):
    ids = [created(api_bench) for _ in range(5)]
    first = api_bench.call("GET", "/jobs", query={"limit": ["2"]})
    second = api_bench.call("GET", "/jobs", query={"limit": ["2"], "cursor": [first.json["cursor"]]})
    third = api_bench.call("GET", "/jobs", query={"limit": ["2"], "cursor": [second.json["cursor"]]})
    assert [one["id"] for page in (first, second, third) for one in page.json["items"]] == ids[::-1]
    assert third.json["cursor"] is None


def test_jobs_are_listed_by_state_and_tags(api_bench):
    created(api_bench, EVERY_JOB | {"tags": {"team": "billing", "tier": "1"}})
    created(api_bench, EVERY_JOB | {"tags": {"team": "billing"}})
    created(api_bench, HTTP_JOB)
    api_bench.call("POST", "/jobs/j0000000000000002/pause")

    def found(**query):
        return [one["id"][-1] for one in api_bench.call("GET", "/jobs", query=query).json["items"]]

    assert found(state=["active"]) == ["1"]
    assert found(state=["paused"]) == ["2"]
    assert found(state=["completed"]) == ["3"]
    assert found(tag=["team:billing"]) == ["2", "1"]
    assert found(tag=["team:billing"], state=["paused"]) == ["2"]
    assert found(name_prefix=["ho"]) == ["1", "2", "3"]
    assert found(name_prefix=["Ho"]) == []
    assert found(next_fire_before=["2025-11-20T16:52:01Z"]) == ["1"]
    assert found(next_fire_after=["2025-11-20T16:52:01Z"]) == []
    assert found(tag=["team:billing", "tier:1"]) == ["1"]
    assert found(tag=["team:bill"]) == []
    assert [one["id"] for one in api_bench.send(recorded("list")).json["items"]] == [FIRST]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": ["0"]}, "limit"),
        ({"limit": ["101"]}, "limit"),
        ({"limit": ["ten"]}, "limit"),
        ({"limit": ["1", "2"]}, "limit"),
        ({"state": ["deleted"]}, "state"),
        ({"tag": ["team"]}, "tag"),
        ({"tag": [":x"]}, "tag"),
        ({"stat": ["active"]}, "stat"),
        *(({"cursor": [text]}, "cursor") for text in ("", "x", "e30", "W10", "a" * 999, "é", "W1tbW1tb")),
        ({"cursor": [cursor("executions/" + FIRST, FIRST)]}, "cursor"),
        ({"cursor": [cursor("jobs", "nonsense")]}, "cursor"),
        ({"cursor": [cursor(ALL_JOBS, "nonsense")]}, "cursor"),
        ({"cursor": [cursor(ALL_JOBS, f"\ud800\t{FIRST}")]}, "cursor"),
        ({"name_prefix": ["a", "b"]}, "name_prefix"),
        ({"next_fire_before": ["soon"]}, "next_fire_before"),
        ({"kind": ["fax"]}, "kind"),
        ({"owner": ["a", "b"]}, "owner"),
    ],
)
def test_a_list_refuses_what_it_cannot_follow(api_bench, query, field):
    refused(api_bench.call("GET", "/jobs", query=query), 422, field)


def test_jobs_are_listed_by_owner_and_kind(api_bench):
    def call_as(name):
        api_bench.who = Principal("default", name, Role.ADMIN)

    call_as("key:ada")
    hook = created(api_bench)
    beat = created(api_bench, EVERY_JOB | {"target": {"kind": "lambda", "function": "beat"}})
    call_as("key:bob")
    other = created(api_bench)
    edited = api_bench.call("PATCH", f"/jobs/{hook}", {"timeout": "5m"}).json
    assert (edited["created_by"], edited["updated_by"]) == ("key:ada", "key:bob")
    for action in ("pause", "resume"):
        call_as(f"key:{action}")
        assert api_bench.call("POST", f"/jobs/{hook}/{action}").json["updated_by"] == f"key:{action}"

    def found(**query):
        return [one["id"] for one in api_bench.call("GET", "/jobs", query=query).json["items"]]

    assert found(owner=["key:ada"]) == [beat, hook]
    assert found(owner=["key:nobody"]) == []
    assert found(kind=["lambda"]) == [beat]
    assert found(kind=["lambda", "http"]) == [other, beat, hook]
    assert found(kind=["http"], owner=["key:ada"]) == [hook]
    assert found(last_result=["dead"], owner=["key:ada"]) == []
    refused(api_bench.call("PUT", f"/jobs/{hook}", EVERY_JOB | {"created_by": "key:eve"}), 422, "created_by")


def test_a_patch_is_merged_into_what_is_in_force(api_bench):
    created(api_bench, EVERY_JOB | {"tags": {"team": "billing", "tier": "1"}})
    answer = api_bench.send(recorded("patch"))
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json["timeout"] == "PT5M"
    assert answer.json["tags"] == {"owner": "ada", "tier": "1"}
    assert answer.json["schedule"] == {"every": "PT5M", "anchor": "2025-11-20T16:47:00.000Z"}
    refused(api_bench.send(recorded("patch")), 412, "If-Match")
    refused(api_bench.call("PATCH", f"/jobs/{FIRST}", {"schedule": None}), 422, "schedule")
    refused(api_bench.call("PATCH", f"/jobs/{FIRST}", {"name": None, "overlap": {}}), 422, "name", "overlap")
    assert api_bench.call("PATCH", f"/jobs/{FIRST}", {}, headers={"If-Match": "*"}).status == 200


def test_an_overlap_policy_is_kept_patched_and_taken_back(api_bench):
    assert api_bench.call("GET", f"/jobs/{created(api_bench)}").json["overlap"] == "allow"
    assert api_bench.call("PATCH", f"/jobs/{FIRST}", {"overlap": "queue"}).json["overlap"] == "queue"
    assert api_bench.call("GET", f"/jobs/{FIRST}").json["overlap"] == "queue"
    assert api_bench.call("PATCH", f"/jobs/{FIRST}", {"overlap": None}).json["overlap"] == "allow"


def test_a_misfire_policy_is_kept_patched_and_taken_back(api_bench):
    default = {"policy": "coalesce", "grace": "PT10S", "limit": 100}
    assert api_bench.call("GET", f"/jobs/{created(api_bench)}").json["misfire"] == default
    patched = api_bench.call("PATCH", f"/jobs/{FIRST}", {"misfire": {"policy": "all", "limit": 7}})
    assert patched.json["misfire"] == default | {"policy": "all", "limit": 7}
    assert api_bench.call("GET", f"/jobs/{FIRST}").json["misfire"] == patched.json["misfire"]
    assert api_bench.call("PATCH", f"/jobs/{FIRST}", {"misfire": None}).json["misfire"] == default


def missed(api_bench, reason=Reason.SKIPPED):
    """A row for the first three instants after the creation, five minutes apart."""
    at = NOW_MS + 300_000
    row = Missed("default", FIRST, 1, at, at + 600_000, 3, reason, at + 900_000)
    api_bench.ports.executions.account(row)
    return row


def test_a_range_that_did_not_run_is_listed_among_the_executions(api_bench):
    created(api_bench)
    row = missed(api_bench)
    api_bench.call("POST", f"/jobs/{FIRST}/run")
    listed = api_bench.call("GET", f"/jobs/{FIRST}/executions").json["items"]
    assert next(item["id"] for item in listed) == row.id
    assert (
        listed[0] | {"state": "skipped", "until": "2025-11-20T17:02:00.000Z", "count": 3, "reason": "skipped"}
        == listed[0]
    )
    assert listed[0]["nominal_at"] == "2025-11-20T16:52:00.000Z"
    assert listed[1]["until"] is None
    page = api_bench.call("GET", f"/jobs/{FIRST}/executions", query={"limit": ["1"]}).json
    rest = api_bench.call("GET", f"/jobs/{FIRST}/executions", query={"limit": ["1"], "cursor": [page["cursor"]]}).json
    assert rest["items"] == listed[1:]
    refused(api_bench.call("GET", f"/executions/{row.id}"), 404)


def test_the_ledger_accounts_for_every_instant(api_bench):
    created(api_bench, EVERY_JOB | {"schedule": {"every": "5m", "anchor": "2025-11-20T16:42:00Z"}})
    missed(api_bench, Reason.COALESCED)
    api_bench.clock.advance(1_500_000)
    answer = api_bench.call("GET", f"/jobs/{FIRST}/ledger").json
    assert [(line["state"], line["reason"]) for line in answer["items"]] == [
        ("missing", ""), *[("skipped", "coalesced")] * 3, ("missing", ""),
    ]  # fmt: skip
    assert answer["missing"] == 2
    query = {"from": ["2025-11-20T17:02:00Z"], "to": ["2025-11-20T17:20:00+00:00"]}
    later = api_bench.call("GET", f"/jobs/{FIRST}/ledger", query=query).json
    assert [line["state"] for line in later["items"]] == ["skipped", "missing", "pending", "pending"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": ["yesterday"]}, "from"),
        ({"to": ["2025-11-20T16:47:00"]}, "to"),
        ({"to": ["9999-01-01T00:00:00Z"]}, "to"),
        ({"from": ["2025-10-01T00:00:00Z"]}, "from"),
        ({"from": ["2025-11-20T16:47:00Z"], "to": ["2025-11-20T16:47:00Z"]}, "from"),
        ({"from": ["2025-11-20T16:47:00Z"], "to": ["2026-11-20T16:47:00Z"]}, "to"),
        ({"since": ["2025-11-20T16:47:00Z"]}, "since"),
    ],
)
def test_a_ledger_of_no_time_or_too_much_is_refused(api_bench, query, field):
    created(api_bench)
    refused(api_bench.call("GET", f"/jobs/{FIRST}/ledger", query=query), 422, field)


def test_a_put_replaces_the_whole(api_bench):
    created(api_bench, EVERY_JOB | {"tags": {"a": "b"}})
    api_bench.clock.advance(60_000)
    answer = api_bench.call("PUT", f"/jobs/{FIRST}", EVERY_JOB | {"name": "b"}, headers={"if-match": '"1"'})
    assert (answer.status, answer.json["name"], answer.json["tags"]) == (200, "b", {})
    assert answer.json["schedule"]["anchor"] == "2025-11-20T16:47:00.000Z"
    refused(api_bench.call("PUT", f"/jobs/{FIRST}", EVERY_JOB, headers={"If-Match": '"1"'}), 412, "If-Match")
    refused(api_bench.call("PUT", f"/jobs/{FIRST}", {"name": "b"}), 422, "target")
    refused(api_bench.call("PUT", "/jobs/j0000000000000009", EVERY_JOB), 404)


@pytest.mark.parametrize("etag", ["1", 'W/"1"', '"x"', '"1", "2"', ""])
def test_what_is_no_etag_of_a_job_is_refused(api_bench, etag):
    created(api_bench)
    refused(api_bench.call("DELETE", f"/jobs/{FIRST}", headers={"If-Match": etag}), 422, "If-Match")


def test_a_job_is_deleted(api_bench):
    created(api_bench)
    refused(api_bench.call("DELETE", f"/jobs/{FIRST}", headers={"If-Match": '"2"'}), 412, "If-Match")
    answer = api_bench.send(recorded("delete"))
    assert (answer.status, answer.text) == (204, "")
    refused(api_bench.send(recorded("delete")), 404)


def test_a_job_is_paused_and_resumed(api_bench):
    created(api_bench)
    for action, state in (("pause", "paused"), ("pause", "paused"), ("resume", "active")):
        answer = api_bench.call("POST", f"/jobs/{FIRST}/{action}")
        assert (answer.status, answer.json["state"]) == (200, state)
    assert answer.headers["ETag"] == '"3"'
    refused(api_bench.call("POST", f"/jobs/{FIRST}/pause", headers={"Idempotency-Key": "é"}), 422, "Idempotency-Key")


def test_a_job_is_run(api_bench):
    created(api_bench)
    answer = api_bench.send(recorded("run"))
    assert (answer.status, answer.json["state"], answer.json["origin"]) == (202, "queued", "run")
    assert answer.headers["Location"] == f"../../executions/{answer.json['id']}"
    api_bench.clock.advance(5_000)
    assert api_bench.send(recorded("run")).json["id"] == answer.json["id"]
    assert api_bench.call("POST", f"/jobs/{FIRST}/run").json["id"] != answer.json["id"]
    assert api_bench.call("GET", f"/executions/{answer.json['id']}").json == answer.json


def test_what_comes_next(api_bench):
    created(api_bench, EVERY_JOB | {"jitter": "1m"})
    items = api_bench.call("GET", f"/jobs/{FIRST}/upcoming", query={"count": ["3"]}).json["items"]
    assert [one["nominal_at"][14:19] for one in items] == ["52:00", "57:00", "02:00"]
    assert all(one["due_at"] >= one["nominal_at"] for one in items)
    assert len(api_bench.call("GET", f"/jobs/{FIRST}/upcoming").json["items"]) == 10
    refused(api_bench.call("GET", f"/jobs/{FIRST}/upcoming", query={"count": ["101"]}), 422, "count")


def test_a_window_shows_in_the_due_times_and_is_refused_where_it_means_nothing(api_bench):
    job = created(api_bench, EVERY_JOB | {"window": "2m"})
    assert api_bench.call("GET", f"/jobs/{job}").json["window"] == "PT2M"
    items = api_bench.call("GET", f"/jobs/{job}/upcoming", query={"count": ["20"]}).json["items"]
    (offset,) = {to_ms(parse_instant(one["due_at"])) - to_ms(parse_instant(one["nominal_at"])) for one in items}
    assert 0 < offset < 120_000
    refused(api_bench.call("PATCH", f"/jobs/{job}", {"window": "25h"}), 422, "window")
    unscheduled = {name: value for name, value in EVERY_JOB.items() if name != "schedule"}
    refused(api_bench.call("POST", "/jobs", unscheduled | {"window": "1h"}), 422, "window")


def test_executions_are_listed_newest_first(api_bench):
    created(api_bench)
    ids = []
    for _ in range(3):
        ids.append(api_bench.call("POST", f"/jobs/{FIRST}/run").json["id"])
        api_bench.clock.advance(1_000)
    path = f"/jobs/{FIRST}/executions"
    first = api_bench.call("GET", path, query={"limit": ["2"]}).json
    second = api_bench.call("GET", path, query={"limit": ["2"], "cursor": [first["cursor"]]}).json
    assert [one["id"] for one in first["items"] + second["items"]] == ids[::-1]
    other = created(api_bench)
    refused(api_bench.call("GET", f"/jobs/{other}/executions", query={"cursor": [first["cursor"]]}), 422, "cursor")


def test_an_unknown_execution_is_not_found(api_bench):
    refused(api_bench.call("GET", "/executions/nonsense"), 404)
    refused(api_bench.call("GET", f"/executions/{ExecutionId(FIRST, NOW_MS, Origin.RUN, '1')}"), 404)


def test_a_queued_run_is_cancelled(api_bench):
    created(api_bench)
    id = api_bench.call("POST", f"/jobs/{FIRST}/run").json["id"]
    answer = api_bench.call(
        "POST", f"/executions/{id}/cancel", {"reason": "not today"}, headers={"Idempotency-Key": "k"}
    )
    assert (answer.status, answer.json["state"]) == (200, "cancelled")
    assert (answer.json["reason"], answer.json["cancel_requested"]) == ("someone cancelled it: not today", "")
    assert api_bench.call("GET", f"/executions/{id}").json == answer.json
    assert api_bench.call("POST", f"/executions/{id}/cancel").json == answer.json


def test_a_running_one_is_asked_to_end(api_bench):
    created(api_bench)
    id = api_bench.call("POST", f"/jobs/{FIRST}/run").json["id"]
    queued = api_bench.services().executions.get("default", id)
    api_bench.ports.executions.swap(claimed(queued, 1, "w", NOW_MS, received_ms=NOW_MS), 1)
    answer = api_bench.call("POST", f"/executions/{id}/cancel", {})
    assert (answer.status, answer.json["state"], answer.json["cancel_requested"]) == (
        202,
        "running",
        "someone cancelled it",
    )
    request = {
        "event": "cancel_requested",
        "at": answer.json["due_at"],
        "attempt": None,
        "detail": "someone cancelled it",
    }
    assert answer.json["timeline"][-1] == request
    api_bench.clock.advance(1_000)
    again = api_bench.call("POST", f"/executions/{id}/cancel")
    assert (again.status, again.json["timeline"]) == (202, answer.json["timeline"])


def test_an_occurrence_to_come_is_cancelled(api_bench):
    id = created(api_bench, EVERY_JOB)
    nominal = api_bench.call("GET", f"/jobs/{id}/upcoming").json["items"][1]["nominal_at"]
    execution = ExecutionId(id, to_ms(parse_instant(nominal)))
    answer = api_bench.call("POST", f"/executions/{execution}/cancel")
    assert (answer.status, answer.json["state"], answer.json["nominal_at"]) == (200, "cancelled", nominal)
    refused(api_bench.call("POST", f"/executions/{replace(execution, nominal_ms=NOW_MS + 1)}/cancel"), 404)
    refused(api_bench.call("POST", "/executions/nonsense/cancel"), 404)


def test_instants_to_come_show_the_id_that_cancels_them_and_those_that_were_cancelled(api_bench):
    id = created(api_bench, EVERY_JOB)
    path, until = f"/jobs/{id}/upcoming", {"to": ["2025-11-20T17:10:00Z"]}
    items = api_bench.call("GET", path, query={"count": ["3"]}).json["items"]
    assert [one["cancelled"] for one in items] == [False] * 3
    lines = api_bench.call("GET", f"/jobs/{id}/ledger", query=until).json["items"]
    pending = {line["nominal_at"]: line["execution"] for line in lines if line["state"] == "pending"}
    assert all(pending[one["nominal_at"]] == one["execution"] for one in items)
    assert api_bench.call("POST", f"/executions/{items[1]['execution']}/cancel").json["state"] == "cancelled"
    after = api_bench.call("GET", path, query={"count": ["3"]}).json["items"]
    assert [one["cancelled"] for one in after] == [False, True, False]
    assert [one["execution"] for one in after] == [one["execution"] for one in items]
    lines = api_bench.call("GET", f"/jobs/{id}/ledger", query=until).json["items"]
    assert next(line for line in lines if line["nominal_at"] == items[1]["nominal_at"])["state"] == "cancelled"


def test_what_has_ended_is_not_cancelled(api_bench):
    created(api_bench)
    id = api_bench.call("POST", f"/jobs/{FIRST}/run").json["id"]
    queued = api_bench.services().executions.get("default", id)
    api_bench.ports.executions.swap(ended_unrun(queued, State.DEAD, "given up", NOW_MS), 1)
    answer = refused(api_bench.call("POST", f"/executions/{id}/cancel"), 409)
    assert "it has ended as dead" in answer.json["detail"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ("[", 400, "body"),
        ({"reason": 1}, 422, "reason"),
        ({"reason": "x" * 151}, 422, "reason"),
        ({"reason": "two\nlines"}, 422, "reason"),
        ({"because": "x"}, 422, "because"),
    ],
)
def test_a_cancellation_that_cannot_be_meant_is_refused(api_bench, body, status, field):
    created(api_bench)
    id = api_bench.call("POST", f"/jobs/{FIRST}/run").json["id"]
    refused(api_bench.call("POST", f"/executions/{id}/cancel", body), status, field)
    refused(
        api_bench.call("POST", f"/executions/{id}/cancel", headers={"Idempotency-Key": "é"}), 422, "Idempotency-Key"
    )
    assert api_bench.call("GET", f"/executions/{id}").json["state"] == "queued"


def test_unknown_routes_and_methods(api_bench):
    refused(api_bench.send(recorded("unknown_route")), 404)
    answer = refused(api_bench.call("PATCH", "/jobs"), 405)
    assert answer.headers["Allow"] == "GET, POST"
    refused(api_bench.call("POST", f"/executions/{FIRST}"), 405)


@pytest.mark.parametrize("id", ["a\0b", "a\nb", "a\u2028b", "..", "x" * 300, "a%2Fb"])
def test_an_id_that_none_can_be_is_not_found(api_bench, id):
    refused(api_bench.call("GET", f"/jobs/{id}"), 404)
    refused(api_bench.call("POST", f"/executions/{id}/cancel", {}), 404)


def test_the_document_needs_no_services():
    answer = resolver(lambda: pytest.fail("built"))
    assert json.loads(answer.resolve(event("GET", "/v1/openapi.json"), Context())["body"])["openapi"] == "3.1.0"


class Failing:
    """Services that cannot be built, or whose every call fails."""

    def __init__(self, error):
        self.error = error

    def __getattr__(self, name):
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Throttled("jobs.get", FIRST, "slow down"), 503, "1"),
        (PortError("jobs.get", FIRST, "secret endpoint"), 503, None),
        (ValueError("secret"), 500, None),
        (KeyError("secret"), 500, None),
    ],
)
def test_what_is_our_fault_is_not_told(api_bench, error, status, retry_after, monkeypatch):
    logged = []
    monkeypatch.setattr(problems._log, "error", lambda message, **fields: logged.append(fields))
    monkeypatch.setattr(problems._log, "warning", lambda message, **fields: logged.append(fields))
    monkeypatch.setattr(api_bench, "app", resolver(lambda: Failing(error)))
    answer = refused(api_bench.call("GET", f"/jobs/{FIRST}"), status)
    assert "secret" not in answer.text
    assert answer.headers.get("Retry-After") == retry_after
    assert logged[0]["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    assert status != 500 or logged[0]["exc_info"] is error


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_who_lacks_the_role_of_an_operation_is_told_so(api_bench, operation, role):
    made = event(operation.method, operation.path.replace("{id}", FIRST))
    answer = api_bench.send(signed_in(made, Grant(Principal("default", "key:k1", role))))
    if operation.role is None or role.includes(operation.role):
        assert answer.status not in {401, 403}
    else:
        refused(answer, 403)
        assert f"takes the role {operation.role}, and yours is {role}" in answer.json["detail"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_who_does_not_sign_in_is_asked_to(api_bench, operation):
    made = event(operation.method, operation.path.replace("{id}", FIRST))
    answer = api_bench.send(signed_in(made, None))
    if operation.role is None:
        assert answer.status == 200
    else:
        refused(answer, 401, "Authorization")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_document_is_valid_and_served(api_bench):
    validate(document())
    assert api_bench.call("GET", "/openapi.json").json == json.loads(json.dumps(document()))


def test_the_document_and_the_resolver_know_the_same_routes(api_bench):
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    routes = (*api_bench.app._static_routes, *api_bench.app._dynamic_routes)
    resolved = {(route.method, route.path.replace("<", "{").replace(">", "}")) for route in routes}
    assert described == resolved == {(one.method, one.path) for one in OPERATIONS}
    assert {one.id for one in OPERATIONS} == HANDLERS.keys()


def test_every_example_of_the_document_is_accepted(api_bench):
    content = document()["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert api_bench.call("POST", "/jobs", example["value"]).status == 201


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_high_precision_is_refused_in_economy_mode(api_bench, method):
    made = api_bench.call("POST", "/jobs", EVERY_JOB).json
    api_bench.ports = replace(api_bench.ports, pace=ECONOMY)
    path = "/jobs" if method == "POST" else f"/jobs/{made['id']}"
    body = {"precision": "high"} if method == "PATCH" else {**EVERY_JOB, "precision": "high"}
    answer = api_bench.call(method, path, body)
    (problem,) = answer.json["errors"]
    assert (answer.status, problem["field"]) == (422, "precision")
    assert "economy" in problem["problem"]
    assert "normal or low" in problem["remedy"]
    assert api_bench.call("GET", f"/jobs/{made['id']}").json["generation"] == 1
