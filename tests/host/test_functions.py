"""The executor under LocalStack: what AWS promises a function, asked of the whole engine."""

from __future__ import annotations

import base64
import io
import itertools
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from localstack_client.session import Session

from localstack.places import Places
from localstack.settings import ACCOUNT, CREDENTIALS, REGION
from tests.support.engines import private_engine
from tests.support.host import gone, needs_host
from tests.support.polling import until

pytestmark = [needs_host, pytest.mark.allow_hosts(["127.0.0.1"])]

_count = itertools.count(1)
HANDLER = """
import os, time
import boto3
from botocore.config import Config
COUNT = 0
def handler(event, context):
    global COUNT
    COUNT += 1
    print("does", event["do"])
    if event["do"] == "identity":
        return boto3.client("sts").get_caller_identity()["Arn"]
    if event["do"] == "await":
        open(event["file"] + ".started", "w").close()
        while not os.path.exists(event["file"]):
            time.sleep(0.01)
    if event["do"] == "write":
        open(event["file"], "w").close()
    if event["do"] == "crash":
        os._exit(7)
    if event["do"] == "lent":
        import lent
        return lent.NAME
    return {"pid": os.getpid(), "count": COUNT, "given": os.environ.get("GIVEN")}
"""


def packed(name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    """Clients of an engine of this module's own."""
    with private_engine("localstack-host", Places(own=tmp_path_factory.mktemp("host"))) as engine:
        host = engine.endpoint.removeprefix("http://")
        session = Session(*CREDENTIALS.values(), region_name=REGION, localstack_host=host)
        config = Config(read_timeout=60, retries={"total_max_attempts": 1})
        yield lambda service: session.client(service, config=config)


@pytest.fixture(scope="module")
def functions(aws):
    return aws("lambda")


@pytest.fixture(scope="module")
def role(aws):
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    made = aws("iam").create_role(RoleName="runs-it", AssumeRolePolicyDocument=json.dumps(trust))
    return made["Role"]["Arn"]


@pytest.fixture
def invoke(functions, role):
    """Makes a function of its own, and invokes it: its answer, whether that is an error, and the log's end."""
    name = f"function-{next(_count)}"

    def make(**more):
        settings = {"Runtime": "python3.13", "Handler": "app.handler", "Role": role, "Timeout": 20, **more}
        functions.create_function(FunctionName=name, Code={"ZipFile": packed("app.py", HANDLER)}, **settings)
        functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    def call(do, **event):
        payload = json.dumps({"do": do, **event})
        went = functions.invoke(FunctionName=name, Payload=payload, LogType="Tail")
        log = base64.b64decode(went.get("LogResult", "")).decode()
        return json.loads(went["Payload"].read()), "FunctionError" in went, log

    call.make, call.name = make, name
    return call


def test_a_function_has_its_environment_and_the_credentials_of_its_role(invoke):
    invoke.make(Environment={"Variables": {"GIVEN": "yes"}})
    answer, failed, log = invoke("identity")
    assert not failed, log
    assert answer.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/runs-it/")
    assert invoke("nothing")[0]["given"] == "yes"


def test_layers_are_there(invoke, functions):
    layer = functions.publish_layer_version(
        LayerName="lent", Content={"ZipFile": packed("python/lent.py", "NAME = 'layer'")}
    )
    invoke.make(Layers=[layer["LayerVersionArn"]])
    assert invoke("lent")[0] == "layer"


def test_invocations_side_by_side_have_environments_of_their_own(invoke, tmp_path):
    invoke.make()
    file = str(tmp_path / "told")
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(invoke, "await", file=file)
        until_started(file)
        wrote, failed, _ = invoke("write", file=file)  # while the first one holds its environment
        assert not failed
        assert waiting.result()[0]["pid"] != wrote["pid"]


def until_started(file):
    """Waits until an invocation that is to await a file does."""
    until(Path(f"{file}.started").exists, "its beginning")


def test_reserved_concurrency_is_a_bound(invoke, functions, tmp_path):
    invoke.make()
    functions.put_function_concurrency(FunctionName=invoke.name, ReservedConcurrentExecutions=1)
    file = tmp_path / "told"
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(invoke, "await", file=str(file))
        until_started(file)
        try:
            with pytest.raises(ClientError) as refused:
                invoke("nothing")
        finally:
            file.touch()
        assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
        assert not waiting.result()[1]


def test_a_crash_is_told_and_the_next_invocation_has_a_new_process(invoke):
    invoke.make()
    before, _, _ = invoke("nothing")
    answer, failed, _ = invoke("crash")
    assert failed
    assert (answer["errorType"], "exit status 7" in answer["errorMessage"]) == ("Runtime.ExitError", True)
    after, _, _ = invoke("nothing")
    assert (after["count"], after["pid"] != before["pid"]) == (1, True)


def test_what_takes_too_long_is_ended(invoke, tmp_path):
    invoke.make(Timeout=1)
    answer, failed, _ = invoke("await", file=str(tmp_path / "never"))
    assert failed
    assert "Task timed out after 1.00 seconds" in answer["errorMessage"]
    assert invoke("nothing")[0]["count"] == 1


def test_changed_code_answers_the_next_invocation(invoke, functions):
    invoke.make()
    old, _, _ = invoke("nothing")
    changed = HANDLER.replace('"given":', '"changed": True, "given":')
    functions.update_function_code(FunctionName=invoke.name, ZipFile=packed("app.py", changed))
    functions.get_waiter("function_updated_v2").wait(FunctionName=invoke.name, WaiterConfig={"Delay": 1})
    assert invoke("nothing")[0]["changed"]
    until(lambda: gone(old["pid"]), "the end of the old process")


def test_what_it_prints_is_in_its_log(invoke, aws):
    invoke.make()
    assert "does nothing\n" in invoke("nothing")[2]
    logs = aws("logs")

    def kept():
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{invoke.name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return [event["message"] for event in found if event["message"].startswith("does")]

    assert until(kept, "its lines") == ["does nothing\n"]
