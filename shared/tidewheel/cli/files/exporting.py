"""Writes jobs as files that ``apply`` reads and finds unchanged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tidewheel.cli.files import yaml_text
from tidewheel.cli.files.comparing import body_of
from tidewheel.wire.bodies.job import JobAnswer
from tidewheel.wire.bodies.jobs_file import APPLIED_AS, APPLIED_BY

_OVER = frozenset({"completed", "failed"})


@dataclass(frozen=True, slots=True)
class Exported:
    """Jobs as documents.

    Args:
        jobs: Their documents, by name.
        left_out: The names of jobs that nothing will fire any more, which no file can create anew.
        doubled: Names that several of them have, which apply would refuse.
    """

    jobs: Sequence[dict[str, Any]]
    left_out: Sequence[str]
    doubled: Sequence[str]

    def as_yaml(self, set_name: str | None) -> str:
        """A file of YAML."""
        head = {"set": set_name} if set_name else {}
        return yaml_text.written({**head, "jobs": list(self.jobs)})

    def as_lines(self) -> str:
        """A file of JSON lines."""
        return "".join(f"{json.dumps(job, ensure_ascii=False)}\n" for job in self.jobs)


def exported(jobs: Iterable[JobAnswer]) -> Exported:
    """Documents of jobs: what has its default is left out, and so are the tags of apply."""
    found = sorted(jobs, key=lambda job: (job.name, job.id))
    kept = [job for job in found if job.schedule is not None and job.state not in _OVER]
    counts = Counter(job.name for job in kept)
    return Exported(
        [document(job) for job in kept],
        [job.name for job in found if job.schedule is None or job.state in _OVER],
        [name for name, count in counts.items() if count > 1],
    )


def document(job: JobAnswer) -> dict[str, Any]:
    """A job as a file has it."""
    body = body_of(job)
    written = body.model_dump(mode="json", exclude_defaults=True)
    if not body.unique_name:
        written = {"name": body.name, "unique_name": False} | written
    elif "unique_name" in written:
        del written["unique_name"]  # the default of a file
    tags = {name: value for name, value in body.tags.items() if name not in {APPLIED_AS, APPLIED_BY}}
    written = {name: value for name, value in written.items() if name != "tags"} | ({"tags": tags} if tags else {})
    return written | ({"paused": True} if job.state == "paused" else {})
