"""Contexts: the deployments that a user works with, by name, in a file of their own configuration folder.

The file is YAML, readable by its owner alone::

    current: production
    contexts:
      production:
        url: https://abc123.execute-api.eu-west-1.amazonaws.com/prod
        token_command: pass show tidewheel/production
        tenant: acme
      staging:
        url: https://def456.execute-api.eu-west-1.amazonaws.com/prod
        token: tw_...
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import typer

from tidewheel.cli.files import yaml_text

CONFIG_VARIABLE = "TIDEWHEEL_CONFIG"
CONTEXT_VARIABLE = "TIDEWHEEL_CONTEXT"
LOCAL = "local"
"""The context that is always there: the local cloud whose outputs file is found in this folder or one above it."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
COMMAND_S = 60
"""Seconds that a ``token_command`` may take: it may ask for a fingerprint."""
_FIELDS = ("url", "token", "token_command", "tenant")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class ConfigError(Exception):
    """The configuration cannot be used; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Context:
    """A deployment.

    Args:
        url: The API's URL.
        token: The token for it; empty for none.
        token_command: A program that prints the token, with its arguments; empty for none. No shell runs it.
        tenant: The tenant to act in, for a platform admin; empty for the token's own.
    """

    url: str
    token: str = field(default="", repr=False)
    token_command: str = ""
    tenant: str = ""

    def sign(self) -> str | None:
        """The token: as it is stored, or as its command prints it; None if there is neither.

        Raises:
            ConfigError: The command cannot be run, fails, or prints nothing.
        """
        return _printed(self.token_command) if self.token_command else self.token or None


def _printed(command: str) -> str:
    try:
        arguments = shlex.split(command)
        done = subprocess.run(  # noqa: S603 -- the user's own command, from a file that nobody else can write
            arguments, stdout=subprocess.PIPE, text=True, check=False, timeout=COMMAND_S
        )
    except (OSError, ValueError, IndexError, subprocess.SubprocessError) as error:
        raise ConfigError(f"token_command cannot be run ({error}): {command}") from error
    token = done.stdout.strip()
    if done.returncode or not token:
        problem = f"ended with status {done.returncode}" if done.returncode else "printed nothing"
        raise ConfigError(f"token_command {problem}: {command}")
    return token


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says.

    Args:
        contexts: The contexts by name.
        current: The name of the one that is in use; empty for the local cloud.
    """

    contexts: Mapping[str, Context] = field(default_factory=dict)
    current: str = ""

    def context(self, name: str) -> Context | None:
        """A context by its name; None for ``local``.

        Raises:
            ConfigError: There is no such context.
        """
        if name == LOCAL:
            return None
        if name not in self.contexts:
            known = ", ".join([LOCAL, *self.contexts])
            raise ConfigError(f"there is no context {name!r}: use one of {known}, or add it by tidewheel context add")
        return self.contexts[name]

    def with_context(self, name: str, context: Context) -> Config:
        """With one more, or another under that name.

        Raises:
            ConfigError: The name cannot be used.
        """
        if name == LOCAL or not NAME.fullmatch(name):
            problem = "is the local cloud's" if name == LOCAL else "cannot be a context's name"
            raise ConfigError(f"{name!r} {problem}: use letters, digits and . _ -, up to 64")
        return replace(self, contexts={**self.contexts, name: context})

    def without(self, name: str) -> Config:
        """With one less; if it was in use, the local cloud is.

        Raises:
            ConfigError: There is no such context.
        """
        if self.context(name) is None:
            raise ConfigError(f"{LOCAL} cannot be removed")
        kept = {one: context for one, context in self.contexts.items() if one != name}
        return Config(kept, "" if self.current == name else self.current)

    def using(self, name: str) -> Config:
        """With another one in use.

        Raises:
            ConfigError: There is no such context.
        """
        return replace(self, current="" if self.context(name) is None else name)


def config_path() -> Path:
    """Where the file lies: ``$TIDEWHEEL_CONFIG``, or in the folder that the platform has for it."""
    given = os.environ.get(CONFIG_VARIABLE)
    return Path(given) if given else Path(typer.get_app_dir("tidewheel")) / "config.yaml"


def read_config(path: Path) -> Config:
    """The configuration; empty if there is no file.

    Raises:
        ConfigError: The file cannot be read or understood, or others may read or write it.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if os.name == "posix" and mode & _OTHERS:
        raise ConfigError(f"{path} is open to others, and may hold tokens: chmod 600 {shlex.quote(str(path))}")
    try:
        found = next(yaml_text.documents(text), None)
    except yaml_text.Unreadable as error:
        raise ConfigError(f"{path}:{error.line or 1}: {error}") from error
    return Config() if found is None else _config(path, found)


def _config(path: Path, document: yaml_text.Document) -> Config:
    written = document.value
    contexts = written.get("contexts", {}) if isinstance(written, dict) else None
    if not isinstance(contexts, dict):
        raise ConfigError(f"{path}: it has no mapping 'contexts': see tidewheel context add --help")
    read = {name: _context(path, document.line(("contexts", name)), name, one) for name, one in contexts.items()}
    current = written.get("current") or ""
    if current and current not in read:
        line = document.line(("current",))
        raise ConfigError(f"{path}:{line}: there is no context {current!r}: name one of {', '.join(read) or 'those'}")
    return Config(read, current)


def _context(path: Path, line: int | None, name: str, written: Any) -> Context:
    fields = written if isinstance(written, dict) else {}
    texts = all(isinstance(value, str) for value in fields.values())
    if not (texts and fields.get("url") and fields.keys() <= set(_FIELDS) and NAME.fullmatch(name)):
        raise ConfigError(
            f"{path}:{line}: the context {name!r} needs a url, and may have a token or a token_command, and a tenant"
        )
    return Context(**fields)


def write_config(path: Path, config: Config) -> None:
    """Writes the file, readable by its owner alone; whoever reads it meanwhile sees the one before, or this one.

    Raises:
        ConfigError: It cannot be written.
    """
    contexts = {
        name: {part: value for part in _FIELDS if (value := getattr(one, part))}
        for name, one in config.contexts.items()
    }
    text = yaml_text.written({**({"current": config.current} if config.current else {}), "contexts": contexts})
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".config-")  # of mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        Path(temporary).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(temporary).unlink()
        raise ConfigError(f"{path} cannot be written: {error}") from error
