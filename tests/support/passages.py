"""What the steps of a trace come to: functions, modules and rooms, and the worker's part of it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

from tests.support.tracing import Step

ENGINE = "tidewheel.engine"
_ADAPTERS = "tidewheel.adapters"
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a trace.

    Args:
        steps: What happened, in order.
    """

    steps: Sequence[Step]

    @property
    def entered(self) -> Sequence[Step]:
        """Without the calls to AWS."""
        return [step for step in self.steps if step.code]

    def totals(self) -> dict[str, int]:
        """How many distinct functions, calls of them (each step of a generator is one), modules, and rooms.

        A room is the package that a module lies in.
        """
        modules = {step.module for step in self.entered}
        return {
            "functions": len({step.code for step in self.entered}),
            "calls": len(self.entered),
            "modules": len(modules),
            "rooms": len({room(module) for module in modules}),
            "aws_calls": len(self.steps) - len(self.entered),
        }

    def layers(self) -> dict[str, int]:
        """How many distinct functions by layer: ``functions``, or the packages inside ``tidewheel``."""
        layer_of = {step.code: step.module.removeprefix("tidewheel.").partition(".")[0] for step in self.entered}
        return dict(sorted(Counter(layer_of.values()).items()))

    def listed(self) -> list[dict[str, Any]]:
        """Each function and call to AWS in the order in which they were first met, with how often they were."""
        calls = Counter((step.module, step.name, step.code) for step in self.steps)
        first = {(step.module, step.name, step.code): step.depth for step in reversed(self.steps)}
        return [
            {"module": module, "name": name, "depth": first[module, name, code], "calls": count}
            for (module, name, code), count in calls.items()
        ]


def room(module: str) -> str:
    """The package that a module lies in."""
    return module.rpartition(".")[0]


def parted(steps: Sequence[Step], ends_with: str) -> tuple[Passage, Passage]:
    """The steps up to the last call to AWS whose name begins so, and those that follow.

    Raises:
        ValueError: There is no such call.
    """
    ends = [number for number, step in enumerate(steps, 1) if not step.code and step.name.startswith(ends_with)]
    if not ends:
        raise ValueError(f"nothing called {ends_with}* in {len(steps)} steps")
    return Passage(steps[: ends[-1]]), Passage(steps[ends[-1] :])


def around_target(steps: Sequence[Step]) -> tuple[Passage, Passage]:
    """Of a worker's trace, what the engine and all below it did before the target was called, and after.

    The target's own adapter is neither; nor is what surrounds the engine: the handler, and the writing of counts.
    """
    engine = _span(steps, lambda step: _lies_in(step, ENGINE))
    target = _span(steps, lambda step: _lies_in(step, _ADAPTERS) and "targets" in step.module.split("."))
    return Passage(steps[engine.start : target.start]), Passage(steps[target.stop : engine.stop])


def _span(steps: Sequence[Step], belongs: Any) -> range:
    numbers = [number for number, step in enumerate(steps) if belongs(step)]
    if not numbers:
        raise ValueError(f"none of {len(steps)} steps lies there")
    return range(numbers[0], numbers[-1] + 1)


def _lies_in(step: Step, package: str) -> bool:
    return f"{step.module}.".startswith(f"{package}.")


def returns(steps: Iterable[Step]) -> int:
    """How many ``return`` statements the engine's functions have that were passed, each counted once."""
    codes = {step.code for step in steps if step.code and _lies_in(step, ENGINE)}
    return sum(_returns_of(code) for code in codes)


def _returns_of(code: CodeType) -> int:
    for node in ast.walk(_tree(code.co_filename)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == code.co_name:
            first = min(one.lineno for one in (node, *node.decorator_list))
            if first == code.co_firstlineno:
                return sum(isinstance(one, ast.Return) for one in _body(node))
    return 0  # a lambda


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse(Path(file).read_text())


def _body(node: ast.AST) -> Iterator[ast.AST]:
    """What a function consists of, without the functions inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _FUNCTIONS):
            yield child
            yield from _body(child)
