"""The limits of workflows, each in one place, with the reason or source for its value."""

from __future__ import annotations

from tidewheel.domain.limits import DAY_MS

MAX_STEPS = 1_000
"""Steps of a definition; more work of one kind is a map. A step whose parents are all others reads them all."""
MAX_DEFINITION_BYTES = 256 * 1024
"""A definition's canonical text, in UTF-8: it is one item, and an item has 400 KB (Amazon DynamoDB quotas)."""
MAX_WORKFLOW_BODY_BYTES = 2 * MAX_DEFINITION_BYTES
"""The body that describes one: with its spaces and its spelt-out defaults it is longer than its canonical text."""
MAX_WORKFLOW_DEPTH = 10
"""How deep workflows may start each other, the first one counted."""
MAX_NESTED_WORKFLOWS = 100
"""Versions that lie below one, at any depth: putting it reads them all."""
MAX_MAP_ITEMS = 1_000_000
MAX_MAP_PAGE = 1_000
DEFAULT_MAP_PAGE = 100
MAX_MAP_CONCURRENCY = 1_000
DEFAULT_MAP_CONCURRENCY = 10
"""Items of a map, items in one of its pages, and pages that run side by side."""
MAX_RUN_MS = 366 * DAY_MS
"""How long a run, and with it a wait or an approval, may last."""
MAX_PARAMS = 100
MAX_CHOICES = 20
MAX_APPROVERS = 50
MAX_APPROVALS = 20
MAX_MESSAGE = 1_000
MAX_DESCRIPTION = 2_000
"""Parameters of a run or fields of a form; choices, approvers and approvals of one step; characters of texts."""
