"""What the API takes on while the deployment is not well, and the operator's switch."""

from dataclasses import replace

import pytest

from tests.support.api_bench import EVERY_JOB, ApiBench, event
from tidewheel.domain.fleet.health import Health, HealthState, Measured, Reason
from tidewheel.domain.limits import (
    HEALTH_AWAY_MS,
    HEALTH_FRESH_MS,
    HEALTH_STALE_MS,
    OVERLOADED_RETRY_S,
    READ_ONLY_RETRY_S,
)
from tidewheel.domain.wheel.pace import ECONOMY
from tidewheel.engine.api.services import ApiServices
from tidewheel.ports import PortError, Refused
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.openapi import document

WHY = (Reason("queue-age", "a message has waited 42 s for a worker of lambda-normal"),)
EDITED = {**EVERY_JOB, "name": "edited"}


class Bench(ApiBench):
    """The API as one process: its services are built once."""

    def __post_init__(self):
        super().__post_init__()
        self._built = None

    def services(self) -> ApiServices:
        self._built = self._built or super().services()
        return self._built

    def report(self, state, age_ms=0):
        """Has a scheduler report a state, and lets the API's cache run out."""
        at_ms = self.clock.now_ms() - age_ms
        reasons = WHY if state is not HealthState.NORMAL else ()
        assert self.ports.health.report(Measured(Health(state, at_ms, reasons), at_ms, 1))
        self.clock.advance(HEALTH_FRESH_MS)


@pytest.fixture
def bench():
    return Bench()


def held_off(answer, kind, retry_s):
    assert answer.status == 503
    assert answer.json["type"] == f"urn:tidewheel:problem:{kind}"
    assert answer.headers["Retry-After"] == str(retry_s)


def test_the_health_is_open_and_says_why(bench):
    bench.report(HealthState.OVERLOADED)
    answer = bench.call("GET", "/health")
    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert answer.json["state"] == "overloaded"
    assert answer.json["since"] is not None
    assert answer.json["reasons"] == [{"id": "queue-age", "text": WHY[0].text}]
    (operation,) = [one for one in OPERATIONS if one.id == "health"]
    assert operation.role is None


@pytest.mark.parametrize("state", [HealthState.NORMAL, HealthState.BUSY])
def test_who_is_only_busy_takes_on_everything(bench, state):
    bench.report(state)
    assert bench.call("POST", "/jobs", EVERY_JOB).status == 201


def test_overloaded_it_makes_no_work_but_all_else_goes_on(bench):
    id = bench.call("POST", "/jobs", EVERY_JOB).json["id"]
    bench.report(HealthState.OVERLOADED)
    refused = bench.call("POST", "/jobs", EVERY_JOB)
    held_off(refused, "overloaded", OVERLOADED_RETRY_S)
    assert WHY[0].text in refused.json["detail"]
    held_off(bench.call("POST", f"/jobs/{id}/run"), "overloaded", OVERLOADED_RETRY_S)
    held_off(bench.call("POST", "/dead-letters/redrive", {"all": True}), "overloaded", OVERLOADED_RETRY_S)
    assert len(bench.call("GET", "/jobs").json["items"]) == 1
    assert bench.call("PUT", f"/jobs/{id}", EDITED).status == 200
    assert bench.call("POST", f"/jobs/{id}/pause").status == 200
    assert bench.call("DELETE", f"/jobs/{id}").status == 204


def test_read_only_it_reads(bench):
    id = bench.call("POST", "/jobs", EVERY_JOB).json["id"]
    bench.report(HealthState.READ_ONLY)
    for method, path, body in [
        ("POST", "/jobs", EVERY_JOB),
        ("PUT", f"/jobs/{id}", EDITED),
        ("POST", f"/jobs/{id}/pause", None),
        ("POST", f"/jobs/{id}/run", None),
        ("DELETE", f"/jobs/{id}", None),
    ]:
        held_off(bench.call(method, path, body), "read-only", READ_ONLY_RETRY_S)
    assert bench.call("GET", f"/jobs/{id}").json["name"] == EVERY_JOB["name"]
    assert bench.call("GET", f"/jobs/{id}/upcoming").status == 200


def test_each_item_of_many_is_held_off_by_what_it_does(bench):
    id = bench.call("POST", "/jobs", EVERY_JOB).json["id"]
    items = [{"action": "create", "job": EVERY_JOB}, {"action": "pause", "id": id}]
    bench.report(HealthState.OVERLOADED)
    assert [one["status"] for one in bench.call("POST", "/jobs/bulk", {"items": items}).json["items"]] == [503, 200]
    bench.report(HealthState.READ_ONLY)
    held_off(bench.call("POST", "/jobs/bulk", {"items": items}), "read-only", READ_ONLY_RETRY_S)


def test_a_dry_run_changes_nothing_and_goes_on(bench):
    bench.report(HealthState.READ_ONLY)
    assert bench.call("POST", "/jobs", EVERY_JOB, query={"dry_run": ["true"]}).status == 200
    held_off(bench.call("POST", "/jobs", EVERY_JOB, query={"dry_run": ["false"]}), "read-only", READ_ONLY_RETRY_S)


def test_what_was_refused_goes_through_later_under_its_key(bench):
    bench.report(HealthState.OVERLOADED)
    first = event("POST", "/v1/jobs", EVERY_JOB, headers={"Idempotency-Key": "k1"})
    held_off(bench.send(first), "overloaded", OVERLOADED_RETRY_S)
    bench.report(HealthState.NORMAL)
    assert bench.send(first).status == 201
    bench.report(HealthState.NORMAL)
    assert bench.send(first).status == 201
    assert len(bench.call("GET", "/jobs").json["items"]) == 1


