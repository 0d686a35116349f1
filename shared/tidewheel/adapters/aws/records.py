"""Jobs, generations and executions as DynamoDB items, and back. Short names: DynamoDB bills by the kilobyte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tidewheel.adapters.aws.dynamo import Item, get_number, get_text, number, text, without_nones
from tidewheel.domain.errors import Unreadable
from tidewheel.domain.executions.execution import Attempt, Execution
from tidewheel.domain.executions.misfire import Missed, Reason, is_missed_id
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import text_of_nominal
from tidewheel.domain.jobs.job import Definition, Generation, Job, JobState, Target
from tidewheel.domain.jobs.policies import Misfire, Overlap, Policy, RetryPolicy, Strategy
from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule, from_document, to_document
from tidewheel.ports import Page

T = TypeVar("T")
JOB_SORT = "job"


def job_key(tenant: str, job: str, sort: str = JOB_SORT) -> dict[str, dict[str, str]]:
    """Key of a job's record, or of a row beside it."""
    return {"pk": text(f"{tenant}#{job}"), "sk": text(sort)}


def generation_sort(generation: int) -> str:
    """Sort key of a generation row; sorts by number."""
    return f"gen#{generation:08d}"


def ttl(expires_ms: int | None) -> dict[str, str] | None:
    """A time to live, in whole seconds as DynamoDB wants it."""
    return None if expires_ms is None else number(-(-expires_ms // SECOND_MS))


def _dump(document: object) -> dict[str, str]:
    return text(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def reading(what: str, item: Item, read: Callable[[], T]) -> T:
    try:
        return read()
    except (KeyError, ValueError, TypeError, AttributeError, Unreadable) as error:
        key = f"{get_text(item, 'pk')}/{get_text(item, 'sk')}"
        raise Unreadable(what, key, f"{type(error).__name__}: {error}") from error


def read_page(page: Mapping[str, Any], key: str, read: Callable[[Item], T]) -> Page[T]:
    """A query's answer as a page; ``key`` names the attribute that holds an item's id."""
    items: list[T] = []
    unreadable: list[Unreadable] = []
    for item in page["Items"]:
        try:
            items.append(read(item))
        except Unreadable as error:
            unreadable.append(error)
    more = page["Items"] and "LastEvaluatedKey" in page
    return Page(items, page["Items"][-1][key]["S"] if more else None, unreadable)


# --- jobs -------------------------------------------------------------------------------------------------


def job_item(job: Job) -> dict[str, dict[str, str]]:
    """A job's record."""
    return without_nones(
        {
            **job_key(job.tenant, job.id),
            "tenant": text(job.tenant),
            "job": text(job.id),
            "d": _dump(_definition_document(job.definition)),
            "st": text(job.state),
            "gen": number(job.generation),
            "ef": number(job.effective_from_ms),
            "cr": number(job.created_ms),
            "up": number(job.updated_ms),
            "rq": text(job.request) if job.request else None,
            "ttl": ttl(job.expires_ms()),
        }
    )


def read_job(item: Item) -> Job:
    """The inverse of ``job_item``.

    Raises:
        Unreadable: Another version's record, or a damaged one.
    """
    return reading("job", item, lambda: _read_job(item))


def _read_job(item: Item) -> Job:
    return Job(
        tenant=item["tenant"]["S"],
        id=item["job"]["S"],
        definition=_read_definition(json.loads(item["d"]["S"])),
        state=JobState(item["st"]["S"]),
        generation=int(item["gen"]["N"]),
        effective_from_ms=int(item["ef"]["N"]),
        created_ms=int(item["cr"]["N"]),
        updated_ms=int(item["up"]["N"]),
        request=get_text(item, "rq"),
    )


def _definition_document(definition: Definition) -> dict[str, Any]:
    retry = definition.retry
    return {
        "n": definition.name,
        "s": to_document(definition.schedule) if definition.schedule else None,
        "k": definition.target.kind,
        "t": dict(definition.target.spec),
        "p": definition.priority,
        "q": definition.precision,
        "l": definition.pool,
        "j": definition.jitter_ms,
        "o": definition.timeout_ms,
        "r": [retry.max_attempts, retry.strategy, retry.base_ms, retry.cap_ms, retry.jitter],
        "g": dict(definition.tags),
        "m": [definition.misfire.policy, definition.misfire.grace_ms, definition.misfire.limit],
    } | _unusual(definition)


def _unusual(definition: Definition) -> dict[str, Any]:
    """What most jobs do without; an older record that lacks it means the same."""
    unusual: dict[str, Any] = {}
    if definition.overlap is not Overlap.ALLOW:
        unusual["v"] = definition.overlap
    if definition.window_ms:
        unusual["w"] = definition.window_ms
    if definition.deadline_ms:
        unusual["e"] = definition.deadline_ms
    if definition.heartbeat_ms:
        unusual["h"] = definition.heartbeat_ms
    if definition.retry.on:
        unusual["ro"] = list(definition.retry.on)
    return unusual


def _read_definition(document: dict[str, Any]) -> Definition:
    attempts, strategy, base, cap, jitter = document["r"]
    return Definition(
        name=document["n"],
        schedule=_read_schedule(document["s"]),
        target=Target(document["k"], document["t"]),
        priority=document["p"],
        precision=Precision(document["q"]),
        pool=document["l"],
        jitter_ms=document["j"],
        timeout_ms=document["o"],
        retry=RetryPolicy(attempts, Strategy(strategy), base, cap, jitter, tuple(document.get("ro", ()))),
        tags=document["g"],
        misfire=_read_misfire(document.get("m")),
        overlap=Overlap(document.get("v", Overlap.ALLOW)),
        window_ms=document.get("w", 0),
        deadline_ms=document.get("e", 0),
        heartbeat_ms=document.get("h", 0),
    )


def _read_misfire(row: list[Any] | None) -> Misfire:
    """The policy; the default one of a record that was written before there were any."""
    return Misfire() if row is None else Misfire(Policy(row[0]), row[1], row[2])


def _read_schedule(document: dict[str, Any] | None) -> Schedule | None:
    return None if document is None else from_document(document)


# --- generations ------------------------------------------------------------------------------------------


def generation_item(
    tenant: str, job: str, row: Generation, expires_ms: int | None, zones: str
) -> dict[str, dict[str, str]]:
    """A generation row, with the version of the time zone data that it was written under."""
    return without_nones(
        {
            **job_key(tenant, job, generation_sort(row.number)),
            "st": text(row.state),
            "s": _dump(to_document(row.schedule)) if row.schedule else None,
            "j": number(row.jitter_ms),
            "w": number(row.window_ms) if row.window_ms else None,
            "ef": number(row.effective_from_ms),
            "tz": text(zones),
            "ttl": ttl(expires_ms),
        }
    )


def read_generation(item: Item) -> Generation:
    """The inverse of ``generation_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return reading("generation", item, lambda: _read_generation(item))


def _read_generation(item: Item) -> Generation:
    return Generation(
        number=int(item["sk"]["S"].removeprefix("gen#")),
        state=JobState(item["st"]["S"]),
        schedule=_read_schedule(json.loads(item["s"]["S"])) if "s" in item else None,
        jitter_ms=int(item["j"]["N"]),
        effective_from_ms=int(item["ef"]["N"]),
        window_ms=get_number(item, "w") or 0,
    )


# --- executions -------------------------------------------------------------------------------------------


def execution_key(tenant: str, job: str, id: str) -> dict[str, dict[str, str]]:
    """Key of an execution's record."""
    return {"pk": text(f"{tenant}#{job}"), "sk": text(id)}


def execution_item(execution: Execution) -> dict[str, dict[str, str]]:
    """An execution's record. That of a dead letter alone has the keys of the index that lists those."""

    def optional(value: int | None) -> dict[str, str] | None:
        return None if value is None else number(value)

    return without_nones(
        {
            **execution_key(execution.tenant, execution.job, execution.id),
            "st": text(execution.state),
            "due": number(execution.due_ms),
            "gen": number(execution.generation),
            "ver": number(execution.version),
            "at": number(execution.attempt),
            "ho": text(execution.holder) if execution.holder else None,
            "lu": number(execution.lease_until_ms),
            "cl": optional(execution.claimed_ms),
            "sa": optional(execution.started_ms),
            "fi": optional(execution.finished_ms),
            "la": optional(execution.lateness_ms),
            "o": text(execution.output) if execution.output else None,
            "r": text(execution.reason) if execution.reason else None,
            "h": _dump([_attempt_row(attempt) for attempt in execution.attempts]) if execution.attempts else None,
            "sp": number(execution.uncounted_attempts) if execution.uncounted_attempts else None,
            "rd": optional(execution.redriven_ms),
            "ca": text(execution.cancel) if execution.cancel else None,
            "ct": optional(execution.cancel_ms),
            "cp": text(execution.checkpoint) if execution.checkpoint else None,
            "se": optional(execution.sent_ms),
            "re": optional(execution.received_ms),
            "dt": text(execution.tenant) if execution.failure_key else None,
            "de": text(execution.failure_key) if execution.failure_key else None,
            "ttl": ttl(execution.expires_ms()),
        }
    )


def _attempt_row(attempt: Attempt) -> list[Any]:
    """Its account; what is empty at the end is left out."""
    account = [attempt.number, attempt.started_ms, attempt.finished_ms, attempt.result, attempt.status]
    if attempt.reason or attempt.received_ms is not None:
        account.append(attempt.reason)
    if attempt.received_ms is not None:  # how long before its start: short numbers
        sent = None if attempt.sent_ms is None else attempt.started_ms - attempt.sent_ms
        account += [attempt.started_ms - attempt.received_ms, sent]
    return account


def _read_attempt(row: list[Any]) -> Attempt:
    number_, started, finished, result, status, *rest = row
    reason, received, sent = [*rest, *[None] * 3][:3]
    return Attempt(
        number_,
        started,
        finished,
        Result(result),
        status,
        reason or "",
        None if sent is None else started - sent,
        None if received is None else started - received,
    )


def read_execution(item: Item) -> Execution:
    """The inverse of ``execution_item``.

    Raises:
        Unreadable: Another version's record, or a damaged one.
    """
    return reading("execution", item, lambda: _read_execution(item))


def _read_execution(item: Item) -> Execution:
    return Execution(
        tenant=item["pk"]["S"].partition("#")[0],
        id=item["sk"]["S"],
        state=State(item["st"]["S"]),
        due_ms=int(item["due"]["N"]),
        generation=int(item["gen"]["N"]),
        version=int(item["ver"]["N"]),
        attempt=int(item["at"]["N"]),
        holder=get_text(item, "ho"),
        lease_until_ms=int(item["lu"]["N"]),
        claimed_ms=get_number(item, "cl"),
        started_ms=get_number(item, "sa"),
        finished_ms=get_number(item, "fi"),
        lateness_ms=get_number(item, "la"),
        output=get_text(item, "o"),
        reason=get_text(item, "r"),
        attempts=tuple(_read_attempt(row) for row in json.loads(get_text(item, "h", "[]"))),
        uncounted_attempts=get_number(item, "sp") or 0,
        redriven_ms=get_number(item, "rd"),
        cancel=get_text(item, "ca"),
        cancel_ms=get_number(item, "ct"),
        checkpoint=get_text(item, "cp"),
        sent_ms=get_number(item, "se"),
        received_ms=get_number(item, "re"),
    )


# --- the ledger's rows ------------------------------------------------------------------------------------


def missed_sort(row: Missed) -> str:
    """Sort key of a ledger row's second copy, by its last instant.

    A row's place among the executions follows from where it begins; to find those that reach into a stretch of
    time, wherever they begin, a copy lies by where they end. It sorts after every execution of the job.
    """
    return f"{missed_from(row.job, row.until_ms)}-m{text_of_nominal(row.from_ms)}"


def missed_from(job: str, from_ms: int) -> str:
    """The lowest sort key of the second copies of a job's ledger rows that end at a time (ms) or later."""
    return f"{job}/{text_of_nominal(from_ms)}"


def missed_item(row: Missed, sort: str) -> dict[str, dict[str, str]]:
    """A ledger row under one of its two sort keys."""
    return without_nones(
        {
            "pk": text(f"{row.tenant}#{row.job}"),
            "sk": text(sort),
            "st": text(State.SKIPPED),
            "gen": number(row.generation),
            "fr": number(row.from_ms),
            "to": number(row.until_ms),
            "n": None if row.count is None else number(row.count),
            "r": text(row.reason),
            "no": number(row.noted_ms),
            "ttl": ttl(row.expires_ms()),
        }
    )


def read_missed(item: Item) -> Missed:
    """The inverse of ``missed_item``.

    Raises:
        Unreadable: Another version's row, or a damaged one.
    """
    return reading("ledger row", item, lambda: _read_missed(item))


def _read_missed(item: Item) -> Missed:
    tenant, _, job = item["pk"]["S"].partition("#")
    return Missed(
        tenant,
        job,
        generation=int(item["gen"]["N"]),
        from_ms=int(item["fr"]["N"]),
        until_ms=int(item["to"]["N"]),
        count=get_number(item, "n"),
        reason=Reason(item["r"]["S"]),
        noted_ms=int(item["no"]["N"]),
    )


def read_listed(item: Item) -> Execution | Missed:
    """What lies among a job's executions: one of them, or a ledger row; the key tells.

    Raises:
        Unreadable: Another version's record, or a damaged one.
    """
    return read_missed(item) if is_missed_id(item["sk"]["S"]) else read_execution(item)
