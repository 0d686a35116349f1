"""The API as its users see it: documents in, documents out, and every refusal says what to do."""

from __future__ import annotations

import itertools
import uuid

import pytest

from tidewheel.client import ApiError
from tidewheel.wire.values import from_ms, to_ms

TARGET = {"kind": "http", "url": "https://example.com/hook"}
LATER = {"cron": "0 9 * * *", "timezone": "Europe/Paris"}
BODY = {"name": "e2e", "schedule": LATER, "target": TARGET}
DAY_MS = 86_400_000


def test_a_job_is_created_and_read_back(http, jobs):
    made = http.post("/jobs", json={**BODY, "tags": {"team": "billing"}})
    assert made.status_code == 201
    jobs.made.append(made.json()["id"])
    read = http.get(f"/jobs/{made.json()['id']}")
    assert made.headers["ETag"] == read.headers["ETag"] == '"1"'
    assert made.headers["Location"] == f"jobs/{made.json()['id']}"
    assert read.json() == made.json()
    assert (read.json()["state"], read.json()["tags"]) == ("active", {"team": "billing"})


def test_a_repeat_under_the_same_key_makes_nothing_new(http, jobs):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (http.post("/jobs", json=BODY, headers=key) for _ in range(2))
    jobs.made.append(first.json()["id"])
    assert (second.status_code, second.json()) == (201, first.json())
    other = http.post("/jobs", json={**BODY, "name": "another"}, headers=key)
    assert other.status_code == 409
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_run_is_repeated_safely_too(client, jobs, new_target):
    target = new_target()
    job = jobs.create(schedule=LATER, target=target.spec())
    first, second = (client.run_job(job.id, key="once") for _ in range(2))
    assert first.id == second.id
    jobs.ended(job.id)
    assert [one.key for one in target.arrivals()] == [first.id]


def test_lists_are_paged_and_filtered(client, jobs):
    mark = uuid.uuid4().hex
    made = [jobs.create(name=f"{mark} {n}", schedule=LATER, target=TARGET, tags={"mark": mark}) for n in range(3)]
    newest = [job.id for job in sorted(made, key=lambda job: (job.created_at, job.id), reverse=True)]
    client.pause_job(newest[1])
    tags = [f"mark:{mark}"]
    assert [job.id for job in client.jobs(tags=tags, page=2)] == newest
    assert [job.id for job in client.jobs(tags=tags, state="paused")] == newest[1:2]
    assert [job.id for job in client.jobs(name_prefix=mark)] == [job.id for job in made]
    assert client.job(f"name:{mark} 1").id == client.job(made[1].id[:-1]).id == made[1].id
    assert client.job_id(f"{mark} 1") == made[1].id
    page = client.jobs_page(tags=tags, limit=2)
    assert len(page.items) == 2
    assert page.cursor


def test_an_edit_raises_the_generation_and_an_outdated_one_is_refused(http, jobs):
    id = jobs.create(schedule=LATER, target=TARGET).id
    edited = http.patch(f"/jobs/{id}", json={"name": "renamed", "tags": {"a": "b"}}, headers={"If-Match": '"1"'})
    assert (edited.status_code, edited.headers["ETag"], edited.json()["name"]) == (200, '"2"', "renamed")
    assert edited.json()["schedule"] == LATER
    late = http.patch(f"/jobs/{id}", json={"name": "lost"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["type"]) == (412, "urn:tidewheel:problem:outdated")
    assert http.delete(f"/jobs/{id}", headers={"If-Match": '"1"'}).status_code == 412
    assert http.get(f"/jobs/{id}").json()["name"] == "renamed"


def test_a_definition_is_replaced_as_a_whole(client, jobs):
    id = jobs.create(schedule=LATER, target=TARGET, tags={"a": "b"}, priority="high").id
    after = client.replace_job(id, {**BODY, "schedule": {"every": "1h"}}, match=1)
    assert (after.generation, after.priority, after.tags) == (2, "normal", {})
    assert client.job(id) == after


def test_a_deleted_job_is_gone(client, http, jobs):
    id = jobs.create(schedule=LATER, target=TARGET).id
    client.delete_job(id)
    assert http.get(f"/jobs/{id}").status_code == 404
    with pytest.raises(ApiError) as refused:
        client.pause_job(id)
    assert refused.value.problem.type == "urn:tidewheel:problem:not-found"


def test_upcoming_follows_the_zone(client, jobs):
    job = jobs.create(schedule={"cron": "0 9 * * *", "timezone": "Asia/Kolkata"}, target=TARGET)
    items = client.upcoming(job.id, 3).items
    assert [(one.nominal_at.hour, one.nominal_at.minute) for one in items] == [(3, 30)] * 3
    assert [to_ms(b.due_at) - to_ms(a.due_at) for a, b in itertools.pairwise(items)] == [DAY_MS] * 2
    assert job.next_fire_at == items[0].due_at


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"schedule": {"cron": "61 * * * *"}}, "schedule.cron"),
        ({"schedule": {"cron": "0 9 * * *", "timezone": "Mars/Olympus"}}, "schedule.timezone"),
        ({"schedule": {"every": "10ms"}}, "schedule.every"),
        ({"schedule": {"at": "2001-01-01T00:00:00Z"}}, "schedule.at"),
        ({"target": {"kind": "http", "url": "ftp://example.com"}}, "target.url"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_a_refusal_names_the_field_and_the_remedy(http, change, field):
    refused = http.post("/jobs", json={**BODY, **change})
    problem = refused.json()
    assert (refused.status_code, problem["status"]) == (422, 422)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in problem["errors"]] == [field]
    assert all(error["remedy"] for error in problem["errors"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("POST", "/jobs", "{", 400, "malformed"),
        ("POST", "/jobs", "[]", 400, "malformed"),
        ("POST", "/jobs", '{"name": "' + "x" * 70_000 + '"}', 413, "too-large"),
        ("GET", "/jobs/j0000000000000000", None, 404, "not-found"),
        ("GET", "/executions/none", None, 404, "not-found"),
        ("GET", "/nothing", None, 404, "not-found"),
        ("PUT", "/jobs", "{}", 405, "method-not-allowed"),
        ("GET", "/jobs?limit=0", None, 422, "invalid"),
    ],
)
def test_every_refusal_is_a_problem_document(http, method, path, body, status, kind):
    refused = http.request(method, path, content=body)
    assert (refused.status_code, refused.json()["type"]) == (status, f"urn:tidewheel:problem:{kind}")
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_the_api_describes_itself(client):
    assert client.health().status == "ok"
    assert "/v1/jobs/{id}/run" in client.openapi()["paths"]


def test_times_are_answered_in_utc(http, jobs, clock):
    at = from_ms(clock.now_ms() + DAY_MS)
    job = jobs.create(schedule={"at": at.isoformat()}, target=TARGET)
    assert http.get(f"/jobs/{job.id}").json()["next_fire_at"].endswith("Z")
    assert job.next_fire_at == at
