from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api_bench import ApiBench
from tests.support.command_line import CommandLine
from tidewheel.cli.deployments.contexts import CONFIG_VARIABLE, CONTEXT_VARIABLE
from tidewheel.client.deployment import TOKEN_VARIABLE, URL_VARIABLE


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (URL_VARIABLE, TOKEN_VARIABLE, CONTEXT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "config.yaml"))


@pytest.fixture
def api_bench() -> ApiBench:
    return ApiBench()


@pytest.fixture
def run(api_bench: ApiBench, tmp_path: Path) -> CommandLine:
    return CommandLine(api_bench, tmp_path)
