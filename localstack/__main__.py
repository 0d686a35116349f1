"""``python -m localstack up | down | status | watch | demo | bench | watch-bench``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping

from localstack import cloud
from localstack.errors import LocalCloudError
from localstack.places import Places
from localstack.show import report

_FAILED = 1
_MISUSED = 2
_INTERRUPTED = 130


def _up() -> int:
    cloud.tell(cloud.up(Places()))
    return 0


def _down() -> int:
    cloud.down(Places())
    return 0


def _status() -> int:
    return 0 if cloud.status(Places()) else _FAILED


def _program(name: str) -> Callable[[], int]:
    """A part that is imported only when it is asked for."""
    return lambda: importlib.import_module(f"localstack.{name}").main() or 0


COMMANDS: Mapping[str, Callable[[], int]] = {
    "up": _up,
    "down": _down,
    "status": _status,
    "watch": _program("watch.main"),
    "demo": _program("demo.main"),
    "bench": _program("bench.main"),
    "watch-bench": _program("bench.watch"),
}


def main(arguments: list[str]) -> int:
    """Runs one command and returns the exit code."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        report(f"usage: python -m localstack {' | '.join(COMMANDS)}")
        return _MISUSED
    try:
        return command()
    except LocalCloudError as error:
        report(str(error), error.detail)
        return _FAILED
    except KeyboardInterrupt:
        report("Interrupted: run `make up` to go on, or `make down` to clear up.")
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
