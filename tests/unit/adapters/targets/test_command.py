"""The command target: real programs, from their start to the end of all that came of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.calls import TENANT
from tests.support.polling import until
from tests.support.programs import Heard, Witness
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import MemorySecrets, SettableClock
from tidewheel.adapters.targets import command, programs
from tidewheel.adapters.targets.answers import Tail
from tidewheel.adapters.targets.command import CommandTarget, make
from tidewheel.adapters.targets.programs import ProgramEnd
from tidewheel.adapters.targets.state_file import StateFile
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import CHECKPOINT_BYTES, COMMAND_GRACE_MS, LOG_BYTES, OUTPUT_BYTES, STATE_LOOK_MS, STOP_MS
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Call
from tidewheel.wire.targets import MODELS

NOMINAL_MS = 1_790_000_000_000
TIMEOUT_MS = 60_000
GRACE_MS = 5_000
CATCHES = "import os, signal; signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'told '), os._exit(0)))"
DEAF = "import os, signal; signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'deaf '))"
WAITS = "os.write(1, b'ready ')\nwhile True: signal.pause()"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(0)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    made = Witness(tmp_path / "witness")
    yield made
    made.close()


def python(*lines: str, **more: Any) -> dict[str, Any]:
    """A command that runs some lines."""
    return {"command": [sys.executable, "-c", "\n".join(lines)], **more}


def a_call(written: dict[str, Any], progress: OpenCallProgress) -> Call:
    body = MODELS["command"].model_validate({"kind": "command", "grace": "5s", **written})
    target = Target("command", body.model_dump(mode="json"))
    return Call(target, TENANT, "run-1", NOMINAL_MS, NOMINAL_MS + 40, 3, TIMEOUT_MS, progress)


def ran(
    written: dict[str, Any],
    clock: SettableClock | None = None,
    acts: dict[str, Callable[[], None]] | None = None,
    secrets: MemorySecrets | None = None,
) -> tuple[Answer, str]:
    """The answer, and the log."""
    clock = clock or SettableClock(0)
    line = Heard(clock, acts)
    caller = make(Surroundings(secrets or MemorySecrets(), (), clock))
    answer = caller.call(a_call(written, line))
    return line.cleaned(answer), line.take_log(last=True).decode(errors="replace")


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- how it ended -----------------------------------------------------------------------------------------------


def test_exit_status_0_is_a_success_and_both_streams_are_the_log() -> None:
    answer, log = ran(python("import sys", "print('out', flush=True)", "print('err', file=sys.stderr)"))
    assert answer == Answer(Result.SUCCEEDED, 0, "out\nerr\n")
    assert log == "out\nerr\n"


def test_another_exit_status_is_a_failure_that_may_be_tried_again() -> None:
    answer, _ = ran(python("print('no')", "raise SystemExit(3)"))
    assert answer == Answer(Result.FAILED, 3, "no\n", "exit status 3", retryable=True)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGRTMIN + 2, "signal ")])
def test_a_signal_is_named(number: int, name: str) -> None:
    answer, _ = ran(python("import os", f"os.kill(os.getpid(), {int(number)})"))
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, None, True)
    assert answer.reason.startswith(f"killed by {name}")


def test_what_does_not_exist_is_named_and_not_tried_again(tmp_path: Path) -> None:
    answer, _ = ran({"command": ["no-such-program"]})
    assert (answer.result, answer.retryable) == (Result.FAILED, False)
    assert answer.reason == "the program cannot be started: [Errno 2] No such file or directory: 'no-such-program'"
    answer, _ = ran({"command": ["true"], "directory": str(tmp_path / "none")})
    assert (answer.result, answer.retryable) == (Result.FAILED, False)
    assert str(tmp_path / "none") in answer.reason


def test_a_worker_without_room_for_a_program_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    before = descriptors()
    monkeypatch.setattr(programs.subprocess, "Popen", full)
    answer, _ = ran({"command": ["true"]})
    assert (answer.result, answer.retryable) == (Result.FAILED, True)
    assert "temporarily" in answer.reason
    assert descriptors() == before


# --- what it gets -----------------------------------------------------------------------------------------------


def test_arguments_reach_the_program_as_they_are() -> None:
    answer, _ = ran(python("import sys", "print(sys.argv[1:])") | {})
    assert answer.output == "[]\n"
    answer, _ = ran({"command": ["echo", "$HOME; ls", "ä b"]})
    assert answer.output == "$HOME; ls ä b\n"


def test_a_shell_runs_where_the_job_asks_for_one_and_nowhere_else() -> None:
    answer, _ = ran({"shell": True, "command": "X=5; echo $((X * 2)) | cat; exit 4"})
    assert (answer.output, answer.status) == ("10\n", 4)


def test_the_environment_is_the_jobs_and_little_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of the worker")
    monkeypatch.setenv("TZ", "UTC")
    _, log = ran(python("import json, os", "print(json.dumps(dict(os.environ)))", environment={"A": "b", "LANG": "C"}))
    found = json.loads(log)
    own = {name: value for name, value in found.items() if not name.startswith("TIDEWHEEL_")}
    assert own.keys() - {"PATH", "HOME", "LC_CTYPE"} == {"A", "LANG", "TZ"}  # LC_CTYPE is Python's own doing
    assert (own["A"], own["LANG"]) == ("b", "C")
    assert Path(found.pop("TIDEWHEEL_STATE_FILE")).name == "state"
    assert {name: value for name, value in found.items() if name.startswith("TIDEWHEEL_")} == {
        "TIDEWHEEL_EXECUTION": "run-1",
        "TIDEWHEEL_ATTEMPT": "3",
        "TIDEWHEEL_FENCING_TOKEN": "3",
        "TIDEWHEEL_NOMINAL_TIME": str(NOMINAL_MS),
        "TIDEWHEEL_DUE_TIME": str(NOMINAL_MS + 40),
    }


def test_it_runs_in_its_directory_without_input_or_anything_else_open(tmp_path: Path) -> None:
    script = python(
        "import os, sys, signal",
        "print(os.getcwd(), repr(sys.stdin.read()), sorted(map(int, os.listdir('/proc/self/fd')))[:4])",
        "print(os.getsid(0) == os.getpgid(0) == os.getpid(), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)",
        directory=str(tmp_path),
    )
    answer, _ = ran(script)
    assert answer.output == f"{tmp_path} '' [0, 1, 2, 3]\nTrue True\n"  # 3 is the listing itself


def test_secrets_reach_the_program_and_nothing_that_it_leaves_behind() -> None:
    secrets = MemorySecrets({(TENANT, "token"): "s3cr3t-äöü", (TENANT, "db"): '{"password": "pä\\"ss"}'})
    environment = {"TOKEN": {"secret": "token", "prefix": "Bearer "}, "DB": {"secret": "db", "key": "password"}}
    script = (
        "import json, os",
        "print(os.environ['TOKEN'], os.environ['DB'])",
        "print(json.dumps(os.environ['DB']), json.dumps(os.environ['DB'], ensure_ascii=False))",
        "print(len(os.environ['TOKEN']), len(os.environ['DB']))",
    )
    answer, log = ran(python(*script, environment=environment), secrets=secrets)
    assert answer == Answer(Result.SUCCEEDED, 0, 'Bearer *** ***\n"***" "***"\n17 5\n')
    assert log == answer.output


def test_the_cut_off_end_of_an_output_shows_no_half_of_a_secret() -> None:
    """Whatever place the cut has."""
    secret = "0123456789" * 4
    for more in range(0, 50, 7):
        tail = Tail([secret])
        for piece in (b"x" * 999, secret.encode(), b"y" * (OUTPUT_BYTES - 45 + more)):
            for start in range(0, len(piece), 13):
                tail.add(piece[start : start + 13])
        assert not set(tail.text()) & set(secret)


def test_without_its_secret_a_program_does_not_start() -> None:
    answer, log = ran({"command": ["echo"], "environment": {"A": {"secret": "none"}}})
    assert (answer.result, answer.retryable, log) == (Result.FAILED, True, "")
    assert answer.reason == "there is no secret 'memory/acme/none'"


# --- what it prints ---------------------------------------------------------------------------------------------


def test_of_a_huge_output_the_log_has_the_beginning_and_the_answer_the_end() -> None:
    lines = LOG_BYTES // 8 + 1_000
    answer, log = ran(python(f"for n in range({lines}): print(f'{{n:07}}')"))
    assert answer.result is Result.SUCCEEDED
    assert log.startswith("0000000\n0000001\n")
    assert "the rest was dropped" in log[-60:]
    assert answer.output.endswith(f"{lines - 1:07}\n")
    assert len(answer.output) == OUTPUT_BYTES


def test_output_without_a_newline_and_bytes_that_are_no_text() -> None:
    answer, log = ran(python("import os", r"os.write(1, b'\xffa\xc3\xa4\x00b')"))
    assert answer.output == "\ufffdaäb"
    assert log == "\ufffdaä\x00b"


def test_output_comes_as_it_is_written(clock: SettableClock) -> None:
    """What the program waits for happens only once its first words were heard."""
    go = threading.Event()
    read, write = os.pipe()
    acts: dict[str, Callable[[], None]] = {"first": lambda: (go.set(), os.write(write, b"x"), None)[-1]}
    script = python(f"print('first', flush=True); f = open('/proc/{os.getpid()}/fd/{read}', 'rb'); f.read(1)")
    answer, _ = ran(script, clock, acts)
    os.close(read)
    os.close(write)
    assert go.is_set()
    assert answer.result is Result.SUCCEEDED


# --- told to end ------------------------------------------------------------------------------------------------


def test_a_time_out_sends_sigterm(clock: SettableClock) -> None:
    answer, log = ran(python(CATCHES, WAITS), clock, {"ready": lambda: clock.advance(TIMEOUT_MS)})
    assert answer.result is Result.TIMED_OUT
    assert answer.reason == f"no end within {TIMEOUT_MS} ms; exit status 0"
    assert log == "ready told "


def test_what_ignores_sigterm_is_killed_after_the_grace(clock: SettableClock) -> None:
    acts: dict[str, Callable[[], None]] = {
        "ready": lambda: clock.advance(TIMEOUT_MS),
        "deaf": lambda: clock.advance(GRACE_MS),
    }
    answer, log = ran(python(DEAF, WAITS), clock, acts)
    assert (answer.result, answer.reason) == (Result.TIMED_OUT, f"no end within {TIMEOUT_MS} ms; killed by SIGKILL")
    assert log == "ready deaf "


def test_before_the_grace_is_over_nothing_is_killed(clock: SettableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends by itself, after it was told and most of the grace has passed."""
    killed: list[programs.Program] = []
    monkeypatch.setattr(programs.Program, "kill", killed.append)
    acts: dict[str, Callable[[], None]] = {
        "ready": lambda: clock.advance(TIMEOUT_MS),
        "deaf": lambda: clock.advance(GRACE_MS - 1),
    }
    block = "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); os.write(1, b'ready ')"
    slow = "signal.sigwait([signal.SIGTERM]); os.write(1, b'deaf ')"
    answer, _ = ran(python(block, slow, "os.write(1, b'done')"), clock, acts)
    assert not killed
    assert answer.output.endswith("done")
    assert answer.reason.endswith("exit status 0")


