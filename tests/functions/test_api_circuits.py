"""The operations on circuits: which parties failed lately, and who is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.api_bench import NOW_MS, ApiBench
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.ids import DEFAULT_TENANT
from tidewheel.ports import Page, PortError
from tidewheel.wire.bodies.circuit import circuit_id

OPEN_MS = NOW_MS + 600_000


@pytest.fixture
def api_bench() -> ApiBench:
    return ApiBench()


def put(api_bench: ApiBench, key: str, tenant: str = DEFAULT_TENANT, **fields: int) -> None:
    row = Circuit(tenant, key, version=1, written_ms=NOW_MS - 1_000, **fields)
    assert api_bench.ports.circuits.swap(row) is None


def listed(api_bench: ApiBench, **query: str) -> tuple[list[dict[str, Any]], str | None]:
    answer = api_bench.call("GET", "/circuits", query={name: [value] for name, value in query.items()})
    assert answer.status == 200
    return answer.json["items"], answer.json["cursor"]


def test_nobody_failed(api_bench: ApiBench) -> None:
    assert listed(api_bench) == ([], None)


def test_one_is_open_until_its_time_is_over(api_bench: ApiBench) -> None:
    put(api_bench, "http:a.example:443", failures=5, open_until_ms=OPEN_MS, since_ms=NOW_MS - 60_000)
    (one,), _ = listed(api_bench)
    assert one == {
        "id": "http~3Aa.example~3A443",
        "party": "http:a.example:443",
        "state": "open",
        "failures": 5,
        "failing_since": "2025-11-20T16:46:00.000Z",
        "open_until": "2025-11-20T16:57:00.000Z",
        "updated_at": "2025-11-20T16:46:59.000Z",
    }
    api_bench.clock.advance(600_000)
    (one,), _ = listed(api_bench)
    assert (one["state"], one["open_until"]) == ("half_open", "2025-11-20T16:57:00.000Z")


def test_one_that_works_again_is_closed(api_bench: ApiBench) -> None:
    put(api_bench, "lambda:report", since_ms=NOW_MS - 60_000)
    (one,), _ = listed(api_bench)
    assert (one["state"], one["failures"], one["failing_since"], one["open_until"]) == ("closed", 0, None, None)


def test_a_probe_makes_it_no_less_half_open(api_bench: ApiBench) -> None:
    row = Circuit(DEFAULT_TENANT, "sqs:q", 5, NOW_MS - 1, "x#claim", NOW_MS + 30_000, 1, NOW_MS, NOW_MS)
    api_bench.ports.circuits.swap(row)
    (one,), _ = listed(api_bench)
    assert one["state"] == "half_open"


def test_they_are_a_tenants_own_page_by_page(api_bench: ApiBench) -> None:
    for name in "cab":
        put(api_bench, f"http:{name}:80", failures=1)
    put(api_bench, "http:b2:80", tenant="acme", failures=1)
    first, cursor = listed(api_bench, limit="2")
    assert cursor is not None
    rest, end = listed(api_bench, limit="2", cursor=cursor)
    assert [one["party"] for one in (*first, *rest)] == ["http:a:80", "http:b:80", "http:c:80"]
    assert end is None


@pytest.mark.parametrize(("name", "value"), [("limit", "0"), ("cursor", "x"), ("state", "open")])
def test_what_cannot_be_meant_is_refused(api_bench: ApiBench, name: str, value: str) -> None:
    answer = api_bench.call("GET", "/circuits", query={name: [value]})
    assert (answer.status, [one["field"] for one in answer.json["errors"]]) == (422, [name])


def test_a_row_that_cannot_be_read_hides_no_other(api_bench: ApiBench, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Unreadable("circuit", "http:a:80", "it is damaged")
    sound = Circuit(DEFAULT_TENANT, "http:b:80", 1, version=1, written_ms=NOW_MS, since_ms=NOW_MS)
    monkeypatch.setattr(api_bench.ports.circuits, "list", lambda *_: Page([sound], None, [broken]))
    assert [one["party"] for one in listed(api_bench)[0]] == ["http:b:80"]
    assert api_bench.ports.telemetry.counts["record_unreadable"] == 1  # type: ignore[attr-defined]


def test_a_store_that_fails_is_said_to(api_bench: ApiBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise PortError("circuits.list", DEFAULT_TENANT, "down")

    monkeypatch.setattr(api_bench.ports.circuits, "list", down)
    assert api_bench.call("GET", "/circuits").status == 503


def close(api_bench: ApiBench, party: str) -> tuple[int, dict[str, Any]]:
    answer = api_bench.call("POST", f"/circuits/{circuit_id(party)}/close")
    return answer.status, answer.json


def test_an_operator_closes_one_and_a_repeat_changes_nothing(api_bench: ApiBench) -> None:
    put(api_bench, "http:a.example:443/x/y", failures=5, open_until_ms=OPEN_MS, since_ms=NOW_MS - 60_000)
    status, one = close(api_bench, "http:a.example:443/x/y")
    assert (status, one["party"], one["state"], one["failures"]) == (200, "http:a.example:443/x/y", "closed", 0)
    api_bench.clock.advance(1_000)
    assert close(api_bench, "http:a.example:443/x/y") == (200, one)
    assert listed(api_bench)[0] == [one]
    assert api_bench.ports.telemetry.counts["circuit_closed_by_operator"] == 1  # type: ignore[attr-defined]


def test_one_that_waits_for_its_probe_is_closed_too(api_bench: ApiBench) -> None:
    put(api_bench, "sqs:q", failures=5, open_until_ms=NOW_MS - 1, since_ms=NOW_MS - 60_000)
    assert close(api_bench, "sqs:q")[1]["state"] == "closed"


@pytest.mark.parametrize("id", ["sqs~3Aother", "sqs:q", "~", "x" * 2_000])
def test_one_that_is_not_there_is_not_closed(api_bench: ApiBench, id: str) -> None:
    put(api_bench, "sqs:q", tenant="acme", failures=5, open_until_ms=OPEN_MS)
    assert api_bench.call("POST", f"/circuits/{id}/close").status == 404


def test_one_that_workers_write_meanwhile_is_closed_as_it_stands_then(
    api_bench: ApiBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(api_bench, "sqs:q", failures=5, open_until_ms=OPEN_MS)
    store = api_bench.ports.circuits
    stale, swap = store.get(DEFAULT_TENANT, "sqs:q"), store.swap
    assert stale is not None
    swap(stale.probed("p", NOW_MS + 30_000, NOW_MS))
    monkeypatch.setattr(store, "get", lambda *_: stale)
    assert close(api_bench, "sqs:q")[1]["state"] == "closed"
    monkeypatch.setattr(store, "swap", lambda new: replace(new, open_until_ms=OPEN_MS))
    assert close(api_bench, "sqs:q")[0] == 409


def test_one_that_expires_meanwhile_is_not_there(api_bench: ApiBench, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Circuit(DEFAULT_TENANT, "sqs:q", 5, OPEN_MS, version=3)
    monkeypatch.setattr(api_bench.ports.circuits, "get", lambda *_: gone)
    assert close(api_bench, "sqs:q")[0] == 404
