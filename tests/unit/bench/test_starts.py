"""The figures of a burst, from what the receiver noted."""

from __future__ import annotations

from localstack.receiver import Arrival
from tests.bench import starts

DUE = 1_795_000_000_000


def arrival(key, late_ms):
    return Arrival("burst", key, DUE, DUE, 1, DUE + late_ms)


def test_first_median_and_last():
    found = starts.figures([arrival(str(n), late) for n, late in enumerate([40, 3, 2_000, 50])], 4, DUE)
    assert found["starts_ms"] == {"first": 3, "median": 45, "last": 2_000}
    assert found["runs_a_second"] == 2
    assert starts.sound(found)


def test_what_comes_twice_is_counted_and_starts_once():
    found = starts.figures([arrival("a", 900), arrival("b", 10), arrival("a", 5)], 2, DUE)
    assert (found["samples"], found["doubled"]) == (2, 1)
    assert found["starts_ms"] == {"first": 5, "median": 7.5, "last": 10}
    assert not starts.sound(found)


def test_what_comes_early_is_counted():
    found = starts.figures([arrival("a", -1), arrival("b", 0)], 2, DUE)
    assert found["early"] == 1
    assert not starts.sound(found)


def test_what_does_not_come_is_counted():
    assert starts.figures([arrival("a", 1)], 3, DUE)["missing"] == 2
    nothing = starts.figures([], 3, DUE)
    assert (nothing["missing"], nothing["runs_a_second"]) == (3, None)
    assert nothing["starts_ms"] == {"first": None, "median": None, "last": None}


def a_round(system, last, workers, precision="high", samples=10):
    return {
        "system": system,
        "precision": precision,
        "burst": 10,
        "samples": samples,
        "missing": 10 - samples,
        "early": 0,
        "doubled": 0,
        "starts_ms": {"first": 1, "median": 2, "last": last},
        "cpu_ms_a_run": {"workers": workers},
    }


def test_rounds_of_a_kind_are_one_row():
    ours, theirs = starts.summary([a_round("a", 30, 3.0), a_round("b", 9, 1.0, None), a_round("a", 10, 2.0)])
    assert (ours["system"], theirs["system"], theirs["precision"]) == ("a", "b", None)
    assert ours["last_ms"] == {"median": 20, "least": 10, "most": 30, "rounds": 2}
    assert ours["cpu_ms_a_run"] == {"workers": {"median": 2.5, "least": 2.0, "most": 3.0, "rounds": 2}}
    assert ours["samples"] == 20


def test_a_round_in_which_nothing_came_has_no_start_but_counts():
    (row,) = starts.summary([a_round("a", 30, 3.0), a_round("a", None, 0.0, samples=0)])
    assert (row["samples"], row["missing"], row["last_ms"]["rounds"]) == (10, 10, 1)
    (none,) = starts.summary([a_round("a", None, 0.0, samples=0)])
    assert none["cpu_ms_a_run"] == {}
    assert "last_ms" not in none
