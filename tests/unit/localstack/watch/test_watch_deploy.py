"""Changing functions past CloudFormation: in which order, what is remembered, and how `make up` undoes it."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.watch import functions as watch_deploy
from localstack.watch.code import code_sha256, key_of
from localstack.watch.functions import Functions, Record, Unanswered, deployment_of, intended, with_digest
from tidewheel.adapters.memory.settable import SettableClock
from tidewheel.names import Env, Function

OLD, NEW = "0" * 32, "1" * 32
VERSION = Env.CODE_VERSION.value
BUCKET = "cdk-hnb659fds-assets-000000000000-us-east-1"


def function(name, digest, version=None):
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": name,
            "Code": {
                "S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},
                "S3Key": f"{key_of(digest)}.zip",
            },
            **({"Environment": {"Variables": {VERSION: version, "Q": {"Ref": "Queue"}}}} if version else {}),
        },
    }


TEMPLATE = {
    "Resources": {
        "Echo": function("tidewheel-echo", OLD),
        "Scheduler": function("tidewheel-scheduler", OLD, f"{OLD}-4-loop"),
        "Watchdog": function("tidewheel-watchdog", OLD, f"{OLD}-4-loop"),
        "Queue": {"Type": "AWS::SQS::Queue"},
    }
}


class Absent(ClientError):
    def __init__(self):
        super().__init__({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "Get")


class Lambda:
    """Lambda as AWS promises it: one change after another, and a change takes a while."""

    class exceptions:  # noqa: N801 -- as boto3 names it
        ResourceNotFoundException = Absent

    def __init__(self, clock, s3):
        self.clock, self.s3 = clock, s3
        self.code = {name: s3[f"{key_of(OLD)}.zip"] for name in ("echo", "scheduler", "watchdog")}
        self.variables = {"echo": {}} | {
            name: {VERSION: f"{OLD}-4-loop", "Q": "url"} for name in ("scheduler", "watchdog")
        }
        self.busy_until = {}
        self.calls = []
        self.failure = None

    def get_function_configuration(self, FunctionName):  # noqa: N803 -- boto3's
        role = self._role(FunctionName)
        return {
            "CodeSha256": code_sha256(self.code[role]),
            "LastUpdateStatus": "InProgress" if self._busy(role) else "Successful",
            **({"Environment": {"Variables": self.variables[role]}} if self.variables[role] else {}),
        }

    def update_function_code(self, FunctionName, ZipFile=None, S3Bucket=None, S3Key=None):  # noqa: N803
        role = self._change(FunctionName)
        assert S3Bucket in {None, BUCKET}
        self.code[role] = ZipFile or self.s3[S3Key]
        self.calls.append((role, "code"))

    def update_function_configuration(self, FunctionName, Environment):  # noqa: N803
        role = self._change(FunctionName)
        self.variables[role] = Environment["Variables"]
        self.calls.append((role, self.variables[role][VERSION]))

    def _role(self, name):
        if self.failure:
            raise self.failure
        role = name.removeprefix("tidewheel-")
        if role not in self.code:
            raise Absent
        return role

    def _busy(self, role):
        return self.clock.now_ms() < self.busy_until.get(role, 0)

    def _change(self, name):
        role = self._role(name)
        if self._busy(role):
            raise ClientError({"Error": {"Code": "ResourceConflictException", "Message": "busy"}}, "Update")
        self.busy_until[role] = self.clock.now_ms() + 500
        return role


class CloudFormation:
    def __init__(self, template):
        self.template = template

    def get_template(self, StackName):  # noqa: N803
        assert StackName == "tidewheel-service"
        return {"TemplateBody": self.template}


@pytest.fixture
def clock():
    return SettableClock(0)


@pytest.fixture
def engine(clock):
    return Lambda(clock, {f"{key_of(OLD)}.zip": b"as deployed", f"{key_of(NEW)}.zip": b"deployed later"})


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "watch.json")


@pytest.fixture
def functions(engine, record, clock):
    return Functions(engine, CloudFormation(TEMPLATE), "tidewheel", record, clock)


def test_a_stack_that_nobody_touched_runs_what_its_template_says(functions):
    assert functions.running() == dict.fromkeys((Function.SCHEDULER, Function.WATCHDOG, Function.ECHO), key_of(OLD))


def test_a_function_that_was_changed_runs_what_is_remembered(functions, engine):
    functions.put(Function.ECHO, NEW, b"new")
    assert engine.code["echo"] == b"new"
    assert functions.running()[Function.ECHO] == key_of(NEW)


def test_it_is_remembered_before_it_is_done(functions, engine, record):
    engine.failure = EndpointConnectionError(endpoint_url="http://gone")
    with pytest.raises(Unanswered, match=r"tidewheel-echo was not updated.*make up"):
        functions.put(Function.ECHO, NEW, b"new")
    assert record.read() == {code_sha256(b"new"): NEW}


def test_a_refusal_is_told_with_the_function_and_the_remedy(functions, engine):
    engine.failure = ClientError({"Error": {"Code": "Throttled", "Message": "slowly"}}, "UpdateFunctionCode")
    with pytest.raises(LocalCloudError, match=r"tidewheel-echo was not updated .*slowly.*save again") as found:
        functions.put(Function.ECHO, NEW, b"new")
    assert not isinstance(found.value, Unanswered)


def test_one_change_waits_for_the_other(functions, engine):
    functions.put(Function.SCHEDULER, NEW, b"new")
    functions.put(Function.SCHEDULER, NEW, b"newer")
    functions.tell_version(NEW)
    assert engine.calls == [
        ("scheduler", "code"),
        ("scheduler", "code"),
        ("scheduler", f"{NEW}-4-loop"),
        ("watchdog", f"{NEW}-4-loop"),
    ]


def test_who_is_told_a_version_knows_it_when_that_returns_and_keeps_its_other_variables(functions, engine):
    assert functions.tell_version(NEW)
    assert not engine._busy("scheduler")
    assert not engine._busy("watchdog")
    assert engine.variables["watchdog"] == {VERSION: f"{NEW}-4-loop", "Q": "url"}
    assert engine.variables["echo"] == {}


def test_a_version_that_is_known_is_not_told_again(functions, engine):
    assert not functions.tell_version(OLD)
    assert engine.calls == []


def test_a_stack_without_a_watchdog_has_its_scheduler_told(functions, engine):
    del engine.code["watchdog"]
    assert functions.tell_version(NEW)
    assert engine.calls == [("scheduler", f"{NEW}-4-loop")]


class TestPutRight:
    def test_what_was_changed_is_as_the_template_says_code_first_and_the_rest_is_left_alone(self, functions, engine):
        functions.put(Function.SCHEDULER, NEW, b"new")
        functions.tell_version(NEW)
        engine.calls.clear()
        assert functions.put_right() == ["tidewheel-scheduler"]
        assert engine.code["scheduler"] == b"as deployed"
        version = f"{OLD}-4-loop"
        assert engine.calls == [("scheduler", "code"), ("scheduler", version), ("watchdog", version)]
        assert functions.running()[Function.SCHEDULER] == key_of(OLD)

    def test_again_it_finds_nothing(self, functions, engine):
        functions.put(Function.ECHO, NEW, b"new")
        functions.put_right()
        engine.calls.clear()
        began_ms = engine.clock.monotonic_ms()
        assert functions.put_right() == []
        assert engine.calls == []
        assert engine.clock.monotonic_ms() == began_ms

    def test_who_is_woken_afterwards_is_heard(self, functions, engine):
        functions.put(Function.ECHO, NEW, b"new")
        began_ms = engine.clock.monotonic_ms()
        functions.put_right()
        assert engine.clock.monotonic_ms() - began_ms >= watch_deploy.UNHEARD_MS

    def test_what_was_deployed_since_is_left_alone(self, functions, engine):
        functions.put(Function.ECHO, NEW, b"new")
        engine.code["echo"] = b"by the CDK"
        engine.calls.clear()
        assert functions.put_right() == []
        assert engine.code["echo"] == b"by the CDK"
        assert engine.calls == []

    def test_an_engine_that_refuses_is_told(self, functions, engine):
        functions.put(Function.ECHO, NEW, b"new")
        del engine.s3[f"{key_of(OLD)}.zip"]
        engine.s3 = {}
        engine.update_function_code = lambda **_: (_ for _ in ()).throw(Absent())
        with pytest.raises(LocalCloudError, match="tidewheel-echo could not be set to what was deployed"):
            functions.put_right()

    def test_where_nobody_watched_the_engine_is_not_even_asked(self, tmp_path, monkeypatch):
        monkeypatch.setattr(watch_deploy.deploy, "client", lambda *_: pytest.fail("nothing is to be asked"))
        assert watch_deploy.put_right(Places(tmp_path), "http://nowhere", "tidewheel-watchdog") == []


class TestRecord:
    def test_what_is_added_is_read_by_another(self, record):
        record.add("a", OLD)
        record.add("b", NEW)
        assert Record(record.path).read() == {"a": OLD, "b": NEW}

    @pytest.mark.parametrize("text", ["", "{", "[1]", "7"])
    def test_what_cannot_be_read_is_as_nothing(self, record, text):
        record.path.write_text(text)
        assert record.read() == {}

    def test_the_latest_are_kept(self, record, monkeypatch):
        monkeypatch.setattr(watch_deploy, "KEPT", 2)
        for name in ("a", "b", "a", "c"):
            record.add(name, OLD)
        assert set(record.read()) == {"a", "c"}


@pytest.mark.parametrize("encode", [json.dumps, lambda template: template])
def test_the_template_is_read_as_text_or_as_an_object(engine, record, clock, encode):
    functions = Functions(engine, CloudFormation(encode(TEMPLATE)), "tidewheel", record, clock)
    assert set(functions.running()) == {Function.SCHEDULER, Function.WATCHDOG, Function.ECHO}


def test_a_function_of_the_template_is_told_with_its_zip_and_its_version():
    (echo, scheduler, _) = intended(TEMPLATE)
    assert (echo.function, echo.bucket, echo.key, echo.version) == (
        "tidewheel-echo",
        BUCKET,
        f"{key_of(OLD)}.zip",
        None,
    )
    assert scheduler.version == f"{OLD}-4-loop"


@pytest.mark.parametrize(("before", "after"), [("abc", "new"), ("abc-4-loop-gpu", "new-4-loop-gpu")])
def test_of_a_version_the_digest_is_changed_alone(before, after):
    assert with_digest(before, "new") == after


@pytest.mark.parametrize("name", ["my-own-watchdog", "my-own-scheduler"])
def test_the_deployment_is_known_by_its_minute_function(name):
    assert deployment_of(name) == "my-own"
