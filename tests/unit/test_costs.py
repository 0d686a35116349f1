"""Costs are computed from one table of prices, and the pages say what comes out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest

from infra.config import DEFAULT_SHARDS, ECONOMY_SHARDS
from tests.support import costs
from tests.support.cost_page import cost_page
from tests.support.costs import Line
from tidewheel.domain import pricing

ROOT = Path(__file__).parents[2]
MODES = {"loop": costs.idle_month, "economy": costs.idle_economy_month}


def test_every_price_is_dated_and_has_a_source_and_says_where_it_was_read() -> None:
    region, as_of = costs.as_of()
    assert (region, type(as_of)) == ("us-east-1", date)
    for price in costs.prices().values():
        assert price.source.startswith("aws.amazon.com/")
        assert price.read
        assert price.per >= 1
        assert 0 < price.dollars < 100


def test_the_product_foretells_costs_by_the_same_prices_and_quantities() -> None:
    assert costs.as_of()[1] == pricing.PRICES_AS_OF
    assert {name: costs.prices()[name].of(1) for name in pricing.DOLLARS} == pytest.approx(dict(pricing.DOLLARS))
    assert pricing.dollars_of_run() * 1_000_000 == pytest.approx(costs.total(costs.million_alone()))


def test_every_price_is_used() -> None:
    counted = costs.counts()
    lines: Iterable[Line] = [
        *costs.idle_month(counted),
        *costs.idle_economy_month(counted),
        *costs.million_alone(),
        *costs.million_busy(),
    ]
    told = {"s3_put_requests"}  # for each million, without a sum
    assert {line.price for line in lines} | told == costs.prices().keys()


@pytest.mark.parametrize("mode", MODES)
def test_an_idle_month_counts_everything(mode: str) -> None:
    """The economy's figure had neither polls of dead letters nor alarms, metrics, logs and the reconciler."""
    whats = " ".join(line.what for line in MODES[mode](costs.counts()))
    for part in ("dead-letter queue", "four queues", "alarms", "metrics", "logs", "reconciler", "calls", "reads"):
        assert part in whats
    assert all(line.quantity > 0 for line in MODES[mode](costs.counts()))


def test_a_price_that_doubles_doubles_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    before = costs.idle_economy_month(costs.counts())
    known = dict(costs.prices())
    polls = sum(line.dollars for line in before if line.price == "sqs_requests")
    sum_before, alarm = costs.total(before), known["sqs_requests"]
    dearer = costs.Price(alarm.per, 2 * alarm.dollars, alarm.source, alarm.read, alarm.free)
    monkeypatch.setattr(costs, "prices", lambda: known | {"sqs_requests": dearer})
    assert costs.total(costs.idle_economy_month(costs.counts())) == pytest.approx(sum_before + polls)
    assert f"{2 * polls * 4 / 5:.2f}" in cost_page("")


def test_free_amounts_are_an_accounts_and_not_a_lines() -> None:
    lines = [Line("a", "alarms", 8), Line("b", "alarms", 8)]
    assert costs.total(lines) == pytest.approx(1.6)
    assert costs.after_free_amounts(lines) == pytest.approx(0.6)  # 16 less ten


def test_the_figures_are_of_what_is_deployed() -> None:
    counted = costs.counts()
    assert (counted["shards"], counted["economy"]["shards"]) == (DEFAULT_SHARDS["aws"], ECONOMY_SHARDS)


def test_the_readme_says_what_comes_out() -> None:
    (found,) = re.findall(r"idle about (\d+) dollars a month, (\d+) in economy mode", (ROOT / "README.md").read_text())
    sums = [costs.total(mode(costs.counts())) for mode in MODES.values()]
    assert list(map(int, found)) == [round(one) for one in sums]
