"""The python target: functions on threads of their own, and what is done about those that do not come back."""

# ruff: noqa: T201 - printing is what these functions do

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.calls import a_call
from tests.support.programs import PATIENCE_S, Heard
from tidewheel.adapters.memory import MemorySecrets, SettableClock
from tidewheel.adapters.targets import printing
from tidewheel.adapters.targets.python import PythonTarget, make
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.decisions.facts import Lack
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import CHECKPOINT_BYTES, OUTPUT_BYTES, STOP_MS
from tidewheel.tasks import Permanent, RetryAfter, Run, Stopped, current, instant, registry, task

TIMEOUT_MS = 60_000


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tasks", {})


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(0)


@pytest.fixture
def line(clock: SettableClock) -> Heard:
    return Heard(clock)


@pytest.fixture
def barrier() -> Iterator[threading.Event]:
    """What a function waits for that does not come back by itself."""
    event = threading.Event()
    yield event
    event.set()


def called(function: Callable[..., Any], line: Heard, target: PythonTarget | None = None, **arguments: Any) -> Answer:
    task(name="f")(function)
    return named("f", line, target, **arguments)


def named(name: str, line: Heard, target: PythonTarget | None = None, **arguments: Any) -> Answer:
    caller = target or make(Surroundings(MemorySecrets(), (), line._clock))
    spec = {"kind": "python", "function": name, "arguments": arguments}
    return caller.call(a_call(Target("python", spec), "run-1", 1_000, 2, TIMEOUT_MS, line))


def log(line: Heard) -> str:
    return line.take_log(last=True).decode()


# --- what comes of it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "output"),
    [(None, ""), ({"pages": 3, "ä": [True]}, '{"pages": 3, "ä": [true]}'), ("", '""'), (0, "0")],
)
def test_the_value_is_the_output_as_json(value: Any, output: str, line: Heard) -> None:
    assert called(lambda: value, line) == Answer(Result.SUCCEEDED, output=output)
    assert log(line) == ""


def test_a_long_value_is_whole_in_the_log(line: Heard) -> None:
    answer = called(lambda: "x" * 1_000, line)
    assert answer.output == '"' + "x" * (OUTPUT_BYTES - 1)
    assert log(line) == '"' + "x" * 1_000 + '"\n'


@pytest.mark.parametrize("value", [object(), {1, 2}, {"a": {(): 1}}])
def test_a_value_that_json_cannot_say_costs_itself_alone(value: Any, line: Heard) -> None:
    """The work is done; to fail would have it done again."""
    answer = called(lambda: value, line)
    assert answer.result is Result.SUCCEEDED
    assert "the value of the function was dropped" in log(line)


def test_arguments_are_given_by_name(line: Heard) -> None:
    def pair(left: int, *, right: int = 5) -> list[int]:
        return [left, right]

    assert called(pair, line, left=1).output == "[1, 5]"
    assert called(pair, line, left=1, right=2).output == "[1, 2]"


@pytest.mark.parametrize("arguments", [{}, {"left": 1, "middle": 2}])
def test_arguments_that_do_not_fit_are_not_tried_again(arguments: dict[str, Any], line: Heard) -> None:
    def one(left: int) -> None:
        raise AssertionError(left)

    answer = called(one, line, **arguments)
    assert (answer.result, answer.retryable) == (Result.FAILED, False)
    assert answer.reason.startswith("f cannot be called: ")


def test_an_unknown_name_is_a_lack_that_says_what_is_known(clock: SettableClock) -> None:
    target = PythonTarget(clock)

    def lack() -> Lack | None:
        return target.lack(Target("python", {"kind": "python", "function": "reports.dayly", "arguments": {}}))

    assert lack() == Lack(
        "the task 'reports.dayly'", "none is registered; import its module with --import or TIDEWHEEL_TASK_MODULES"
    )
    for name in ("reports.daily", "b", "c", "d", "e", "f"):
        task(name=name)(log)
    found = lack()
    assert found is not None
    assert "registered are reports.daily, " in found.remedy
    assert "and 1 more; import" in found.remedy
    task(name="reports.dayly")(log)
    assert lack() is None


