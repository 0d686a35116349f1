"""The undertaker: a batch of the dead-letter queue, each message seen to by itself."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from tidewheel.engine.recovery.dead_letter_handler import Letter, Undertaker
from tidewheel.settings import RunSettings
from tidewheel.wiring.dead_letter_handler import undertaker

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _flow() -> Undertaker:
    return undertaker(RunSettings.from_env(os.environ))


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Reports the messages that must come back (``ReportBatchItemFailures``); Lambda deletes the others."""
    kept = _flow().handle([Letter(record["messageId"], record["body"]) for record in event["Records"]])
    _flow().telemetry.flush()
    return {"batchItemFailures": [{"itemIdentifier": id} for id in kept]}
