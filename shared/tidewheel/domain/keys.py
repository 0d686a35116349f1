"""Every key of every DynamoDB table and of the bucket of logs: made here, taken apart here, and nowhere else.

``shared/docs/design/keys.md`` draws them, with the attributes of each kind of item. Functions named ``…_partition``
give partition keys (attribute ``pk``), those named ``…_sort`` sort keys (``sk``); the Control table has no sort keys.
Numbers are padded with zeros so that text order is number order. All times are milliseconds since the Unix epoch, UTC.
A tenant, a job id and an execution id hold none of ``#``, ``/`` and ``~`` (``domain.ids``), which separate the parts.
"""

from __future__ import annotations

import hashlib

from tidewheel.domain.errors import Unreadable
from tidewheel.domain.ids import ExecutionId, is_job_id, text_of_nominal
from tidewheel.domain.limits import SECOND_MS

FIRST = " "
"""Sorts before every key that is made here: where an ascending list begins."""
LAST = "~"
"""Sorts after every key of the index ``by_failure``: where its descending list begins."""


def _after(prefix: str, key: str) -> str:
    """What follows the prefix.

    Raises:
        Unreadable: The key does not begin with it.
    """
    if not key.startswith(prefix):
        raise Unreadable("key", key, f"expected {prefix}…")
    return key.removeprefix(prefix)


# --- Jobs -------------------------------------------------------------------------------------------------

JOB_SORT = "job"
"""Jobs, sort: the job's record, in the job's partition."""
_GENERATION = "gen#"


def job_partition(tenant: str, job: str) -> str:
    """Jobs and Executions, partition: all that belongs to one job, in both tables."""
    return f"{tenant}#{job}"


def parse_job_partition(key: str) -> tuple[str, str]:
    """The tenant and the job id of a job's partition."""
    tenant, _, job = key.partition("#")
    return tenant, job


def generation_sort(generation: int) -> str:
    """Jobs, sort: a generation row, beside its job's record; by number."""
    return f"{_GENERATION}{generation:08d}"


def parse_generation_sort(key: str) -> int:
    """The number of a generation row.

    Raises:
        Unreadable: It is the key of something else.
        ValueError: What follows the prefix is no number.
    """
    return int(_after(_GENERATION, key))


def generation_range(first: int) -> tuple[str, str]:
    """Jobs, sort: the first and last key of the generation rows from a number on."""
    return generation_sort(first), f"{_GENERATION}{LAST}"


def idempotency_sort(key: str) -> str:
    """Jobs, sort: the row that remembers a run request's idempotency key, hashed: the caller's text may be long."""
    return f"key#{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"


LISTED_END = "\U0010ffff"
"""Jobs, sort: the upper bound of the places in a list of jobs."""
_BEFORE_JOB = "\t"  # no name holds a tab, and it sorts before all that a name may hold
_LISTED = "#list#"  # a tenant holds no #, so that these are no job's partitions


def listed_partition(tenant: str, bucket: int, list: str) -> str:
    """Jobs, partition: a bucket of one of a tenant's lists of jobs (``domain.jobs.listing``); it holds rows alone.

    The list comes last: the value of a tag may hold any character.
    """
    return f"{_LISTED}{tenant}#{bucket:02d}#{list}"


def listed_at(at_ms: int, job: str) -> str:
    """Jobs, sort: a job's place in a list that is ordered by time; with an empty id, the lowest of that time."""
    return f"{text_of_nominal(at_ms)}{_BEFORE_JOB}{job}"


def listed_name(name: str, job: str) -> str:
    """Jobs, sort: a job's place in the list by name; a name comes before those that it is the beginning of."""
    return f"{name}{_BEFORE_JOB}{job}"


def listed_range(beginning: str) -> tuple[str, str]:
    """Jobs, sort: the lowest and the highest place in the list by name of names that begin so."""
    return beginning, f"{beginning}{LISTED_END}"


def listed_names(name: str) -> tuple[str, str]:
    """Jobs, sort: the lowest and the highest place in the list by name of jobs that have just this name."""
    return listed_range(f"{name}{_BEFORE_JOB}")


def parse_listed(place: str) -> str:
    """The id of the job at a place in a list.

    Raises:
        Unreadable: No job has such a place.
    """
    job = place.rpartition(_BEFORE_JOB)[2]
    if not is_job_id(job):
        raise Unreadable("place in a list", place, "it does not end with a job's id")
    return job


NAME_SORT = "name"
"""Jobs, sort: the row that holds a name for one job, in the name's own partition."""


