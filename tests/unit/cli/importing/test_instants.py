"""The proof of the importers: what is carried over names the instants that the other scheduler names.

``python -m tests.support.other_sides`` compares a thousand of each, up to the year 2998; it takes some minutes.
"""

import pytest

from tests.support import other_crons, other_sides
from tests.support.imports import CASES, ours

COUNT, UNTIL = 120, 2040
OFTEN = 9_000
"""So many instants of a schedule that runs hourly reach over a change of the clocks."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_the_next_instants_of_both_are_equal(case):
    compared, instants, unequal = other_sides.unequal(case, COUNT, UNTIL)
    assert compared
    assert instants
    assert not unequal


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.format in {"kubernetes", "eventbridge"}], ids=lambda case: case.file
)
def test_where_the_clocks_change_the_readings_differ_as_they_are_told_to(case):
    told = [
        entry
        for entry in case.reading().entries
        if entry.job and any(one.what == "when the clocks change" for one in entry.differences)
    ]
    assert told
    for entry in told:
        assert ours(entry.job, UNTIL, OFTEN) != other_crons.first(other_sides.theirs(case, entry), OFTEN, UNTIL)
