"""A target that works for some time, while the lease renewer holds the execution; on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.support.memory_stack import MemoryStack
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.engine.worker.lease_renewer import TICK_MS
from tidewheel.ports import Call

TOLD = Answer(Result.FAILED, reason="it was told to end")
DONE = Answer(Result.SUCCEEDED, 200, "done")


@dataclass
class LongCall:
    """Works until it is done or told to end; at each step the clock moves and the lease renewer ticks.

    Args:
        stack: Whose clock it moves.
        for_ms: How long it works.
        acts: What happens meanwhile, by the time (ms) since it began.
        answer: What it answers when it is done.
        deaf: Whether it goes on though it is told to end.
    """

    stack: MemoryStack
    for_ms: int
    acts: Mapping[int, Callable[[Call], object]] = field(default_factory=dict)
    answer: Answer = DONE
    deaf: bool = False
    stopped: Stop | None = None
    took_ms: int = 0
    calls: int = 0

    def __post_init__(self) -> None:
        self.stack.caller.answers = self

    def __call__(self, call: Call) -> Answer:
        began, acts = self.stack.clock.now_ms(), sorted(self.acts.items())
        self.calls += 1
        while self.stack.clock.now_ms() - began < self.for_ms and (self.deaf or call.progress.stopping is None):
            while acts and acts[0][0] <= self.stack.clock.now_ms() - began:
                acts.pop(0)[1](call)
            self.stack.clock.advance(TICK_MS)
            self.stack.lease_renewer.tick()
        self.stopped, self.took_ms = call.progress.stopping, self.stack.clock.now_ms() - began
        return self.answer if self.stopped is None or self.deaf else TOLD