def name_partition(tenant: str, name: str) -> str:
    """Jobs, partition: a name that a job of the tenant has for itself, hashed: it may hold any character."""
    return f"#name#{tenant}#{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}"


def job_cursor(tenant: str, job: str) -> str:
    """Jobs, index ``by_tenant``: a place in the list of all jobs, ordered by tenant and job id; stored in Control."""
    return f"{tenant}/{job}"


def parse_job_cursor(cursor: str) -> tuple[str, str]:
    """The tenant and the job id of a place in the list of all jobs."""
    tenant, _, job = cursor.partition("/")
    return tenant, job


# --- Executions -------------------------------------------------------------------------------------------

_CIRCUIT, _PERMIT = "#circuit#", "#cap#"  # a tenant holds no #, so that these are no job's partitions


def execution_bound(job: str, nominal_ms: int) -> str:
    """Executions, sort: the lowest key of a job's executions and ledger rows of a nominal time or later.

    An execution's own sort key is its id (``ids.ExecutionId``), which begins so.
    """
    return f"{job}-{text_of_nominal(nominal_ms)}"


def execution_range(job: str) -> tuple[str, str]:
    """Executions, sort: bounds, both exclusive, of what a job's list shows: its executions and ledger rows."""
    return f"{job}-", f"{job}-{LAST}"


def execution_prefix_end(beginning: str) -> str:
    """Executions, sort: a text after all ids that begin so, and before the others that follow."""
    return f"{beginning}{LISTED_END}"


def missed_sort(job: str, from_ms: int, until_ms: int) -> str:
    """Executions, sort: a ledger row among the executions, ordered by the first instant that it accounts for."""
    return f"{execution_bound(job, from_ms)}-m{text_of_nominal(until_ms)}"


def is_missed_sort(key: str) -> bool:
    """Whether a sort key is a ledger row's, among the executions."""
    job, _, rest = key.partition("-")
    return is_job_id(job) and rest.partition("-")[2][:1] == "m"


def missed_by_end_sort(job: str, from_ms: int, until_ms: int) -> str:
    """Executions, sort: a ledger row's second copy, ordered by its last instant; after everything that lists show.

    A row among the executions lies where its range begins. The copy lets a reader find the rows whose ranges reach
    into a stretch of time, however long before it they begin.
    """
    return f"{job}/{text_of_nominal(until_ms)}-m{text_of_nominal(from_ms)}"


def missed_by_end_range(job: str, until_ms: int) -> tuple[str, str]:
    """Executions, sort: the first and last key of the second copies of ledger rows that end at a time or later."""
    return f"{job}/{text_of_nominal(until_ms)}", f"{job}/{LAST}"


def lock_sort(job: str) -> str:
    """Executions, sort: the overlap lock of a job, after its executions and ledger rows."""
    return f"{job}~lock"


def failure_sort(finished_ms: int, execution: str) -> str:
    """Executions, index ``by_failure``, sort (attribute ``de``): a dead letter, ordered by when it ended."""
    return f"{finished_ms:013d}#{execution}"


def waiting_partition(part: int) -> str:
    """Executions, index ``by_failure``, partition (attribute ``dt``): executions that wait; no tenant is called so."""
    return f"#waiting#{part}"


def waiting_sort(next_ms: int, tenant: str, execution: str) -> str:
    """Executions, index ``by_failure``, sort (attribute ``de``): one that waits, by its next attempt's time."""
    return f"{next_ms:013d}#{tenant}#{execution}"


def waiting_range(until_ms: int, after: str | None) -> tuple[str, str]:
    """The same: the first and last key of what was expected before a time, beyond a key."""
    return FIRST if after is None else f"{after}{FIRST}", f"{until_ms:013d}"


def circuit_partition(tenant: str) -> str:
    """Executions, partition: a tenant's circuits; the sort key is the party's own key, such as ``http:example.com``."""
    return f"{_CIRCUIT}{tenant}"


def parse_circuit_partition(key: str) -> str:
    """The tenant of a partition of circuits.

    Raises:
        Unreadable: It is the key of something else.
    """
    return _after(_CIRCUIT, key)


def permit_partition(tenant: str) -> str:
    """Executions, partition: the permits of a tenant whose concurrency is limited."""
    return f"{_PERMIT}{tenant}"


def parse_permit_partition(key: str) -> str:
    """The tenant of a partition of permits.

    Raises:
        Unreadable: It is the key of something else.
    """
    return _after(_PERMIT, key)


def permit_sort(number: int) -> str:
    """Executions, sort: a permit, by number, from 0 to ``limits.MAX_TENANT_CONCURRENCY`` - 1."""
    return f"{number:04d}"


