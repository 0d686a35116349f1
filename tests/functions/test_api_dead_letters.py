"""The operations on dead letters: over the API in memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.front import EVERY_JOB, NOW_MS, Front
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId


@pytest.fixture
def front() -> Front:
    return Front()


def created(front: Front) -> str:
    return str(front.call("POST", "/jobs", EVERY_JOB).json["id"])


def dead(front: Front, job: str, number: int, state: State = State.DEAD) -> str:
    """An execution that ended; the higher its number, the later."""
    id = str(ExecutionId(job, NOW_MS + 300_000 * number))
    record = Execution("default", id, state, NOW_MS, 1, attempt=3, finished_ms=NOW_MS + number, reason="HTTP 503")
    front.flow.executions.swap(record, None)
    return id


def listed(front: Front, **query: str) -> tuple[list[str], Any]:
    answer = front.call("GET", "/dead-letters", query={name: [value] for name, value in query.items()})
    assert answer.status == 200
    return [item["id"] for item in answer.json["items"]], answer.json["cursor"]


def test_there_are_none_at_first(front: Front) -> None:
    assert listed(front) == ([], None)


def test_they_are_listed_newest_first_as_executions(front: Front) -> None:
    job = created(front)
    ids = [dead(front, job, 1), dead(front, job, 2, State.FAILED), dead(front, job, 3, State.TIMED_OUT)]
    dead(front, job, 4, State.SUCCEEDED)
    assert listed(front) == (ids[::-1], None)
    (first, *_) = front.call("GET", "/dead-letters").json["items"]
    assert first == front.call("GET", f"/executions/{ids[2]}").json


def test_pages(front: Front) -> None:
    job = created(front)
    ids = [dead(front, job, number) for number in range(3)]
    first, cursor = listed(front, limit="2")
    assert (first, listed(front, limit="2", cursor=cursor)) == ([ids[2], ids[1]], ([ids[0]], None))


def test_one_jobs_alone(front: Front) -> None:
    mine, other = created(front), created(front)
    ids = [dead(front, job, number) for number, job in enumerate([mine, other, mine, other])]
    assert listed(front, job=mine) == ([ids[2], ids[0]], None)
    first, cursor = listed(front, job=mine, limit="1")
    assert (first, listed(front, job=mine, cursor=cursor)) == ([ids[2]], ([ids[0]], None))


@pytest.mark.parametrize(("name", "value"), [("job", "nonsense"), ("limit", "0"), ("cursor", "x"), ("state", "dead")])
def test_what_cannot_be_meant_is_refused(front: Front, name: str, value: str) -> None:
    answer = front.call("GET", "/dead-letters", query={name: [value]})
    assert (answer.status, [one["field"] for one in answer.json["errors"]]) == (422, [name])


def test_a_cursor_of_one_list_is_not_one_of_another(front: Front) -> None:
    job = created(front)
    for number in range(2):
        dead(front, job, number)
    _, cursor = listed(front, limit="1")
    assert front.call("GET", "/dead-letters", query={"job": [job], "cursor": [cursor]}).status == 422


# --- redrive ------------------------------------------------------------------------------------------------


def redriven(front: Front, status: int = 202, **body: Any) -> Any:
    answer = front.call("POST", "/dead-letters/redrive", body)
    assert answer.status == status
    return answer.json


def test_some_run_again(front: Front) -> None:
    job = created(front)
    ids = [dead(front, job, number) for number in range(3)]
    answer = redriven(front, ids=[ids[2], ids[0], ids[2]], rate=4)
    assert (answer["redriven"], answer["skipped"], answer["cursor"]) == ([ids[2], ids[0]], [], None)
    assert answer["until"] == "2025-11-20T16:47:00.500Z"
    assert listed(front) == ([ids[1]], None)
    assert front.call("GET", f"/executions/{ids[0]}").json["state"] == "queued"


def test_those_of_a_job(front: Front) -> None:
    mine, other = created(front), created(front)
    ids = [dead(front, job, number) for number, job in enumerate([mine, other])]
    assert redriven(front, job=mine)["redriven"] == [ids[0]]
    assert listed(front) == ([ids[1]], None)


def test_all_go_page_after_page_at_one_rate(front: Front) -> None:
    job = created(front)
    for number in range(120):
        dead(front, job, number)
    first = redriven(front, all=True)
    assert (len(first["redriven"]), first["until"]) == (100, "2025-11-20T16:47:10.000Z")
    rest = redriven(front, all=True, cursor=first["cursor"], after=first["until"])
    assert (len(rest["redriven"]), rest["until"], rest["cursor"]) == (20, "2025-11-20T16:47:12.000Z", None)
    assert listed(front) == ([], None)


def test_what_does_not_run_again_has_its_reason(front: Front) -> None:
    job = created(front)
    id = dead(front, job, 1, State.SUCCEEDED)
    answer = redriven(front, ids=[id])
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
def test_a_redrive_that_cannot_be_meant_is_refused(front: Front, body: dict[str, Any], field: str | None) -> None:
    if field is None:
        assert redriven(front, **body)["redriven"] == []
    else:
        assert [one["field"] for one in redriven(front, 422, **body)["errors"]] == [field]
