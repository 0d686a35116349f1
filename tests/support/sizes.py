"""How long modules and functions are, and the longest room of each layer: ``python -m tests.support.sizes``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
TREES = ("shared/tidewheel", "functions", "infra", "localstack")
LAYERS = ("domain", "ports", "engine", "adapters", "wire", "client", "cli", "wiring")
"""The folders of ``shared/tidewheel``; the functions are one more."""
_NOT_OURS = {"node_modules", "cdk.out", "build", "dist", "generated", "template", "templates", "__pycache__"}


@dataclass(frozen=True)
class Module:
    """A file with code in it."""

    path: Path

    @cached_property
    def text(self) -> str:
        """What it says."""
        return self.path.read_text()

    @property
    def length(self) -> int:
        """Lines, blank ones and comments included."""
        return len(self.text.splitlines())

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.text)

    @property
    def is_marker(self) -> bool:
        """Whether it makes a folder a package, and holds a docstring at most."""
        rest = self.tree.body[1:] if ast.get_docstring(self.tree) is not None else self.tree.body
        return self.path.name == "__init__.py" and not rest

    def functions(self) -> Iterator[int]:
        """The length in lines of each function and method, without its decorators."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (node.end_lineno or node.lineno) - node.lineno + 1


def modules(root: Path) -> list[Module]:
    """All modules below a folder, without those that only mark packages."""
    paths = (path for path in root.rglob("*.py") if not _NOT_OURS & set(path.relative_to(root).parts))
    return [module for module in map(Module, sorted(paths)) if not module.is_marker]


def described(lengths: Sequence[int]) -> str:
    """Number, median, 90th percentile (nearest rank) and maximum."""
    if not lengths:
        return f"{0:>6}{'-':>8}{'-':>6}{'-':>6}"
    ranked = sorted(lengths)
    p90 = ranked[-(-len(ranked) * 9 // 10) - 1]
    return f"{len(ranked):>6}{median(ranked):>8g}{p90:>6}{ranked[-1]:>6}"


def longest_room(root: Path) -> str:
    """The folder with most lines in the modules that lie in it itself, beside the number of all."""
    rooms: dict[Path, list[int]] = {}
    for module in modules(root):
        rooms.setdefault(module.path.parent, []).append(module.length)
    room = max(rooms, key=lambda room: sum(rooms[room]))
    fullest = max(rooms, key=lambda room: (len(rooms[room]), sum(rooms[room])))
    both = [f"{_room(root, each)} {len(rooms[each])} files, {sum(rooms[each])} lines" for each in (room, fullest)]
    return f"{both[0]} (of {len(rooms)} rooms)" + (f"; most files: {both[1]}" if fullest != room else "")


def _room(root: Path, room: Path) -> str:
    return room.relative_to(root.parent).as_posix()


def report(root: Path = ROOT) -> Iterator[str]:
    """The tables, line by line."""
    trees = {tree: modules(root / tree) for tree in TREES}
    trees["all"] = [module for found in trees.values() for module in found]
    yield f"{'lines of modules':<20}{'number':>6}{'median':>8}{'p90':>6}{'max':>6}"
    yield from (f"{tree:<20}{described([one.length for one in found])}" for tree, found in trees.items())
    yield ""
    yield f"{'lines of functions':<20}{'number':>6}{'median':>8}{'p90':>6}{'max':>6}"
    for tree, found in trees.items():
        yield f"{tree:<20}{described([length for one in found for length in one.functions()])}"
    yield ""
    yield "longest room of each layer"
    for layer in (*(root / "shared" / "tidewheel" / layer for layer in LAYERS), root / "functions"):
        yield f"{layer.name:<20}{longest_room(layer)}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in report())
