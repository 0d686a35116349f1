"""The benchmark: its load is even and known, and its figures say what they are."""

from __future__ import annotations

import itertools
import json

import pytest

from localstack.bench import main as bench
from localstack.bench import pictures as bench_pictures
from localstack.bench.load import Load, Outcome
from localstack.demo.account import Account
from localstack.receiver import Arrival

BEGIN = 1_763_657_220_000


def url(tag):
    return f"http://127.0.0.1:9/{tag}"


@pytest.mark.parametrize(("rate", "seconds"), [(20, 60), (1, 1), (7, 3)])
def test_the_load_is_even(rate, seconds):
    instants = sorted(ms for job in Load("high", rate, seconds).planned(url, BEGIN) for ms in job.promise.nominals)
    assert len(instants) == rate * seconds
    gaps = {b - a for a, b in itertools.pairwise(instants)}
    assert max(gaps, default=0) - min(gaps, default=0) <= 1
    assert instants[0] == BEGIN
    assert instants[-1] < BEGIN + seconds * 1_000


def test_the_outcome_counts_by_receiver_and_by_records():
    planned = Load("normal", 2, 2).planned(url, BEGIN)
    promises = [job.promise for job in planned]
    arrivals = [Arrival(one.tag, f"{one.tag}@{ms}", ms, ms, 1, ms + 40) for one in promises for ms in one.nominals]
    document = Outcome(Account.of(promises, arrivals[1:]), [30, 31]).document()
    assert (document["expected"], document["received"], document["missing"]) == (4, 3, 1)
    assert document["lateness_ms"]["by_receiver"] == {"samples": 3, "p50": 40, "p99": 40, "max": 40}
    assert document["lateness_ms"]["by_records"]["samples"] == 2
    assert json.loads(json.dumps(document)) == document


def test_the_table_shows_both_sources():
    planned = Load("normal", 1, 1).planned(url, BEGIN)
    document = Outcome(Account.of([job.promise for job in planned], []), []).document()
    assert bench.table({"normal": document}).row_count == 2


def test_options_have_defaults():
    assert vars(bench.options([])) == {"rate": 20, "seconds": 60}
    assert bench.options(["--rate", "50", "--seconds", "10"]).rate == 50


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5"])
def test_an_option_that_is_no_count_is_refused(text, capsys):
    with pytest.raises(SystemExit):
        bench.options(["--rate", text])
    assert "--rate" in capsys.readouterr().err


def test_the_machine_is_named():
    assert {"cores", "python", "system"} <= bench.machine().keys()


def test_each_tier_gets_its_picture(tmp_path):
    planned = Load("high", 2, 2).planned(url, BEGIN)
    samples = Outcome(Account.of([job.promise for job in planned], []), [12, 40, 41]).samples()
    picture = bench_pictures.draw(tmp_path, "high", samples)
    assert picture.name == "bench-lateness-high.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
