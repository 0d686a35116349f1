"""The graph of a workflow: its steps as nodes by index, and the edges that lead to each.

Nothing of what a step calls is in it: a run's progress follows from the graph and from how its nodes ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from tidewheel.domain.errors import Invalid
from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.ends import EdgeState
from tidewheel.domain.workflows.rules import AnyRule, Rule

_CYCLE_SHOWN = 12


class EdgeCondition(Protocol):
    """What a parent's output must be like for its child."""

    def met(self, output: Any) -> bool:
        """Whether an output (a JSON value) meets it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge that leads to a node.

    Args:
        parent: The index of the node at its beginning.
        condition: What that node's output must meet; else the edge counts as skipped. None: nothing.
    """

    parent: int
    condition: EdgeCondition | None = None

    def through(self, state: EdgeState, output: Any) -> EdgeState:
        """How the parent has ended for the node at the edge's end.

        Args:
            state: How it has ended.
            output: Its output, a JSON value.
        """
        if state is EdgeState.SUCCEEDED and self.condition is not None and not self.condition.met(output):
            return EdgeState.SKIPPED
        return state


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    Args:
        name: The step's name, unique in its graph.
        rule: When it runs. An expression names its parents in the order of ``parents``.
        parents: The edges that lead to it, each from another node.
        setup: Whether ``all_done_setup_success`` of the nodes behind it asks for its success.
    """

    name: str
    rule: AnyRule = Rule.ALL_SUCCESS
    parents: tuple[Edge, ...] = ()
    setup: bool = False


@dataclass(frozen=True)
class Graph:
    """An acyclic graph.

    Args:
        nodes: Its nodes; their places are their indices.

    Raises:
        Invalid: A name or an edge is there twice, an edge begins nowhere, an expression names other steps than its
            node's parents, or there is a cycle, which is named.
    """

    nodes: tuple[Node, ...]
    order: tuple[int, ...] = field(init=False, compare=False)
    """The indices of all nodes, each after its parents; else by index."""

    def __post_init__(self) -> None:
        names = [node.name for node in self.nodes]
        for place, node in enumerate(self.nodes):
            if node.name in names[:place]:
                raise Invalid(f"steps[{place}].name", f"{node.name!r} is the name of two steps", "rename one")
            self._check_edges(node)
        object.__setattr__(self, "order", self._ordered())

    def _check_edges(self, node: Node) -> None:
        field_ = f"steps.{node.name}.needs"
        parents = [edge.parent for edge in node.parents]
        for place, parent in enumerate(parents):
            if not 0 <= parent < len(self.nodes):
                raise Invalid(field_, f"there is no step number {parent}", f"use 0 to {len(self.nodes) - 1}")
            if parent in parents[:place]:
                raise Invalid(field_, f"{self.nodes[parent].name!r} is named twice", "name each step once")
        if isinstance(node.rule, Depends):
            found = tuple(self.nodes[parent].name for parent in parents)
            if found != node.rule.names:
                problem = f"the expression names {', '.join(node.rule.names)}, and the edges {', '.join(found)}"
                raise Invalid(f"steps.{node.name}.depends", problem, "name the same steps in the same order")

    def _ordered(self) -> tuple[int, ...]:
        """Kahn's way: what has no parent that is left is taken, the lowest index of each round first."""
        left = {index: {edge.parent for edge in node.parents} for index, node in enumerate(self.nodes)}
        order: list[int] = []
        ready = [index for index, parents in left.items() if not parents]
        while ready:
            order += ready
            ended = set(ready)
            touched = sorted({child for index in ready for child in self.children[index]})
            for child in touched:
                left[child] -= ended
            ready = [child for child in touched if not left[child]]
        if len(order) < len(self.nodes):
            raise self._cycle(set(left) - set(order), left)
        return tuple(order)

    def _cycle(self, among: set[int], left: dict[int, set[int]]) -> Invalid:
        """Every node that is left has a parent that is left: who goes on to one comes back to where it was."""
        walked = [min(among)]
        while walked[-1] not in walked[:-1]:
            walked.append(min(left[walked[-1]]))
        circle = walked[walked.index(walked[-1]) :][::-1]
        names = [self.nodes[index].name for index in circle]
        if len(names) > _CYCLE_SHOWN:
            names = [*names[: _CYCLE_SHOWN - 1], "…", names[-1]]
        problem = f"steps wait for each other in a circle: {' -> '.join(names)}"
        return Invalid(f"steps.{self.nodes[circle[0]].name}.needs", problem, "take out one of these edges")

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of each node, by name."""
        return {node.name: index for index, node in enumerate(self.nodes)}

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """For each node the indices of the nodes to which its edges lead, ascending."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for edge in node.parents:
                found[edge.parent].append(index)
        return tuple(map(tuple, found))

    @cached_property
    def sinks(self) -> tuple[int, ...]:
        """The nodes behind which there is none."""
        return tuple(index for index, children in enumerate(self.children) if not children)

    @cached_property
    def roots(self) -> tuple[int, ...]:
        """The nodes that wait for none."""
        return tuple(index for index, node in enumerate(self.nodes) if not node.parents)

    def with_descendants(self, nodes: Iterable[int]) -> frozenset[int]:
        """These nodes and all behind them."""
        return self._reached(nodes, self.children)

    def with_ancestors(self, nodes: Iterable[int]) -> frozenset[int]:
        """These nodes and all before them."""
        return self._reached(nodes, [[edge.parent for edge in node.parents] for node in self.nodes])

    def setups_of(self, index: int) -> tuple[bool, ...]:
        """For each parent of a node whether it is a setup step."""
        return tuple(self.nodes[edge.parent].setup for edge in self.nodes[index].parents)

    @staticmethod
    def _reached(nodes: Iterable[int], following: Sequence[Sequence[int]]) -> frozenset[int]:
        reached: set[int] = set()
        ahead = list(nodes)
        while ahead:
            node = ahead.pop()
            if node not in reached:
                reached.add(node)
                ahead += following[node]
        return frozenset(reached)
