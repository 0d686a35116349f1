"""The API's function."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from functions.api.app import resolver
from tidewheel.engine.api.jobs import JobService
from tidewheel.settings import RunSettings
from tidewheel.wiring.api import job_service

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _flow() -> JobService:
    """Built by the first event that needs it, so that importing makes no client and reads no environment."""
    return job_service(RunSettings.from_env(os.environ))


_app = resolver(_flow)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers a REST API proxy event."""
    answer = _app.resolve(event, context)
    if _flow.cache_info().currsize:
        _flow().telemetry.flush()
    return answer
