"""Jobs are addressed by id, by the beginning of the id, and by name; executions by the beginning of theirs."""

from __future__ import annotations

import pytest

from tests.support.api_bench import EVERY_JOB, ApiBench

FIRST = "j0000000000000001"


@pytest.fixture
def api_bench() -> ApiBench:
    return ApiBench()


def created(api_bench: ApiBench, name: str) -> str:
    id: str = api_bench.call("POST", "/jobs", EVERY_JOB | {"name": name}).json["id"]
    return id


@pytest.mark.parametrize("text", [FIRST, "daily report", "name:daily report", "daily%20report"])
@pytest.mark.parametrize("path", ["/jobs/{}", "/jobs/{}/upcoming", "/jobs/{}/ledger", "/jobs/{}/executions"])
def test_a_job_is_read_by_id_and_name(api_bench: ApiBench, path: str, text: str) -> None:
    created(api_bench, "daily report")
    created(api_bench, "daily report 2")
    assert api_bench.call("GET", path.format(text)).json == api_bench.call("GET", path.format(FIRST)).json
    assert api_bench.call("GET", path.format(text)).status == 200


def test_a_job_is_changed_by_its_name(api_bench: ApiBench) -> None:
    created(api_bench, "daily")
    assert api_bench.call("POST", "/jobs/daily/pause").json["state"] == "paused"
    assert api_bench.call("PATCH", "/jobs/daily", {"name": "weekly"}).json["name"] == "weekly"
    assert api_bench.call("POST", "/jobs/daily/run").status == 404
    assert api_bench.call("POST", "/jobs/weekly/run").status == 202
    assert api_bench.call("DELETE", "/jobs/weekly").status == 204
    assert api_bench.call("GET", "/jobs/weekly").status == 404


def test_the_beginning_of_an_id_is_enough_where_one_job_has_it(api_bench: ApiBench) -> None:
    ids = [created(api_bench, "same") for _ in range(33)]
    assert api_bench.call("GET", f"/jobs/{ids[31][:-1]}").status == 409  # …10 and …11
    assert api_bench.call("GET", "/jobs/j000000000000000z").json["id"] == ids[30]
    several = api_bench.call("GET", "/jobs/j000000000000001")
    assert (several.status, ids[31] in several.json["detail"]) == (409, True)
    assert api_bench.call("GET", "/jobs/j00").status == 404  # too short to mean anything
    assert api_bench.call("GET", "/jobs/same").status == 409


def test_what_a_text_may_mean_is_listed(api_bench: ApiBench) -> None:
    ids = [created(api_bench, name) for name in ("a/b #1", "j0000", "other")]

    def meant(text: str) -> list[str]:
        return [one["id"] for one in api_bench.call("GET", "/jobs", query={"ref": [text]}).json["items"]]

    assert meant("a/b #1") == ids[:1]
    assert sorted(meant("j0000")) == ids
    assert meant("name:j0000") == [ids[1]]
    assert meant(ids[2]) == [ids[2]]
    assert meant("j0000000000000009") == meant("") == meant("nobody") == []
    assert api_bench.call("GET", "/jobs", query={"ref": ["other"], "state": ["active"]}).status == 422


def test_an_execution_is_read_by_the_beginning_of_its_id(api_bench: ApiBench) -> None:
    created(api_bench, "daily")
    one = api_bench.call("POST", "/jobs/daily/run").json["id"]
    assert api_bench.call("GET", f"/executions/{one[:-3]}").json["id"] == one
    assert api_bench.call("GET", f"/executions/{one[:-3]}/logs").status == 200
    api_bench.clock.advance(1)
    two = api_bench.call("POST", "/jobs/daily/run").json["id"]
    several = api_bench.call("GET", f"/executions/{one[:20]}")
    assert (several.status, one in several.json["detail"], two in several.json["detail"]) == (409, True, True)
    assert api_bench.call("POST", f"/executions/{one[:-3]}/cancel").json["state"] == "cancelled"
    assert api_bench.call("GET", f"/executions/{FIRST}-zz").status == 404
    assert api_bench.call("GET", f"/executions/{FIRST}").status == 404


def test_dead_letters_of_a_job_are_asked_for_by_its_name(api_bench: ApiBench) -> None:
    created(api_bench, "daily")
    assert api_bench.call("GET", "/dead-letters", query={"job": ["daily"]}).json == {"items": [], "cursor": None}
    assert api_bench.call("GET", "/dead-letters", query={"job": ["weekly"]}).status == 422
    assert api_bench.call("POST", "/dead-letters/redrive", {"job": "daily"}).json["redriven"] == []


@pytest.mark.parametrize("name", ["réport ☂", "x" * 128, "%41", "a:b", "(1)"])
def test_names_of_all_kinds_are_found(api_bench: ApiBench, name: str) -> None:
    id = created(api_bench, name)
    assert [one["id"] for one in api_bench.call("GET", "/jobs", query={"ref": [name]}).json["items"]] == [id]


def test_a_job_may_have_its_name_for_itself(api_bench: ApiBench) -> None:
    unique = EVERY_JOB | {"name": "daily", "unique_name": True}
    first = api_bench.call("POST", "/jobs", unique)
    assert (first.status, first.json["unique_name"]) == (201, True)
    refused = api_bench.call("POST", "/jobs", unique)
    assert (refused.status, first.json["id"] in refused.json["detail"]) == (409, True)
    other = created(api_bench, "daily")
    assert api_bench.call("GET", "/jobs/daily").json["id"] == first.json["id"]
    assert api_bench.call("PATCH", f"/jobs/{other}", {"unique_name": True}).status == 409
    assert api_bench.call("PATCH", f"/jobs/{other}", {"name": "weekly", "unique_name": True}).status == 200
    assert api_bench.call("PATCH", "/jobs/weekly", {"name": "daily"}).status == 409
    assert api_bench.call("POST", "/jobs/daily/pause").json["unique_name"] is True
    assert api_bench.call("DELETE", "/jobs/daily").status == 204
    assert api_bench.call("PATCH", "/jobs/weekly", {"name": "daily"}).status == 200


def test_a_name_that_any_job_has_is_refused_to_one_that_asks_for_it_alone(api_bench: ApiBench) -> None:
    created(api_bench, "daily")
    assert api_bench.call("POST", "/jobs", EVERY_JOB | {"name": "daily", "unique_name": True}).status == 409
