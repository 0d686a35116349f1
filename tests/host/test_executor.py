"""Execution environments by themselves: real processes with AWS's runtime client, in the engine's own venv."""

from __future__ import annotations

import json
import signal
import subprocess
from textwrap import dedent

import pytest

from tests.support.host import PYTHON, gone, in_venv, needs_host
from tests.support.polling import until

pytestmark = needs_host

HANDLER = """
import json, os, subprocess, sys, time
print("loaded")
STATE = {"count": 0}
def handler(event, context):
    STATE["count"] += 1
    print("sees", json.dumps(event))
    if "exit" in event:
        os._exit(event["exit"])
    if "kill" in event:
        os.kill(os.getpid(), 9)
    if "raise" in event:
        raise ValueError(event["raise"])
    if "hang" in event:
        time.sleep(60)
    if "fork" in event:
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid
    return {"count": STATE["count"], "id": context.aws_request_id, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "value": os.environ.get("GIVEN"),
            "secret": os.environ.get("HOME_OF_THE_ENGINE"), "pid": os.getpid()}
"""
# Invokes once for each event; prints what came of each.
DRIVE = """
import json, sys
from pathlib import Path
from tidewheel_executor.environment import Environment, Function, InitFailed
folder, handler, timeout, events = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]), json.loads(sys.argv[4])
variables = {"GIVEN": "yes", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
             "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}
layers = tuple(folder.glob("layer*"))
environment = Environment(Function(folder, layers, handler, variables, timeout))
try:
    environment.start()
except InitFailed as error:
    print(json.dumps({"init": json.loads(error.payload)}))
    sys.exit()
ARN, told = "arn:aws:lambda:x:1:function:f", []
for number, event in enumerate(events):
    went = environment.invoke(f"request-{number}", json.dumps(event).encode(), ARN, "Root=1")
    told.append({"answer": json.loads(went.payload), "error": went.is_error, "logs": went.logs})
environment.stop()
print(json.dumps(told))
"""


@pytest.fixture
def invoked(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME_OF_THE_ENGINE", "not the function's business")
    (tmp_path / "app.py").write_text(HANDLER)

    def run(*events, handler="app.handler", timeout=5.0):
        return in_venv(DRIVE, tmp_path, handler, str(timeout), json.dumps(events))

    return run


def test_a_process_serves_one_invocation_after_another(invoked):
    first, second = invoked({"a": 1}, {})
    assert not first["error"]
    answer = first["answer"]
    assert (answer["count"], answer["id"], answer["value"], answer["secret"]) == (1, "request-0", "yes", None)
    assert answer["arn"] == "arn:aws:lambda:x:1:function:f"
    assert 0 < answer["left"] <= 5_000
    assert (second["answer"]["count"], second["answer"]["pid"]) == (2, answer["pid"])


def test_each_invocation_has_its_own_log(invoked):
    first, second = invoked({"a": 1}, {"b": 2})
    assert first["logs"].startswith('START RequestId: request-0 Version: $LATEST\nloaded\nsees {"a": 1}\nEND RequestId')
    assert 'sees {"b": 2}' in second["logs"]
    assert "loaded" not in second["logs"]


def test_what_a_handler_raises_is_its_error(invoked):
    (went,) = invoked({"raise": "no"})
    assert went["error"]
    assert (went["answer"]["errorType"], went["answer"]["errorMessage"]) == ("ValueError", "no")


@pytest.mark.parametrize(("event", "how"), [({"exit": 3}, "exit status 3"), ({"kill": 1}, "signal: SIGKILL")])
def test_a_process_that_ends_is_an_error_and_another_takes_its_place(invoked, event, how):
    before, went, after = invoked({}, event, {})
    assert went["error"]
    assert went["answer"]["errorType"] == "Runtime.ExitError"
    assert how in went["answer"]["errorMessage"]
    assert "sees" in went["logs"]
    assert after["answer"]["count"] == 1
    assert after["answer"]["pid"] != before["answer"]["pid"]


def test_what_takes_too_long_is_ended(invoked):
    before, went, after = invoked({}, {"hang": 1}, {}, timeout=1.0)
    assert went["error"]
    assert went["answer"]["errorMessage"].endswith("request-1 Task timed out after 1.00 seconds")
    assert gone(before["answer"]["pid"])
    assert after["answer"]["count"] == 1


def test_a_handler_that_cannot_be_loaded_fails_at_the_start(invoked):
    told = invoked(handler="nowhere.handler")
    assert told["init"]["errorType"] == "Runtime.ImportModuleError"


def test_a_module_that_ends_the_process_fails_at_the_start(invoked, tmp_path):
    (tmp_path / "app.py").write_text("import os\nos._exit(4)")
    assert "exit status 4" in invoked()["init"]["errorMessage"]


def test_layers_are_searched_after_the_code(invoked, tmp_path):
    layer = tmp_path / "layer1" / "python"
    layer.mkdir(parents=True)
    (layer / "lent.py").write_text("NAME = 'layer'")
    (layer / "own.py").write_text("NAME = 'layer'")
    (tmp_path / "own.py").write_text("NAME = 'code'")
    (tmp_path / "app.py").write_text("import lent, own\nhandler = lambda event, context: lent.NAME + own.NAME\n")
    (went,) = invoked({})
    assert went["answer"] == "layercode"


def test_what_a_function_started_ends_with_its_environment(invoked):
    (went,) = invoked({"fork": 1})
    until(lambda: gone(went["answer"]), "the end of the grandchild")


def test_a_function_ends_with_its_engine(tmp_path):
    (tmp_path / "app.py").write_text(HANDLER)
    engine = dedent("""
        import json, sys
        from pathlib import Path
        from tidewheel_executor.environment import Environment, Function
        variables = {"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "1",
                     "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}
        environment = Environment(Function(Path(sys.argv[1]), (), "app.handler", variables, 60.0))
        environment.start()
        print(environment.pid, flush=True)
        environment.invoke("request", json.dumps({"hang": 1}).encode())
    """)
    with subprocess.Popen([PYTHON, "-P", "-c", engine, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.send_signal(signal.SIGKILL)
    until(lambda: gone(pid), "the end of the function")
