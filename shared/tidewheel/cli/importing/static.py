"""Reads values out of Python's source without running it: constants, arithmetic, and calls as they are written."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tidewheel.cli.importing.outcome import NotCarried

_REMEDY = "write the value itself, or define the job by hand"
_MOST = 10_000
"""Items of a range, and characters of a text, that are worked out."""


@dataclass(frozen=True)
class Named:
    """Something that the file does not define, by its full name, such as ``celery.schedules.solar``."""

    name: str


@dataclass(frozen=True)
class Called:
    """A call that is not made.

    Args:
        name: What is called, by its full name.
        args: The positional arguments.
        kwargs: The named ones.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


class NotStatic(NotCarried):
    """A value that only running the program would tell."""


_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
}
_OPERANDS = (int, float, str, timedelta, list, tuple, dict, set)


class Source:
    """A module's source.

    Args:
        text: The source.

    Raises:
        NotCarried: It is no Python.
    """

    def __init__(self, text: str) -> None:
        try:
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise NotCarried(
                f"it is no Python: {error}", f"look at line {line}" if line else "check the file"
            ) from error
        self._imported: dict[str, str] = {}
        self._constants: dict[str, ast.expr] = {}
        self._open: set[str] = set()
        for node in self.tree.body:
            self._learn(node)

    def _learn(self, node: ast.stmt) -> None:
        match node:
            case ast.Import(names=names):
                for one in names:
                    self._imported[one.asname or one.name.partition(".")[0]] = (
                        one.name if one.asname else one.name.partition(".")[0]
                    )
            case ast.ImportFrom(module=module, names=names):
                for one in names:
                    self._imported[one.asname or one.name] = f"{module or ''}.{one.name}".lstrip(".")
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                self._constants[name] = value
            case ast.Try(body=body) | ast.If(body=body) | ast.With(body=body):
                for inner in body:
                    self._learn(inner)

    def constant(self, name: str) -> Any:
        """The value of a module's constant; None if there is none, or if only running the program would tell."""
        if name not in self._constants:
            return None
        try:
            return self.value(self._constants[name])
        except NotStatic:
            return None

    def full_name(self, node: ast.AST) -> str | None:
        """The full name that an expression of names and dots stands for; None for any other."""
        match node:
            case ast.Name(id=name):
                return self._imported.get(name, name)
            case ast.Attribute(value=value, attr=attr):
                before = self.full_name(value)
                return None if before is None else f"{before}.{attr}"
        return None

    def value(self, node: ast.expr) -> Any:
        """What an expression stands for.

        Raises:
            NotStatic: Only running the program would tell.
        """
        match node:
            case ast.Constant(value=value):
                return value
            case ast.Name() | ast.Attribute():
                return self._name(node)
            case ast.Dict(keys=keys, values=values):
                return self._dict(keys, values)
            case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
                return self._safe(node, lambda: kind(self._items(elts)))
            case ast.Call():
                return self._call(node)
        return self._worked_out(node)

    def _worked_out(self, node: ast.expr) -> Any:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._safe(node, lambda: -self.value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return self._binary(node, type(op), self.value(left), self.value(right))
            case ast.JoinedStr(values=values):
                return "".join(str(self.value(_plain(one))) for one in values)
            case ast.Subscript(value=value, slice=index):
                return self._safe(node, lambda: settled(self.value(value)[self.value(index)]))
        raise self._unknown(node)

    def _items(self, nodes: list[ast.expr]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += self.value(node.value)
            else:
                found.append(self.value(node))
        return found

    def _name(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id in self._constants and node.id not in self._open:
            self._open.add(node.id)
            try:
                return self.value(self._constants[node.id])
            finally:
                self._open.discard(node.id)
        name = self.full_name(node)
        if name is None:
            raise self._unknown(node)
        return Named(name)

    def _binary(self, node: ast.expr, kind: type[ast.AST], left: Any, right: Any) -> Any:
        if not isinstance(left, _OPERANDS) or not isinstance(right, _OPERANDS):
            raise self._unknown(node)
        found = self._safe(node, lambda: _OPERATORS[kind](left, right))
        if hasattr(found, "__len__") and len(found) > _MOST:
            raise self._unknown(node)
        return found

    def _dict(self, keys: list[ast.expr | None], values: list[ast.expr]) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        for key, value in zip(keys, values, strict=True):
            if key is None:
                found |= self._mapping(value)
            else:
                found[self.value(key)] = _Lazy(self, value)
        return found

    def _mapping(self, node: ast.expr) -> dict[Any, Any]:
        value = self.value(node)
        if not isinstance(value, dict):
            raise self._unknown(node)
        return value

    def _call(self, node: ast.Call) -> Any:
        name = self.full_name(node.func)
        if name is None:
            raise self._unknown(node)
        args = tuple(self._items(node.args))
        kwargs: dict[str, Any] = {}
        for one in node.keywords:
            if one.arg is None:
                kwargs |= {name: settled(value) for name, value in self._mapping(one.value).items()}
            else:
                kwargs[one.arg] = self.value(one.value)
        return self._safe(node, lambda: _made(Called(name, args, kwargs)))

    def _safe(self, node: ast.expr, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except (TypeError, ValueError, KeyError, IndexError, ArithmeticError, AttributeError) as error:
            raise self._unknown(node) from error

    def _unknown(self, node: ast.expr) -> NotStatic:
        text = " ".join(ast.unparse(node).split())[:60]
        return NotStatic(f"only running the program would tell what {text!r} is", _REMEDY)


@dataclass(frozen=True)
class _Lazy:
    """A value of a dict, which is worked out when it is asked for: one that is not static spoils no other."""

    source: Source
    node: ast.expr


def settled(value: Any) -> Any:
    """A value of a dict that ``Source.value`` gave, worked out.

    Raises:
        NotStatic: Only running the program would tell.
    """
    return value.source.value(value.node) if isinstance(value, _Lazy) else value


def whole(value: Any) -> Any:
    """A value with all that is in it, worked out.

    Raises:
        NotStatic: Only running the program would tell.
    """
    value = settled(value)
    match value:
        case dict():
            return {key: whole(one) for key, one in value.items()}
        case list() | tuple():
            return [whole(one) for one in value]
    return value


def line_of(value: Any) -> int | None:
    """The line of a value of a dict that ``Source.value`` gave, if it was written as a value of it."""
    return value.node.lineno if isinstance(value, _Lazy) else None


def _plain(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.FormattedValue) else node


_BUILT: dict[str, Callable[[Any], Any]] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "sorted": sorted,
    "int": int,
    "float": float,
    "str": str,
}
_PLAIN_VALUES = (str, int, float, list, tuple, set)


def _made(call: Called) -> Any:
    """The result of a call whose result is certain; else the call itself."""
    args, kwargs = call.args, dict(call.kwargs)
    match call.name:
        case "datetime.timedelta":
            return timedelta(*args, **kwargs)
        case "datetime.datetime" if "tzinfo" not in kwargs:
            return datetime(*args, **kwargs)  # noqa: DTZ001 -- as it is written
        case "dict":
            return dict(*args, **kwargs)
        case "range" if len(range(*args)) <= _MOST:
            return list(range(*args))
        case name if name in _BUILT and len(args) == 1 and isinstance(args[0], _PLAIN_VALUES):
            return _BUILT[name](args[0])
    return call
