"""The busy bench: its load is caught up whatever it takes, and its figures say what came."""

from __future__ import annotations

from localstack.bench.load import Load
from localstack.demo.account import Account
from localstack.receiver import Arrival
from tests.bench import busy

BEGIN = 1_795_000_000_000


def test_every_instant_is_run_however_late_it_is():
    (job,) = (busy.caught_up(one) for one in Load("high", 1, 60).planned(str, BEGIN))
    assert job.body["misfire"] == {"policy": "all", "limit": 1_000}
    assert len(job.promise.nominals) == 60
    assert job.body["precision"] == "high"


def test_the_figures_say_what_came_and_how_late():
    planned = Load("high", 2, 2).planned(str, BEGIN)
    promises = [job.promise for job in planned]
    came = [Arrival(one.tag, f"{one.tag}@{ms}", ms, ms, 1, ms + 40) for one in promises for ms in one.nominals]
    early = Arrival(came[1].tag, came[1].key, came[1].nominal_ms, came[1].due_ms, 1, came[1].due_ms - 1)
    found = busy.figures(Account.of(promises, [early, *came[1:]]))
    assert found["lateness_ms"] == {"samples": 4, "p50": 40, "p99": 40, "max": 40}
    assert (found["missing"], found["early"], found["doubled"], found["unexpected"]) == (1, 1, 1, 0)


def test_options_have_defaults():
    assert vars(busy.options([])) == {
        "engine": "ministack",
        "rate": 16,
        "seconds": 60,
        "spinners": 2,
        "precision": "high",
        "rounds": 1,
    }
