"""Expressions over parents' ends: precedence, names, and where a fault is."""

from __future__ import annotations

import pytest

from tidewheel.domain.errors import Invalid
from tidewheel.domain.limits import MAX_DEPENDS_CHARS, MAX_DEPTH
from tidewheel.domain.workflows.depends import Depends, holds
from tidewheel.domain.workflows.ends import EdgeState

S, F = EdgeState.SUCCEEDED, EdgeState.FAILED


def test_names_come_once_in_their_order() -> None:
    found = Depends.parse("load-2.Failed || (a && !load-2.Skipped) || _b.Succeeded || a.Failed")
    assert found.names == ("load-2", "a", "_b")


@pytest.mark.parametrize(
    ("text", "ends", "held"),
    [
        ("a.Failed || b.Failed && c.Failed", [F, S, S], True),
        ("(a.Failed || b.Failed) && c.Failed", [F, S, S], False),
        ("!a.Failed && b.Failed", [S, F], True),
        ("!(a.Failed && b.Failed)", [F, F], False),
        ("!a.Failed || b.Failed", [F, F], True),
        ("a.Failed&&b.Failed&&c.Failed", [F, F, F], True),
        ("  a.Failed\n||\tb.Failed ", [S, F], True),
    ],
)
def test_what_binds_more_tightly(text: str, ends: list[EdgeState], *, held: bool) -> None:
    assert holds(Depends.parse(text), ends) is held


@pytest.mark.parametrize(
    ("text", "at", "problem"),
    [
        ("", 1, "the end stands where a term is expected"),
        ("a &&", 5, "the end stands where a term is expected"),
        ("a.Succeeded & b", 13, "'&' begins nothing"),
        ("a $ b", 3, "'$' begins nothing"),
        ("a b", 3, "'b' follows a term"),
        ("a ! b", 3, "'!' follows a term"),
        ("a (b)", 3, "'(' follows a term"),
        ("(a || b", 8, "the end stands where the ( at 1 is to be closed"),
        ("(a b)", 4, "'b' stands where the ( at 1 is to be closed"),
        ("a)", 2, "nothing was opened"),
        ("()", 2, "')' stands where a term is expected"),
        ("a || && b", 6, "'&&' stands where a term is expected"),
        ("a.Done", 3, "'Done' is no result of a step"),
        ("a || b.Errored", 8, "'Errored' is no result of a step"),
        ("a.", 3, "'' is no result of a step"),
    ],
)
def test_a_fault_is_said_with_its_place(text: str, at: int, problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        Depends.parse(text)
    assert refused.value.field == "depends"
    assert refused.value.problem.startswith(f"at character {at}: {problem}")
    assert refused.value.remedy


def test_what_argo_has_beside_is_told_by_what_to_write() -> None:
    with pytest.raises(Invalid, match="write Failed, which every end without success counts as"):
        Depends.parse("a.Errored")


def test_an_expression_is_bounded() -> None:
    Depends.parse("(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1))
    with pytest.raises(Invalid, match=f"more than {MAX_DEPTH} levels"):
        Depends.parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)
    with pytest.raises(Invalid, match=f"more than {MAX_DEPTH} levels"):
        Depends.parse("!" * MAX_DEPTH + "a")
    with pytest.raises(Invalid, match=f"more than {MAX_DEPENDS_CHARS}"):
        Depends.parse("a" * (MAX_DEPENDS_CHARS + 1))
