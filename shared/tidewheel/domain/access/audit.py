"""The audit log: who tried to change what, when, from where, and what came of it.

A request that may change something has a row before anything is changed, and others after it. Rows are only added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

TRIED = 0
"""The status of a request of which nothing more is known."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a request did to one thing.

    Args:
        kind: What it is, such as ``job``.
        id: Its id.
        before: What it was, as JSON without secrets; empty if it did not exist.
        after: What it is since, likewise; empty if it is gone.
    """

    kind: str
    id: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the audit log. All rows of a request have its time, so that they lie side by side.

    Args:
        tenant: The tenant in which the request was made.
        at_ms: When it came (ms since the epoch, UTC).
        request: Its id.
        number: Which row of the request's it is, from 0.
        principal: The name of whoever made it.
        key: The id of the API key that it was made with, or empty.
        role: The role of whoever made it.
        address: The network address that it came from, or empty.
        operation: The id of the operation.
        path: The path that was asked for.
        subjects: The ids of what it was about, as far as they are known.
        status: The HTTP status of its answer, or ``TRIED``.
        problem: The kind of problem that it was refused for, or empty.
        fields: The names of the fields that were refused.
        changes: What it did.
        more: How many more refusals of the same principal followed within a minute, and have no row.
    """

    tenant: str
    at_ms: int
    request: str
    number: int = 0
    principal: str = ""
    key: str = ""
    role: str = ""
    address: str = ""
    operation: str = ""
    path: str = ""
    subjects: tuple[str, ...] = ()
    status: int = TRIED
    problem: str = ""
    fields: tuple[str, ...] = ()
    changes: tuple[Change, ...] = field(default=())
    more: int = 0


def entries(rows: Iterable[AuditRow]) -> Iterator[AuditRow]:
    """One entry for each request: its rows made one, with the number of the first.

    Args:
        rows: Rows, the newest request first, and of a request the last row first; the last request's may be cut off,
            and then it is left out.
    """
    gathered: list[AuditRow] = []
    for row in rows:
        if gathered and (gathered[0].at_ms, gathered[0].request) != (row.at_ms, row.request):
            gathered = []  # its first row has expired
        gathered.append(row)
        if row.number == 0:
            yield _joined(gathered[::-1])
            gathered = []


def _joined(rows: Sequence[AuditRow]) -> AuditRow:
    """The rows of a request, in order, as one."""
    last = next((row for row in rows if row.status != TRIED), rows[0])
    return replace(
        last,
        number=0,
        subjects=tuple(dict.fromkeys(subject for row in rows for subject in row.subjects)),
        changes=tuple(change for row in rows for change in row.changes),
        more=sum(row.more for row in rows),
    )


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are asked for: those for which all that is given holds.

    Args:
        from_ms: Of this time and later (ms since the epoch).
        until_ms: Before this time.
        principal: Made by this principal.
        operation: Of this operation.
        subject: About this id.
    """

    from_ms: int
    until_ms: int
    principal: str = ""
    operation: str = ""
    subject: str = ""

    def takes(self, entry: AuditRow) -> bool:
        """Whether an entry is asked for."""
        return (
            self.from_ms <= entry.at_ms < self.until_ms
            and self.principal in {"", entry.principal}
            and self.operation in {"", entry.operation}
            and (not self.subject or self.subject in entry.subjects)
        )
