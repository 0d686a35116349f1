"""The watchdog: EventBridge calls it every minute; it starts the schedulers that are missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tidewheel.settings import WatchdogSettings
from tidewheel.wiring.watchdog import watchdog

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(_event: dict[str, Any], _context: LambdaContext) -> dict[str, int]:
    """Checks once; the answer says how many schedulers were started."""
    flow = watchdog(WatchdogSettings.from_env(os.environ))
    started = flow.look()
    flow.telemetry.flush()
    return {"started": started}
