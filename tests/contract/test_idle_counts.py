"""An idle deployment takes what the cost page computes with."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.bench import idle, idle_economy
from tests.support import costs

REMEDY = "it changed: write what is counted into tests/support/idle_counts.json, then run python -m tests.support.pages"


def _same(found: Mapping[str, float], written: Mapping[str, float]) -> None:
    for name, units in found.items():
        assert units == pytest.approx(written[name], rel=0.02), f"{name}: {REMEDY}"


@pytest.mark.ministack
def test_a_minute_of_schedulers_that_loop(ministack_endpoint: str) -> None:
    written = costs.counts()
    found = idle.counted(ministack_endpoint, written["shards"])
    _same(found["minute"], written["minute"])
    _same(found["look"], written["look"])


@pytest.mark.ministack
def test_a_run_in_economy_mode(ministack_endpoint: str) -> None:
    written = costs.counts()["economy"]
    _same(idle_economy.counted(ministack_endpoint, written["shards"]), written)
