"""What becomes of each entry of the files of imports, and that every entry says why."""

import json
from collections import Counter

import pytest

from tests.support.imports import CASES, FOLDER, standings, table
from tidewheel.cli.importing.formats import READERS
from tidewheel.cli.importing.jobs import Options
from tidewheel.cli.importing.outcome import Standing
from tidewheel.wire.reading import read_job

EXPECTED = json.loads((FOLDER / "expected.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_each_entry_stands_as_it_was_judged(case):
    assert standings(case.reading().entries) == EXPECTED[case.file]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_what_is_not_plainly_carried_says_why_and_every_job_is_one(case):
    for entry in case.reading().entries:
        if entry.job is None:
            assert entry.refusal is not None, entry
            assert entry.refusal.problem
            assert entry.refusal.remedy
        else:
            assert read_job(entry.job).schedule is not None
        for one in entry.differences:
            assert one.theirs != one.ours


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_no_two_jobs_have_one_name(case):
    names = Counter(entry.job["name"] for entry in case.reading().entries if entry.job)
    assert not [name for name, count in names.items() if count > 1]


def test_there_are_as_many_as_were_asked_for_and_every_format_is_among_them():
    counts = Counter()
    for case in CASES:
        counts[case.format] += len(case.reading().entries)
    assert counts["crontab"] >= 300
    assert counts["kubernetes"] >= 50
    assert counts["eventbridge"] >= 40
    assert counts["celery"] >= 20
    assert set(counts) == set(READERS)


def test_the_table_counts_them():
    lines = list(table())
    assert len(lines) == len(CASES) + 1
    assert sum(int(line.split()[2]) for line in lines[1:]) == sum(map(len, EXPECTED.values()))
    assert {sign for text in EXPECTED.values() for sign in text} == {"c", "d", "r"}
    assert len(Standing) == 3


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize(
    "text", ["", "\0", "{", "]", "- a\n- b: [", "\ufeff", "x = (", "{}", "[]", "null", "1", '{"a": 1}']
)
def test_no_text_makes_a_reader_fail(format, text):
    for entry in READERS[format]("file", text, Options()).entries:
        assert entry.job is None
        assert entry.refusal is not None
