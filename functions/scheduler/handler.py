"""The scheduler: one invocation holds a lease and turns the wheel until shortly before Lambda ends it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tidewheel.settings import SchedulerSettings
from tidewheel.wiring.scheduler import scheduler_loop

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Runs one scheduler; the answer says why it stopped. The call is asynchronous: only the log shows the answer."""
    scheduler = scheduler_loop(
        SchedulerSettings.from_env(os.environ), context.aws_request_id, int(event.get("instance", 0))
    )
    try:
        return {"end": scheduler.run(context.get_remaining_time_in_millis)}
    finally:
        scheduler.executor.shutdown(wait=False, cancel_futures=True)  # Lambda keeps the process for the next invocation
