"""Binds handlers to operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.api.request import Request
from tidewheel.wire.operation import Operation

Serve = Callable[[Request], Response[str]]
"""Answers a request."""


class Unbound(TypeError):
    """An operation has not exactly one handler, or a handler serves what is not declared; the message names it."""


@dataclass(frozen=True, slots=True, eq=False)
class Handler:
    """What answers the requests of an operation."""

    operation: Operation[Any]
    serve: Serve

    def admit(self, request: Request) -> None:
        """Refuses a request of the operation before it is served, or while the deployment does not take it on.

        Raises:
            Unauthenticated: Nobody signed in, and the operation is not for everybody.
            Forbidden: The caller's role does not include the one that the operation takes.
            LimitExceeded: The tenant has sent as many requests as it may.
            Refused: It has unknown parameters, whatever the handler reads of them.
            Invalid: A header that it takes cannot be read, likewise.
            ReadOnly: The deployment makes no changes at present.
            Overloaded: The deployment takes on no more work at present.
        """
        request.authorize()
        request.admit()
        _ = request.query
        request.check_headers()
        request.check_health()

    def served(self, request: Request) -> Response[str]:
        """Answers a request that was admitted."""
        answer = self.serve(request)
        answer.headers.update(request.rate_headers)
        return answer

    def answer(self, request: Request) -> Response[str]:
        """Answers a request of the operation, if its caller may make it; raises what ``admit`` does."""
        self.admit(request)
        return self.served(request)


def serves(operation: Operation[Any]) -> Callable[[Serve], Handler]:
    """Makes a function the handler of an operation. The modules in ``routes`` are searched for handlers."""
    return lambda serve: Handler(operation, serve)


def bound(operations: Iterable[Operation[Any]], handlers: Iterable[Handler]) -> dict[str, Handler]:
    """The handlers by the id of their operation.

    Raises:
        Unbound: An operation has no handler or two, or a handler's operation is not declared.
    """
    found: dict[str, Handler] = {}
    for handler in handlers:
        if found.setdefault(handler.operation.id, handler) is not handler:
            raise Unbound(f"two handlers serve the operation {handler.operation.id}")
    declared = {operation.id for operation in operations}
    if unserved := sorted(declared - found.keys()):
        raise Unbound(f"no handler in functions/api/routes serves the operation {', '.join(unserved)}")
    if undeclared := sorted(found.keys() - declared):
        raise Unbound(f"no module of tidewheel.wire.endpoints declares the operation {', '.join(undeclared)}")
    return found
