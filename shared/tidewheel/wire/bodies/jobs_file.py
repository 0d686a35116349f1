"""A file of jobs, as ``tidewheel apply`` reads it; its JSON Schema is for editors."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from tidewheel.wire.bodies.job import JobBody
from tidewheel.wire.model import Model
from tidewheel.wire.schedules import ScheduleBody

APPLIED_BY = "applied-by"
"""The tag that names the set which a job belongs to."""
APPLIED_AS = "applied-as"
"""The tag with a hash of the definition that was applied last."""
SET_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_./-]{0,63}"

SetName = Annotated[
    str,
    Field(
        pattern=f"^{SET_PATTERN}$",
        description="The set that the jobs belong to: a file prunes no job of another one. Else that of `--set`.",
        examples=["billing"],
    ),
]


class FileJob(JobBody):
    """A job in a file. Its name identifies it; what is left out has its default."""

    unique_name: bool = Field(
        True, description="Whether no other job may have this name. In a file that is so unless it says otherwise."
    )
    schedule: ScheduleBody
    paused: bool | None = Field(
        None, description="Whether it is paused. Left out, it stays as it is, and a new job is active."
    )


class JobsFile(Model):
    """Jobs, and the set that they belong to. Fields whose names begin with `x-` are left alone, for anchors."""

    set: SetName | None = None
    jobs: Annotated[list[FileJob], Field(description="The jobs.")]


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file: jobs with their set, a list of jobs, or one job."""
    found = TypeAdapter[Any](JobsFile | list[FileJob] | FileJob).json_schema(mode="validation")
    found["$defs"]["JobsFile"]["patternProperties"] = {"^x-": True}
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Jobs of Tidewheel",
        "description": "What tidewheel apply reads, as YAML or JSON; of JSON lines each is one job.",
    }
    return about | found
