"""``make demo``: jobs of every kind, created over HTTP, and what of them reaches a real receiver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from localstack.demo import stack
from localstack.demo.account import Account, Promise
from localstack.demo.jobs import KINDS, LAMBDA, MARK, RUN_MS, TAG, Planned, at_once, invocation, scheduled
from localstack.demo.screen import Screen, View, screen, summarize
from localstack.demo.stack import Bench
from localstack.errors import LocalCloudError
from localstack.outputs import Outputs
from localstack.receiver import Arrival
from localstack.show import say, step
from tidewheel.adapters.clock import SystemClock
from tidewheel.client import ApiError, Client
from tidewheel.wire.bodies.execution import ExecutionAnswer
from tidewheel.wire.values import to_ms

_LEAST_LEAD_MS = 6_000
_SLACK = 3  # a noisy machine may be so many times slower than it was while warming up
_LOOK_MS = 250
_READ_EVERY_MS = 2_000
_STRAGGLERS_MS = 45_000
_SETTLE_MS = 2_000  # a second request for the same fire would come by then
_FAILED = 1


@dataclass
class Demo:
    """One run.

    Args:
        bench: What it runs on.
        function: The Lambda function that one job invokes.
    """

    bench: Bench
    function: str
    ids: list[str] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    _invoked: str = ""
    _invocations: Sequence[Arrival] = ()
    _read_ms: int = 0

    def create(self, each_ms: int) -> int:
        """Creates all jobs ahead of their first instant, which is returned (ms)."""
        clock, url = self.bench.clock, self.bench.receiver.url
        count = len(scheduled(url, self.function, 0))
        begin_ms = clock.now_ms() + max(_LEAST_LEAD_MS, _SLACK * each_ms * count)
        for planned in scheduled(url, self.function, begin_ms):
            self._add(planned)
        if clock.now_ms() >= begin_ms:
            raise LocalCloudError("This machine is too busy to create the jobs in time: run `make demo` again.")
        self._add(at_once(url, "now"))
        return begin_ms

    def _add(self, planned: Planned) -> None:
        (id,) = self.bench.create([planned])
        self.ids.append(id)
        self.promises.append(planned.promise)
        if planned.promise.kind == LAMBDA:
            self._invoked = id

    def watch(self, begin_ms: int, show: Screen) -> Account:
        """Shows what comes until all has come, or should long have."""
        clock, end_ms = self.bench.clock, begin_ms + RUN_MS
        started_ms, complete_ms = clock.now_ms(), None
        while True:
            now = clock.now_ms()
            account = self.account(now)
            show.show(View(account, now, min(1.0, (now - started_ms) / (end_ms - started_ms))))
            complete_ms = None if account.missing else complete_ms or now
            settled = complete_ms is not None and now > complete_ms + _SETTLE_MS
            if now > end_ms + _STRAGGLERS_MS or (now > end_ms and settled):
                return account
            clock.sleep(_LOOK_MS)

    def account(self, now_ms: int) -> Account:
        """What came by now: HTTP requests as the receiver noted them, invocations as the API tells."""
        if now_ms >= self._read_ms + _READ_EVERY_MS:
            self._read_ms = now_ms
            self._invocations = [_invoked(one) for one in self.bench.client.executions(self._invoked) if _echoed(one)]
        return Account.of(self.promises, [*self.bench.receiver.arrivals(), *self._invocations])

    def by_receiver(self, account: Account) -> Account:
        """The part of an account that the receiver saw."""
        return Account.of([one for one in self.promises if one.kind != LAMBDA], account.arrivals)


def _echoed(execution: ExecutionAnswer) -> bool:
    """Whether it ran and its answer, the payload, was kept."""
    return execution.state == "succeeded" and "tidewheel" in execution.output and execution.started_at is not None


def _invoked(execution: ExecutionAnswer) -> Arrival:
    assert execution.started_at is not None  # see _echoed
    nominal, due, started = (to_ms(at) for at in (execution.nominal_at, execution.due_at, execution.started_at))
    return Arrival("lambda", execution.id, nominal, due, execution.attempt, started)


def _warm(bench: Bench, function: str) -> int:
    with step("Warming the workers up (these runs are not counted)"):
        over = (bench.client.jobs(state=state, tags=[f"{TAG}:{MARK}"]) for state in ("completed", "failed"))
        earlier = [job.id for jobs in over for job in jobs]
        bench.delete(earlier)
        each_ms = bench.warm()
        body = {name: part for name, part in invocation(function, 0).body.items() if name not in {"schedule", "end"}}
        echo = bench.client.create_job(body).id
        bench.wait(lambda: any(_echoed(one) for one in bench.client.executions(echo)), bench.clock.now_ms() + 30_000)
        bench.delete([echo])
    return each_ms


def _run(bench: Bench, outputs: Outputs) -> int:
    demo = Demo(bench, outputs.echo_function_arn)
    each_ms = _warm(bench, demo.function)
    try:
        with step(f"Creating jobs through API Gateway: {', '.join(KINDS)}"):
            begin_ms = demo.create(each_ms)
        with screen() as show:
            account = demo.watch(begin_ms, show)
    except BaseException:
        bench.delete(demo.ids)  # interrupted: nothing fires at a receiver that is gone
        raise
    summarize(account, demo.by_receiver(account))
    _farewell(demo.ids[-1])
    return 0 if account.sound else _FAILED


def _farewell(job: str) -> None:
    say()
    say("The demo's jobs have ended, and the stack is still up. Look around:")
    say("  .venv/bin/tidewheel jobs list")
    say(f"  .venv/bin/tidewheel executions list {job}")
    say("Stop it with: make down")


def main() -> int:
    """Runs the demo; not 0 if anything is missing, came twice or early."""
    outputs = stack.ensure()
    try:
        with (
            stack.receiver() as receiver,
            Client(outputs.api_url, outputs.api_key, timeout=stack.SECONDS) as client,
        ):
            return _run(Bench(client, receiver, SystemClock()), outputs)
    except ApiError as error:
        raise LocalCloudError(f"The API did not do what was asked ({error}): see .local/engine.log") from error
