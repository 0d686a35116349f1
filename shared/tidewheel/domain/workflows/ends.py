"""How a step of a workflow has ended, as the steps behind it see it."""

from __future__ import annotations

from enum import StrEnum


class EdgeState(StrEnum):
    """How the step at the beginning of an edge has ended, for the step at its end."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # every end of a step that ran, or was to run, without success; a cancel too
    UPSTREAM_FAILED = "upstream_failed"  # it never ran, since a step before it failed
    SKIPPED = "skipped"  # it never ran, or its result does not meet the edge's condition
    UNDECIDED = "undecided"  # it has not ended
