"""A kind of target that is added to a copy of the tree: the ``fax`` adapter."""

from __future__ import annotations

from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.ports import Call, Caller

KIND = "fax"


class FaxTarget:
    """``ports.Caller`` for the kind ``fax``."""

    def call(self, call: Call) -> Answer:
        """Says whom it would have called."""
        return Answer(Result.SUCCEEDED, output=f"faxed to {call.target.spec['number']}")


def make(surroundings: Surroundings) -> Caller:
    """The caller of this kind."""
    del surroundings
    return FaxTarget()
