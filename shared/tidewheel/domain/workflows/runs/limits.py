"""The limits of runs, each in one place, with the reason or source for its value."""

from __future__ import annotations

from tidewheel.domain.limits import DAY_MS, HOUR_MS, SECOND_MS

MAX_OPEN_MS = 14 * DAY_MS
"""How long a run may take. The records of its steps are kept for ``limits.RETENTION_MS`` each, from their own claim on,
and a run cannot do without any of them."""
MAX_REOPENED_MS = 2 * MAX_OPEN_MS
"""How long after its beginning a run that was reopened must be over, for the same reason."""
MAX_CLEARS = 50
"""How often steps of a run are to run again: each adds to its record, which every step reads."""
MAX_CONTROL_BYTES = 3_500
"""What a run's parameters and clears take in its record, so that it is read for one read unit: 4 KB (Amazon DynamoDB
quotas), less what every execution's record has."""
STEP_OUTPUT_BYTES = 8 * 1024
"""How much of a step's answer is kept for the steps behind it; a write unit for each kilobyte, once."""
LOOK_EVERY_MS = HOUR_MS
"""How often a run that goes on is looked at as a whole, though nothing should be found."""
SAFETY_DELAY_MS = 15 * SECOND_MS
"""How long a message is hidden that has a run looked at after a user's request: longer than the request's write lasts
(``limits.WRITE_BOUND_MS``), so that the look sees it whoever died meanwhile."""
NODES_TOGETHER = 125
"""Steps whose records lie in one partition: a workflow of a hundred steps is read by one query, and one of a thousand
writes to eight partitions at 1,000 units a second each (Amazon DynamoDB, partitions)."""
RESEND_EARLY_MS = 3 * SECOND_MS
"""An attempt that is due so soon is sent when its run is looked at."""
FAILURES_NAMED = 3
"""How many of a run's failed steps the reason of its end names."""
