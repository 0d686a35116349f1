"""Keys of the Executions table."""

from __future__ import annotations

from tidewheel.domain.ids import is_job_id, text_of_nominal
from tidewheel.domain.keys.common import FIRST, LAST, after
from tidewheel.domain.keys.jobs import LISTED_END

_CIRCUIT, _PERMIT, _LINE = "#circuit#", "#cap#", "#line#"  # a tenant holds no #, so that these are no job's partitions


def execution_bound(job: str, nominal_ms: int) -> str:
    """Executions, sort: the lowest key of a job's executions and ledger rows of a nominal time or later.

    An execution's own sort key is its id (``ids.ExecutionId``), which begins so.
    """
    return f"{job}-{text_of_nominal(nominal_ms)}"


def execution_range(job: str) -> tuple[str, str]:
    """Executions, sort: bounds, both exclusive, of what a job's list shows: its executions and ledger rows."""
    return f"{job}-", f"{job}-{LAST}"


def node_partition(tenant: str, run: str, part: int) -> str:
    """Executions, partition: a part of the steps of a run of a workflow; the sort key is the step's id."""
    return f"{tenant}#{run}#{part}"


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
    return after(_CIRCUIT, key)


def usage_partition(tenant: str) -> str:
    """Executions, partition: the counters of what a tenant has used."""
    return f"#usage#{tenant}"


def window_sort(limit: str, from_ms: int) -> str:
    """Executions, sort: the counter of a window, by its limit and when the window began (ms since the epoch)."""
    return f"{limit}#{from_ms:015d}"


def permit_partition(tenant: str) -> str:
    """Executions, partition: the permits of a tenant whose concurrency is limited."""
    return f"{_PERMIT}{tenant}"


def parse_permit_partition(key: str) -> str:
    """The tenant of a partition of permits.

    Raises:
        Unreadable: It is the key of something else.
    """
    return after(_PERMIT, key)


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
    """Executions, attributes ``ho`` of a permit and ``pr`` of a circuit: the claim that holds it."""
    return f"{execution}#{holder}"


def parse_claim_name(name: str) -> tuple[str, str]:
    """The execution's id and the claim's own name; both empty for an empty one."""
    execution, _, holder = name.partition("#")
    return execution, holder


LINES_PARTITION = "#lines"
"""Executions, partition: the tenants whose lines may have somebody in them; the sort key is the tenant's id."""


def line_partition(tenant: str) -> str:
    """Executions, partition: the executions of a tenant that wait for a permit."""
    return f"{_LINE}{tenant}"


def parse_line_partition(key: str) -> str:
    """The tenant of a line.

    Raises:
        Unreadable: It is the key of something else.
    """
    return after(_LINE, key)


def line_sort(rank: int, since_ms: int, execution: str, attempt: int) -> str:
    """Executions, sort: who waits in line, by priority (0 first), then by since when, then by execution."""
    return f"{rank}#{since_ms:013d}#{execution}#{attempt}"


def parse_line_sort(key: str) -> tuple[int, int, str, int]:
    """Its priority, since when it waits (ms since the epoch), its execution's id, and which attempt waits.

    Raises:
        ValueError: It is no such key.
    """
    rank, since, execution, attempt = key.split("#")
    return int(rank), int(since), execution, int(attempt)
