"""A resource that the engine does not know: the deploy fails and names it, and succeeds without it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from localstack import deploy
from localstack.engines.base import HOST
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.settings import CONTEXT_VARIABLE
from tests.support.engines import private_engine
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
class OwnApp(Places):
    """A CDK app of its own in the folder; the checkout's tools."""

    @property
    def tools(self) -> Path:
        return Places().tools

    @property
    def cdk(self) -> Path:
        return Places().cdk

    def has(self, resources: dict[str, str]) -> None:
        """What the app's only stack is to hold: logical ids and types."""
        (self.root / "resources.json").write_text(json.dumps(resources))


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.delenv(CONTEXT_VARIABLE, raising=False)
    made = OwnApp(tmp_path / "app", own=tmp_path / "local")
    made.engine.mkdir(parents=True)
    made.root.mkdir()
    (made.root / "app.py").write_text(APP)
    (made.root / ".venv").symlink_to(Places().root / ".venv")
    (made.root / "cdk.json").write_text(json.dumps({"app": ".venv/bin/python app.py", "versionReporting": False}))
    return made


@needs_host
def test_localstack_only_pretends_and_is_told_so(places):
    with private_engine("localstack-host", places) as engine:
        places.has(QUEUE | {"Unsupported": "AWS::ECS::Cluster"})
        with pytest.raises(LocalCloudError, match=r"only pretends to have Unsupported \(AWS::ECS::Cluster\)"):
            deploy.deploy(places, engine.endpoint)
        places.has(QUEUE)
        deploy.deploy(places, engine.endpoint)


def test_ministack_fails_and_the_resource_is_named(places):
    with private_engine("ministack", places) as engine:
        places.has(QUEUE | {"Unsupported": "AWS::Synthetics::Canary"})
        with pytest.raises(LocalCloudError, match="cdk deploy failed") as raised:
            deploy.deploy(places, engine.endpoint)
        assert "Not deployed: Unsupported (AWS::Synthetics::Canary): " in raised.value.detail
        places.has(QUEUE)
        deploy.deploy(places, engine.endpoint)
