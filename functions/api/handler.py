"""The API's function."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from functions.api.app import resolver
from tidewheel.engine.api.services import ApiServices
from tidewheel.settings import ApiSettings
from tidewheel.wiring.api.app import api_services

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@cache
def _services() -> ApiServices:
    """Built by the first event that needs them, so that the import makes no client and reads no environment."""
    return api_services(ApiSettings.from_env(os.environ))


_app = resolver(_services)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers a REST API proxy event."""
    answer = _app.resolve(event, context)
    if _services.cache_info().currsize:
        _services().flush()
    return answer
