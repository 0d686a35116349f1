"""The token of a context is in its file alone: no command prints it, whatever comes of the command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import typer

from tests.support.command_line import CommandLine
from tidewheel.cli.app import app
from tidewheel.cli.deployments.contexts import Config, Context, write_config

TOKEN = "tw_1_Qz7Kp4Wv9Xr2Mn6Tb8Yd3Hc5"
TEXTS = {"role": "viewer", "switch": "on"}
"""What stands for a required parameter that takes certain texts alone."""
OTHERS = {("admin", "init"), ("worker",)}
"""They become another program, which the test would be no more."""


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        elif (*path, name) not in OTHERS:
            yield (*path, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


def given(command: Any) -> Iterator[str]:
    """What the command requires; it need not be of any use."""
    for one in command.params:
        if one.required:
            text = TEXTS.get(one.name, "1")
            yield from [text] if one.param_type_name == "argument" else [one.opts[0], text]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_command_prints_a_token(run: CommandLine, path: tuple[str, ...]) -> None:
    repeating = httpx.MockTransport(lambda request: httpx.Response(400, text=f"<p>{request.headers['user-agent']}</p>"))
    for transport in (None, repeating):
        write_config(run.folder / "config.yaml", Config({"prod": Context("https://prod.example", TOKEN)}, "prod"))
        result = run(*path, *given(COMMANDS[path]), url=None, stdin="", transport=transport)
        told = f"{result.output} {result.stderr} {result.exception!r}"
        assert TOKEN not in told
        assert TOKEN[-12:] not in told


def test_every_command_is_run() -> None:
    assert len(COMMANDS) > 40
    assert {("jobs", "list"), ("context", "list"), ("doctor",), ("whoami",), ("keys", "create")} <= COMMANDS.keys()


def test_a_context_and_a_deployment_do_not_say_their_token(run: CommandLine) -> None:
    write_config(run.folder / "config.yaml", Config({"prod": Context("https://prod.example", TOKEN)}, "prod"))
    assert run("jobs", "list", url=None).exit_code == 0
    assert run.asked[-1] == ("https://prod.example", TOKEN)  # it was used
    assert TOKEN not in repr(Context("https://prod.example", TOKEN))
