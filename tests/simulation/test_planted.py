"""Bugs planted in the real engine are caught: some history among the first few breaks a promise.

Everything follows from the seed: what is found once is found always, until engine or histories change.
"""

from __future__ import annotations

import pytest

from tests.simulation.history import History
from tests.simulation.plants import COVERED, PLANTS, broken, expect_caught

_ALONE = 4


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_breaks_a_promise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expect_caught(name, PLANTS[name], monkeypatch)


@pytest.mark.parametrize("name", COVERED)
def test_a_bug_that_another_rule_covers_breaks_none_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    covered = COVERED[name]
    assert PLANTS[covered.pair].weather is covered.weather
    covered.plant(monkeypatch)
    assert [faults for seed in range(_ALONE) if (faults := broken(covered.weather(seed)))] == [], covered.by


@pytest.mark.parametrize(
    "weather",
    sorted({bug.weather for bug in PLANTS.values()}, key=lambda weather: weather.__name__),
    ids=lambda weather: weather.__name__,
)
def test_without_a_bug_no_weather_breaks_a_promise(weather: type[History]) -> None:
    assert [faults for seed in range(_ALONE) if (faults := broken(weather(seed)))] == []
