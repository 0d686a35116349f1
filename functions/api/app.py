"""The application: powertools' resolver, with one route for each operation of the table."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from functions.api import answers, problems, routes_circuits, routes_dead_letters, routes_executions, routes_jobs
from functions.api.request import Request
from tidewheel.engine.api.jobs import JobService
from tidewheel.wire.operations import OPERATIONS, Operation

ROUTES: dict[str, Callable[[Request], Response[str]]] = {
    "createJob": routes_jobs.create,
    "listJobs": routes_jobs.listed,
    "getJob": routes_jobs.get,
    "replaceJob": routes_jobs.replace,
    "editJob": routes_jobs.edit,
    "deleteJob": routes_jobs.delete,
    "pauseJob": routes_jobs.pause,
    "resumeJob": routes_jobs.resume,
    "runJob": routes_jobs.run,
    "upcoming": routes_jobs.upcoming,
    "listExecutions": routes_executions.listed,
    "ledger": routes_executions.ledger,
    "getExecution": routes_executions.get,
    "logs": routes_executions.logs,
    "cancelExecution": routes_executions.cancel,
    "listDeadLetters": routes_dead_letters.listed,
    "redriveDeadLetters": routes_dead_letters.redrive,
    "listCircuits": routes_circuits.listed,
    "health": answers.health,
    "openapi": answers.openapi,
}


def resolver(flow: Callable[[], JobService]) -> APIGatewayRestResolver:
    """The API over a flow, which is asked for when the first request needs it."""
    app = APIGatewayRestResolver()

    def route(operation: Operation) -> Callable[..., Response[str]]:
        def serve(**path: str) -> Response[str]:
            request = Request(app.current_event, operation, path, flow)
            _ = request.query  # refuses unknown parameters, whatever the operation reads of it
            return ROUTES[operation.id](request)

        return serve

    for operation in OPERATIONS:
        rule = operation.path.replace("{", "<").replace("}", ">")
        app.route(rule, method=operation.method)(route(operation))
    app.exception_handler(Exception)(lambda error: problems.failed(error, app.current_event))
    app.not_found(lambda _error: problems.unknown(app.current_event))
    return app
