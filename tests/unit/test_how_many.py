"""The number of random histories follows the machine; their seeds are told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.support import histories
from tests.support.histories import PROPERTY, how_many, told, until_nothing_is_missing


@pytest.mark.parametrize(
    ("full", "batch", "slow", "wanted"),
    [(500, 20, 1.0, 500), (500, 20, 1.3, 380), (500, 20, 2.0, 240), (500, 20, 40.0, 60), (60, 10, 40.0, 10)],
)
def test_a_slow_machine_plays_fewer_but_whole_batches(monkeypatch, full, batch, slow, wanted):
    monkeypatch.delenv("HISTORIES", raising=False)
    monkeypatch.setattr(histories, "slowness", lambda: slow)
    assert how_many("HISTORIES", full, batch) == wanted


def test_who_asks_for_a_number_gets_it_on_every_machine(monkeypatch):
    monkeypatch.setenv("HISTORIES", "33")
    monkeypatch.setattr(histories, "slowness", lambda: 40.0)
    assert how_many("HISTORIES", 500, 20) == 33


def test_seeds_are_told_by_kind():
    reports = [
        SimpleNamespace(user_properties=[(PROPERTY, found)])
        for found in (("workers", 0, 20), ["wheel", 20, 40], ["wheel", 0, 20])
    ]
    assert list(told(reports)) == ["wheel: 40 histories, seeds 0 to 39", "workers: 20 histories, seeds 0 to 19"]


def test_a_batch_that_met_everything_is_not_played_longer() -> None:
    assert list(until_nothing_is_missing(range(20, 23), list)) == [20, 21, 22]


def test_a_batch_plays_on_until_nothing_is_lacking() -> None:
    missing = iter([{"a fault"}, {"a fault"}, set()])
    played = list(until_nothing_is_missing(range(20, 23), lambda: next(missing)))
    assert len(played) == len(set(played)) == 5


def test_a_batch_that_never_meets_it_ends_and_none_plays_another_ones_seeds() -> None:
    batches = [list(until_nothing_is_missing(range(first, first + 3), lambda: {"a fault"})) for first in (0, 3, 6)]
    assert [len(batch) for batch in batches] == [12, 12, 12]
    assert len({seed for batch in batches for seed in batch}) == 36
