"""The application: powertools' resolver with one route for each operation."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from functions.api import problems, routes
from functions.api.auditing import audited
from functions.api.request import Request
from functions.api.serving import Handler, bound
from tidewheel.domain.discovery import values_of
from tidewheel.engine.api.services import ApiServices
from tidewheel.names import SIGNED_PREFIX
from tidewheel.wire.endpoints import OPERATIONS, operations_at

HANDLERS = bound(OPERATIONS, values_of(routes.__name__, Handler))
"""The handlers by the id of their operation; a handler that is missing fails the import."""


def resolver(services: Callable[[], ApiServices]) -> APIGatewayRestResolver:
    """The API.

    Args:
        services: Gives the services; called by the first request that needs them.
    """
    app = APIGatewayRestResolver(strip_prefixes=[SIGNED_PREFIX])

    def route(handler: Handler) -> Callable[..., Response[str]]:
        def serve(**path: str) -> Response[str]:
            # The router takes a path that ends with a line break for the one without.
            if "\n" in app.current_event.path or handler.operation not in operations_at(
                app.current_event.path.removeprefix(SIGNED_PREFIX)
            ):
                return problems.unknown(app.current_event)
            request = Request(app.current_event, handler.operation, path, services)
            return audited(request, handler.admit, handler.served)

        return serve

    for handler in HANDLERS.values():
        rule = handler.operation.path.replace("{", "<").replace("}", ">")
        app.route(rule, method=handler.operation.method)(route(handler))
    app.exception_handler(Exception)(lambda error: problems.failed(error, app.current_event))
    app.not_found(lambda _error: problems.unknown(app.current_event))
    return app
