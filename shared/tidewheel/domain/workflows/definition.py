"""A workflow as its owner defines it: steps, what each does, and what it waits for. Pure.

A definition's version is the digest of its canonical document: whoever writes the same again, with other spaces, in
another order or with the defaults spelt out, makes no new version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tidewheel.domain.canonical import canonical
from tidewheel.domain.fleet.route import LAMBDA_POOL
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.jobs.policies import RetryPolicy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.workflows.data.conditions import Condition
from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.graph import Edge, Graph, Node
from tidewheel.domain.workflows.params import Param
from tidewheel.domain.workflows.rules import AnyRule, Rule
from tidewheel.domain.workflows.works import Approval, Map, SubWorkflow, Task, Wait, Work

WORKFLOW_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"
"""The pattern of a workflow's name: no character that separates the parts of a key or of a URL's path."""
DIGEST = r"[0-9a-f]{64}"
"""The pattern of a version: a SHA-256 in hexadecimal."""
_NAME = re.compile(WORKFLOW_NAME, re.ASCII)
_DIGEST = re.compile(DIGEST, re.ASCII)
_KINDS = {Task: "task", Approval: "approval", Wait: "wait", Map: "map", SubWorkflow: "workflow"}


class FailurePolicy(StrEnum):
    """What becomes of the rest of a run once a step has failed."""

    LET_RUN = "let_run"
    """Whatever its rules let run still does."""
    FAIL_FAST = "fail_fast"
    """Nothing begins any more but what follows a failure."""


@dataclass(frozen=True, slots=True)
class Need:
    """A step that another one waits for.

    Args:
        step: Its name.
        when: What its output must be like; else it counts as skipped. None: nothing.
    """

    step: str
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step.

    Args:
        name: Its name, unique in its workflow.
        work: What it does.
        needs: The steps that it waits for, by name; of an expression in the order of its ``names``.
        rule: When it runs, given how those ended.
        setup: Whether ``all_done_setup_success`` of the steps behind it asks for its success.
        retry: What happens after a failed attempt of a task, or of a map's page.
        timeout_ms: How long (ms) one attempt may take.
        heartbeat_ms: How long (ms) a call may be silent before it is stopped; 0 for as long as its time-out.
        pool: The pool whose workers run it.
        priority: One of ``fleet.route.PRIORITIES``.
        precision: How near to its time it starts.
        description: For people.
    """

    name: str
    work: Work
    needs: tuple[Need, ...] = ()
    rule: AnyRule = Rule.ALL_SUCCESS
    setup: bool = False
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout_ms: int = 60_000
    heartbeat_ms: int = 0
    pool: str = LAMBDA_POOL
    priority: str = "normal"
    precision: Precision = Precision.NORMAL
    description: str = ""

    @property
    def kind(self) -> str:
        """``task``, ``approval``, ``wait``, ``map`` or ``workflow``."""
        return _KINDS[type(self.work)]

    @property
    def target(self) -> Target | None:
        """What it calls, or has called for each item of a map; None if it calls nothing."""
        work = self.work.each if isinstance(self.work, Map) else self.work
        return work.target if isinstance(work, Task) else None

    @property
    def sub_workflow(self) -> SubWorkflow | None:
        """The workflow that it runs, or runs for each item of a map; None if it runs none."""
        work = self.work.each if isinstance(self.work, Map) else self.work
        return work if isinstance(work, SubWorkflow) else None


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow.

    Args:
        name: Its name, unique in its tenant.
        steps: Its steps, by name.
        description: For people.
        failure: What becomes of the rest once a step has failed.
        params: The parameters of its runs, by name.
        tags: Labels.
    """

    name: str
    steps: tuple[Step, ...]
    description: str = ""
    failure: FailurePolicy = FailurePolicy.LET_RUN
    params: Mapping[str, Param] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def graph(self) -> Graph:
        """Its graph, in which a step's index is its place among the names in order: the same for every reader.

        Raises:
            Invalid: The steps wait for each other in a circle.
        """
        places = {step.name: place for place, step in enumerate(self.steps)}
        return Graph(
            tuple(
                Node(step.name, step.rule, tuple(Edge(places[need.step], need.when) for need in step.needs), step.setup)
                for step in self.steps
            )
        )

    def step(self, name: str) -> Step:
        """The step of a name.

        Raises:
            KeyError: There is none.
        """
        return next((step for step in self.steps if step.name == name), None) or _missing(name)

    @property
    def sub_workflows(self) -> Iterator[tuple[str, SubWorkflow]]:
        """The workflows that it runs, each with the step that does."""
        for step in self.steps:
            if step.sub_workflow is not None:
                yield step.name, step.sub_workflow


def _missing(name: str) -> Step:
    raise KeyError(name)


def ordered_needs(needs: Mapping[str, Need], rule: AnyRule) -> tuple[Need, ...]:
    """The needs of a step in the order that its rule wants: that of an expression's names, else by name."""
    names = rule.names if isinstance(rule, Depends) else sorted(needs)
    return tuple(needs.get(name, Need(name)) for name in names)


def digest_of(document: Mapping[str, Any]) -> str:
    """The version of a definition: the SHA-256 of its canonical document."""
    return hashlib.sha256(canonical(document).encode()).hexdigest()


def is_workflow_name(text: str) -> bool:
    """Whether the text has the form of a workflow's name."""
    return _NAME.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether the text has the form of a version."""
    return _DIGEST.fullmatch(text) is not None
