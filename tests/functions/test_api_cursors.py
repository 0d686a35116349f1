"""Cursors of every list: each goes on with the question that it was given for, and is refused for any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from functions.api import answers
from tests.support.api_bench import EVERY_JOB, NOW_MS, WHO, Answer, ApiBench
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import ended_unrun
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.limits import MINUTE_MS
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.parameters import CURSOR, LIMIT

LISTS = {one.id: one for one in OPERATIONS if CURSOR in one.parameters}
QUESTIONS: Mapping[str, tuple[str, str]] = {
    "state": ("paused", "active"),
    "tag": ("team:a", "team:b"),
    "name_prefix": ("h", "x"),
    "last_result": ("succeeded", "dead"),
    "next_fire_after": ("2025-11-20T00:00:00Z", "2025-11-20T00:00:01Z"),
    "next_fire_before": ("2026-11-20T00:00:00Z", "2026-11-20T00:00:01Z"),
    "owner": ("key:bench", "key:other"),
    "kind": ("http", "lambda"),
    "from": ("2025-11-20T16:00:00Z", "2025-11-20T16:00:01Z"),
    "to": ("2025-11-20T17:00:00Z", "2025-11-20T17:00:01Z"),
    "principal": ("key:bench", "key:other"),
    "operation": ("createJob", "runJob"),
    "subject": ("j0000000000000001", "j0000000000000002"),
}
"""Two values of each filter. A list that takes another one is to be given two of it here."""
NO_FILTERS = {LIMIT.name, CURSOR.name}
BOUND_BY_VALUE = {("logs", "attempt"): "a cursor holds the attempt that it came from", ("listJobs", "ref"): "one page"}


class Lists(ApiBench):
    """Three things in each list, of which one is on each page."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.jobs = [self.call("POST", "/jobs", EVERY_JOB | {"tags": {"team": "a"}}).json["id"] for _ in range(3)]
        self.runs = []
        for party in range(3):
            self.clock.advance(1)
            self.runs.append(self.call("POST", f"/jobs/{self.jobs[0]}/run").json["id"])
            queued = self.ports.executions.get("default", self.runs[-1])
            assert queued is not None
            self.ports.executions.swap(ended_unrun(queued, State.DEAD, "gave up", NOW_MS + party), queued.version)
            circuit = Circuit("default", f"http:{party}.example.com", 5, NOW_MS + 10**6, "", 0, 1, NOW_MS, NOW_MS)
            self.ports.circuits.swap(circuit)
            self.call("POST", "/keys", {"name": "x", "role": "viewer"})
            self.call("POST", "/tenants", {"id": f"t{party}"})
            for number in range(3):
                workflow = {
                    "name": f"w{number}",
                    "description": f"{party}",
                    "steps": {"a": {"target": {"kind": "http", "url": "https://example.com"}}},
                }
                self.call("PUT", f"/workflows/w{number}", workflow)
            for number in range(2):
                assert self.call("POST", f"/workflows/w{number}/runs").status == 202
        self.clock.advance(20 * MINUTE_MS)

    def page(self, operation: str, query: Mapping[str, str], job: int = 0) -> Answer:
        found = LISTS[operation]
        id = self.runs[job] if "executions/{" in found.path else self.jobs[job]
        one = {LIMIT.name: "1"} if LIMIT in found.parameters else {}
        asked = {name: [value] for name, value in {**one, **query}.items()}
        return self.call("GET", found.path.removeprefix("/v1").format(id=id, name=f"w{job}"), query=asked)

    def cursor(self, operation: str, query: Mapping[str, str]) -> dict[str, str]:
        answer = self.page(operation, query)
        assert answer.status == 200, answer.text
        return {"cursor": answer.json["cursor"]}


@pytest.fixture(scope="module")
def lists() -> Iterator[Lists]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "ANSWER_BYTES", 1)  # one item a page also of a ledger, which takes no limit
        yield Lists()


def filters(operation: str) -> list[str]:
    names = {one.name for one in LISTS[operation].parameters if one.where == "query"} - NO_FILTERS
    return sorted(name for name in names if (operation, name) not in BOUND_BY_VALUE)


PAGED = sorted(LISTS.keys() - {"logs"})
EACH = [(operation, name) for operation in PAGED for name in filters(operation)]


def values(lists: Lists, operation: str, name: str) -> tuple[str, str]:
    if name == "job":
        return lists.jobs[0], lists.jobs[1]
    return ("dead", "running") if (operation, name) == ("listRuns", "state") else QUESTIONS[name]


