"""The log of an attempt, and the timeline of its execution: over the API in memory."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate

from functions.api.cursors import cursor
from tests.support.api_bench import EVERY_JOB, NOW_MS, Answer, ApiBench
from tidewheel.domain.executions import execution, transitions
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.engine.api import logs
from tidewheel.wire.openapi import document

TENANT = "default"


@pytest.fixture
def api_bench() -> ApiBench:
    return ApiBench()


@pytest.fixture
def running(api_bench: ApiBench) -> Execution:
    """The first attempt of an execution, which a worker holds."""
    job = str(api_bench.call("POST", "/jobs", EVERY_JOB).json["id"])
    queued = Execution(TENANT, str(ExecutionId(job, NOW_MS)), State.QUEUED, NOW_MS, 1, version=0)
    record = transitions.claimed(queued, 1, "w", NOW_MS + 5, sent_ms=NOW_MS + 1, received_ms=NOW_MS + 4)
    api_bench.ports.executions.swap(record, None)
    return record


def ended(api_bench: ApiBench, record: Execution, output: str = "short") -> None:
    answer = execution.Answer(Result.SUCCEEDED, 200, output)
    done = transitions.finished(record, State.SUCCEEDED, answer, NOW_MS + 7, NOW_MS + 40)
    assert api_bench.ports.executions.swap(done, record.version) is None


def log(api_bench: ApiBench, record: Execution, **query: str) -> Answer:
    return api_bench.call(
        "GET", f"/executions/{record.id}/logs", query={name: [value] for name, value in query.items()}
    )


def refused(answer: Answer, status: int, field: str = "") -> None:
    assert answer.status == status
    assert [one["field"] for one in answer.json["errors"]] == ([field] if field else [])


def test_a_log_is_read_while_it_grows_and_to_its_end(api_bench: ApiBench, running: Execution) -> None:
    api_bench.ports.logs.append(TENANT, running.id, 1, 0, "one ☂\n".encode())
    first = log(api_bench, running)
    assert first.status == 200
    assert (first.json["attempt"], first.json["text"], first.json["source"]) == (1, "one ☂\n", "stored")
    assert first.json["complete"] is False
    api_bench.ports.logs.append(TENANT, running.id, 1, 1, b"two\n")
    ended(api_bench, running)
    rest = log(api_bench, running, cursor=first.json["cursor"])
    expected = {"attempt": 1, "text": "two\n", "source": "stored", "cursor": None, "complete": True}
    assert rest.json == expected
    assert log(api_bench, running, attempt="1").json == expected | {"text": "one ☂\ntwo\n"}


def test_a_short_answer_is_the_records(api_bench: ApiBench, running: Execution) -> None:
    ended(api_bench, running)
    expected = {"attempt": 1, "text": "short", "source": "inline", "cursor": None, "complete": True}
    assert log(api_bench, running).json == expected


def test_a_cursor_goes_on_with_its_attempt_though_another_has_begun(api_bench: ApiBench, running: Execution) -> None:
    api_bench.ports.logs.append(TENANT, running.id, 1, 0, b"first ")
    place = log(api_bench, running).json["cursor"]
    api_bench.ports.logs.append(TENANT, running.id, 1, 1, b"attempt")
    next_one = transitions.claimed(
        transitions.with_lost_attempt(running, NOW_MS + 9), 2, "v", NOW_MS + 9, received_ms=NOW_MS + 9
    )
    api_bench.ports.executions.swap(next_one, running.version)
    assert log(api_bench, running).json["attempt"] == 2
    assert log(api_bench, running, cursor=place).json["text"] == "attempt"
    assert log(api_bench, running, cursor=place, attempt="1").json["text"] == "attempt"
    refused(log(api_bench, running, cursor=place, attempt="2"), 422, "cursor")


def test_what_is_not_there_is_not_found(api_bench: ApiBench, running: Execution) -> None:
    refused(log(api_bench, running, attempt="2"), 404)
    refused(api_bench.call("GET", f"/executions/{ExecutionId(running.job, NOW_MS + 1)}/logs"), 404)
    refused(api_bench.call("GET", "/executions/nonsense/logs"), 404)


@pytest.mark.parametrize("value", ["0", "-1", "first", "", "1.0", "100001"])
def test_attempts_are_numbers_from_1(api_bench: ApiBench, running: Execution, value: str) -> None:
    refused(log(api_bench, running, attempt=value), 422, "attempt")


@pytest.mark.parametrize("place", ["", "1", "1.0", "1.-1.0", "1.0.0.0", "1.0.x", "1.0.9999999999", "٣.0.0"])
def test_a_cursor_that_was_never_given_is_refused(api_bench: ApiBench, running: Execution, place: str) -> None:
    forged = cursor(f"logs/{running.id}", place)
    assert forged is not None
    refused(log(api_bench, running, cursor=forged), 422, "cursor")
    foreign = cursor(f"logs/{ExecutionId(running.job, NOW_MS + 1)}", "1.0.0")
    assert foreign is not None
    refused(log(api_bench, running, cursor=foreign), 422, "cursor")
    refused(log(api_bench, running, cursor="nonsense"), 422, "cursor")


def test_other_parameters_are_refused(api_bench: ApiBench, running: Execution) -> None:
    refused(log(api_bench, running, follow="true"), 422, "follow")


def test_the_worst_page_fits_an_answer_of_lambda(api_bench: ApiBench, running: Execution) -> None:
    """Six characters for each byte in the answer's JSON, and that once more in the proxy's."""
    api_bench.ports.logs.append(TENANT, running.id, 1, 0, bytes(logs.LOG_PAGE_BYTES + 1))
    answer = log(api_bench, running)
    assert len(answer.json["text"]) == logs.LOG_PAGE_BYTES
    assert len(answer.text) + answer.text.count("\\") < 6_000_000


def test_an_execution_shows_its_timeline(api_bench: ApiBench, running: Execution) -> None:
    path = f"/executions/{running.id}"
    before: Any = api_bench.call("GET", path).json
    assert [one["event"] for one in before["timeline"]] == ["due", "dispatched", "received", "claimed"]
    assert (before["queue_ms"], before["run_ms"], before["cancel_requested"]) == (3, None, "")
    ended(api_bench, running)
    after: Any = api_bench.call("GET", path).json
    assert after["timeline"][3:] == [
        {"at": "2025-11-20T16:47:00.005Z", "event": "claimed", "attempt": 1, "detail": ""},
        {"at": "2025-11-20T16:47:00.007Z", "event": "started", "attempt": 1, "detail": ""},
        {"at": "2025-11-20T16:47:00.040Z", "event": "ended", "attempt": 1, "detail": "succeeded"},
        {"at": "2025-11-20T16:47:00.040Z", "event": "finished", "attempt": None, "detail": "succeeded"},
    ]
    assert (after["lateness_ms"], after["queue_ms"], after["run_ms"]) == (7, 3, 33)
    (attempt,) = after["attempts"]
    assert (attempt["sent_at"], attempt["received_at"]) == ("2025-11-20T16:47:00.001Z", "2025-11-20T16:47:00.004Z")


def test_one_that_is_cancel_requested_says_so(api_bench: ApiBench, running: Execution) -> None:
    api_bench.ports.executions.swap(transitions.cancel_requested(running, "by its owner", NOW_MS + 7), running.version)
    shown: Any = api_bench.call("GET", f"/executions/{running.id}").json
    assert shown["cancel_requested"] == "by its owner"
    request = {"at": "2025-11-20T16:47:00.007Z", "event": "cancel_requested", "attempt": None, "detail": "by its owner"}
    assert shown["timeline"][-1] == request


def test_the_document_knows_it() -> None:
    found: Any = document()
    validate(found)
    operation = found["paths"]["/v1/executions/{id}/logs"]["get"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {
        "id",
        "attempt",
        "cursor",
        "Tidewheel-Tenant",
    }
    schemas = found["components"]["schemas"]
    assert set(schemas["LogAnswer"]["required"]) == {"attempt", "text", "source", "cursor", "complete"}
    assert {"timeline", "queue_ms", "run_ms", "cancel_requested"} <= set(schemas["ExecutionAnswer"]["properties"])
