"""The ``command`` target on the wire."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from tidewheel.domain.limits import COMMAND_GRACE_MS, MAX_COMMAND_GRACE_MS
from tidewheel.wire.bodies.target import SecretValue, TargetModel, check_header_values
from tidewheel.wire.model import refusal, shown
from tidewheel.wire.values import bounded, duration

MAX_ARGUMENTS = 256
MAX_VARIABLES = 100
MAX_PATH = 1_024
OURS = "TIDEWHEEL_"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)


def _check_command(value: Any, info: ValidationInfo) -> Any:
    """``shell`` decides whether it must be a text or a list. If ``shell`` itself is wrong, that one error is enough.

    Messages do not show what may be secrets: arguments.
    """
    if "shell" not in info.data:
        return value
    if info.data["shell"]:
        if not isinstance(value, str) or not value.strip():
            raise refusal("it is no text for a shell", "write one string, or leave shell out")
    elif not isinstance(value, list) or not value or not all(isinstance(part, str) for part in value) or not value[0]:
        remedy = 'write a list of strings, such as ["python3", "report.py"], or set shell to true'
        raise refusal("it is no program with its arguments", remedy)
    if len(value) > MAX_ARGUMENTS and not info.data["shell"]:
        raise refusal(f"it has {len(value)} arguments", f"use {MAX_ARGUMENTS} or fewer")
    for part in value if isinstance(value, list) else [value]:
        _check_text(part)
    return value


def _check_text(text: str) -> str:
    if "\0" in text or not _is_sound(text):
        raise refusal("it holds a character that no program can be given", "leave out NUL and surrogates")
    return text


def _is_sound(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_directory(path: str) -> str:
    if not path.startswith("/"):
        raise refusal(f"{shown(path)} is no absolute path", "begin with /")
    return _check_text(path)


def _check_environment(environment: dict[str, Any]) -> dict[str, Any]:
    """Messages do not show values, which may be secrets."""
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name):
            raise refusal(f"{shown(name)} is not a variable's name", "use letters, digits and _, no digit first")
        if name.startswith(OURS):
            raise refusal(f"{name} is one of Tidewheel's own", f"use a name that does not begin with {OURS}")
        if isinstance(value, str) and ("\0" in value or not _is_sound(value)):
            raise refusal(f"the value of {name} cannot be given to a program", "leave out NUL and surrogates")
    return environment


class CommandTarget(TargetModel):
    """A program with its arguments, on the workers of a pool; with `shell` one text for `/bin/sh -c`.

    Its exit status says how it went: 0 is a success. What it prints is the run's log.
    """

    PRIVILEGED = True
    DATA = frozenset({"environment"})
    REVEALS = frozenset({"environment"})
    LONG_RUNNING = True

    kind: Literal["command"]
    shell: bool = False
    command: Annotated[
        str | list[str],
        BeforeValidator(_check_command),
        Field(examples=[["python3", "report.py", "--day", "monday"]]),
    ]
    environment: Annotated[
        dict[str, str | SecretValue],
        Field(
            max_length=MAX_VARIABLES,
            description="Beside it, PATH, HOME, LANG and TZ are its worker's, and TIDEWHEEL_* say which run it is. "
            "A value may be a secret.",
        ),
        BeforeValidator(check_header_values),
        AfterValidator(_check_environment),
    ] = Field(default_factory=dict)
    directory: Annotated[str, Field(max_length=MAX_PATH), AfterValidator(_check_directory)] | None = Field(
        None, description="Where it runs; unless given, where its worker does."
    )
    grace: Annotated[
        timedelta,
        *bounded(0, MAX_COMMAND_GRACE_MS),
        Field(description="How long after SIGTERM, which tells it to end, what is left of it is killed."),
    ] = duration(COMMAND_GRACE_MS)

    def summary(self) -> str:
        """The command, cut off where it is long."""
        return shown(self.command if isinstance(self.command, str) else " ".join(self.command))[1:-1]
