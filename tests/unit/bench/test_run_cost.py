"""What a run costs: the invocations that are handed over, and the arithmetic."""

from __future__ import annotations

import pytest

from tests.bench import run_cost
from tests.bench.run_cost import WAYS, Round, each, event, tens
from tidewheel.domain.fleet.route import Route
from tidewheel.ports import Received


def test_messages_are_handed_over_by_tens():
    assert [len(one) for one in tens(range(25))] == [10, 10, 5]
    assert tens([]) == []


def test_an_invocation_names_the_queue_and_holds_what_was_received():
    message = Received("id", "receipt", "body", Route("lambda", "normal"), 2, 1_795_000_000_000)
    (record,) = event("t1-lambda-normal", [message])["Records"]
    assert record["eventSourceARN"].rpartition(":")[2] == "t1-lambda-normal"
    assert (record["messageId"], record["receiptHandle"], record["body"]) == ("id", "receipt", "body")
    assert record["attributes"] == {"ApproximateReceiveCount": "2", "SentTimestamp": "1795000000000"}


def test_a_round_is_shared_out_among_its_runs():
    assert each(Round(1_310, 580), 100) == {"worker_ms": 13.1, "emulator_ms": 5.8}


def test_each_way_has_its_median(monkeypatch):
    rounds = [
        {"way": way, "round": n, "runs": 100, "worker_ms": ms, "emulator_ms": 2 * ms}
        for way, first in zip(WAYS, (10.0, 20.0), strict=True)
        for n, ms in enumerate((first, first + 1, first + 5))
    ]
    monkeypatch.setattr(run_cost, "rounds", lambda ways, count, runs, pace: iter(rounds))
    found = run_cost.measure(3, 100)
    assert found[WAYS[0]]["worker_ms"] == {"median": 11.0, "least": 10.0, "most": 15.0, "rounds": 3}
    assert found[WAYS[1]]["emulator_ms"]["median"] == 42.0


def test_options_name_the_ways():
    assert vars(run_cost.options([])) == {"rounds": 7, "runs": 100, "paced": False, "way": None}
    assert run_cost.options(["--way", "pool of 30"]).way == ["pool of 30"]
    with pytest.raises(SystemExit):
        run_cost.options(["--way", "by hand"])
