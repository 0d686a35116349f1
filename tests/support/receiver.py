"""HTTP targets for jobs, each with replies of its own, on one real receiver."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from localstack.receiver import Answer, Arrival, Receiver, Reply
from tests.support.polling import until


@dataclass(frozen=True)
class Target:
    """What one job calls."""

    tag: str
    receiver: Receiver

    @property
    def url(self) -> str:
        """Its URL."""
        return self.receiver.url(self.tag)

    def spec(self, **more: object) -> dict[str, object]:
        """As a job's target."""
        return {"kind": "http", "url": self.url, **more}

    def arrivals(self) -> list[Arrival]:
        """What came, in the order of arrival."""
        return [one for one in self.receiver.arrivals() if one.tag == self.tag]

    def nominals(self) -> list[int]:
        """The nominal times (ms) of what came, sorted; twice what came twice."""
        return sorted(one.nominal_ms for one in self.arrivals())

    def await_count(self, count: int) -> list[Arrival]:
        """Waits until so many have come, and gives all that came."""
        return until(
            lambda: (seen := self.arrivals())[count - 1 :] and seen,
            f"{count} requests for {self.tag}",
            progress=lambda: len(self.arrivals()),
        )

    def await_nominal(self, from_ms: int) -> Arrival:
        """Waits for a request whose nominal time is not before ``from_ms``, and gives the first of them."""
        return until(
            lambda: next((one for one in self.arrivals() if one.nominal_ms >= from_ms), None),
            f"a fire of {self.tag} from {from_ms} on",
            progress=lambda: max((one.nominal_ms for one in self.arrivals()), default=0),
        )


@dataclass
class Targets:
    """Makes targets; used with ``with Receiver(targets.answer) as targets.receiver``."""

    receiver: Receiver = field(init=False)
    _replies: dict[str, list[Reply]] = field(default_factory=dict)
    _answers: dict[str, Answer] = field(default_factory=dict)
    _count: itertools.count[int] = field(default_factory=itertools.count)

    def new(self, *replies: Reply) -> Target:
        """A target that gives these replies in turn, the last one for ever; a plain 200 if there are none."""
        tag = f"t{next(self._count)}"
        self._replies[tag] = list(replies) or [Reply()]
        return Target(tag, self.receiver)

    def answering(self, answer: Answer) -> Target:
        """A target that decides what it replies."""
        target = self.new()
        self._answers[target.tag] = answer
        return target

    def answer(self, arrival: Arrival) -> Reply:
        """The next reply of an arrival's target."""
        if arrival.tag in self._answers:
            return self._answers[arrival.tag](arrival)
        replies = self._replies.get(arrival.tag) or [Reply(404)]
        return replies.pop(0) if len(replies) > 1 else replies[0]


def check(arrivals: Sequence[Arrival]) -> None:
    """What holds for whatever reaches a target: nothing early, and no attempt twice."""
    early = [one for one in arrivals if one.arrived_ms < max(one.due_ms, one.nominal_ms)]
    assert not early
    attempts = [(one.key, one.attempt) for one in arrivals]
    assert len(set(attempts)) == len(attempts)