@pytest.mark.parametrize("why", [Stop.CANCELLED, Stop.DRAINED, Stop.SILENT])
def test_the_worker_tells_it_to_end_and_then_no_status_is_a_success(clock: SettableClock, why: Stop) -> None:
    line = Heard(clock)
    acts: dict[str, Callable[[], None]] = {"ready": lambda: line.stop(why)}
    line._to_do = acts
    answer = CommandTarget(Surroundings(MemorySecrets(), (), clock), {}).call(a_call(python(CATCHES, WAITS), line))
    assert answer == Answer(Result.FAILED, output="ready told ", reason=f"told to end ({why}); exit status 0")


def test_told_before_it_began_it_ends_as_well(clock: SettableClock) -> None:
    line = Heard(clock)
    line.stop(Stop.CANCELLED)
    answer = CommandTarget(Surroundings(MemorySecrets(), (), clock), {}).call(
        a_call({"command": ["sleep", "99"]}, line)
    )
    assert answer.reason == "told to end (cancelled); killed by SIGTERM"


@pytest.mark.parametrize(("why", "most_ms"), [(Stop.LEASE_LOST, STOP_MS), (Stop.DRAINED, COMMAND_GRACE_MS)])
def test_where_someone_waits_the_grace_is_short(clock: SettableClock, why: Stop, most_ms: int) -> None:
    line = Heard(clock)
    line._to_do = {"ready": lambda: line.stop(why), "deaf": lambda: clock.advance(most_ms)}
    script = python(DEAF, WAITS, grace="1m")
    answer = CommandTarget(Surroundings(MemorySecrets(), (), clock), {}).call(a_call(script, line))
    assert answer.reason == f"told to end ({why}); killed by SIGKILL"


