"""The graph of a workflow: order, children, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tidewheel.domain.errors import Invalid
from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.ends import EdgeState
from tidewheel.domain.workflows.graph import Edge, Graph, Node
from tidewheel.domain.workflows.rules import Rule


def node(name: str, *parents: int, setup: bool = False) -> Node:
    return Node(name, Rule.ALL_SUCCESS, tuple(map(Edge, parents)), setup)


DIAMOND = Graph((node("join", 1, 2), node("left", 3, setup=True), node("right", 3), node("root"), node("alone")))


def test_order_children_roots_and_sinks() -> None:
    assert DIAMOND.order == (3, 4, 1, 2, 0)
    assert DIAMOND.children == ((), (0,), (0,), (1, 2), ())
    assert DIAMOND.roots == (3, 4)
    assert DIAMOND.sinks == (0, 4)
    assert DIAMOND.index["right"] == 2
    assert len(DIAMOND) == 5


def test_what_lies_behind_and_before() -> None:
    assert DIAMOND.with_descendants([1]) == {0, 1}
    assert DIAMOND.with_descendants([3]) == {0, 1, 2, 3}
    assert DIAMOND.with_ancestors([1, 4]) == {1, 3, 4}
    assert DIAMOND.with_descendants([]) == frozenset()


def test_which_parents_are_setups() -> None:
    assert DIAMOND.setups_of(0) == (True, False)


class _More:
    def met(self, output: Any) -> bool:
        return isinstance(output, int) and output > 1


@pytest.mark.parametrize(
    ("state", "output", "seen"),
    [
        (EdgeState.SUCCEEDED, 2, EdgeState.SUCCEEDED),
        (EdgeState.SUCCEEDED, 1, EdgeState.SKIPPED),
        (EdgeState.FAILED, 1, EdgeState.FAILED),
        (EdgeState.UNDECIDED, None, EdgeState.UNDECIDED),
    ],
)
def test_a_condition_that_is_not_met_makes_a_success_a_skip(state: EdgeState, output: Any, seen: EdgeState) -> None:
    assert Edge(0, _More()).through(state, output) is seen
    assert Edge(0).through(state, output) is state


@pytest.mark.parametrize(
    ("nodes", "field", "problem"),
    [
        ((node("a", 0),), "steps.a.needs", "in a circle: a -> a"),
        ((node("a", 2), node("b", 0), node("c", 1), node("d", 2)), "steps.a.needs", "a circle: a -> b -> c -> a"),
        ((node("d", 1), node("b", 2), node("c", 1)), "steps.b.needs", "in a circle: b -> c -> b"),
        ((node("a", 1),), "steps.a.needs", "there is no step number 1"),
        ((node("a", -1),), "steps.a.needs", "there is no step number -1"),
        ((node("a"), node("b", 0, 0)), "steps.b.needs", "'a' is named twice"),
        ((node("a"), node("a")), "steps[1].name", "'a' is the name of two steps"),
    ],
)
def test_what_is_no_graph_is_refused(nodes: tuple[Node, ...], field: str, problem: str) -> None:
    with pytest.raises(Invalid) as refused:
        Graph(nodes)
    assert refused.value.field == field
    assert problem in refused.value.problem


def test_a_long_circle_is_shortened() -> None:
    with pytest.raises(Invalid, match=r"n0 -> n1 -> .* -> … -> n0"):
        Graph(tuple(node(f"n{place}", (place - 1) % 40) for place in range(40)))


def test_an_expression_names_the_parents_of_its_node() -> None:
    rule = Depends.parse("a && b.Failed")
    Graph((node("a"), node("b"), Node("c", rule, (Edge(0), Edge(1)))))
    with pytest.raises(Invalid, match="names a, b, and the edges b, a"):
        Graph((node("a"), node("b"), Node("c", rule, (Edge(1), Edge(0)))))


def test_a_chain_of_a_thousand_is_no_matter() -> None:
    graph = Graph(tuple(node(f"n{place}", *([place - 1] if place else [])) for place in range(1000)))
    assert graph.order == tuple(range(1000))
    assert len(graph.with_descendants([0])) == 1000