def refused(answer: Answer) -> None:
    assert (answer.status, answer.json["errors"]) == (
        422,
        [
            {
                "field": "cursor",
                "problem": "was given for other filters, another job, tenant or key",
                "remedy": "send it with all that the last page was asked with; or leave it out, to begin anew",
            }
        ],
    )


@pytest.mark.parametrize("operation", PAGED)
def test_a_cursor_goes_on_with_its_question(lists: Lists, operation: str) -> None:
    first = lists.page(operation, {})
    second = lists.page(operation, {"cursor": first.json["cursor"]})
    assert second.status == 200
    assert first.json["items"]
    assert first.json["items"] != second.json["items"]


@pytest.mark.parametrize("operation", PAGED)
def test_the_size_of_a_page_is_no_part_of_the_question(lists: Lists, operation: str) -> None:
    if LIMIT not in LISTS[operation].parameters:
        pytest.skip("it takes no limit")
    assert lists.page(operation, {**lists.cursor(operation, {}), "limit": "2"}).status == 200


@pytest.mark.parametrize(("operation", "name"), EACH)
def test_a_filter_that_is_added_or_changed_is_another_question(lists: Lists, operation: str, name: str) -> None:
    one, other = values(lists, operation, name)
    assert lists.page(operation, {name: other}).status == 200  # so that the cursor alone is refused
    refused(lists.page(operation, {**lists.cursor(operation, {}), name: one}))
    given = lists.page(operation, {name: one}).json["cursor"]
    if given is not None:
        assert lists.page(operation, {name: one, "cursor": given}).status == 200
        refused(lists.page(operation, {name: other, "cursor": given}))
        refused(lists.page(operation, {"cursor": given}))


def test_most_filters_give_a_cursor_that_can_be_tried(lists: Lists) -> None:
    """Else the test above would show less than it says."""
    given = {each for each in EACH if lists.page(each[0], {each[1]: values(lists, *each)[0]}).json["cursor"]}
    none_there = {("listJobs", "state"), ("listJobs", "last_result"), ("listAudit", "operation")}
    assert set(EACH) - given <= none_there | {("listAudit", "subject")}


@pytest.mark.parametrize("operation", [one for one in PAGED if "{id}" in LISTS[one].path])
def test_a_cursor_of_one_job_is_not_one_of_another(lists: Lists, operation: str) -> None:
    refused(lists.page(operation, lists.cursor(operation, {}), job=1))


@pytest.mark.parametrize("operation", PAGED)
def test_a_cursor_is_its_tenants_and_its_keys(lists: Lists, operation: str) -> None:
    given = lists.cursor(operation, {})
    try:
        lists.who = replace(WHO, tenant="t0")
        answer = lists.page(operation, given)
        refused(answer)
        lists.who = replace(WHO, tags=frozenset({("team", "a")}))
        answer = lists.page(operation, given)
        if answer.status != 403:  # it is about all jobs
            refused(answer)
    finally:
        lists.who = WHO


def test_a_job_may_be_named_otherwise_and_tags_in_any_order(lists: Lists) -> None:
    job = lists.jobs[0]
    given = lists.cursor("listRuns", {"job": job})
    assert lists.page("listRuns", {**given, "job": job[:17]}).status == 200
    lists.call("POST", "/jobs", EVERY_JOB | {"tags": {"team": "c", "tier": "1"}})
    lists.call("POST", "/jobs", EVERY_JOB | {"tags": {"team": "c", "tier": "1"}})
    tags = ["team:c", "tier:1"]
    cursor = lists.call("GET", "/jobs", query={"tag": tags, "limit": ["1"]}).json["cursor"]
    assert lists.call("GET", "/jobs", query={"tag": tags[::-1], "cursor": [cursor]}).status == 200


def test_a_cursor_of_dead_letters_redrives_the_same_ones() -> None:
    lists = Lists()
    job = lists.jobs[0]
    of_all, of_one = lists.cursor("listDeadLetters", {}), lists.cursor("listDeadLetters", {"job": job})
    everything: dict[str, Any] = {"all": True}
    refused(lists.call("POST", "/dead-letters/redrive", {"job": job, **of_all}))
    refused(lists.call("POST", "/dead-letters/redrive", {**everything, **of_one}))
    answer = lists.call("POST", "/dead-letters/redrive", {**everything, **of_all})
    assert (answer.status, sorted(answer.json["redriven"])) == (202, sorted(lists.runs[:2]))