# --- what it raises ---------------------------------------------------------------------------------------------


def raising(error: BaseException) -> Callable[[], None]:
    def f() -> None:
        raise error

    return f


def test_an_exception_is_a_failure_with_its_traceback_in_the_log(line: Heard) -> None:
    answer = called(raising(ZeroDivisionError("by zero")), line)
    assert (answer.result, answer.reason, answer.retryable) == (Result.FAILED, "ZeroDivisionError: by zero", True)
    text = log(line)
    assert "raise error" in text
    assert text.endswith("ZeroDivisionError: by zero\n")
    assert text.endswith(answer.output)
    assert "tidewheel/adapters" not in text, "what is Tidewheel's own explains nothing"


def test_a_permanent_failure_is_not_tried_again(line: Heard) -> None:
    class NoSuchCustomer(Permanent):
        pass

    answer = called(raising(NoSuchCustomer("17")), line)
    assert (answer.reason, answer.retryable) == ("NoSuchCustomer: 17", False)


def test_a_task_says_when_it_is_to_be_tried_again(line: Heard) -> None:
    answer = called(raising(RetryAfter(1.5, "busy")), line)
    assert (answer.reason, answer.retryable, answer.retry_after_ms) == ("RetryAfter: busy", True, 1_500)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_nothing_that_it_raises_reaches_the_worker(error: BaseException, line: Heard) -> None:
    answer = called(raising(error), line)
    assert (answer.result, answer.retryable) == (Result.FAILED, True)
    assert answer.reason.startswith(type(error).__name__)


def test_to_stop_without_being_told_is_a_failure(line: Heard) -> None:
    assert called(raising(Stopped()), line).reason == "it raised Stopped, and nobody had told it to"


