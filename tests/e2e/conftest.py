"""One stack for the whole tier; each test makes its own jobs and targets, and leaves none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from xdist.scheduler import LoadScopeScheduling

from localstack.receiver import Answer, Receiver, Reply
from tests.e2e.engines import chosen, plays, reason, side_by_side, stack_group, stack_groups
from tests.e2e.stack import Stack, deployed
from tests.support import machine
from tests.support.engines import engine_calls
from tests.support.polling import until
from tests.support.receiver import Target, Targets, check
from tidewheel.adapters.clock import SystemClock
from tidewheel.client import Client
from tidewheel.wire.bodies.execution import ExecutionAnswer
from tidewheel.wire.bodies.job import JobAnswer

_CALIBRATED = pytest.StashKey[str]()
_SECONDS = 30.0 * machine.slowness()  # for one request: the first one starts a Lambda


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test on each engine that was asked for, but for what the engine cannot do."""
    file, function = Path(metafunc.module.__file__).name, metafunc.function.__name__
    if "engine" in metafunc.fixturenames:
        played = [engine for engine, whole in chosen().items() if plays(file, whole=whole)]
        metafunc.parametrize("engine", [_on(one, reason(one, file, function)) for one in played], scope="session")


def _on(engine: str, lack: str | None) -> Any:
    return pytest.param(engine, marks=[pytest.mark.skip(reason=f"{engine}: {lack}")] if lack else [])


class ByStackGroup(LoadScopeScheduling):
    """Under ``-n`` each group of tests is one worker's, with a stack of its own.

    ``--dist loadgroup`` does not do it under pytest 9.2 (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return stack_group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What ``-n auto`` means here: as many groups side by side as this machine bears now."""
    slow, calls = machine.measured(), engine_calls()
    machine.tell(slow)
    bears = side_by_side(stack_groups(chosen()), slow, calls)
    config.stash[_CALIBRATED] = (
        f"{slow:.1f} times a quick machine's time, {calls:.0f} engine calls/s: {bears} stacks side by side"
    )
    return bears


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells what the number of stacks was chosen by."""
    if told := terminalreporter.config.stash.get(_CALIBRATED, ""):
        terminalreporter.write_line(told)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByStackGroup:
    """Tests of one group run one after another, groups side by side."""
    return ByStackGroup(config, log)


@pytest.fixture(scope="session")
def stack(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with deployed(engine, tmp_path_factory.mktemp("stack")) as found:
        yield found


@pytest.fixture(scope="session")
def client(stack: Stack) -> Iterator[Client]:
    with Client(stack.outputs.api_url, stack.outputs.api_key, timeout=_SECONDS) as made:
        yield made


@pytest.fixture(scope="session")
def http(stack: Stack) -> Iterator[httpx.Client]:
    """Requests that the client would not make."""
    signed_in = {"Authorization": f"Bearer {stack.outputs.api_key}"}
    with httpx.Client(base_url=f"{stack.outputs.api_url}/v1", headers=signed_in, timeout=_SECONDS) as made:
        yield made


@pytest.fixture(scope="session")
def all_targets(stack: Stack) -> Iterator[Targets]:
    targets = Targets()
    with Receiver(targets.answer, stack.reach) as targets.receiver:
        yield targets


@pytest.fixture(scope="session")
def metronome(client: Client, all_targets: Targets) -> Iterator[Target]:
    """Fires every second: when it has fired for an instant, the scheduler is past it, for other jobs too."""
    target = all_targets.new()
    job = client.create_job({"name": "metronome", "schedule": {"every": "1s"}, "target": target.spec()})
    target.await_count(1)
    yield target
    client.delete_job(job.id)
    check(target.arrivals())


@dataclass
class Jobs:
    """The jobs of one test."""

    client: Client
    made: list[str] = field(default_factory=list)
    _clock: SystemClock = field(default_factory=SystemClock)

    def create(self, **body: Any) -> JobAnswer:
        """Creates a job."""
        job = self.client.create_job({"name": "e2e", **body})
        self.made.append(job.id)
        return job

    def ended(self, job: str, count: int = 1, within_s: float = 60) -> list[ExecutionAnswer]:
        """Waits until a job has so many executions that have ended; oldest first."""
        ended: list[ExecutionAnswer] = []

        def look() -> list[ExecutionAnswer]:
            ended[:] = [one for one in self.client.executions(job) if one.finished_at is not None]
            return ended[::-1] if len(ended) >= count else []

        what = f"{count} ended executions of {job}"
        return until(look, what, within_s=within_s, progress=lambda: len(ended))

    def lead_ms(self, requests: int, least_ms: int) -> int:
        """How far ahead of now a date must lie so that it is still to come after so many requests.

        Args:
            requests: How many are made before it; each is taken to last twice as long as one that is made now.
            least_ms: What is to be left then.
        """
        began_ms = self._clock.monotonic_ms()
        self.create(schedule={"cron": "0 9 * * *"}, target={"kind": "http", "url": "https://example.com/hook"})
        took_ms = self._clock.monotonic_ms() - began_ms
        return least_ms + 2 * requests * took_ms


@pytest.fixture
def jobs(client: Client) -> Iterator[Jobs]:
    """Deletes what a test made."""
    made = Jobs(client)
    yield made
    left = {job.id for job in client.jobs()}
    for id in left & set(made.made):
        client.delete_job(id)


@pytest.fixture
def new_target(all_targets: Targets, jobs: Jobs) -> Iterator[Callable[..., Target]]:
    """Makes targets, and checks at the end what holds for all that reached them."""
    made: list[Target] = []

    def new(*replies: Reply, answer: Answer | None = None) -> Target:
        made.append(all_targets.answering(answer) if answer else all_targets.new(*replies))
        return made[-1]

    yield new
    for target in made:
        check(target.arrivals())


@pytest.fixture
def clock() -> SystemClock:
    return SystemClock()
