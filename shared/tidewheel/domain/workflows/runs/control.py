"""What a run's record holds beside that of an execution: its version of the workflow, and all that users ask of it.

Nothing of how far the run has come is in it. That follows from the records of its steps, which nobody deletes or sets
back: a clear raises the generation of the steps that it names, and a record counts only in the step's own generation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from tidewheel.domain.errors import Conflict
from tidewheel.domain.workflows.runs.limits import MAX_CLEARS

FIRST_GENERATION = 1


class RunStop(StrEnum):
    """Why nothing more of a run begins."""

    CANCELLED = "cancelled"  # a user asked for it
    FAILED = "failed"  # a step failed, and its workflow says that a run ends then
    TIMED_OUT = "timed_out"  # its deadline has passed


@dataclass(frozen=True, slots=True)
class Clear:
    """Steps that are to run again.

    Args:
        generation: Which generation of these steps begins by it.
        nodes: Their indices.
        resumed: Whether the run was resumed: then they are those that failed; else they are named with all behind them.
    """

    generation: int
    nodes: frozenset[int]
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class RunControl:
    """What users may say of a run.

    Args:
        workflow: The workflow's name.
        digest: Its version, which the run keeps.
        params: The run's parameters, a JSON object.
        generation: The newest generation of any of its steps.
        clears: Each time steps were to run again, oldest first.
        stop: Why nothing more of it begins; None while it goes on.
        paused: Whether nothing of it begins until it is resumed.
    """

    workflow: str
    digest: str
    params: Mapping[str, Any] = field(default_factory=dict)
    generation: int = FIRST_GENERATION
    clears: tuple[Clear, ...] = ()
    stop: RunStop | None = None
    paused: bool = False

    def generation_of(self, node: int) -> int:
        """The generation of a step: that of the last clear that names it."""
        named = (clear.generation for clear in reversed(self.clears) if node in clear.nodes)
        return next(named, FIRST_GENERATION)

    def stopped(self, stop: RunStop) -> RunControl:
        """The control once nothing more of the run begins. The first reason stays; a cancel ends a pause."""
        return replace(self, stop=self.stop or stop, paused=False)

    def with_pause(self, *, paused: bool) -> RunControl:
        """The control of a run that is paused, or goes on."""
        return replace(self, paused=paused)

    def cleared(self, nodes: Iterable[int], *, resumed: bool = False) -> RunControl:
        """The control of a run of which some steps are to run again; what stopped it is forgotten.

        Raises:
            Conflict: That was asked for ``limits.MAX_CLEARS`` times already.
        """
        if len(self.clears) >= MAX_CLEARS:
            problem = f"steps of it were to run again {MAX_CLEARS} times"
            raise Conflict("run", self.workflow, problem, "start a new run")
        clear = Clear(self.generation + 1, frozenset(nodes), resumed)
        return replace(self, generation=clear.generation, clears=(*self.clears, clear), stop=None)