def parse_permit_sort(key: str) -> int:
    """The number of a permit.

    Raises:
        ValueError: It is no number.
    """
    return int(key)


def claim_name(execution: str, holder: str) -> str:
    """Executions, attributes ``ho`` of a permit and ``pr`` of a circuit: the claim that holds it; never parsed."""
    return f"{execution}#{holder}"


# --- Wheel ------------------------------------------------------------------------------------------------

SINGLES_FROM = "e#"
"""Wheel, sort: what the keys of singles begin with, and the lower bound of them all."""
SINGLES_END = "e$"
"""Wheel, sort: the first text after the keys of all singles; those of packs follow it."""
SLOT_END = "\U0010ffff"
"""Wheel, sort: the upper bound of a slot, of damaged keys too."""


def slot_partition(level: str, start_ms: int, shard: int) -> str:
    """Wheel, partition: a slot's entries, singles and packs, of one shard; ``start_ms`` is 0 for the late slot."""
    return f"{level}#{start_ms // SECOND_MS}#{shard:04d}"


def single_sort(due_ms: int, tenant: str, job: str, ref: str) -> str:
    """Wheel, sort: one entry by itself, ordered by due time; ``ref`` says what the entry stands for."""
    return f"{single_bound(due_ms)}#{tenant}#{job}#{ref}"


def single_bound(due_ms: int) -> str:
    """Wheel, sort: the lowest key of singles that are due at a time or later."""
    return f"{SINGLES_FROM}{due_ms:013d}"


def is_single_sort(key: str) -> bool:
    """Whether a sort key is a single's, not a pack's."""
    return key.startswith(SINGLES_FROM)


def due_of_single(key: str) -> int | None:
    """The due time (ms) that a single's sort key names; None if it names none."""
    if not is_single_sort(key):
        return None
    digits = _after(SINGLES_FROM, key).partition("#")[0]
    return int(digits) if digits.isascii() and digits.isdecimal() else None


def pack_sort(source: int, epoch: int, sequence: int) -> str:
    """Wheel, sort: a pack of entries. The shard that wrote it, its epoch and a sequence number make it unique."""
    return f"p#{source:04d}#{epoch:08d}#{sequence:08d}"


def quarantine_partition(shard: int) -> str:
    """Wheel, partition: what could not be understood of a shard, kept for people; it is no slot."""
    return f"quarantine#{shard:04d}"


def quarantine_sort(slot: str, key: str, text: str) -> str:
    """Wheel, sort: one thing in quarantine, by the slot (its partition key) and a hash of its key and text.

    Whoever finds the same again, after a crash, overwrites it.
    """
    digest = hashlib.blake2b(f"{key}\n{text}".encode(errors="replace"), digest_size=10).hexdigest()
    return f"{slot}#{digest}"


# --- Control ----------------------------------------------------------------------------------------------

LAYOUT = "layout"
"""Control, partition: the number of shards by time."""
SWEEP = "sweep"
"""Control, partition: how far the reconciler's sweep over all jobs has come."""
PACE = "pace"
"""Control, partition: at which pace the wheel is turned, and since when."""
_LEASE = "lease#"


def lease_partition(instance: int) -> str:
    """Control, partition: the lease of a scheduler instance."""
    return f"{_LEASE}{instance}"


def parse_lease_partition(key: str) -> int:
    """The scheduler instance of a lease.

    Raises:
        Unreadable: It is the key of something else.
        ValueError: What follows the prefix is no number.
    """
    return int(_after(_LEASE, key))


def shard_partition(shard: int) -> str:
    """Control, partition: who holds a shard, and its cursors."""
    return f"shard#{shard:04d}"


# --- the bucket of logs -----------------------------------------------------------------------------------

_GZIP = ".gz"


def log_prefix(tenant: str, execution: str, attempt: int) -> str:
    """Logs, object: what the keys of an attempt's parts begin with.

    Raises:
        Unreadable: ``execution`` is no execution id.
    """
    return f"{tenant}/{ExecutionId.parse(execution).job}/{execution}/{attempt:03d}/"


def log_part(prefix: str, part: int) -> str:
    """Logs, object: a part of an attempt's log, by number, from 0 on."""
    return f"{prefix}{part:05d}{_GZIP}"


def parse_log_part(prefix: str, key: str) -> int:
    """The number of a part.

    Raises:
        Unreadable: The object is no part of that attempt's log.
    """
    number = _after(prefix, key).removesuffix(_GZIP)
    if not number.isdecimal():
        raise Unreadable("part of a log", key, "its name is not a part's number")
    return int(number)
