"""The program as it is started: an interrupt ends it silently, whatever it does; version, help and completion."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from tidewheel.cli.app import app

SCRIPT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
from tidewheel.cli import main

WHEN = sys.argv[1]

class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == WHEN:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
if WHEN == "asked":
    from tidewheel.cli.session import Session
    Session.ask = lambda self, call: os.kill(os.getpid(), signal.SIGINT) or ({}, "")
sys.argv[:2] = ["tidewheel", "--url", "http://127.0.0.1:9"]
main.main()
"""


@pytest.mark.parametrize("module", ["tidewheel.cli.app", "typer", "httpx", "tidewheel.wire.bodies.job"])
def test_an_interrupt_while_it_is_loaded_ends_it_silently(module: str) -> None:
    ended(module, "jobs", "list")


@pytest.mark.parametrize(
    "command",
    [
        ("jobs", "delete", "a"),
        ("jobs", "edit", "a", "--name", "b"),
        ("executions", "show", "a"),
        ("logs", "a", "--follow"),
        ("dead-letters", "redrive", "--all"),
        ("ledger", "a"),
        ("circuits", "close", "a"),
    ],
)
def test_an_interrupt_while_it_waits_ends_it_silently(command: tuple[str, ...]) -> None:
    ended("asked", *command)


def ended(when: str, *command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, when, *command], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_it_says_its_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout.split()[0], done.stderr) == (0, "tidewheel", "")


@pytest.mark.parametrize("command", [(), ("jobs",), ("jobs", "create"), ("dead-letters", "redrive")])
def test_h_helps(command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*command, "-h"])
    assert (done.exit_code, "Usage" in done.stdout) == (0, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_completes_commands(shell: str) -> None:
    words = {"_TYPER_COMPLETE_ARGS": "tidewheel jo", "COMP_WORDS": "tidewheel jo", "COMP_CWORD": "1"}
    asked = {"_TIDEWHEEL_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args", **words}
    done = CliRunner().invoke(app, [], env=asked, prog_name="tidewheel")
    assert "jobs" in done.stdout
