"""The handler of the dead-letter queue: one batch, each message handled by itself."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from tidewheel.engine.recovery.dead_letter_handler import DeadLetter, DeadLetterHandler
from tidewheel.settings import DeadLetterHandlerSettings
from tidewheel.wiring.dead_letter_handler import dead_letter_handler

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _flow() -> DeadLetterHandler:
    return dead_letter_handler(DeadLetterHandlerSettings.from_env(os.environ))


def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Reports the messages that must come back (``ReportBatchItemFailures``); Lambda deletes the others."""
    kept = _flow().handle([DeadLetter(record["messageId"], record["body"]) for record in event["Records"]])
    _flow().telemetry.flush()
    return {"batchItemFailures": [{"itemIdentifier": id} for id in kept]}
