"""The entry of the CDK app; ``cdk.json`` runs it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from aws_cdk import App
from aws_cdk.cx_api import CloudAssembly

from infra import nag
from infra.assets import CONTAINER, HOST, LAMBDA_ARM, AssetBuilder, AssetError, uv_runner
from infra.config import Config, ContextError
from infra.stacks.service import Assets, ServiceStack
from infra.stacks.state import StateStack

ROOT = Path(__file__).parents[1]


def compose(app: App, config: Config, assets: Assets) -> tuple[StateStack, ServiceStack]:
    """Puts both stacks into the app, under the rules."""
    state = StateStack(app, "TidewheelState", config=config)
    service = ServiceStack(app, "TidewheelService", config=config, assets=assets)
    service.add_stack_dependency(state, "the functions name its tables")
    nag.enforce(app)
    return state, service


def builder(config: Config) -> Assets:
    """Builds for the machine that the functions will run on."""
    local = CONTAINER if config.containers else HOST
    return AssetBuilder(ROOT, local if config.local else LAMBDA_ARM, uv_runner(ROOT, os.environ))


def synthesise(builder_for: Callable[[Config], Assets] = builder) -> None:
    """Reads the context, builds the assets and writes the cloud assembly."""
    app = App(analytics_reporting=False)
    config = Config.from_context(app.node.try_get_context)
    compose(app, config, builder_for(config))
    _forget_unreferenced(app.synth())


def _forget_unreferenced(assembly: CloudAssembly) -> None:
    """Removes what earlier syntheses left in the output folder: some 100 MB for every edit."""
    folder = Path(assembly.directory)
    manifests = [json.loads(file.read_text()) for file in folder.glob("*.assets.json")]
    paths = {entry["source"]["path"] for manifest in manifests for entry in manifest["files"].values()}
    for asset in folder.glob("asset.*"):
        if asset.name not in paths:
            shutil.rmtree(asset, ignore_errors=True)


def main() -> int:
    """Synthesises; what the person at the keyboard can put right is told in one line."""
    try:
        synthesise()
    except (ContextError, AssetError) as error:
        print(f"tidewheel: {error}", file=sys.stderr)  # noqa: T201 -- a command-line program
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
