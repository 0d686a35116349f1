"""Plans what has to be done so that a deployment has the jobs of a set as its files say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidewheel.cli.files.comparing import Change, changes, digest, present, read_as
from tidewheel.cli.files.reading import Contents, FiledJob
from tidewheel.client import Client
from tidewheel.domain.errors import Invalid
from tidewheel.domain.limits import MAX_PAGE
from tidewheel.wire.bodies.job import MAX_TAGS, JobAnswer
from tidewheel.wire.bodies.jobs_file import APPLIED_AS, APPLIED_BY

Spread = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
"""Calls a function on each of several things, some at a time; the answers come in order."""

_CANDIDATES = 5


class Act(StrEnum):
    """What is done about a job."""

    CREATE = "create"
    ADOPT = "adopt"
    CHANGE = "change"
    DELETE = "delete"
    NOTHING = "unchanged"
    REFUSE = "refused"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about one job.

    Args:
        act: What.
        name: The job's name.
        filed: The job in the files; None for one that is deleted.
        job: The job as it stands; None for one that is created.
        changes: The fields that differ.
        drifted: Whether somebody has changed it since it was applied.
        body: The definition that is written; None if none is.
        pause: Whether it is to be paused (True) or resumed (False); None for neither.
        reason: Why it is refused.
    """

    act: Act
    name: str
    filed: FiledJob | None = None
    job: JobAnswer | None = None
    changes: tuple[Change, ...] = ()
    drifted: bool = False
    body: Mapping[str, Any] | None = None
    pause: bool | None = None
    reason: str = ""

    @property
    def does(self) -> bool:
        """Whether it changes anything."""
        return self.act not in {Act.NOTHING, Act.REFUSE}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done.

    Args:
        set_name: The set that the jobs belong to.
        steps: One for each job of the files, in their order, then one for each that is deleted.
    """

    set_name: str
    steps: tuple[Step, ...]

    def does(self) -> Sequence[Step]:
        """The steps that change something."""
        return [step for step in self.steps if step.does]

    def refused(self) -> Sequence[Step]:
        """The steps that cannot be done."""
        return [step for step in self.steps if step.act is Act.REFUSE]

    def counts(self) -> Mapping[Act, int]:
        """How many there are of each."""
        return Counter(step.act for step in self.steps)


def plan_of(api: Client, contents: Contents, set_name: str, spread: Spread, *, prune: bool, adopt: bool) -> Plan:
    """The plan, by what the deployment has now.

    Jobs of the set are found by its tag. A name that the set does not have yet is looked up, so that a job which
    somebody else made is neither doubled nor taken over.

    Args:
        api: The deployment.
        contents: The files.
        set_name: The set.
        spread: Makes the look-ups.
        prune: Whether jobs of the set that the files do not have are deleted.
        adopt: Whether a job of the same name that was not made by apply is taken over.

    Raises:
        ApiError: The deployment cannot be read.
    """
    members = _by_name(api.jobs(tags=[f"{APPLIED_BY}:{set_name}"], page=MAX_PAGE))
    unknown = [name for name in contents.jobs if name not in members]
    others = dict(zip(unknown, spread(lambda name: _named(api, name), unknown), strict=True))

    def step(filed: FiledJob) -> Step:
        found = members.get(filed.name, others.get(filed.name, ()))
        try:
            return _step(filed, found, set_name, adopt=adopt)
        except Invalid as error:
            return _refused(filed, str(error))

    gone = [job for name, jobs in members.items() if name not in contents.jobs for job in jobs] if prune else []
    deleted = [Step(Act.DELETE, job.name, job=job, drifted=_drifted(job, present(job))) for job in gone]
    return Plan(set_name, (*map(step, contents.jobs.values()), *deleted))


def _by_name(jobs: Iterable[JobAnswer]) -> Mapping[str, Sequence[JobAnswer]]:
    found: dict[str, list[JobAnswer]] = {}
    for job in jobs:
        found.setdefault(job.name, []).append(job)
    return found


def _named(api: Client, name: str) -> Sequence[JobAnswer]:
    page = api.jobs_page(ref=f"name:{name}", limit=_CANDIDATES)
    return [job for job in page.items if job.name == name]


def _step(filed: FiledJob, found: Sequence[JobAnswer], set_name: str, *, adopt: bool) -> Step:
    if len(filed.body.tags) > MAX_TAGS - 2:
        return _refused(filed, f"it has {len(filed.body.tags)} tags, and apply adds two; use {MAX_TAGS - 2} or fewer")
    if not found:
        return _created(filed, set_name)
    if len(found) > 1:
        ids = ", ".join(job.id for job in found)
        return _refused(filed, f"several jobs have this name: {ids}; rename or delete all but one")
    (job,) = found
    owner = job.tags.get(APPLIED_BY)
    if owner not in {None, set_name}:
        return _refused(filed, f"it belongs to the set {owner}; remove it there first, or give it another name")
    if owner is None and not adopt:
        return _refused(filed, f"{job.id} has this name and was not made by apply; --adopt takes it over")
    return _changed(filed, job, set_name)


def _refused(filed: FiledJob, reason: str) -> Step:
    return Step(Act.REFUSE, filed.name, filed, reason=reason)


def _created(filed: FiledJob, set_name: str) -> Step:
    body = _labelled(filed, read_as(filed.body, None), set_name)
    return Step(Act.CREATE, filed.name, filed, body=body, pause=True if filed.paused else None)


def _changed(filed: FiledJob, job: JobAnswer, set_name: str) -> Step:
    before, after = present(job), read_as(filed.body, job)
    labelled = {**after, "tags": {**after.get("tags", {}), APPLIED_BY: set_name}}
    differences = list(changes(before, labelled))
    written = bool(differences)
    pause = filed.paused if _is_paused(job) not in {None, filed.paused} else None
    if filed.paused is not None and pause is not None:
        differences.append(Change("paused", _is_paused(job), filed.paused))
    act = Act.ADOPT if APPLIED_BY not in job.tags else Act.CHANGE if differences else Act.NOTHING
    body = _labelled(filed, after, set_name) if written else None
    return Step(act, filed.name, filed, job, tuple(differences), _drifted(job, before), body, pause)


def _is_paused(job: JobAnswer) -> bool | None:
    """Whether it is paused; None if it is over, and neither."""
    return {"active": False, "paused": True}.get(job.state)


def _drifted(job: JobAnswer, document: Mapping[str, Any]) -> bool:
    """Whether a job, which stands as this document, has been changed since it was applied."""
    applied = job.tags.get(APPLIED_AS)
    return applied is not None and applied != digest(document)


def _labelled(filed: FiledJob, document: Mapping[str, Any], set_name: str) -> Mapping[str, Any]:
    """The body that is written: the file's, with the tags of apply."""
    tags = {**filed.body.tags, APPLIED_BY: set_name, APPLIED_AS: digest(document)}
    return {**filed.body.model_dump(mode="json", exclude_unset=True), "tags": tags}
