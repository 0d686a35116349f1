"""Makes a deployment's jobs what the functions of a program declare."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, TypeAlias

from tidewheel.client.calls.jobs import create_job, job, replace_job
from tidewheel.client.errors import ApiError
from tidewheel.client.flow import Flow
from tidewheel.tasks.declared import Declared, declared
from tidewheel.wire.bodies.job import JobAnswer, JobBody
from tidewheel.wire.reading import difference, read_job
from tidewheel.wire.schedules import body_of
from tidewheel.wire.values import to_ms

_TRIES = 5
"""How often a job is looked at that others create or edit at the same time."""
_NOT_THERE, _CONFLICT, _OUTDATED = 404, 409, 412


Change: TypeAlias = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a declared job.

    Args:
        name: Its name.
        change: What was done, or in a dry run would be.
        before: Its definition as it was found; empty if there was none.
        after: Its definition as it is declared.
        job: The job as it stands; None for one that a dry run did not create.
    """

    name: str
    change: Change
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    job: JobAnswer | None

    def __str__(self) -> str:
        told = "" if self.change == "created" else "".join(f"\n  {line}" for line in _told("", self.before, self.after))
        return f"{self.change} {self.name}{told}"


def _told(path: str, before: Any, after: Any) -> Iterator[str]:
    """A line for each field that differs."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from _told(f"{path}.{name}" if path else name, before.get(name), after.get(name))
    elif before != after:
        yield f"{path}: {json.dumps(before, ensure_ascii=False)} -> {json.dumps(after, ensure_ascii=False)}"


def register(*of: ModuleType | Callable[..., Any], dry_run: bool = False) -> Flow[tuple[Registered, ...]]:
    """Creates the jobs that functions declare with ``tidewheel.tasks.job``, or changes them; a repeat changes nothing.

    A job is found by its name, and has it alone in its tenant. Fields that are not declared get their defaults. A job
    that is paused stays so. A job whose declaration is gone stays as it is. Two programs may register at the same time.

    Args:
        of: The functions, and the modules or packages, imported before; else all that are declared.
        dry_run: Only tells what would be done.

    Raises:
        ApiError: A job could not be read or written; those before it, by name, are done.
        ValueError: Nothing is declared there, or a job of that name calls something else than a Python function.
        Refused: A declaration is not a job; nothing is done then.
    """
    wanted = [(one, read_job(_plain(one))) for one in declared(*of)]
    done = []
    for one, body in wanted:
        done.append((yield from _registered(one, body, dry_run=dry_run)))
    return tuple(done)


def _plain(one: Declared) -> dict[str, Any]:
    """The declaration without types that JSON has not, but for durations and instants."""
    return {
        **one.document,
        "retry": dict(one.document.get("retry", {})),
        "misfire": dict(one.document.get("misfire", {})),
    }


def _registered(one: Declared, body: JobBody, *, dry_run: bool) -> Flow[Registered]:
    for tries in range(1, _TRIES + 1):
        found = yield from _found(one.name)
        after = _as_it_would_stand(body, found)
        before = {} if found is None else _written(found)
        change: Change = "created" if found is None else "changed" if difference(before, after) else "unchanged"
        if dry_run or change == "unchanged":
            return Registered(one.name, change, before, after, found)
        try:
            written = create_job(body) if found is None else replace_job(found.id, body, match=found.generation)
            return Registered(one.name, change, before, after, (yield from written))
        except ApiError as error:  # somebody else created or edited it meanwhile
            if error.status not in {_CONFLICT, _OUTDATED} or tries == _TRIES:
                raise
    raise AssertionError("the last try returns or raises")


def _found(name: str) -> Flow[JobAnswer | None]:
    try:
        found = yield from job(f"name:{name}")
    except ApiError as error:
        if error.status == _NOT_THERE:
            return None
        raise
    if found.target.kind != "python":
        raise ValueError(f"the job {name} ({found.id}) calls {found.target.summary()}: rename one of the two")
    return found


def _as_it_would_stand(body: JobBody, present: JobAnswer | None) -> dict[str, Any]:
    """The definition as the API would answer it: an interval keeps its anchor, and a cron its usual form."""
    document = body.model_dump(mode="json", exclude_none=True)
    if body.schedule is not None and present is not None:
        start_ms = None if body.start is None else to_ms(body.start)
        now_ms = to_ms(present.updated_at)
        before = None if present.schedule is None else present.schedule.timing(present.id, now_ms, start_ms, None)
        timing = body.schedule.timing(present.id, now_ms, start_ms, before)
        document["schedule"] = body_of(timing).model_dump(mode="json", exclude_none=True)
    return document


def _written(present: JobAnswer) -> dict[str, Any]:
    return present.model_dump(mode="json", include=set(JobBody.model_fields), exclude_none=True)
