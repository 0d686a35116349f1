"""The stack that the demo and the benchmark run on: the one that is up, or a new one; its workers warm."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from localstack import cloud
from localstack.demo.account import Account
from localstack.demo.jobs import Planned, at_once, instant
from localstack.engines.base import LOOPBACK
from localstack.errors import LocalCloudError
from localstack.outputs import Outputs, read
from localstack.places import Places
from localstack.receiver import Arrival, Receiver, Reply
from localstack.show import say
from tidewheel.adapters.clock import SystemClock
from tidewheel.client import ApiError, Client

SECONDS = 30.0
"""Of one API call on a busy machine."""
WARM = "warm-"
_LOOK_MS = 50
_WARM_EACH = 8  # more than the batches that a queue of the local cloud hands out side by side
_WARM_MS = 120_000
_HOLD_MS = 1_000
_WHEEL_MS = 5_000


def ensure() -> Outputs:
    """The outputs of a stack whose API answers.

    Raises:
        LocalCloudError: It does not come up.
    """
    places = Places()
    outputs = _of_running(places)
    if outputs is None:
        outputs = cloud.up(places)
    else:
        say(f"The local cloud is up ({outputs.engine}, {outputs.endpoint}): `make up` would deploy what has changed.")
    return outputs


def _of_running(places: Places) -> Outputs | None:
    if cloud.current(places) is None:
        return None
    with suppress(LocalCloudError):
        outputs = read(places.outputs)
        with Client(outputs.api_url, outputs.api_key, timeout=SECONDS) as client, suppress(ApiError):
            client.health()
            return outputs
    return None


def receiver() -> Receiver:
    """A receiver where the functions of the engine that runs reach it; what comes to warm them up is held."""
    running = cloud.current(Places())
    return Receiver(slow_when_warming, running[1].reach if running else LOOPBACK)


def slow_when_warming(arrival: Arrival) -> Reply:
    """What the receiver answers: a warm-up run is held, so that its neighbours need workers of their own."""
    return Reply(delay_ms=_HOLD_MS if arrival.tag.startswith(WARM) else 0)


@dataclass(frozen=True)
class Bench:
    """The API, the receiver and the time: what a run needs."""

    client: Client
    receiver: Receiver
    clock: SystemClock

    def create(self, planned: Iterable[Planned]) -> list[str]:
        """Creates the jobs; the ids in the same order."""
        return [self.client.create_job(job.body).id for job in planned]

    def wait(self, done: Callable[[], bool], until_ms: int) -> bool:
        """Waits until something is the case, or until a time; whether it is."""
        while not done():
            if self.clock.now_ms() > until_ms:
                return False
            self.clock.sleep(_LOOK_MS)
        return True

    def delete(self, ids: Iterable[str]) -> None:
        """Deletes jobs; those that are gone already are no problem."""
        for id in ids:
            with suppress(ApiError):
                self.client.delete_job(id)

    def warm(self) -> int:
        """Runs that are not counted: a Lambda's first start says nothing of the scheduler.

        Returns:
            How long the API now takes to change a job, ms.
        """
        direct = [
            at_once(self.receiver.url, f"{WARM}{tier}-{n}", high=tier == "high")
            for tier in ("high", "normal")
            for n in range(_WARM_EACH)
        ]
        ids = self.create(direct)
        wheel = at_once(self.receiver.url, f"{WARM}wheel")
        due = instant(self.clock.now_ms() + _WHEEL_MS)
        ids.append(self.client.create_job({**wheel.body, "schedule": {"at": due}}).id)
        promises = [job.promise for job in (*direct, wheel)]
        until = self.clock.now_ms() + _WARM_MS
        came = self.wait(lambda: not Account.of(promises, self.receiver.arrivals()).missing, until)
        begin = self.clock.now_ms()
        self.delete(ids)
        if not came:
            raise LocalCloudError("The warm-up runs did not come: see .local/engine.log, then `make down` and again.")
        return (self.clock.now_ms() - begin) // len(ids)