def test_children_have_the_grace_when_a_shell_is_faster_than_they(clock: SettableClock) -> None:
    """dash dies of SIGTERM at once; what it runs tidies up."""
    inner = f"{CATCHES}; os.write(1, b'ready '); signal.pause()"
    script = {"shell": True, "command": f'{sys.executable} -c "{inner}"; echo never'}
    answer, log = ran(script, clock, {"ready": lambda: clock.advance(TIMEOUT_MS)})
    assert log == "ready told "
    assert answer.reason.endswith("killed by SIGTERM")


# --- nobody survives --------------------------------------------------------------------------------------------

HOLD = "import os; w = open({path!r}, 'wb', 0); w.write(b'x')"
FORKS = """
r, p = os.pipe()
if os.fork() == 0:
    {how}
    if os.fork() == 0:
        w.write(b'x')
        os.write(p, b'x')
        while True: signal.pause()
    os._exit(0)
os.wait(); os.read(r, 1)
"""


@pytest.mark.parametrize("how", ["pass", "os.setsid()", "os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_what_a_program_leaves_behind_dies_with_it(witness: Witness, how: str) -> None:
    """An orphan in its group, a daemon in a session of its own, and one that is deaf."""
    answer, _ = ran(python("import signal", HOLD.format(path=witness.path), FORKS.format(how=how)))
    assert answer.result is Result.SUCCEEDED
    assert witness.said(2) == b"xx"
    assert witness.is_alone()


def test_all_of_them_die_of_a_time_out(witness: Witness, clock: SettableClock) -> None:
    acts: dict[str, Callable[[], None]] = {
        "ready": lambda: clock.advance(TIMEOUT_MS),
        "deaf": lambda: clock.advance(GRACE_MS),
    }
    script = python(DEAF, HOLD.format(path=witness.path), FORKS.format(how="os.setsid()"), WAITS)
    answer, _ = ran(script, clock, acts)
    assert answer.result is Result.TIMED_OUT
    assert witness.said(2) == b"xx"
    assert witness.is_alone()


WORKER = """
import json, sys
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import MemorySecrets
from tidewheel.adapters.targets.command import make
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.jobs.job import Target
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.ports import Call

clock = SystemClock()
call = Call(Target("command", json.loads(sys.argv[1])), "acme", "run-1", 0, 0, 1, 600_000, OpenCallProgress(clock))
make(Surroundings(MemorySecrets(), (), clock)).call(call)
"""


def test_when_the_worker_is_killed_all_of_them_die(witness: Witness, tmp_path: Path) -> None:
    """And the folder of the state file is removed, by the launcher."""
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    note = f"open({str(tmp_path / 'place')!r}, 'w').write(os.environ['TIDEWHEEL_STATE_FILE'])"
    hold = HOLD.format(path=witness.path)
    script = python(deaf, hold.replace("w = ", f"{note}; w = "), FORKS.format(how="os.setsid()"), "signal.pause()")
    spec = a_call(script, OpenCallProgress(SystemClock())).target.spec
    worker = subprocess.Popen([sys.executable, "-c", WORKER, json.dumps(dict(spec))])
    try:
        assert witness.said(2) == b"xx"
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    witness.await_end()
    folder = Path((tmp_path / "place").read_text()).parent
    assert folder.name.startswith("tidewheel-")
    until(lambda: not folder.exists(), "the folder's end")


KILLS = "os.kill(os.getppid(), signal.SIGKILL)"


def test_when_the_launcher_is_killed_the_group_dies_and_the_attempt_has_failed(witness: Witness) -> None:
    hold = HOLD.format(path=witness.path)
    answer, _ = ran(python("import signal", hold, FORKS.format(how="pass"), KILLS, "signal.pause()"))
    assert (answer.result, answer.reason, answer.retryable) == (Result.FAILED, "its launcher was killed", True)
    assert witness.said(2) == b"xx"
    witness.await_end()


@pytest.mark.skipif(sys.platform != "linux", reason="no other kernel ends a program with its parent")
def test_the_kernel_ends_a_program_whose_launcher_is_killed(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the worker cannot: it may have been killed as well."""
    monkeypatch.setattr(programs.Program, "abandon", lambda program: None)
    ran(python("import signal", HOLD.format(path=witness.path), KILLS, "signal.pause()"))
    assert witness.said(1) == b"x"
    witness.await_end()


def test_signals_that_everybody_around_it_gets_do_not_end_the_launcher() -> None:
    """A service manager tells all processes of a worker at once; the worker alone decides."""
    kill = "import os, signal; [os.kill(os.getppid(), n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]"
    answer, _ = ran(python(kill, "print('alive')"))
    assert answer == Answer(Result.SUCCEEDED, 0, "alive\n")


def test_no_descriptor_is_left(clock: SettableClock) -> None:
    before = descriptors()
    ran(python("print(1)"))
    ran({"command": ["no-such-program"]})
    ran(python(CATCHES, WAITS), clock, {"ready": lambda: clock.advance(TIMEOUT_MS)})
    assert descriptors() == before


# --- what no real program does on demand ------------------------------------------------------------------------


class Stuck:
    """A program that nothing ends but being abandoned."""

    def __init__(self, status: int | None = None) -> None:
        self.output, self._write = os.pipe()
        self.report, self._report_write = os.pipe()
        self.told: list[str] = []
        self.over = False
        self._status = status

    def terminate(self) -> None:
        self.told.append("term")

    def kill(self) -> None:
        self.told.append("kill")

    def abandon(self) -> None:
        self.told.append("abandon")
        self.over = True

    def read_report(self) -> None:
        raise AssertionError("nothing is reported")

    def rest(self) -> list[bytes]:
        return []

    def ending(self) -> ProgramEnd:
        return ProgramEnd(self._status, told=False)

    def close(self) -> None:
        for end in (self.output, self._write, self.report, self._report_write):
            os.close(end)


class Hasty(SettableClock):
    """A clock that moves a second whenever somebody looks."""

    def monotonic_ms(self) -> int:
        self.advance(1_000)
        return super().monotonic_ms()


@pytest.mark.parametrize("why", [None, Stop.LEASE_LOST])
def test_what_the_system_does_not_let_go_of_is_given_up(tmp_path: Path, why: Stop | None) -> None:
    clock, stuck = Hasty(0), Stuck()
    line = Heard(clock)
    if why:
        line.stop(why)
    call = a_call({"command": ["true"]}, line)
    with programs.WakePipe() as wake:
        watch = command._Supervisor(call, clock, stuck, StateFile(tmp_path, line), Tail(()))  # type: ignore[arg-type]
        watch.follow(wake)
    stuck.close()
    assert stuck.told == ["term", "kill", "abandon"]
    assert watch.answer().result is (Result.FAILED if why else Result.TIMED_OUT)
    assert "could not be ended" in watch.answer().reason


def test_a_success_that_was_there_before_it_could_be_told_to_end_counts(tmp_path: Path) -> None:
    clock, stuck = SettableClock(0), Stuck(0)
    line = Heard(clock)
    watch = command._Supervisor(a_call({"command": ["true"]}, line), clock, stuck, StateFile(tmp_path, line), Tail(()))  # type: ignore[arg-type]
    line.stop(Stop.DRAINED)
    watch._judge(1)
    stuck.close()
    assert stuck.told == ["term"]
    assert watch.answer() == Answer(Result.SUCCEEDED, 0)


def test_a_bell_that_was_closed_is_silent() -> None:
    with programs.WakePipe() as wake:
        for _ in range(100_000):
            wake.wake()  # and never blocks, however full it is
        wake.clear()
    wake.wake()


# --- the state file ---------------------------------------------------------------------------------------------


def test_a_checkpoint_is_there_at_the_start_and_what_replaces_it_is_kept() -> None:
    lines = (
        "import os",
        "path = os.environ['TIDEWHEEL_STATE_FILE']",
        "assert open(path).read() == 'page 3', open(path).read()",
        "assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700",
        "open(path + '.new', 'w').write('page 4')",
        "os.replace(path + '.new', path)",
    )
    clock = SettableClock(0)
    line = Heard(clock, restored="page 3")
    answer = CommandTarget(Surroundings(MemorySecrets(), (), clock), {}).call(a_call(python(*lines), line))
    assert answer == Answer(Result.SUCCEEDED, 0)
    assert line.restored == "page 4"


def test_it_is_looked_at_while_the_program_runs(clock: SettableClock) -> None:
    """The program goes on only once its checkpoint was kept."""
    read, write = os.pipe()

    class Kept(Heard):
        def checkpoint(self, state: str) -> None:
            super().checkpoint(state)
            os.write(write, b"x")

    line = Kept(clock, {"written": lambda: clock.advance(STATE_LOOK_MS)})
    script = python(
        "import os",
        "open(os.environ['TIDEWHEEL_STATE_FILE'], 'w').write('half')",
        "print('written', flush=True)",
        f"open('/proc/{os.getpid()}/fd/{read}', 'rb').read(1)",
    )
    answer = CommandTarget(Surroundings(MemorySecrets(), (), clock), {}).call(a_call(script, line))
    os.close(read)
    os.close(write)
    assert (answer.result, line.restored) == (Result.SUCCEEDED, "half")


@pytest.fixture
def line() -> Heard:
    return Heard(SettableClock(0), restored="a")


@pytest.fixture
def state(tmp_path: Path, line: Heard) -> StateFile:
    return StateFile(tmp_path, line)


def test_a_touch_is_a_sign_of_life(state: StateFile, line: Heard) -> None:
    line._clock.advance(700)  # type: ignore[attr-defined]
    state.look()
    assert line.silent_ms == 700
    os.utime(state.path, ns=(1, 1))
    state.look()
    assert (line.silent_ms, line.restored) == (0, "a")


def test_too_long_a_checkpoint_is_noted_and_the_last_one_stays(state: StateFile, line: Heard) -> None:
    for _ in range(2):
        state.path.write_bytes("ä".encode() * CHECKPOINT_BYTES)
        state.look()
    assert line.restored == "a"
    assert line.text == f"\n[the state file was not kept: it is longer than {CHECKPOINT_BYTES} bytes]\n"
    state.path.write_text("b" * CHECKPOINT_BYTES)
    state.look()
    assert line.restored == "b" * CHECKPOINT_BYTES


def test_a_checkpoint_that_is_no_text_is_noted(state: StateFile, line: Heard) -> None:
    state.path.write_bytes(b"\xff")
    state.look()
    assert line.restored == "a"
    assert "was not kept" in line.text


def test_what_is_being_written_or_was_removed_does_not_count(state: StateFile, line: Heard) -> None:
    state.path.write_bytes(b"")
    state.look()
    state.path.unlink()
    state.look()
    state.read()
    assert (line.restored, line.text) == ("a", "")


@pytest.mark.parametrize("make_it", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_hinders_nobody(state: StateFile, line: Heard, make_it: Callable[[Path], None]) -> None:
    state.path.unlink()
    make_it(state.path)
    state.look()
    assert (line.restored, line.text) == ("a", "")


def test_a_variable_may_be_called_secret() -> None:
    _, log = ran(
        python("import os", "print(os.environ['secret'], os.environ['key'])", environment={"secret": "a", "key": "b"})
    )
    assert log == "a b\n"
