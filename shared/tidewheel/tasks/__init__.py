"""Python functions that jobs can call: what their authors import.

A function becomes a task by a decorator, and a job names it as its target::

    from tidewheel.tasks import current, task

    @task(name="reports.daily")              # @task alone: <module>.<function>
    def daily(region: str) -> dict[str, int]:
        run = current()
        done = run.restored or []            # the checkpoint of an earlier attempt
        for page in pages(region):
            run.raise_if_stopping()
            if page.id not in done:
                send(page, idempotency_key=f"{run.execution}/{page.id}")
                done.append(page.id)
                run.checkpoint(done)
        return {"pages": len(done)}          # JSON: the run's output

    {"kind": "python", "function": "reports.daily", "arguments": {"region": "eu"}}

Workers import the modules that hold tasks when they start: ``tidewheel worker --import reports``, or the environment
variable ``TIDEWHEEL_TASK_MODULES`` (names separated by commas). What a function prints, and the traceback of what it
raises, is the log of the run. An exception is a failure, which is retried by the job's ``retry`` policy; ``Permanent``
is not retried, and ``RetryAfter`` says how soon. A thread cannot be killed: when a call is to end (time-out, cancel, a
draining worker), ``stopping`` becomes true, and a function that does not return within two seconds is abandoned. Then
its attempt has failed, its thread runs on, and its next ``beat`` or ``checkpoint`` raises ``Stopped``. In threads of
its own a function uses the ``Run`` that it got from ``current``; what they print is not logged.

``job`` also says when the function is to run; the program that deploys the code has ``Client.register`` make it so::

    @job(cron="0 6 * * *", timezone="Europe/Paris", arguments={"region": "eu"})
    def daily(region: str) -> dict[str, int]: ...

This package imports the standard library only.
"""

from tidewheel.tasks.declared import Declared, JobFields, declared, job
from tidewheel.tasks.registry import CannotImport, Function, is_name, load, registered, task
from tidewheel.tasks.runs import Line, Permanent, RetryAfter, Run, Stopped, current, instant, parsed, running

__all__ = [
    "CannotImport",
    "Declared",
    "Function",
    "JobFields",
    "Line",
    "Permanent",
    "RetryAfter",
    "Run",
    "Stopped",
    "current",
    "declared",
    "instant",
    "is_name",
    "job",
    "load",
    "parsed",
    "registered",
    "running",
    "task",
]
