"""What programs get on the pools of Tidewheel, and names for the jobs that run them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from tidewheel.cli.importing.jobs import UNBOUNDED, JobDraft
from tidewheel.cli.importing.outcome import NotCarried

SHELL = "/bin/sh"
_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "ash"}
_INTERPRETERS = re.compile(
    r"(?:python|php|perl|ruby|node|bash|sh|zsh|dash|java|npm|yarn|make|bundle|rake|docker|kubectl)[\d.]*"
)
_VERBOSE = {"npm", "yarn", "bundle", "docker", "kubectl", "make", "rake"}
"""Programs whose first words say more than any of them alone."""
_WRAPPERS = {"nice", "ionice", "chrt", "sudo", "env", "timeout", "exec", "time", "chronic", "flock", "setsid", "nohup"}
_CONDITION = re.compile(r"(?:test|\[|cd|sleep|export|source|\.|umask)\b|\[")
_FILE_ARGUMENT = re.compile(r"[\w./@:-]+", re.ASCII)
_AROUND = " \t(){}"
_ONCE_MISSED = {"policy": "skip"}


def unattended(draft: JobDraft) -> None:
    """What cron does for nobody: no time-out, no second attempt, nothing made up for."""
    draft.fields |= {"timeout": UNBOUNDED, "retry": {"max_attempts": 1}, "misfire": dict(_ONCE_MISSED)}


def shell_target(
    command: str,
    *,
    program: str = SHELL,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: str | None = None,
) -> dict[str, Any]:
    """A text for a shell (``program``) as a target, which reads ``stdin`` if that is given.

    Raises:
        NotCarried: The shell is none of the Bourne family, and there is something to read.
    """
    if stdin is not None:
        if PurePosixPath(program).name not in _SHELLS:
            raise NotCarried(f"what follows % is read by the command, and {program} is no Bourne shell", "use a file")
        lines = " ".join(map(shlex.quote, stdin.removesuffix("\n").split("\n")))
        command = f"printf '%s\\n' {lines} | {{\n{command}\n}}"
    whole: dict[str, Any] = {"kind": "command"}
    whole |= {"shell": True, "command": command} if program == SHELL else {"command": [program, "-c", command]}
    if environment:
        whole["environment"] = dict(environment)
    if directory:
        whole["directory"] = directory
    return whole


def command_name(command: str) -> str:
    """A name for a job that runs a command: its program, and what an interpreter is given to run."""
    parts = [part.strip(_AROUND) for part in re.split(r"&&|\|\||;|\|", command) if part.strip(_AROUND)]
    main = next((part for part in parts if not _CONDITION.match(part)), parts[0] if parts else command)
    words = _words(re.split(r"\d?>", main)[0])
    while len(words) > 1 and (PurePosixPath(words[0]).name in _WRAPPERS or _is_option(words[0])):
        words = words[1:]
    return _named(words) or "command"


def _is_option(word: str) -> bool:
    """Whether it is an option of a wrapper or its value, or an assignment: nothing that could be run."""
    return word.startswith("-") or "=" in word or word.rstrip("smhd").isdecimal() or word.endswith((".lock", ".pid"))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def _named(words: Sequence[str]) -> str:
    if not words:
        return ""
    program = PurePosixPath(words[0]).name
    if not _INTERPRETERS.fullmatch(program):
        return program
    rest = [word for word in words[1:] if not word.startswith("-") and _FILE_ARGUMENT.fullmatch(word)]
    if program in _VERBOSE:
        return " ".join((program, *rest[:2]))
    return PurePosixPath(rest[0]).name if rest else program