def test_every_operation_that_changes_something_says_what_may_become_of_it():
    """In the document too: two kinds of problems may share a status."""
    for operation in OPERATIONS:
        found = document()["paths"][operation.path][operation.method.lower()]["responses"]
        text = str(found.get("503", {}))
        assert ("read-only" in text) == (operation.method != "GET" and operation.id != "setMode"), operation.id
        assert ("overloaded" in text) == operation.creates, operation.id


def test_the_state_is_read_once_in_a_while(bench, monkeypatch):
    reads = []
    real = bench.ports.health.health
    monkeypatch.setattr(type(bench.ports.health), "health", lambda self: reads.append(1) or real())
    for _ in range(5):
        bench.call("GET", "/health")
        bench.call("POST", "/jobs", EVERY_JOB)
    assert len(reads) == 1
    bench.clock.advance(HEALTH_FRESH_MS)
    bench.call("GET", "/health")
    assert len(reads) == 2
    bench.call("GET", "/jobs")
    assert len(reads) == 2


# --- nobody measures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(HealthState))
def test_a_state_that_is_stale_refuses_nothing(bench, state):
    bench.report(state, age_ms=HEALTH_STALE_MS)
    answer = bench.call("GET", "/health").json
    assert (answer["state"], [one["id"] for one in answer["reasons"]]) == ("normal", ["silent"])
    assert bench.call("POST", "/jobs", EVERY_JOB).status == 201


def test_in_economy_mode_nothing_is_measured(bench):
    bench.ports = replace(bench.ports, pace=ECONOMY)
    bench.report(HealthState.OVERLOADED)
    assert bench.call("GET", "/health").json["reasons"][0]["text"] == "in economy mode nothing is measured"
    assert bench.call("POST", "/jobs", EVERY_JOB).status == 201
    assert bench.call("PUT", "/service/mode", {"read_only": True}).json["state"] == "read-only"
    held_off(bench.call("POST", "/jobs", EVERY_JOB), "read-only", READ_ONLY_RETRY_S)


def failing(bench, monkeypatch, error):
    def fails(_self):
        raise error

    monkeypatch.setattr(type(bench.ports.health), "health", fails)


def test_a_store_that_is_away_for_long_makes_it_read_only(bench, monkeypatch):
    with monkeypatch.context() as patch:
        failing(bench, patch, PortError("health.health", "health", "away"))
        assert bench.call("POST", "/jobs", EVERY_JOB).status == 201
        bench.clock.advance(HEALTH_FRESH_MS)
        assert bench.call("GET", "/health").json["state"] == "normal"
        bench.clock.advance(HEALTH_AWAY_MS)
        answer = bench.call("GET", "/health").json
        assert (answer["state"], answer["reasons"][0]["id"]) == ("read-only", "store-away")
        held_off(bench.call("POST", "/jobs", EVERY_JOB), "read-only", READ_ONLY_RETRY_S)
        assert bench.call("GET", "/jobs").status == 200
    bench.clock.advance(HEALTH_FRESH_MS)
    assert bench.call("POST", "/jobs", EVERY_JOB).status == 201


def test_a_process_that_slept_does_not_take_one_failure_for_a_long_one(bench, monkeypatch):
    with monkeypatch.context() as patch:
        failing(bench, patch, PortError("health.health", "health", "away"))
        bench.call("GET", "/health")
    bench.clock.advance(HEALTH_FRESH_MS)
    assert bench.call("GET", "/health").json["state"] == "normal"
    bench.clock.advance(3_600_000)
    failing(bench, monkeypatch, PortError("health.health", "health", "away"))
    assert bench.call("POST", "/jobs", EVERY_JOB).status == 201


def test_a_right_that_is_missing_refuses_nothing(bench, monkeypatch):
    failing(bench, monkeypatch, Refused("health.health", "health", "no right", mendable=True))
    for _ in range(5):
        bench.clock.advance(HEALTH_AWAY_MS)
        assert bench.call("POST", "/jobs", EVERY_JOB).status == 201


# --- the switch -------------------------------------------------------------------------------------------


def test_an_operator_switches_to_read_only_and_back(bench):
    bench.report(HealthState.NORMAL)
    on = bench.call("PUT", "/service/mode", {"read_only": True, "reason": "the table is being restored"})
    assert on.status == 200
    assert on.json["state"] == "read-only"
    refused = bench.call("POST", "/jobs", EVERY_JOB)
    held_off(refused, "read-only", READ_ONLY_RETRY_S)
    assert "the table is being restored" in refused.json["detail"]
    assert "anybody" not in refused.text  # who it was is nobody's business but the log's
    bench.report(HealthState.NORMAL)  # what is measured does not undo it
    assert bench.call("GET", "/health").json["state"] == "read-only"
    assert bench.call("PUT", "/service/mode", {"read_only": False}).json["state"] == "normal"
    assert bench.call("POST", "/jobs", EVERY_JOB).status == 201


def test_another_process_learns_of_the_switch_soon(bench):
    other = Bench()
    other.ports = bench.ports
    other.clock = bench.clock
    other.call("GET", "/health")
    bench.call("PUT", "/service/mode", {"read_only": True})
    bench.clock.advance(HEALTH_FRESH_MS)
    held_off(other.call("POST", "/jobs", EVERY_JOB), "read-only", READ_ONLY_RETRY_S)


@pytest.mark.parametrize("body", [{}, {"read_only": "perhaps"}, {"read_only": True, "reason": "x" * 201}, {"on": True}])
def test_a_switch_that_is_not_understood_changes_nothing(bench, body):
    assert bench.call("PUT", "/service/mode", body).status == 422
    assert bench.call("GET", "/health").json["state"] == "normal"
