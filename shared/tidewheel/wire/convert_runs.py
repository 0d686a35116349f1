"""Conversions of runs of workflows from records to answers."""

from __future__ import annotations

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.workflows.runs.control import RunControl
from tidewheel.wire.bodies.run import RunAnswer, StepAnswer
from tidewheel.wire.values import from_ms


def step_answer(name: str, state: str, record: Execution | None) -> StepAnswer:
    """A step of a run, by its name, its state and its record."""
    return StepAnswer.model_validate(
        {
            "name": name,
            "state": state,
            "execution": record.id if record else None,
            "attempt": record.attempt if record else 0,
            "started_at": _instant(record.started_ms if record else None),
            "finished_at": _instant(record.finished_ms if record else None),
            "output": record.output if record else "",
            "reason": record.reason if record else "",
        }
    )


def run_answer(run: Execution, control: RunControl, steps: tuple[StepAnswer, ...] = ()) -> RunAnswer:
    """A run, by its record."""
    return RunAnswer.model_validate(
        {
            "id": run.id,
            "job": run.job,
            "workflow": control.workflow,
            "version": control.digest,
            "params": dict(control.params),
            "state": run.state,
            "paused": control.paused,
            "stopping": control.stop,
            "generation": control.generation,
            "due_at": from_ms(run.due_ms),
            "started_at": _instant(run.started_ms),
            "finished_at": _instant(run.finished_ms),
            "reason": run.reason or run.cancel,
            "steps": steps,
        }
    )


def _instant(ms: int | None) -> object:
    return None if ms is None else from_ms(ms)
