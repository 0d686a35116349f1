"""Every call in the code that counts or logs, read from its syntax tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_LEVELS = {"info", "warning", "error"}
_RECEIVER = re.compile(r"(^|[._])(telemetry|_log)$")
_NO_FIELDS = {"value", "exc_info"}
"""Arguments of ``count`` and of Python's loggers that are neither dimensions nor fields."""
_ROOMS = ("shared/tidewheel", "functions")


@dataclass(frozen=True)
class TelemetryCall:
    """A call of ``Telemetry``, or of the API's logger.

    Args:
        where: Its file below the tree, and its line.
        room: The room of ``engine`` where it stands; empty outside of them.
        method: ``count``, ``info``, ``warning`` or ``error``.
        name: The metric or message; none if it is not written out.
        keywords: Its dimensions or fields: the source text of each value by name; ``**`` for what is not written out.
    """

    where: str
    room: str
    method: str
    name: str | None
    keywords: Mapping[str, str]

    @property
    def counts(self) -> bool:
        """Whether it is a metric's."""
        return self.method == "count"


def telemetry_calls(root: Path) -> Iterator[TelemetryCall]:
    """All of a tree's code."""
    for path in sorted(path for room in _ROOMS for path in (root / room).rglob("*.py")):
        relative = path.relative_to(root)
        yield from calls_of(path.read_text(encoding="utf-8"), relative.as_posix())


def calls_of(text: str, path: str) -> Iterator[TelemetryCall]:
    """All of a module's."""
    parts = path.split("/")
    room = parts[parts.index("engine") + 1] if "engine" in parts else ""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Attribute(value=receiver, attr=method)) if method in {
                "count",
                *_LEVELS,
            } and _RECEIVER.search(ast.unparse(receiver)):
                yield TelemetryCall(f"{path}:{node.lineno}", room, method, _name(node), _keywords(node))


def _name(call: ast.Call) -> str | None:
    match call.args:
        case [ast.Constant(value=str(name)), *_]:
            return name
    return None


def _keywords(call: ast.Call) -> dict[str, str]:
    given = {keyword.arg or "**": ast.unparse(keyword.value) for keyword in call.keywords}
    return {name: value for name, value in given.items() if name not in _NO_FIELDS}
