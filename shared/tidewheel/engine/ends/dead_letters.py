"""Counts the executions that end as dead letters, for the people on call."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.executions.states import DEAD_LETTERS
from tidewheel.engine.ends.ended import ExecutionEnded
from tidewheel.ports import Telemetry


@dataclass(frozen=True, slots=True)
class DeadLetterCounter:
    """Counts each end without success at least once: again where the end is handled again, but never not at all."""

    telemetry: Telemetry

    def follow(self, ended: ExecutionEnded) -> bool:
        """See ``ended.Follower``."""
        if ended.record.state in DEAD_LETTERS:
            self.telemetry.count("dead_letter_added")
        return True
