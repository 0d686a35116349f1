"""Jobs that a filter asks for, and the last run of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tidewheel.domain import keys
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.last_run import last_run, shown_state
from tidewheel.domain.executions.states import DEAD_LETTERS, State
from tidewheel.domain.jobs.job import Job, JobState
from tidewheel.domain.jobs.listing import JobFilter, place_of
from tidewheel.domain.limits import LAST_RUN_LOOKS, MAX_PAGE
from tidewheel.engine.api.lists import Listed, filtered, report_unreadable
from tidewheel.ports import Executions, Jobs, Page, Telemetry


@dataclass(frozen=True, slots=True)
class JobSearch:
    """Lists jobs. Every method raises ``PortError`` when a store fails.

    Args:
        jobs: The jobs and their lists.
        executions: Their runs.
        telemetry: Told of records that cannot be read.
    """

    jobs: Jobs
    executions: Executions
    telemetry: Telemetry

    def last_runs(self, tenant: str, jobs: Collection[str], now_ms: int) -> Mapping[str, Execution]:
        """The newest run of each job that has ended, by the job's id; jobs without one are left out.

        Of a job whose ``limits.LAST_RUN_LOOKS`` newest records hold none, nothing is known.
        """
        heads = self.executions.heads(
            tenant, {job: keys.execution_bound(job, now_ms + 1) for job in jobs}, LAST_RUN_LOOKS
        )
        found = {job: last_run(page.items) for job, page in heads.items()}
        return {job: run for job, run in found.items() if run is not None}

    def listed(
        self, tenant: str, asked: JobFilter, results: Collection[State], limit: int, after: str | None, now_ms: int
    ) -> Listed[Job]:
        """A page of the jobs that a filter asks for.

        By name if it names one, else the newest first; completed ones, and those that are found by a last run without
        success, come in the order in which they ended, the last first. See ``filtered``.

        Args:
            tenant: Whose.
            asked: What holds for them.
            results: Their last run ended in one of these states; empty for any.
            limit: How many at most.
            after: The last page's cursor, or None to begin.
            now_ms: The time (ms since the epoch).
        """
        if by_failure(asked, results):
            return self._failed(tenant, asked, results, limit, after, now_ms)
        listing = asked.listing(now_ms)

        def fetch(cursor: str | None) -> Page[Job]:
            page = self.jobs.listed(tenant, listing, limit if cursor == after else MAX_PAGE, cursor)
            matching = [job for job in page.items if asked.matches(job, now_ms)]
            if results or asked.state in {JobState.COMPLETED, JobState.FAILED}:
                lasts = self.last_runs(tenant, [job.id for job in matching], now_ms)
                matching = [job for job in matching if _ended_so(job, lasts.get(job.id), asked, results, now_ms)]
            return Page(matching, page.cursor, page.unreadable)

        return filtered(
            fetch, lambda _job: True, lambda job: place_of(job, listing.list) or "", limit, after, self.telemetry
        )

    def _failed(
        self, tenant: str, asked: JobFilter, results: Collection[State], limit: int, after: str | None, now_ms: int
    ) -> Listed[Job]:
        """The jobs whose last run is a dead letter, found by those: each job at its last one alone."""
        places: dict[str, str] = {}

        def fetch(cursor: str | None) -> Page[Job]:
            page = self.executions.dead(tenant, MAX_PAGE, cursor)
            report_unreadable(page, self.telemetry)
            ids = list(dict.fromkeys(run.job for run in page.items))
            records = self.jobs.batch((tenant, id) for id in ids)
            lasts = self.last_runs(tenant, ids, now_ms)
            found: list[Job] = []
            for run in page.items:
                job, last = records.get((tenant, run.job)), lasts.get(run.job)
                if isinstance(job, Job) and last is not None and last.id == run.id and asked.matches(job, now_ms):
                    places[job.id] = run.failure_key
                    found += [job] if _ended_so(job, last, asked, results, now_ms) else []
            return Page(found, page.cursor)

        return filtered(fetch, lambda _job: True, lambda job: places[job.id], limit, after, self.telemetry)


def by_failure(asked: JobFilter, results: Collection[State]) -> bool:
    """Whether jobs are found by their dead letters: no list is narrower."""
    failed = asked.state is JobState.FAILED or (bool(results) and set(results) <= DEAD_LETTERS)
    narrower = asked.tags or asked.name_prefix or asked.owner or asked.state is JobState.PAUSED
    return failed and not narrower


def _ended_so(job: Job, last: Execution | None, asked: JobFilter, results: Collection[State], now_ms: int) -> bool:
    if results and (last is None or last.state not in results):
        return False
    return asked.state is None or shown_state(job, last, now_ms) is asked.state
