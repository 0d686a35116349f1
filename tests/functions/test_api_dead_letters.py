"""The operations on dead letters: over the API in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api_bench import EVERY_JOB, NOW_MS, ApiBench
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId


@pytest.fixture
def api_bench() -> ApiBench:
    return ApiBench()


def created(api_bench: ApiBench) -> str:
    return str(api_bench.call("POST", "/jobs", EVERY_JOB).json["id"])


def dead(api_bench: ApiBench, job: str, number: int, state: State = State.DEAD) -> str:
    """An execution that ended; the higher its number, the later."""
    id = str(ExecutionId(job, NOW_MS + 300_000 * number))
    record = Execution("default", id, state, NOW_MS, 1, attempt=3, finished_ms=NOW_MS + number, reason="HTTP 503")
    api_bench.ports.executions.swap(record, None)
    return id


def listed(api_bench: ApiBench, **query: str) -> tuple[list[str], Any]:
    answer = api_bench.call("GET", "/dead-letters", query={name: [value] for name, value in query.items()})
    assert answer.status == 200
    return [item["id"] for item in answer.json["items"]], answer.json["cursor"]


def test_there_are_none_at_first(api_bench: ApiBench) -> None:
    assert listed(api_bench) == ([], None)


def test_they_are_listed_newest_first_as_executions(api_bench: ApiBench) -> None:
    job = created(api_bench)
    ids = [dead(api_bench, job, 1), dead(api_bench, job, 2, State.FAILED), dead(api_bench, job, 3, State.TIMED_OUT)]
    dead(api_bench, job, 4, State.SUCCEEDED)
    assert listed(api_bench) == (ids[::-1], None)
    (first, *_) = api_bench.call("GET", "/dead-letters").json["items"]
    assert first == api_bench.call("GET", f"/executions/{ids[2]}").json


def test_pages(api_bench: ApiBench) -> None:
    job = created(api_bench)
    ids = [dead(api_bench, job, number) for number in range(3)]
    first, cursor = listed(api_bench, limit="2")
    assert (first, listed(api_bench, limit="2", cursor=cursor)) == ([ids[2], ids[1]], ([ids[0]], None))


def test_one_jobs_alone(api_bench: ApiBench) -> None:
    mine, other = created(api_bench), created(api_bench)
    ids = [dead(api_bench, job, number) for number, job in enumerate([mine, other, mine, other])]
    assert listed(api_bench, job=mine) == ([ids[2], ids[0]], None)
    first, cursor = listed(api_bench, job=mine, limit="1")
    assert (first, listed(api_bench, job=mine, cursor=cursor)) == ([ids[2]], ([ids[0]], None))


@pytest.mark.parametrize(("name", "value"), [("job", "nonsense"), ("limit", "0"), ("cursor", "x"), ("state", "dead")])
def test_what_cannot_be_meant_is_refused(api_bench: ApiBench, name: str, value: str) -> None:
    answer = api_bench.call("GET", "/dead-letters", query={name: [value]})
    assert (answer.status, [one["field"] for one in answer.json["errors"]]) == (422, [name])


def test_a_cursor_of_one_list_is_not_one_of_another(api_bench: ApiBench) -> None:
    job = created(api_bench)
    for number in range(2):
        dead(api_bench, job, number)
    _, cursor = listed(api_bench, limit="1")
    assert api_bench.call("GET", "/dead-letters", query={"job": [job], "cursor": [cursor]}).status == 422


# --- redrive ------------------------------------------------------------------------------------------------


def redriven(api_bench: ApiBench, status: int = 202, **body: Any) -> Any:
    answer = api_bench.call("POST", "/dead-letters/redrive", body)
    assert answer.status == status
    return answer.json


def test_some_run_again(api_bench: ApiBench) -> None:
    job = created(api_bench)
    ids = [dead(api_bench, job, number) for number in range(3)]
    answer = redriven(api_bench, ids=[ids[2], ids[0], ids[2]], rate=4)
    assert (answer["redriven"], answer["skipped"], answer["cursor"]) == ([ids[2], ids[0]], [], None)
    assert answer["until"] == "2025-11-20T16:47:00.500Z"
    assert listed(api_bench) == ([ids[1]], None)
    assert api_bench.call("GET", f"/executions/{ids[0]}").json["state"] == "queued"


def test_those_of_a_job(api_bench: ApiBench) -> None:
    mine, other = created(api_bench), created(api_bench)
    ids = [dead(api_bench, job, number) for number, job in enumerate([mine, other])]
    assert redriven(api_bench, job=mine)["redriven"] == [ids[0]]
    assert listed(api_bench) == ([ids[1]], None)


def test_all_go_page_after_page_at_one_rate(api_bench: ApiBench) -> None:
    job = created(api_bench)
    for number in range(120):
        dead(api_bench, job, number)
    first = redriven(api_bench, all=True)
    assert (len(first["redriven"]), first["until"]) == (100, "2025-11-20T16:47:10.000Z")
    rest = redriven(api_bench, all=True, cursor=first["cursor"], after=first["until"])
    assert (len(rest["redriven"]), rest["until"], rest["cursor"]) == (20, "2025-11-20T16:47:12.000Z", None)
    assert listed(api_bench) == ([], None)


def test_what_does_not_run_again_has_its_reason(api_bench: ApiBench) -> None:
    job = created(api_bench)
    id = dead(api_bench, job, 1, State.SUCCEEDED)
    answer = redriven(api_bench, ids=[id])
    assert answer["skipped"] == [{"id": id, "reason": "is succeeded, and no dead letter"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"all": False}, "ids"),
        ({"all": True, "job": "j0123456789abcdef"}, "all"),
        ({"ids": []}, None),
        ({"ids": ["nonsense"]}, "ids"),
        ({"ids": [1]}, "ids.0"),
        ({"job": "nonsense"}, "job"),
        ({"all": True, "rate": 0}, "rate"),
        ({"all": True, "rate": 1_001}, "rate"),
        ({"all": True, "cursor": "x"}, "cursor"),
        ({"ids": ["x"], "cursor": "x"}, "cursor"),
        ({"all": True, "since": 1}, "since"),
    ],
)
def test_a_redrive_that_cannot_be_meant_is_refused(
    api_bench: ApiBench, body: dict[str, Any], field: str | None
) -> None:
    if field is None:
        assert redriven(api_bench, **body)["redriven"] == []
    else:
        assert [one["field"] for one in redriven(api_bench, 422, **body)["errors"]] == [field]
