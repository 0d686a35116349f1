"""Puts workflows of files: what each would change is asked first, then each that changes anything is put."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidewheel.cli.exits import ExitStatus, status_of
from tidewheel.cli.workflows.reading import FiledWorkflow
from tidewheel.client import ApiError, Client
from tidewheel.wire.workflows.answers import DifferenceAnswer, WorkflowAnswer


@dataclass(frozen=True, slots=True)
class Planned:
    """What putting a workflow would do.

    Args:
        filed: The workflow.
        answer: It as it would stand; None if the API refuses it.
        problem: Why, for people; empty if it does not.
        status: The exit status that follows.
    """

    filed: FiledWorkflow
    answer: WorkflowAnswer | None
    problem: str = ""
    status: ExitStatus = ExitStatus.DONE

    @property
    def changes(self) -> Sequence[DifferenceAnswer]:
        """What differs from what stands."""
        return () if self.answer is None else self.answer.changes or ()

    @property
    def act(self) -> str:
        """``create``, ``change``, ``leave`` or ``refused``."""
        if self.answer is None:
            return "refused"
        return "create" if self.is_new else "change" if self.changes else "leave"

    @property
    def is_new(self) -> bool:
        """Whether there is no workflow of this name."""
        return any(change.path == "name" for change in self.changes)

    @property
    def match(self) -> int | None:
        """The generation that it was compared with; None for a new one."""
        return None if self.answer is None or self.is_new else self.answer.generation - 1


def planned(api: Client, filed: FiledWorkflow) -> Planned:
    """What putting a workflow would do."""
    try:
        return Planned(filed, api.put_workflow(filed.body, dry_run=True))
    except ApiError as error:
        return Planned(filed, None, _told(error), status_of(error.status))


def put_all(api: Client, files: Sequence[FiledWorkflow]) -> Iterator[Planned]:
    """Puts workflows in turn, since one may run another; each by itself. It is refused if it was edited meanwhile."""
    for filed in files:
        plan = planned(api, filed)
        if plan.act in {"create", "change"}:
            try:
                put = api.put_workflow(filed.body, match=plan.match)
            except ApiError as error:
                plan = Planned(filed, None, _told(error), status_of(error.status))
            else:
                plan = Planned(filed, put.model_copy(update={"changes": tuple(plan.changes)}))
        yield plan


def _told(error: ApiError) -> str:
    problem = error.problem
    return "; ".join(str(one) for one in problem.errors) or problem.detail
