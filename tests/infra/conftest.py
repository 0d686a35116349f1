"""Both targets are synthesised once per session, with assets that need neither the network nor uv."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the venv's own Node

from aws_cdk import App  # noqa: E402 -- jsii looks for Node on the path when it is imported
from aws_cdk.assertions import Template  # noqa: E402
from cdk_nag import AwsSolutionsChecks  # noqa: E402

from infra import app as tidewheel_app  # noqa: E402
from infra.assets import Asset  # noqa: E402
from infra.config import Config  # noqa: E402
from tidewheel.names import Function  # noqa: E402

Resources = dict[str, dict[str, Any]]


def text(value: Any) -> str:
    """A value of a template as text: a reference is its name in angle brackets."""
    match value:
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(map(text, parts))
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), "Arn"]}:
            return f"<{name}>"
        case _:
            return str(value)


@dataclass(frozen=True)
class Part:
    """One synthesised stack."""

    template: dict[str, Any]
    termination_protection: bool

    def of(self, kind: str) -> Resources:
        resources = self.template["Resources"]
        return {id: resource for id, resource in resources.items() if resource["Type"] == f"AWS::{kind}"}

    def properties(self, kind: str, key: str) -> Resources:
        """The properties of every resource of a type, by the value of one of them."""
        found = [resource["Properties"] for resource in self.of(kind).values()]
        return {text(properties[key]): properties for properties in found}

    def function(self, role: str) -> dict[str, Any]:
        return self.properties("Lambda::Function", "FunctionName")[f"tidewheel-{role}"]


@dataclass(frozen=True)
class Synthesised:
    """Both stacks of one target, and what the rules found in them."""

    local: bool
    state: Part
    service: Part
    findings: list[str]
    folder: Path


Synthesise = Callable[..., Synthesised]


@pytest.fixture(scope="session")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Function], Asset]:
    folder = tmp_path_factory.mktemp("assets")
    for role in Function:
        (folder / role).mkdir()
        (folder / role / "code.py").write_text(f"ROLE = '{role}'")
    return lambda role: Asset(folder / role, f"digest-of-{role}")


def _synthesise(outdir: Path, assets: Callable[[Function], Asset], **given: str) -> Synthesised:
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | given
    app = App(analytics_reporting=False, outdir=str(outdir), context=context)
    config = Config.from_context(context.get)
    stacks = tidewheel_app.compose(app, config, assets)
    report = AwsSolutionsChecks().validate_scope(app)
    findings = [f"{each.rule_name}: {each.violating_resources}" for each in report.violations]
    parts = [Part(Template.from_stack(stack).to_json(), bool(stack.termination_protection)) for stack in stacks]
    return Synthesised(config.local, *parts, findings, outdir)


@pytest.fixture(scope="session")
def synthesise(tmp_path_factory: pytest.TempPathFactory, assets: Callable[[Function], Asset]) -> Synthesise:
    """Synthesises for AWS, but for what is given of the context."""
    usual = {"target": "aws"}
    return lambda **given: _synthesise(tmp_path_factory.mktemp("synthesised"), assets, **(usual | given))


@pytest.fixture(scope="session")
def local(synthesise: Synthesise) -> Synthesised:
    return synthesise(target="local")


@pytest.fixture(scope="session")
def aws(synthesise: Synthesise) -> Synthesised:
    return synthesise()


@pytest.fixture(scope="session")
def economy(synthesise: Synthesise) -> Synthesised:
    return synthesise(economy="true")


@pytest.fixture(scope="session")
def fargate(synthesise: Synthesise) -> Synthesised:
    return synthesise(fargate="true", fargate_max="20")


@pytest.fixture(scope="session")
def fargate_in_a_vpc(synthesise: Synthesise) -> Synthesised:
    subnets = "subnet-0123456789abcdef0,subnet-1123456789abcdef0"
    place = {"fargate_vpc": "vpc-0123456789abcdef0", "fargate_subnets": subnets}
    return synthesise(fargate="true", economy="true", fargate_min="12", **place)


@pytest.fixture(params=["local", "aws"])
def either(request: pytest.FixtureRequest) -> Synthesised:
    """Whatever holds on both targets."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def as_text() -> Callable[[Any], str]:
    return text
