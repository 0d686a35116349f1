"""The watcher: what a save leads to, what is refused, and how it ends."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from infra.assets import AssetError
from localstack import __main__ as program
from localstack import cloud
from localstack.engines.base import Running
from localstack.errors import LocalCloudError
from localstack.outputs import Outputs
from localstack.places import Places
from localstack.watch import main as watch
from localstack.watch import watcher
from localstack.watch.code import Code
from localstack.watch.files import LOOK_MS
from localstack.watch.functions import UNHEARD_MS, Unanswered
from localstack.watch.main import Renewal
from localstack.watch.watcher import WatchContext, Watcher
from tidewheel.adapters.memory.settable import SettableClock
from tidewheel.names import Function

SHIPPED = (Function.API, Function.SCHEDULER, Function.ECHO)


class FakeFunctions:
    """Takes code, or refuses it."""

    def __init__(self, running):
        self._running, self.puts, self.told = running, [], []
        self.failures, self.version = {}, None

    def running(self):
        return dict(self._running)

    def put(self, role, digest, archive):
        if role in self.failures:
            raise self.failures[role]
        assert archive.startswith(b"PK")
        self.puts.append((role, digest))

    def tell_version(self, digest):
        news, self.version = self.version not in {None, digest}, digest
        self.told.append(digest)
        return news


class Scene:
    """A checkout in a folder, a stack that runs what lies there, and a watcher."""

    def __init__(self, root):
        self.root, self.clock, self.calls = root, SettableClock(0), []
        for name in ("shared/tidewheel/names.py", "shared/tidewheel/cli/main.py", "infra/stacks/service.py"):
            self.write(name, "A = 1\n")
        for role in SHIPPED:
            self.write(f"functions/{role}/handler.py", f"# {role}\n")
        (root / "packages").mkdir()
        self.code = Code(root, lambda _: root / "packages")
        self.code.prepare(SHIPPED)
        self.functions = FakeFunctions({one.role: one.key for one in self.code.read(SHIPPED)})
        self.watcher = self.watching()

    def watching(self):
        wake, renew = (lambda name=name: self.calls.append(name) for name in ("wake", "renew"))
        watcher = Watcher(WatchContext(self.root, self.code, self.functions, self.clock, wake, renew))
        watcher.catch_up()
        self.calls.clear()
        return watcher

    def refuse(self):
        raise LocalCloudError("tidewheel-watchdog did not start: run `make up` again")

    def write(self, name, text):
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)

    def look(self):
        """Long enough for a save to be complete."""
        for _ in range(3):
            self.watcher.look()
            self.clock.sleep(LOOK_MS)

    def roles(self):
        roles = [role for role, _ in self.functions.puts]
        self.functions.puts.clear()
        return roles


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def test_a_stack_that_runs_what_lies_there_is_left_alone(scene):
    scene.look()
    assert scene.roles() == []
    assert scene.calls == []


def test_a_saved_handler_is_deployed_once_to_its_function_alone(scene, capsys):
    scene.write("functions/echo/handler.py", "B = 2\n")
    scene.look()
    scene.look()
    assert scene.roles() == [Function.ECHO]
    assert "runs what was saved" in capsys.readouterr().out
    assert scene.calls == []


def test_a_save_that_changes_nothing_deploys_nothing(scene):
    scene.write("functions/echo/handler.py", f"# {Function.ECHO}\n")
    scene.write("shared/tidewheel/cli/main.py", "B = 2\n")
    scene.look()
    assert scene.roles() == []


def test_the_function_whose_own_folder_was_worked_on_comes_first(scene, monkeypatch):
    monkeypatch.setattr(watcher, "SIDE_BY_SIDE", 1)
    scene.write("shared/tidewheel/names.py", "B = 2\n")
    scene.write("functions/scheduler/handler.py", "B = 2\n")
    scene.look()
    assert scene.roles() == [Function.SCHEDULER, Function.API]


def test_a_saved_scheduler_takes_the_place_of_the_one_that_runs(scene):
    scene.write("functions/scheduler/handler.py", "B = 2\n")
    scene.look()
    ((_, digest),) = scene.functions.puts
    assert scene.functions.told[-1] == digest
    assert scene.calls == ["wake"]
    scene.clock.sleep(UNHEARD_MS)
    scene.look()
    scene.clock.sleep(UNHEARD_MS)
    scene.look()
    assert scene.calls == ["wake", "wake"]  # the first may have gone with the old code


def test_a_saved_file_of_the_package_renews_the_pools_worker(scene):
    scene.write("shared/tidewheel/names.py", "B = 2\n")
    scene.look()
    assert set(scene.roles()) == {Function.API, Function.SCHEDULER}
    assert scene.calls == ["wake", "renew"]


def test_what_is_no_python_is_told_once_and_not_deployed_until_it_is_put_right(scene, capsys):
    scene.write("shared/tidewheel/names.py", "B = (\n")
    scene.look()
    scene.look()
    told = capsys.readouterr().err
    assert told.count("shared/tidewheel/names.py:1: ") == 1
    assert "not deployed" in told
    assert scene.roles() == []
    assert scene.calls == []
    scene.write("shared/tidewheel/names.py", "B = 2\n")
    scene.look()
    assert set(scene.roles()) == {Function.API, Function.SCHEDULER}
    assert scene.calls == ["wake", "renew"]


def test_what_is_no_python_stands_in_nobody_elses_way_but_in_that_of_the_pools_worker(scene):
    scene.write("functions/api/handler.py", "B = (\n")
    scene.write("shared/tidewheel/names.py", "B = 2\n")
    scene.look()
    assert scene.roles() == [Function.SCHEDULER]
    assert scene.calls == ["wake"]
    scene.write("functions/api/handler.py", "B = 2\n")
    scene.look()
    assert scene.roles() == [Function.API]
    assert scene.calls == ["wake", "renew"]


def test_what_was_broken_and_is_as_it_was_needs_no_deployment(scene):
    scene.write("functions/echo/handler.py", "B = (\n")
    scene.look()
    scene.write("functions/echo/handler.py", f"# {Function.ECHO}\n")
    scene.look()
    assert scene.roles() == []


def test_a_refusal_is_told_and_the_next_save_tries_again_also_with_the_code_of_before(scene, capsys):
    scene.functions.failures[Function.ECHO] = LocalCloudError("tidewheel-echo was not updated: save again")
    scene.write("functions/echo/handler.py", "B = 2\n")
    scene.look()
    assert "was not updated" in capsys.readouterr().err
    scene.functions.failures.clear()
    scene.write("functions/echo/handler.py", f"# {Function.ECHO}\n")
    scene.look()
    assert scene.roles() == [Function.ECHO]


def test_an_engine_that_does_not_answer_is_the_callers_to_judge_and_is_caught_up_with(scene):
    scene.functions.failures[Function.SCHEDULER] = Unanswered("no answer")
    scene.write("functions/scheduler/handler.py", "B = 2\n")
    with pytest.raises(Unanswered):
        scene.look()
    scene.functions.failures.clear()
    scene.watcher.catch_up()
    assert scene.roles() == [Function.SCHEDULER]
    assert scene.calls == ["wake"]


def test_a_hand_over_that_failed_is_done_with_the_next_save(scene, monkeypatch):
    tell = scene.functions.tell_version
    monkeypatch.setattr(scene.functions, "tell_version", lambda _: (_ for _ in ()).throw(LocalCloudError("refused")))
    scene.write("functions/scheduler/handler.py", "B = 2\n")
    scene.look()
    assert scene.calls == []
    monkeypatch.setattr(scene.functions, "tell_version", tell)
    scene.write("functions/echo/handler.py", "B = 2\n")
    scene.look()
    assert scene.calls == ["wake"]


def test_a_watchdog_that_cannot_be_called_is_told_and_tried_again(scene, capsys, monkeypatch):
    monkeypatch.setattr(scene.watcher, "_context", replace(scene.watcher._context, wake=scene.refuse))
    scene.write("functions/scheduler/handler.py", "B = 2\n")
    scene.look()
    scene.clock.sleep(UNHEARD_MS)
    scene.look()
    assert capsys.readouterr().err.count("did not start") == 2


def test_what_takes_a_deployment_is_said(scene, capsys):
    scene.write("infra/stacks/service.py", "B = 2\n")
    scene.look()
    assert "infra/stacks/service.py has changed: `make up` deploys that." in capsys.readouterr().out
    assert scene.roles() == []


def test_whatever_was_saved_before_the_watch_began_is_deployed_when_it_begins(scene):
    scene.write("functions/echo/handler.py", "B = 2\n")
    scene.watching()
    assert scene.roles() == [Function.ECHO]


def test_a_fault_of_our_own_is_not_swallowed(scene):
    scene.functions.failures[Function.ECHO] = ZeroDivisionError()
    scene.write("functions/echo/handler.py", "B = 2\n")
    with pytest.raises(ZeroDivisionError):
        scene.look()


class TestRenewal:
    def test_it_is_done_once_more_for_what_was_asked_meanwhile_and_never_twice_at_once(self):
        began, go_on, done = threading.Semaphore(0), threading.Semaphore(0), []

        def work():
            began.release()
            assert go_on.acquire(timeout=10)
            done.append(1)

        renewal = Renewal(work)
        renewal()
        assert began.acquire(timeout=10)
        for _ in range(3):
            renewal()
        go_on.release(2)
        assert began.acquire(timeout=10)
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and "_run" in thread.name:
                thread.join(10)
        assert len(done) == 2

    def test_what_goes_wrong_is_told_with_what_was_printed(self, capsys):
        def work():
            raise LocalCloudError("The pool's worker did not begin", "Traceback")

        Renewal(work)._asked.set()
        renewal = Renewal(work)
        renewal._asked.set()
        renewal._run()
        told = capsys.readouterr().err
        assert "did not begin" in told
        assert "Traceback" in told


class TestProgram:
    OUTPUTS = Outputs("http://api", "http://endpoint", "us-east-1", "tidewheel-watchdog", "arn:echo", "ministack")

    @pytest.fixture(autouse=True)
    def _places(self, tmp_path, monkeypatch):
        (tmp_path / ".local").mkdir()
        watch.outputs.write(Places(tmp_path).outputs, self.OUTPUTS)
        monkeypatch.setattr(watch, "Places", lambda: Places(tmp_path))
        monkeypatch.setattr("sys.argv", ["localstack", "watch", "--no-logs"])
        self.engine = Running("ministack", 4566, 7)
        monkeypatch.setattr(cloud, "current", lambda _: self.engine and (self.engine, None))

    def test_without_a_local_cloud_it_says_how_to_get_one(self, capsys):
        self.engine = None
        assert program.main(["watch"]) == 1
        assert "The local cloud is not running: `make up` starts it" in capsys.readouterr().err

    def test_a_cloud_that_was_never_deployed_to_is_told(self, capsys, monkeypatch, tmp_path):
        Places(tmp_path).outputs.unlink()
        assert program.main(["watch"]) == 1
        assert "make up" in capsys.readouterr().err

    def run(self, monkeypatch, *looks):
        """Runs the program with a watcher that does these things one look after another."""
        todo = iter(looks)

        class Scripted:
            roles = ()

            def catch_up(self):
                next(todo)()

            look = catch_up

        monkeypatch.setattr(watch, "_begin", lambda *_: Scripted())
        monkeypatch.setattr(watch, "LOOK_MS", 0)
        return program.main(["watch"])

    def test_an_interrupt_ends_it_as_it_ends_the_other_commands(self, monkeypatch, capsys):
        def interrupt():
            raise KeyboardInterrupt

        assert self.run(monkeypatch, lambda: None, interrupt) == 130
        assert "the local cloud runs on" in capsys.readouterr().out

    def test_when_the_engine_has_ended_it_says_so_and_fails(self, monkeypatch, capsys):
        def die():
            self.engine = None
            raise Unanswered("no answer")

        assert self.run(monkeypatch, lambda: None, die) == 1
        assert "The local cloud has ended: `make up` starts it" in capsys.readouterr().err

    def test_while_the_engine_lives_it_goes_on(self, monkeypatch, capsys):
        def fail():
            raise Unanswered("no answer")

        def interrupt():
            raise KeyboardInterrupt

        assert self.run(monkeypatch, fail, lambda: None, interrupt) == 130
        assert "tried again" in capsys.readouterr().err

    def test_what_cannot_be_built_is_told(self, monkeypatch, capsys):
        def refuse(*_):
            raise AssetError("uv is needed")

        monkeypatch.setattr(watch, "context_of", refuse)
        assert program.main(["watch"]) == 1
        assert "uv is needed" in capsys.readouterr().err
