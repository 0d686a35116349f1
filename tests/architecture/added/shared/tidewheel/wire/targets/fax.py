"""A kind of target that is added to a copy of the tree: the ``fax`` target on the wire."""

from __future__ import annotations

from typing import Literal

from tidewheel.wire.bodies.target import Listed, Right, TargetModel

_LINES = Listed("fax_lines", r"arn:aws:connect:[a-z0-9-]+:\d{12}:instance/\w+", "ARNs of Connect instances")


class FaxTarget(TargetModel):
    """A fax to a number."""

    PARTY = "number"
    SERVICES = frozenset({"connect"})
    RIGHTS = (Right(("connect:StartOutboundVoiceContact",), ("instance/{target}",), listed=_LINES),)

    kind: Literal["fax"]
    number: str

    def summary(self) -> str:
        """The number."""
        return f"fax {self.number}"
