"""The local cloud's rules: ports, outputs, whose process it is, what is missing, and what runs untuned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from localstack import __main__ as program
from localstack import cloud, deploy, pool, processes, settings
from localstack.engines import base as engine
from localstack.engines import docker as docker_engine
from localstack.engines import ministack as ministack_engine
from localstack.engines import ministack_tuned
from localstack.engines.base import Running
from localstack.engines.ministack import MiniStack
from localstack.errors import LocalCloudError
from localstack.outputs import collect, local_api_url, read_stack_outputs, write
from localstack.places import Places
from tidewheel.adapters.targets.program_user import program_user
from tidewheel.wiring import pool as wiring

API_URL = "https://abc123.execute-api.us-east-1.amazonaws.com/prod/"
STACKS = {
    "tidewheel-state": {},
    "tidewheel-service": {"ApiUrl": API_URL, "MinuteFunction": "tidewheel-watchdog", "EchoFunctionArn": "arn:echo"},
}
FOUND = STACKS["tidewheel-service"]


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / ".local").mkdir()
    return Places(tmp_path)


class TestPort:
    def test_a_foreign_port_is_refused_with_its_number_and_the_way_out(self):
        with pytest.raises(LocalCloudError, match=r"Port 4566 is in use .* TIDEWHEEL_LOCAL_PORT=\d+ make up"):
            engine.refuse_foreign_port(4566, in_use=True)

    def test_the_port_that_is_offered_instead_is_another(self):
        with pytest.raises(LocalCloudError, match="TIDEWHEEL_LOCAL_PORT=4701 make up"):
            engine.refuse_foreign_port(4700, in_use=True)

    def test_a_free_port_passes(self):
        engine.refuse_foreign_port(4566, in_use=False)

    @pytest.mark.parametrize(("text", "port"), [("", None), (" ", None), ("4700", 4700)])
    def test_the_environment_may_name_one(self, text, port):
        assert settings.chosen_port({settings.PORT_VARIABLE: text}) == port

    @pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "4566.0"])
    def test_what_is_no_port_is_refused_by_the_variables_name(self, text):
        with pytest.raises(LocalCloudError, match="TIDEWHEEL_LOCAL_PORT must be a port"):
            settings.chosen_port({settings.PORT_VARIABLE: text})


class TestOutputs:
    @pytest.mark.parametrize(
        "url",
        [
            API_URL,
            "https://abc123.execute-api.us-east-1.amazonaws.com/",
            "https://abc123.execute-api.localhost.localstack.cloud:4566/prod/",
            "http://localhost:4566/restapis/abc123/prod/_user_request_/",
        ],
    )
    def test_the_api_url_becomes_one_that_needs_no_dns(self, url):
        assert local_api_url(url, 4700) == "http://localhost:4700/restapis/abc123/prod/_user_request_"

    def test_the_stage_is_kept(self):
        assert "/restapis/abc123/blue/_user" in local_api_url(API_URL.replace("prod", "blue"), 1)

    def test_another_url_is_refused(self):
        with pytest.raises(LocalCloudError, match="names no REST API"):
            local_api_url("https://example.com/", 1)

    def test_all_stacks_are_read(self, tmp_path):
        path = tmp_path / "cdk-outputs.json"
        path.write_text(json.dumps(STACKS))
        assert read_stack_outputs(path) == FOUND

    @pytest.mark.parametrize("text", [None, "", "[]", '{"stack": 1}'])
    def test_a_file_that_is_not_the_clis_is_refused(self, tmp_path, text):
        path = tmp_path / "cdk-outputs.json"
        if text is not None:
            path.write_text(text)
        with pytest.raises(LocalCloudError, match="make up"):
            read_stack_outputs(path)

    @pytest.mark.parametrize("name", list(FOUND))
    def test_a_missing_output_is_named(self, name):
        rest = {key: value for key, value in FOUND.items() if key != name}
        with pytest.raises(LocalCloudError, match=name):
            collect(rest, "ministack", "http://127.0.0.1:1")

    def test_the_file_holds_what_its_readers_expect(self, tmp_path):
        path = tmp_path / "outputs.json"
        path.touch(mode=0o644)
        found = replace(collect(FOUND, "ministack", "http://127.0.0.1:4700"), api_key="tw_id_secret")
        write(path, found)
        assert path.stat().st_mode & 0o777 == 0o600
        assert "secret" not in repr(found)
        assert json.loads(path.read_text()) == {
            "api_url": "http://localhost:4700/restapis/abc123/prod/_user_request_",
            "endpoint": "http://127.0.0.1:4700",
            "region": "us-east-1",
            "minute_function": "tidewheel-watchdog",
            "echo_function_arn": "arn:echo",
            "engine": "ministack",
            "api_key": "tw_id_secret",
        }
        assert list(tmp_path.iterdir()) == [path]


class TestWhoseProcess:
    MARKS = ("/here/localstack/ministack_tuned.py", "/here/.local")
    TABLE = processes.parse_ps(
        """
          10    10 Ss   python -P /here/localstack/ministack_tuned.py
          11    10 S    python /here/.local/engine/tmp/x/_worker.py
          12    10 S    python /elsewhere/thing.py
          13    10 Z
          14    14 Ss   vi notes.txt
          15    10 Z    python /here/.local/engine/tmp/y/_worker.py
        """
    )

    def test_our_engine_is_ours(self):
        assert processes.is_ours(self.TABLE, 10, self.MARKS)

    def test_a_number_that_passed_to_another_program_is_not(self):
        assert not processes.is_ours(self.TABLE, 14, self.MARKS)

    def test_nor_is_one_that_is_gone(self):
        assert not processes.is_ours(self.TABLE, 99, self.MARKS)

    def test_a_lambda_is_not_taken_for_its_engine(self):
        assert not processes.is_ours(self.TABLE, 11, self.MARKS)

    def test_of_the_group_only_ours_and_the_living_are_ended(self):
        assert processes.group_members(self.TABLE, 10, self.MARKS) == [10, 11]

    def test_nothing_else_is_signalled(self, monkeypatch):
        signalled = []
        monkeypatch.setattr(processes, "process_table", lambda: self.TABLE)
        monkeypatch.setattr(os, "kill", lambda pid, number: signalled.append((pid, number)))
        processes.stop_group(14, self.MARKS, grace=0)
        assert signalled == []

    def test_a_name_with_brackets_and_blanks_does_not_confuse_proc(self):
        row = processes.parse_stat(7, "7 (a) S (b) R 1 5 5 0 -1", b"a\0b c\0")
        assert row == processes.Listed(7, 5, "R", "a b c")

    def test_cpu_time_is_that_of_all_threads_in_both_modes(self):
        stat = "7 (a) S (b) R 1 5 5 0 -1 4194304 900 0 1 0 31 12 5 7 20 0 9 0"
        assert processes.parse_cpu_ms(stat, 100) == 430

    def test_a_process_that_has_ended_has_no_cpu_time(self):
        child = subprocess.Popen(["true"])
        child.wait()
        assert processes.cpu_ms(child.pid) is None

    def test_a_system_without_proc_is_told_of(self, monkeypatch, tmp_path):
        monkeypatch.setattr(processes, "_PROC", tmp_path)
        with pytest.raises(LocalCloudError, match="/proc"):
            processes.cpu_ms(os.getpid())

    def test_this_process_is_in_the_table(self):
        assert os.getpid() in {row.pid for row in processes.process_table()}

    def test_a_child_that_is_too_slow_ends_with_its_own_children(self, tmp_path):
        child = processes.start_detached(
            ["sh", "-c", "sleep 60 & sleep 60"], {"PATH": os.defpath}, tmp_path / "log", tmp_path
        )
        processes.end_child(child)
        assert child.returncode is not None
        assert not [row for row in processes.process_table() if row.group == child.pid and row.alive]

    @pytest.mark.parametrize("text", [None, "", "7", "[]", '{"engine": "ministack"}'])
    def test_a_note_that_cannot_be_read_is_no_note(self, tmp_path, text):
        path = tmp_path / "running.json"
        if text is not None:
            path.write_text(text)
        assert engine.read_note(path) is None

    def test_a_note_is_read_as_it_was_written(self, tmp_path):
        note = Running("ministack", 4566, 10)
        engine.write_note(tmp_path / "engine" / "running.json", note)
        assert engine.read_note(tmp_path / "engine" / "running.json") == note


@pytest.fixture
def _environment(monkeypatch):
    for name in ("ENGINE", settings.PORT_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_environment")
class TestUp:
    def test_without_the_cdk_it_says_how_to_get_it(self, places):
        with pytest.raises(LocalCloudError, match="make setup"):
            cloud.up(places)

    def test_without_ministack_it_says_how_to_get_it(self, places):
        with pytest.raises(LocalCloudError, match="make setup"):
            MiniStack(4566, places).require()

    def test_without_docker_it_says_so(self, monkeypatch, places):
        monkeypatch.setattr(docker_engine.shutil, "which", lambda _: None)
        with pytest.raises(LocalCloudError, match="needs docker"):
            docker_engine.LocalStack(4566, places).require()

    def test_an_unknown_engine_is_refused_with_the_known(self):
        with pytest.raises(LocalCloudError, match="localstack, localstack-host, ministack"):
            engine.choose_name({"ENGINE": "moto"}, cloud.ENGINES)

    @pytest.mark.parametrize(("name", "port"), [("localstack", None), ("ministack", 4700)])
    def test_state_that_is_kept_for_another_engine_or_port_is_not_taken_over(self, name, port):
        with pytest.raises(LocalCloudError, match="make down"):
            cloud.check_same(Running("ministack", 4566, 10), name, port)

    @pytest.mark.parametrize("port", [None, 4566])
    def test_the_same_is_gone_on_with(self, port):
        cloud.check_same(Running("ministack", 4566, 10), "ministack", port)

    def test_a_tool_that_fails_shows_its_last_lines_and_then_the_remedy(self, places, capsys, monkeypatch):
        script = places.cdk
        script.parent.mkdir(parents=True)
        script.write_text("#!/bin/sh\nseq 1 100\necho no such thing >&2\nexit 1\n")
        script.chmod(0o755)
        monkeypatch.setitem(program.COMMANDS, "up", lambda: deploy.bootstrap(places, "http://127.0.0.1:1"))
        places.engine.mkdir()
        assert program.main(["up"]) == 1
        lines = capsys.readouterr().err.splitlines()
        assert lines[-2] == "no such thing"
        assert "make up" in lines[-1]
        assert "1" not in lines

    def test_nothing_of_the_users_aws_settings_reaches_the_cdk(self, places):
        mine = {"PATH": "/bin", "HOME": "/home/me", "AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "x", "CDK_OUTDIR": "/x"}
        environ = settings.cdk_environ(mine, places, "http://127.0.0.1:1")
        assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "CDK_OUTDIR"} & set(environ)
        assert environ["AWS_CONFIG_FILE"] == environ["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
        assert environ["AWS_ENDPOINT_URL"] == environ["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:1"
        assert environ["PATH"].startswith(f"{places.root}/.venv/bin{os.pathsep}")

    def test_the_lambdas_inherit_none_of_the_users_secrets(self, tmp_path):
        mine = {"PATH": "/bin", "GITHUB_TOKEN": "x", "AWS_SECRET_ACCESS_KEY": "x", "PYTHONPATH": "/x"}
        environ = ministack_engine.environment(tmp_path, 4700, mine)
        assert not {"GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"} & set(environ)
        assert environ["BIND_HOST"] == "127.0.0.1"
        for name in ("HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR"):
            assert environ[name].startswith(str(tmp_path))

    @pytest.mark.parametrize("whole", [True, False])
    def test_state_is_kept_only_when_it_was_saved_whole(self, tmp_path, whole):
        for name in ("s3", "state", "tmp"):
            (tmp_path / name).mkdir()
        if whole:
            (tmp_path / "state" / ministack_tuned.CLEAN_END).touch()
        ministack_engine.clear(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == ({"s3", "state"} if whole else set())


class TestDown:
    def test_when_nothing_runs_it_says_so_and_is_content(self, places, capsys):
        cloud.down(places)
        assert "not running" in capsys.readouterr().out

    def test_it_clears_what_a_dead_engine_left(self, places, monkeypatch):
        monkeypatch.setattr(processes, "process_table", list)
        engine.write_note(places.record, Running("ministack", 4566, 10))
        places.outputs.write_text("{}")
        cloud.down(places)
        assert not places.engine.exists()
        assert not places.outputs.exists()

    def test_status_fails_when_nothing_runs(self, places):
        assert not cloud.status(places)


class TestCommands:
    @pytest.mark.parametrize("arguments", [[], ["sideways"]])
    def test_usage(self, arguments, capsys):
        assert program.main(arguments) == 2
        assert "up | down" in capsys.readouterr().err

    def test_the_demo_is_imported_only_when_asked_for(self, monkeypatch):
        monkeypatch.setattr(program.importlib, "import_module", lambda name: SimpleNamespace(main=lambda: name))
        assert program.main(["demo"]) == "localstack.demo.main"


class Worker:
    def _drain_stderr_bounded(self, first_line_wait=0.05, idle_confirm=0.005, hard_cap=0.25):
        return first_line_wait, idle_confirm, hard_cap

    def _spawn(self):
        with zipfile.ZipFile("code.zip") as archive:
            archive.extractall("code")


def _poll_loop():
    _esm_wake.wait(1)


_esm_wake = threading.Event()


def _execute_function_warm():
    return acquire_worker("echo", {}, b"old")  # noqa: F821 -- of the module that takes this function


def _modules() -> dict[str, ModuleType]:
    """Modules of the shape that the pinned MiniStack has."""

    class Fresh(Worker):
        _drain_stderr_bounded = type(Worker._drain_stderr_bounded)(
            Worker._drain_stderr_bounded.__code__, globals(), argdefs=(0.05, 0.005, 0.25)
        )

    parts: Mapping[str, Mapping[str, object]] = {
        "ministack.core.lambda_runtime": {"Worker": Fresh, "zipfile": zipfile},
        "ministack.services.lambda_svc": {
            "_esm_wake": threading.Event(),
            "_poll_loop": _poll_loop,
            "_ESM_IDLE_WAKE_GAP_SECONDS": 0.05,
            "_functions": {},
            "acquire_worker": lambda *_, **__: (SimpleNamespace(code_zip=b"old"), "spawn"),
            "_execute_function_warm": _execute_function_warm,
        },
        "ministack.services.eventbridge": {"_SCHEDULER_TICK_INTERVAL": 10},
        "ministack.services.scheduler": {"_SCHEDULE_TICK_INTERVAL": 10},
    }
    modules = {}
    for name, values in parts.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(values)
    return modules


class TestTuning:
    def test_every_wait_is_shortened(self):
        modules = _modules()
        ministack_tuned.tune(modules.__getitem__)
        functions = modules["ministack.services.lambda_svc"]
        assert functions._ESM_IDLE_WAKE_GAP_SECONDS == ministack_tuned.IDLE_GAP_SECONDS
        assert isinstance(functions._esm_wake, ministack_tuned.PromptWake)
        assert modules["ministack.services.eventbridge"]._SCHEDULER_TICK_INTERVAL == ministack_tuned.TICK_SECONDS
        assert modules["ministack.services.scheduler"]._SCHEDULE_TICK_INTERVAL == ministack_tuned.TICK_SECONDS
        drained = modules["ministack.core.lambda_runtime"].Worker()._drain_stderr_bounded()
        assert drained == tuple(ministack_tuned.DRAIN_DEFAULTS.values())

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            ("ministack.core.lambda_runtime", "Worker"),
            ("ministack.core.lambda_runtime", "zipfile"),
            ("ministack.services.lambda_svc", "_esm_wake"),
            ("ministack.services.lambda_svc", "_poll_loop"),
            ("ministack.services.lambda_svc", "_ESM_IDLE_WAKE_GAP_SECONDS"),
            ("ministack.services.lambda_svc", "_functions"),
            ("ministack.services.lambda_svc", "acquire_worker"),
            ("ministack.services.lambda_svc", "_execute_function_warm"),
            ("ministack.services.eventbridge", "_SCHEDULER_TICK_INTERVAL"),
            ("ministack.services.scheduler", "_SCHEDULE_TICK_INTERVAL"),
        ],
    )
    def test_what_is_gone_is_named_and_nothing_is_changed(self, module, name):
        modules = _modules()
        delattr(modules[module], name)
        before = {key: dict(vars(value)) for key, value in modules.items()}
        with pytest.raises(ministack_tuned.CannotTune, match=name):
            ministack_tuned.tune(modules.__getitem__)
        assert {key: dict(vars(value)) for key, value in modules.items()} == before

    def test_other_parameters_are_noticed(self):
        modules = _modules()
        modules["ministack.core.lambda_runtime"].Worker = type("Worker", (), {"_drain_stderr_bounded": lambda _: ""})
        with pytest.raises(ministack_tuned.CannotTune, match="other parameters"):
            ministack_tuned.tune(modules.__getitem__)

    def test_code_that_was_unpacked_before_is_linked(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
        modules = _modules()
        runtime = modules["ministack.core.lambda_runtime"]
        ministack_tuned.tune(modules.__getitem__)
        with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
            archive.writestr("app.py", "print(1)")
        for name in ("one", "two"):
            with runtime.zipfile.ZipFile(tmp_path / "code.zip") as archive:
                archive.extractall(str(tmp_path / name))
        assert (tmp_path / "one" / "app.py").samefile(tmp_path / "two" / "app.py")
        assert runtime.zipfile.BadZipFile is zipfile.BadZipFile

    def test_a_process_that_unpacks_otherwise_is_noticed(self):
        modules = _modules()
        modules["ministack.core.lambda_runtime"].Worker._spawn = lambda _: None
        with pytest.raises(ministack_tuned.CannotTune, match="does not unpack by zipfile"):
            ministack_tuned.tune(modules.__getitem__)

    def test_a_poller_that_waits_for_something_else_is_noticed(self):
        modules = _modules()
        modules["ministack.services.lambda_svc"]._poll_loop = lambda: None
        with pytest.raises(ministack_tuned.CannotTune, match="does not wait"):
            ministack_tuned.tune(modules.__getitem__)

    def test_a_function_that_is_run_otherwise_is_noticed(self):
        modules = _modules()
        modules["ministack.services.lambda_svc"]._execute_function_warm = lambda: None
        with pytest.raises(ministack_tuned.CannotTune, match="does not call acquire_worker"):
            ministack_tuned.tune(modules.__getitem__)

    @pytest.mark.parametrize(
        ("functions", "qualifier", "code"),
        [
            ({"echo": {"code_zip": b"new"}}, "$LATEST", b"new"),
            ({"echo": {"code_zip": b"new"}}, "1", b"old"),  # a published version keeps its own
            ({"echo": {"code_zip": None}}, "$LATEST", b"old"),
            ({}, "$LATEST", b"old"),
        ],
    )
    def test_a_process_starts_with_the_code_that_its_function_has_now(self, functions, qualifier, code):
        modules = _modules()
        modules["ministack.services.lambda_svc"]._functions = functions
        ministack_tuned.tune(modules.__getitem__)
        acquire = modules["ministack.services.lambda_svc"].acquire_worker
        worker, reason = acquire("echo", {}, b"old", qualifier=qualifier)
        assert (worker.code_zip, reason) == (code, "spawn")

    def test_where_there_is_no_process_to_be_had_none_is_changed(self):
        modules = _modules()
        modules["ministack.services.lambda_svc"].acquire_worker = lambda *_, **__: (None, "func_cap")
        ministack_tuned.tune(modules.__getitem__)
        assert modules["ministack.services.lambda_svc"].acquire_worker("echo", {}, b"old") == (None, "func_cap")

    def test_it_goes_on_untuned_and_says_so(self, monkeypatch, capsys, tmp_path):
        ran = []
        modules = {**_modules(), "ministack.app": SimpleNamespace(main=lambda: ran.append(1))}
        del modules["ministack.services.lambda_svc"]._ESM_IDLE_WAKE_GAP_SECONDS
        monkeypatch.setattr(ministack_tuned, "tune", _tune_with(modules))
        monkeypatch.setattr(ministack_tuned, "share_fairly", lambda: None)
        monkeypatch.setattr(ministack_tuned, "serve_faster", lambda begins: begins())
        monkeypatch.setattr(ministack_tuned.importlib, "import_module", modules.__getitem__)
        monkeypatch.setenv("STATE_DIR", str(tmp_path))
        ministack_tuned.main()
        complaint = capsys.readouterr().err
        assert complaint.count("\n") == 1
        assert "untuned" in complaint
        assert "_ESM_IDLE_WAKE_GAP_SECONDS is gone" in complaint
        assert ran == [1]

    def test_a_wake_never_waits_longer_than_it_may(self):
        waits = []
        event = SimpleNamespace(wait=waits.append, set=None, clear=None)
        wake = ministack_tuned.PromptWake(event, 0.02)
        for timeout in (None, 5, 0.001):
            wake.wait(timeout)
        assert waits == [0.02, 0.02, 0.001]

    @pytest.mark.parametrize("crashes", [True, False])
    def test_only_a_clean_end_leaves_its_mark(self, monkeypatch, tmp_path, crashes):
        def end():
            assert not (tmp_path / ministack_tuned.CLEAN_END).exists()
            if crashes:
                raise OSError

        (tmp_path / ministack_tuned.CLEAN_END).touch()
        monkeypatch.setattr(ministack_tuned, "tune", lambda: None)
        monkeypatch.setattr(ministack_tuned, "share_fairly", lambda: None)
        monkeypatch.setattr(ministack_tuned, "serve_faster", lambda begins: begins())
        monkeypatch.setattr(ministack_tuned.importlib, "import_module", lambda _: SimpleNamespace(main=end))
        monkeypatch.setenv("STATE_DIR", str(tmp_path))
        try:
            ministack_tuned.main()
        except OSError:
            assert crashes
        assert (tmp_path / ministack_tuned.CLEAN_END).exists() is not crashes


def _tune_with(modules):
    original = ministack_tuned.tune
    return lambda: original(modules.__getitem__)


class TestPool:
    """The worker that runs beside the engine."""

    @pytest.fixture(autouse=True)
    def _code(self, places):
        (places.root / "shared" / "tidewheel").mkdir(parents=True)
        (places.root / "shared" / "tidewheel" / "names.py").write_text("A = 1\n")
        places.engine.mkdir()

    @pytest.fixture(autouse=True)
    def _children(self, monkeypatch):
        """Whoever starts a worker ends before it; here both are this process, which collects what it started."""
        children, start = [], processes.start_detached
        monkeypatch.setattr(processes, "start_detached", lambda *how: (children.append(start(*how)), children[-1])[1])
        yield
        for child in children:
            child.kill()
            child.wait()

    def begins(self, monkeypatch, *lines):
        """Has the worker be a program that says these lines and stays; gives what was started."""
        program = f"import time; print({chr(10).join(lines)!r}, flush=True); time.sleep(60)"
        monkeypatch.setattr(pool, "command", lambda: [sys.executable, "-c", program])

    def test_it_is_started_once_and_again_for_other_code(self, monkeypatch, places):
        self.begins(monkeypatch, pool.READY)
        pool.ensure(places, "http://127.0.0.1:1")
        first = pool.running(places)
        pool.ensure(places, "http://127.0.0.1:1")
        assert pool.running(places) == first
        (places.root / "shared" / "tidewheel" / "names.py").write_text("A = 2\n")
        pool.ensure(places, "http://127.0.0.1:1")
        second = pool.running(places)
        assert first is not None
        assert second is not None
        assert first.pid != second.pid
        assert not processes.is_ours(processes.process_table(), first.pid, pool.marks())
        pool.stop(places)
        assert pool.running(places) is None
        assert not places.pool_record.exists()

    @pytest.mark.usefixtures("_environment")
    def test_it_ends_before_an_engine_that_died_is_started_anew(self, monkeypatch, places):
        found = []

        def start():
            found.append(pool.running(places))
            return 11

        dead = {"running": lambda pid: False, "require": lambda: None, "stop": lambda pid: None, "start": start}
        monkeypatch.setattr(cloud, "ENGINES", {"ministack": lambda *_: SimpleNamespace(**dead)})
        monkeypatch.setattr(cloud, "port_in_use", lambda _: False)
        engine.write_note(places.record, Running("ministack", 4566, 10))
        self.begins(monkeypatch, pool.READY)
        pool.ensure(places, "http://127.0.0.1:1")
        left = pool.running(places)
        cloud._ensure_engine(places)
        assert found == [None]
        assert left is not None
        assert not processes.is_ours(processes.process_table(), left.pid, pool.marks())

    def test_it_has_the_tasks_that_are_asked_for_and_is_started_anew_for_others(self, monkeypatch, places):
        folder = places.root / "tasks"
        folder.mkdir()
        (folder / "reports.py").write_text("A = 1\n")
        asked = {"TASKS": "reports, mail.daily", "TASKS_FOLDER": "tasks", "PATH": "/bin"}
        made = pool.environment(places, "http://127.0.0.1:1", asked)
        assert made["TIDEWHEEL_TASK_MODULES"] == "reports,mail.daily"
        assert made["PYTHONPATH"].split(os.pathsep) == [str(places.root / "shared"), str(folder)]

        def version():
            return pool.version(places, "http://127.0.0.1:1", pool.Tasks.of(asked, places))

        first = version()
        assert first == version()
        (folder / "other.py").write_text("A = 1\n")
        assert first == version()
        (folder / "reports.py").write_text("A = 2\n")
        second = version()
        (folder / "mail").mkdir()
        (folder / "mail" / "daily.py").write_text("A = 1\n")
        assert len({first, second, version(), pool.version(places, "", pool.Tasks.of({}, places))}) == 4

    def test_one_that_ends_at_once_is_told_with_what_it_said(self, monkeypatch, places):
        monkeypatch.setattr(pool, "command", lambda: [sys.executable, "-c", "print('no such pool')"])
        with pytest.raises(LocalCloudError, match="did not begin") as raised:
            pool.ensure(places, "http://127.0.0.1:1")
        assert raised.value.detail == "no such pool"

    def test_a_process_that_is_not_ours_is_left_alone(self, monkeypatch, places):
        signalled = []
        monkeypatch.setattr(os, "kill", lambda pid, number: signalled.append(pid))
        places.pool_record.write_text(json.dumps({"pid": os.getpid(), "version": "x"}))
        assert pool.running(places) is None
        pool.stop(places)
        assert signalled == []

    @pytest.mark.parametrize("text", [None, "", "7", "[]", '{"pid": 7}'])
    def test_a_note_that_cannot_be_read_is_no_note(self, places, text):
        if text is not None:
            places.pool_record.write_text(text)
        assert pool.running(places) is None

    def test_it_works_on_the_local_clouds_account_alone(self, places):
        theirs = {"AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "mine", "TIDEWHEEL_QUEUES": "{}", "PATH": "/bin"}
        made = pool.environment(places, "http://127.0.0.1:4700", theirs)
        assert made["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4700"
        assert made["AWS_ACCESS_KEY_ID"] == settings.ACCOUNT
        assert program_user(made["TIDEWHEEL_PROGRAM_USER"], 0) is None
        assert made["PATH"] == "/bin"
        assert not {"AWS_PROFILE", "TIDEWHEEL_QUEUES", "TIDEWHEEL_TASK_MODULES"} & set(made)

    def test_its_options_are_those_of_the_command_line(self):
        told = pool.command()[pool.command().index("tidewheel.wiring.pool") + 1 :]
        parsed = wiring._read(told)
        assert (parsed.pool, parsed.concurrency, parsed.drain) == ("fargate", 4, 5)
