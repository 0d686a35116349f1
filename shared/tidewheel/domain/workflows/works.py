"""What a step does: a call of a target, an approval, a wait, a map over items, or a run of another workflow. Pure.

Durations and instants are in ms, instants since the epoch, UTC. A text that is a path stands for data of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tidewheel.domain.access.roles import Role
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.workflows.limits import DEFAULT_MAP_CONCURRENCY, DEFAULT_MAP_PAGE, MAX_RUN_MS
from tidewheel.domain.workflows.params import Param

LATEST = "latest"
"""The version of a workflow that is its newest when a run begins."""


@dataclass(frozen=True, slots=True)
class Task:
    """A call of a target, whose spec may refer to data in the fields that its kind names for that.

    Args:
        target: What is called.
    """

    target: Target


@dataclass(frozen=True, slots=True)
class SubWorkflow:
    """A run of another workflow.

    Args:
        workflow: Its name.
        version: The digest of a version, or ``LATEST``.
        params: The run's parameters, which may refer to data.
    """

    workflow: str
    version: str = LATEST
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Approvers:
    """Who may approve: whoever has a role, and principals that are named.

    Args:
        role: The least role; None if only those that are named may.
        principals: Names of principals.
    """

    role: Role | None = Role.OPERATOR
    principals: tuple[str, ...] = ()

    def include(self, name: str, role: Role) -> bool:
        """Whether a principal of this name and role may."""
        return name in self.principals or (self.role is not None and role.includes(self.role))


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who else may approve after a while.

    Args:
        after_ms: After how long (ms).
        to: Who, besides those who may already.
    """

    after_ms: int
    to: Approvers


@dataclass(frozen=True, slots=True)
class Approval:
    """A decision of people.

    Args:
        message: What is asked.
        by: Who may answer.
        count: How many must make the same choice.
        starter: Whether whoever started the run may answer, too.
        choices: What may be chosen, each with whether the step succeeds by it.
        form: Fields that an answer has besides.
        expires_ms: After how long (ms) it expires.
        default: What counts as chosen then; empty: the step ends as timed out.
        escalation: Who else may answer after a while, or None.
    """

    message: str
    by: Approvers = Approvers()
    count: int = 1
    starter: bool = False
    choices: Mapping[str, bool] = field(default_factory=lambda: {"approve": True, "reject": False})
    form: Mapping[str, Param] = field(default_factory=dict)
    expires_ms: int = MAX_RUN_MS
    default: str = ""
    escalation: Escalation | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A pause: for a duration, until an instant, or until the next time that a clock on the wall shows a time of day.

    Args:
        for_ms: How long (ms), or None.
        until: The instant: ms since the epoch, or a path to one that is written as RFC 3339; None.
        daily: The time of day, as a cron of one time a day in a zone, with its rules for changes of clocks; or None.
    """

    for_ms: int | None = None
    until: int | str | None = None
    daily: Cron | None = None

    def due_ms(self, from_ms: int, until_ms: int | None = None) -> int:
        """When it is over; not before it begins.

        Args:
            from_ms: When it begins (ms since the epoch).
            until_ms: The instant (ms since the epoch) that the path in ``until`` leads to, if it is one.
        """
        if self.for_ms is not None:
            return from_ms + self.for_ms
        if self.daily is not None:
            return self.daily.next_after(from_ms) or from_ms
        until = self.until if isinstance(self.until, int) else until_ms
        return max(from_ms, from_ms if until is None else until)


@dataclass(frozen=True, slots=True)
class Values:
    """Items that a definition lists, or data that is a list.

    Args:
        values: The items, which may refer to data; or a path to a list.
    """

    values: tuple[Any, ...] | str


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whole numbers from one up to, and without, another.

    Args:
        start: The first.
        stop: The first that is none any more.
        step: How far they are apart, 1 or more.
    """

    start: int
    stop: int
    step: int = 1

    @property
    def count(self) -> int:
        """How many they are."""
        return len(range(self.start, self.stop, self.step))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The lines of an object in S3.

    Args:
        bucket: Its bucket.
        key: Its key; it may be a path.
        format: ``json-lines``, or ``csv`` with names in its first line.
    """

    bucket: str
    key: str
    format: str = "json-lines"


Items: TypeAlias = Values | Numbers | Manifest


@dataclass(frozen=True, slots=True)
class Map:
    """The same work for each of many items, in pages that run side by side.

    Args:
        over: The items.
        each: The work, which may refer to ``$.item`` and ``$.index``.
        page: Items in a page, which is one execution.
        concurrency: Pages that run side by side, at most.
        tolerated: Items that may fail.
        tolerated_percent: The share of items that may fail, 0 to 100; None to go by ``tolerated``.
        ordered: Whether items begin in their order: each page after the one before.
    """

    over: Items
    each: Task | SubWorkflow
    page: int = DEFAULT_MAP_PAGE
    concurrency: int = DEFAULT_MAP_CONCURRENCY
    tolerated: int = 0
    tolerated_percent: float | None = None
    ordered: bool = False


Work: TypeAlias = Task | Approval | Wait | Map | SubWorkflow
