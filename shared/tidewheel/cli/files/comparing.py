"""Compares a job in a file with the job that a deployment has, as the API itself would read both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidewheel.domain.canonical import canonical
from tidewheel.domain.jobs.job import Definition
from tidewheel.wire.bodies.job import JobAnswer, JobBody
from tidewheel.wire.bodies.jobs_file import APPLIED_AS, APPLIED_BY
from tidewheel.wire.convert import builder_of, document_of

_BEFORE_ANYTHING_MS = 0
"""The time by which both are read: nothing in them is past then. Where it shows, an anchor is left open."""
_OPEN = frozenset({"1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z"})
"""What an anchor is by then that nothing says: now, and one millisecond later for what begins at once."""
_NEW = "new"
_SHOWN = 72


@dataclass(frozen=True, slots=True)
class Change:
    """A field that differs.

    Args:
        field: Its path.
        before: What the deployment has; None if it has nothing there.
        after: What the file says; None if it says nothing.
    """

    field: str
    before: Any
    after: Any

    @property
    def hidden(self) -> bool:
        """Whether its values are not shown: they may be secrets."""
        return self.field.startswith("target.headers.")

    def __str__(self) -> str:
        if self.hidden:
            return f"{self.field}: {_there(self.before)} -> {_there(self.after)}"
        return f"{self.field}: {_short(self.before)} -> {_short(self.after)}"


def _there(value: Any) -> str:
    return "-" if value is None else "(not shown)"


def _short(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def body_of(job: JobAnswer) -> JobBody:
    """The part of a job that its owner writes."""
    document = job.model_dump(mode="json", include=set(JobBody.model_fields), exclude_none=True)
    payloads = job.target.model_dump(mode="json")  # its nulls are values
    return JobBody.model_validate({**document, "target": payloads})


def read_as(body: JobBody, job: JobAnswer | None) -> dict[str, Any]:
    """The document that the API would answer if a job had this body; an anchor that is open is left out.

    Args:
        body: The body.
        job: The job that is to have it; None for a new one.

    Raises:
        Invalid: The API would refuse it whatever the time.
    """
    id = job.id if job else _NEW
    before = None if job is None else _definition(body_of(job), id, None)
    document = document_of(_definition(body, id, before), id)
    schedule = document.get("schedule", {})
    if schedule.get("anchor") in _OPEN and getattr(body.schedule, "anchor", None) is None:
        del schedule["anchor"]  # it is counted from when it is applied
    return document


def _definition(body: JobBody, id: str, before: Definition | None) -> Definition:
    return builder_of(body)(id, _BEFORE_ANYTHING_MS, before)


def present(job: JobAnswer) -> dict[str, Any]:
    """The document of a job as it stands."""
    return read_as(body_of(job), None)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """The fields in which two documents differ; an anchor that ``after`` leaves open is no difference."""
    return _differences("", _compared(before, after), _compared(after, after))


def _compared(document: Mapping[str, Any], after: Mapping[str, Any]) -> Mapping[str, Any]:
    tags = {name: value for name, value in document.get("tags", {}).items() if name != APPLIED_AS}
    schedule = dict(document.get("schedule", {}))
    if "anchor" not in after.get("schedule", {}):
        schedule.pop("anchor", None)
    return {**document, "tags": tags, "schedule": schedule}


def _differences(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after and type(before) is type(after):
        return
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        yield Change(path, before, after)
        return
    for name in dict.fromkeys((*before, *after)):
        yield from _differences(f"{path}.{name}" if path else name, before.get(name), after.get(name))


def digest(document: Mapping[str, Any]) -> str:
    """A hash of what a document says, defaults, anchor and the tags of apply left out."""
    tags = {name: value for name, value in document.get("tags", {}).items() if name not in {APPLIED_AS, APPLIED_BY}}
    schedule = {name: value for name, value in (document.get("schedule") or {}).items() if name != "anchor"}
    body = JobBody.model_validate({**document, "tags": tags, "schedule": schedule})
    said = canonical(body.model_dump(mode="json", exclude_defaults=True))
    return hashlib.blake2b(said.encode(), digest_size=6).hexdigest()
