"""What the end-to-end tier leaves out on an engine: by one table, with a reason, and little."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localstack.cloud import ENGINES
from localstack.errors import LocalCloudError
from tests.e2e.engines import LACKS, LONG, PART, chosen, plays, reason, side_by_side, stack_group, stack_groups

TIER = Path(__file__).parents[1] / "e2e"
TESTS = [
    (file.name, name)
    for file in sorted(TIER.glob("test_*.py"))
    for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
]


def test_every_engine_has_its_line():
    assert set(LACKS) == set(ENGINES)


@pytest.mark.parametrize("engine", LACKS)
def test_the_table_names_tests_that_are_there_and_fewer_than_a_tenth(engine):
    known = {file for file, _ in TESTS} | {f"{file}::{name}" for file, name in TESTS}
    assert set(LACKS[engine]) <= known
    assert all(LACKS[engine].values())
    left_out = [one for one in TESTS if reason(engine, *one)]
    assert len(left_out) < len(TESTS) / 10


def test_nothing_else_skips():
    for file in [*TIER.glob("test_*.py"), TIER / "stack.py"]:
        assert not re.search(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b", file.read_text()), file


def test_engines_are_chosen_by_name():
    assert chosen({}) == {"ministack": True}
    assert chosen({"ENGINE": "ministack, localstack-host"}) == {"ministack": True, "localstack-host": True}
    assert chosen({"ENGINE": "ministack,localstack-host:part"}) == {"ministack": True, "localstack-host": False}
    with pytest.raises(LocalCloudError, match="ENGINE=moto is no engine"):
        chosen({"ENGINE": "ministack,moto"})


def test_the_long_ones_are_there_and_in_no_part():
    assert set(LONG) <= {file for file, _ in TESTS}
    assert not PART & set(LONG)


def test_a_part_names_files_that_are_there_and_more_than_half_of_the_tests():
    assert {file for file, _ in TESTS} >= PART
    assert sum(plays(file, whole=False) for file, _ in TESTS) > len(TESTS) / 2
    assert all(plays(file, whole=True) for file, _ in TESTS)


@pytest.mark.parametrize(
    ("nodeid", "wanted"),
    [
        ("tests/e2e/test_a.py::test_b[ministack]", "ministack"),
        ("tests/e2e/test_a.py::test_b[localstack-high]", "localstack"),
        ("tests/e2e/test_a.py::test_b[localstack-host-high]", "localstack-host"),
        ("tests/e2e/test_a.py::test_b[localstack-host]", "localstack-host"),
        ("tests/e2e/test_storm.py::test_b[localstack-host]", "localstack-host long"),
        ("tests/e2e/test_storm.py::test_b[localstack]", "localstack"),
    ],
)
def test_a_tests_group_follows_from_its_id(nodeid, wanted):
    assert stack_group(nodeid) == wanted


def test_there_are_as_many_groups_as_tests_belong_to():
    for named in ("ministack", "localstack", "ministack,localstack-host", "ministack,localstack-host:part"):
        engines = chosen({"ENGINE": named})
        gone_to = {
            stack_group(f"tests/e2e/{file}::{name}[{engine}]")
            for file, name in TESTS
            for engine, whole in engines.items()
            if plays(file, whole=whole)
        }
        assert len(gone_to) == stack_groups(engines)


@pytest.mark.parametrize(
    ("groups", "slow", "calls", "wanted"),
    [
        (4, 1.0, 300.0, 4),
        (4, 1.0, 150.0, 4),
        (4, 2.0, 300.0, 2),
        (4, 1.0, 75.0, 2),
        (4, 3.0, 75.0, 1),
        (4, 40.0, 0.0, 1),
        (1, 9.0, 300.0, 1),
        (2, 1.0, 1e9, 2),
    ],
)
def test_how_many_go_side_by_side_follows_the_machine_and_its_engine(groups, slow, calls, wanted):
    assert side_by_side(groups, slow, calls) == wanted
