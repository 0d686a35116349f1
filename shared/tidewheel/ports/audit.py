"""The audit log, to which rows are only added."""

from __future__ import annotations

from typing import Protocol

from tidewheel.domain.access.audit import AuditRow
from tidewheel.ports.records import Page


class Audit(Protocol):
    """Rows of the audit log, kept for ``limits.AUDIT_RETENTION_MS``."""

    def add(self, row: AuditRow) -> None:
        """Adds a row. Repeating an add that was applied, though it was reported as failed, succeeds.

        Raises:
            Refused: There is another row under its time, request and number.
        """

    def page(self, tenant: str, day_ms: int, below: str, limit: int) -> Page[AuditRow]:
        """Rows of a tenant's day, the newest first, strongly consistent.

        Args:
            tenant: Whose.
            day_ms: Any instant of the day (ms since the epoch, UTC).
            below: Only rows with sort keys below this; the last page's cursor, for the next one.
            limit: How many at most.
        """
