"""Conditions on edges: what each comparison says, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tidewheel.domain.errors import Invalid
from tidewheel.domain.workflows.data.conditions import COMPARISONS, Condition, faults, same

OUTPUT = {"n": 3, "t": "abc", "list": [1, "a", None], "none": None, "yes": True, "o": {"a": 1.0}}
MET: list[tuple[str, str, Any]] = [
    ("n", "equals", 3.0),
    ("o", "equals", {"a": 1}),
    ("none", "equals", None),
    ("n", "less_than", 4),
    ("t", "less_than", "abd"),
    ("n", "at_most", 3),
    ("n", "more_than", 2.5),
    ("n", "at_least", 3),
    ("n", "one_of", [1, 3]),
    ("t", "contains", "b"),
    ("list", "contains", None),
    ("t", "begins_with", "ab"),
    ("t", "ends_with", "bc"),
    ("yes", "is_a", "boolean"),
    ("n", "exists", True),
    ("none", "exists", True),
    ("missing", "exists", False),
]
NOT_MET: list[tuple[str, str, Any]] = [
    ("yes", "equals", 1),
    ("n", "equals", "3"),
    ("list", "equals", [1, "a"]),
    ("n", "less_than", 3),
    ("t", "less_than", 9),
    ("n", "less_than", "9"),
    ("yes", "at_most", 1),
    ("none", "at_most", 1),
    ("t", "at_most", "abb"),
    ("n", "more_than", 3),
    ("missing", "more_than", 0),
    ("n", "at_least", 4),
    ("n", "one_of", [True, "3"]),
    ("t", "contains", "d"),
    ("n", "contains", 3),
    ("list", "contains", True),
    ("t", "begins_with", "b"),
    ("list", "begins_with", "a"),
    ("t", "ends_with", "b"),
    ("n", "is_a", "string"),
    ("n", "exists", False),
    ("missing", "exists", True),
    ("missing", "equals", None),
]


def condition(field: str, name: str, operand: Any) -> Condition:
    return Condition.parse({"path": f"$.output.{field}", name: operand})


@pytest.mark.parametrize(("field", "name", "operand"), MET)
def test_a_comparison_is_met(field: str, name: str, operand: Any) -> None:
    assert condition(field, name, operand).met(OUTPUT)
    assert not Condition.parse({"not": {"path": f"$.output.{field}", name: operand}}).met(OUTPUT)


@pytest.mark.parametrize(("field", "name", "operand"), NOT_MET)
def test_a_comparison_is_not_met(field: str, name: str, operand: Any) -> None:
    assert not condition(field, name, operand).met(OUTPUT)


def test_every_comparison_is_in_both_tables() -> None:
    assert {name for _, name, _ in MET} == {name for _, name, _ in NOT_MET} == COMPARISONS.keys()


def test_the_whole_output_may_be_compared() -> None:
    assert Condition.parse({"path": "$.output", "equals": [1]}).met([1])


def test_conditions_are_joined() -> None:
    small, text = {"path": "$.output.n", "less_than": 9}, {"path": "$.output.t", "equals": "x"}
    assert not Condition.parse({"all": [small, text]}).met(OUTPUT)
    assert Condition.parse({"any": [small, text]}).met(OUTPUT)
    assert Condition.parse({"all": [small, {"not": text}]}).met(OUTPUT)


def test_what_is_read_is_written_again() -> None:
    document = {
        "any": [{"not": {"path": "$.output.a[0]", "equals": None}}, {"all": [{"path": "$.output", "is_a": "null"}]}]
    }
    assert Condition.parse(document).document() == document


def test_a_condition_with_a_fault_is_refused_at_its_place() -> None:
    with pytest.raises(Invalid) as refused:
        Condition.parse({"any": [{"path": "$.output", "equal": 1}]}, "steps.a.needs.0.when")
    assert refused.value.field == "steps.a.needs.0.when.any.0.equal"


@pytest.mark.parametrize(
    ("document", "places"),
    [
        (5, ["w"]),
        ({}, ["w.path", "w"]),
        ({"path": "$.output"}, ["w"]),
        ({"path": 5, "equals": 1}, ["w.path"]),
        ({"path": "$.steps.a.output", "equals": 1}, ["w.path"]),
        ({"path": "$.output", "equals": 1, "less_than": 2}, ["w"]),
        ({"path": "$.output", "is": 1}, ["w.is", "w"]),
        ({"path": "$.output", "less_than": None}, ["w.less_than"]),
        ({"path": "$.output", "one_of": []}, ["w.one_of"]),
        ({"path": "$.output", "one_of": "a"}, ["w.one_of"]),
        ({"path": "$.output", "is_a": "text"}, ["w.is_a"]),
        ({"path": "$.output", "exists": 1}, ["w.exists"]),
        ({"all": []}, ["w.all"]),
        ({"all": {}}, ["w.all"]),
        ({"not": []}, ["w.not"]),
        ({"all": [{"path": "$.output", "equals": 1}], "path": "$.output"}, ["w"]),
        ({"all": [{"any": [{"not": {"path": "$.x", "equals": 1}}]}, 3]}, ["w.all.0.any.0.not.path", "w.all.1"]),
    ],
)
def test_every_fault_is_told_with_its_place(document: Any, places: list[str]) -> None:
    assert [fault.path for fault in faults(document, "w")] == places


def test_equality_is_json_s() -> None:
    assert same({"a": [1, {"b": 2.0}]}, {"a": [1.0, {"b": 2}]})
    assert not same({"a": 1}, {"a": 1, "b": 1})
    assert not same([True], [1])
    assert not same("", None)