def test_a_worker_without_a_thread_tries_again(line: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", full)
    answer = called(lambda: None, line)
    assert (answer.result, answer.retryable) == (Result.FAILED, True)


# --- what it prints ---------------------------------------------------------------------------------------------


def test_what_is_printed_is_the_log_of_the_run_that_printed_it(clock: SettableClock) -> None:
    """Two side by side, in turns, while a thread of neither prints as well."""
    turns = threading.Barrier(3, timeout=PATIENCE_S)
    own = io.StringIO()
    lines = [Heard(clock), Heard(clock)]

    def talk(who: str) -> None:
        for n in range(5):
            turns.wait()
            print(who, n)
            print(who, "err", file=sys.stderr)

    task(name="talk")(talk)
    runs = [
        threading.Thread(target=lambda line=line, name=name: named("talk", line, who=name))
        for line, name in zip(lines, ("a", "b"), strict=True)
    ]
    before = sys.stdout
    sys.stdout = own
    try:
        for run in runs:
            run.start()
        for n in range(5):
            turns.wait()
            print("worker", n)
        for run in runs:
            run.join()
    finally:
        sys.stdout = before
    for line, name in zip(lines, ("a", "b"), strict=True):
        assert log(line) == "".join(f"{name} {n}\n{name} err\n" for n in range(5))
    assert own.getvalue() == "".join(f"worker {n}\n" for n in range(5))


def test_what_cannot_be_encoded_is_printed_nonetheless(line: Heard) -> None:
    assert called(lambda: print("\udcff"), line).output == "\\udcff\n"


def test_the_streams_are_replaced_once_and_stay_what_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    printing.install()
    installed = sys.stdout
    printing.install()
    assert sys.stdout is installed is not before
    sys.stdout.writelines(["a", "b\n"])
    sys.stdout.flush()
    assert sys.stdout.encoding == before.encoding
    assert capsys.readouterr().out == "ab\n"


# --- its run ----------------------------------------------------------------------------------------------------


def test_it_knows_its_run_and_goes_on_from_its_checkpoint(clock: SettableClock) -> None:
    seen: list[Run] = []

    def work() -> Any:
        run = current()
        seen.append(run)
        before = run.restored
        run.checkpoint({"page": 4})
        clock.advance(500)
        run.beat()
        return before

    line = Heard(clock, restored='{"page": 3}')
    assert called(work, line).output == '{"page": 3}'
    assert (seen[0].execution, seen[0].attempt) == ("run-1", 2)
    assert (seen[0].nominal_time, seen[0].due_time) == (instant(1_000), instant(1_040))
    assert line.restored == '{"page":4}'
    assert line.silent_ms == 0


def test_too_long_a_checkpoint_is_the_functions_to_handle(line: Heard) -> None:
    answer = called(lambda: current().checkpoint("x" * CHECKPOINT_BYTES), line)
    assert answer.reason.startswith("ValueError: a checkpoint of ")


# --- told to end ------------------------------------------------------------------------------------------------


def until_told() -> None:
    print("ready")
    while True:
        current().raise_if_stopping()


@pytest.mark.parametrize("why", [Stop.CANCELLED, Stop.DRAINED, Stop.SILENT, Stop.LEASE_LOST])
def test_told_to_end_it_ends(why: Stop, line: Heard) -> None:
    line._to_do = {"ready": lambda: line.stop(why)}
    answer = called(until_told, line)
    assert answer == Answer(
        Result.FAILED, output="ready\n", reason=f"told to end ({why}); it ended when it was told to"
    )


def test_when_its_time_is_over_it_is_told_to_end(line: Heard, clock: SettableClock) -> None:
    line._to_do = {"ready": lambda: clock.advance(TIMEOUT_MS)}
    answer = called(until_told, line)
    assert (answer.result, answer.output) == (Result.TIMED_OUT, "ready\n")
    assert answer.reason == f"no end within {TIMEOUT_MS} ms; it ended when it was told to"


def test_a_success_counts_even_if_it_was_told_to_end(line: Heard) -> None:
    def work() -> str:
        line.stop(Stop.CANCELLED)
        return "done"

    assert called(work, line) == Answer(Result.SUCCEEDED, output='"done"')


class Running(SettableClock):
    """A clock that, once it runs, moves on whenever somebody looks."""

    running = False
    step_ms = STOP_MS // 4

    def run(self) -> None:
        self.running = True

    def monotonic_ms(self) -> int:
        if self.running:
            self.advance(self.step_ms)
        return super().monotonic_ms()


def test_what_does_not_come_back_is_left_counted_and_cut_off(barrier: threading.Event) -> None:
    clock = Running(0)
    target = PythonTarget(clock)
    ends: list[BaseException] = []
    over = threading.Semaphore(0)

    def stubborn() -> None:
        run = current()
        print("ready")
        barrier.wait()
        print("lost")
        try:
            run.checkpoint("late")
        except BaseException as error:  # noqa: BLE001
            ends.append(error)
        over.release()

    for count in (1, 2):
        late = Heard(clock)
        late._to_do = {"ready": lambda late=late: (late.stop(Stop.CANCELLED), clock.run())}
        answer = called(stubborn, late, target) if count == 1 else named("f", late, target)
        clock.running = False
        assert answer.result is Result.FAILED
        assert f"its thread goes on ({count} such in this worker)" in answer.reason
        assert answer.reason.startswith("told to end (cancelled); it did not return within 2000 ms")
        assert "its thread goes on" in log(late)
    barrier.set()
    for _ in range(2):
        assert over.acquire(timeout=PATIENCE_S)
    assert [type(error) for error in ends] == [Stopped, Stopped]
    assert late.restored == ""
    assert "lost" not in late.text
    for thread in target._abandoned:
        thread.join(PATIENCE_S)


def test_an_abandoned_function_has_timed_out(line: Heard, barrier: threading.Event) -> None:
    clock = Running(0)
    clock.step_ms = TIMEOUT_MS
    clock.run()
    answer = called(barrier.wait, line, PythonTarget(clock))
    assert answer.result is Result.TIMED_OUT
    assert answer.reason.startswith(f"no end within {TIMEOUT_MS} ms; it did not return within {STOP_MS} ms")
