"""A resource that the engine has no notion of: the deploy fails by its name, and passes once it is gone."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from localstack import deploy, processes
from localstack.engine import HOST
from localstack.errors import LocalCloudError
from localstack.host_engine import LocalStackHost
from localstack.ministack_engine import MiniStack
from localstack.places import Places
from localstack.settings import CONTEXT_VARIABLE
from tests.support.host import needs_host

pytestmark = pytest.mark.allow_hosts([HOST])

APP = """
import json
from pathlib import Path
from aws_cdk import App, BootstraplessSynthesizer, CfnResource, Stack
app = App()
stack = Stack(app, "Tiny", synthesizer=BootstraplessSynthesizer())
for id, type in json.loads(Path("resources.json").read_text()).items():
    CfnResource(stack, id, type=type)
app.synth()
"""
QUEUE = {"Queue": "AWS::SQS::Queue"}


@dataclass(frozen=True)
class Planted(Places):
    """A CDK app of its own in the folder; the checkout's tools."""

    folder: Path = Path(os.devnull)

    @property
    def local(self) -> Path:
        return self.folder

    @property
    def ministack_python(self) -> Path:
        return Places().ministack_python

    @property
    def host_python(self) -> Path:
        return Places().host_python

    @property
    def dynamodb_local(self) -> Path:
        return Places().dynamodb_local

    @property
    def cdk(self) -> Path:
        return Places().cdk

    def has(self, resources: dict[str, str]) -> None:
        """What the app's only stack is to hold: logical ids and types."""
        (self.root / "resources.json").write_text(json.dumps(resources))


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.delenv(CONTEXT_VARIABLE, raising=False)
    made = Planted(tmp_path / "app", tmp_path / "local")
    made.engine.mkdir(parents=True)
    made.root.mkdir()
    (made.root / "app.py").write_text(APP)
    (made.root / ".venv").symlink_to(Places().root / ".venv")
    (made.root / "cdk.json").write_text(json.dumps({"app": ".venv/bin/python app.py", "versionReporting": False}))
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(places, monkeypatch):
    """Whoever starts an engine ends before it; here both are this process, which collects what it started."""
    engines, children, begin = [], [], processes.start_detached
    monkeypatch.setattr(processes, "start_detached", lambda *how: (children.append(begin(*how)), children[-1])[1])

    def started(kind):
        engine = kind(free_port(), places)
        engines.append((engine, engine.start()))
        return engine.endpoint

    yield started
    for engine, pid in engines:
        engine.stop(pid)
    for child in children:
        child.wait(10)


@needs_host
def test_localstack_only_pretends_and_is_told_so(start, places):
    endpoint = start(LocalStackHost)
    places.has(QUEUE | {"Planted": "AWS::ECS::Cluster"})
    with pytest.raises(LocalCloudError, match=r"only pretends to have Planted \(AWS::ECS::Cluster\)"):
        deploy.deploy(places, endpoint)
    places.has(QUEUE)
    deploy.deploy(places, endpoint)


def test_ministack_fails_and_the_resource_is_named(start, places):
    endpoint = start(MiniStack)
    places.has(QUEUE | {"Planted": "AWS::Synthetics::Canary"})
    with pytest.raises(LocalCloudError, match="cdk deploy failed") as raised:
        deploy.deploy(places, endpoint)
    assert "Not deployed: Planted (AWS::Synthetics::Canary): " in raised.value.detail
    places.has(QUEUE)
    deploy.deploy(places, endpoint)
