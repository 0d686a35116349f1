"""The audit log: rows before and after each change, one for each refusal, and the list of them.

A request that may change something has a row before the first thing is changed; without it nothing is. What came of it
is a second row, and a line in the log. A process that ends between the two leaves the first, which says that it was
tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from tidewheel.domain import keys
from tidewheel.domain.access.audit import TRIED, AuditFilter, AuditRow, Change, entries
from tidewheel.domain.limits import DAY_MS
from tidewheel.engine.api.audit.refusals import RefusalCap
from tidewheel.engine.api.lists import Listed, report_unreadable
from tidewheel.ports import Audit, Clock, PortError, Telemetry

_ROW_CHARACTERS = 100_000
"""Of the changes in one row, unless a single one has more: an item has 400 KB (Amazon DynamoDB quotas)."""
_PAGE = 200
_PAGES = 20
"""The most pages of the store that one request reads; a day without rows is one."""


@dataclass(slots=True)
class _Reads:
    """How many pages of the store were read."""

    made: int = 0


@dataclass(frozen=True, slots=True)
class AuditService:
    """Keeps the audit log.

    Args:
        audit: Where its rows are.
        clock: Time.
        telemetry: Gets a line for each row, and counts.
        cap: Bounds the rows of refusals.
    """

    audit: Audit
    clock: Clock
    telemetry: Telemetry
    cap: RefusalCap

    def tried(self, row: AuditRow) -> None:
        """Adds the row of a request that may change something, before anything is changed.

        Raises:
            PortError: It may not have been added, so nothing may be changed.
        """
        self.audit.add(replace(row, status=TRIED))

    def ended(self, row: AuditRow) -> None:
        """Adds what came of a request whose first row is there, in as many rows as its changes need.

        A row that cannot be added is in the log alone. The request has had its effect, and its answer says so.
        """
        for number, changes in zip(count(1), _parts(row.changes), strict=False):
            self._added(replace(row, number=number, changes=changes))

    def refused(self, row: AuditRow) -> None:
        """Adds the row of a request that was refused before it could change anything, unless there were too many."""
        more = self.cap.admit(row.tenant, row.principal, row.at_ms)
        if more is None:
            self.telemetry.count("audit_refusal_left_out")
            return
        self._added(replace(row, more=more))

    def unsigned(self, row: AuditRow) -> None:
        """Tells in the log of a request that nobody, or nobody of a tenant, signed in for; it has no row."""
        if self.cap.admit("", row.address, row.at_ms) is None:
            self.telemetry.count("audit_refusal_left_out")
            return
        self._line(row)

    def _added(self, row: AuditRow) -> None:
        self._line(row)
        try:
            self.audit.add(row)
        except PortError as error:
            self.telemetry.count("audit_row_lost")
            self.telemetry.error(
                "a row of the audit log could not be added",
                request_id=row.request,
                tenant=row.tenant,
                problem=str(error),
            )

    def _line(self, row: AuditRow) -> None:
        self.telemetry.info(
            "audit",
            tenant=row.tenant,
            at_ms=row.at_ms,
            request_id=row.request,
            principal=row.principal,
            key=row.key,
            role=row.role,
            address=row.address,
            operation=row.operation,
            path=row.path,
            subjects=list(row.subjects),
            status=row.status,
            problem=row.problem,
            fields=list(row.fields),
            changes=[{"kind": one.kind, "id": one.id, "before": one.before, "after": one.after} for one in row.changes],
            more=row.more,
        )

    def listed(self, tenant: str, asked: AuditFilter, limit: int, after: str | None) -> Listed[AuditRow]:
        """A page of a tenant's entries, the newest first; it may be shorter than the limit though others follow.

        Args:
            tenant: Whose.
            asked: Which.
            limit: How many at most.
            after: The last page's cursor, or None to begin.
        """
        found: list[AuditRow] = []
        below = after or keys.audit_bound(asked.until_ms)
        reads = _Reads()
        while (day_ms := _day(below)) >= _day(keys.audit_bound(asked.from_ms + 1)):
            for entry in entries(self._rows(tenant, day_ms, below, reads)):
                below = _position(entry)
                if entry.at_ms < asked.from_ms:
                    return Listed(found, None, _position)
                if asked.takes(entry):
                    found.append(entry)
                if len(found) == limit or reads.made >= _PAGES:
                    return Listed(found, below, _position)
            below = keys.audit_bound(day_ms)
            if reads.made >= _PAGES:
                return Listed(found, below, _position)
        return Listed(found, None, _position)

    def _rows(self, tenant: str, day_ms: int, below: str, reads: _Reads) -> Iterator[AuditRow]:
        """The rows of a day, page by page."""
        after: str | None = below
        while after is not None:
            reads.made += 1
            page = self.audit.page(tenant, day_ms, after, _PAGE)
            report_unreadable(page, self.telemetry)
            yield from page.items
            after = page.cursor


def _day(below: str) -> int:
    """The beginning (ms since the epoch) of the day in which the rows below a key begin."""
    instant_ms = keys.audit_read_from(below)
    return instant_ms - instant_ms % DAY_MS


def _position(entry: AuditRow) -> str:
    return keys.audit_sort(entry.at_ms, entry.request, 0)


def _parts(changes: Sequence[Change]) -> Iterator[tuple[Change, ...]]:
    """The changes in parts that fit one row each; one empty part for none."""
    part: list[Change] = []
    size = 0
    for change in changes:
        length = len(change.before) + len(change.after)
        if part and size + length > _ROW_CHARACTERS:
            yield tuple(part)
            part, size = [], 0
        part.append(change)
        size += length
    yield tuple(part)
