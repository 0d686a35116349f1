"""YAML as text that means one thing: read without YAML 1.1's surprises, written so that any reader understands it.

A plain scalar is null, a boolean or a number only as JSON writes them (and ``~``, ``True``, ``NULL`` and their like, as
in YAML 1.2's core schema). All else is text: ``on``, ``yes``, ``12:30``, ``2026-01-01``, ``010`` and ``1_000`` too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_PLAIN = "plain"
_TEXT = "tag:yaml.org,2002:str"
_MAPPING = "tag:yaml.org,2002:map"
_SEQUENCE = "tag:yaml.org,2002:seq"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}
_MERGE = "<<"
_LONGEST_NUMBER = 300
MOST_NODES = 500_000
"""Values that one text may come to: aliases of aliases would otherwise fill the memory."""

Path = tuple[str | int, ...]
"""Where a value stands: the names and indices that lead to it."""


class Unreadable(Exception):
    """A text that is no YAML, or says something twice.

    Args:
        problem: What is wrong.
        remedy: What to write instead.
        line: Where, from 1; None if that is not known.
    """

    def __init__(self, problem: str, remedy: str, line: int | None) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.line = line


@dataclass
class Document:
    """What a text says.

    Args:
        value: As JSON has it.
        lines: The line of each value and of each field, from 1.
    """

    value: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of a value, or of the nearest one around it that is there."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path)


class _Reader(_Loader):  # type: ignore[misc] # libyaml's binding has no types
    """Composes nodes; which scalars are plain is kept, and what they mean is decided here."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        del value
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _TEXT
        return _SEQUENCE if kind is yaml.SequenceNode else _MAPPING


def documents(text: str) -> Iterator[Document]:
    """The documents of a text, without empty ones.

    Raises:
        Unreadable: It is no YAML, or no tree of plain values, or says something twice.
    """
    try:
        nodes = list(yaml.compose_all(text, Loader=_Reader))
    except yaml.YAMLError as error:
        raise _unreadable(error) from error
    for node in nodes:
        if isinstance(node, yaml.ScalarNode) and node.tag == _PLAIN and not node.value:
            continue
        builder = _Builder()
        yield Document(builder.value(node, ()), builder.lines)


def _unreadable(error: yaml.YAMLError) -> Unreadable:
    mark: Any = getattr(error, "problem_mark", None)
    said = str(getattr(error, "problem", None) or error)
    remedy = "indent by spaces" if "\\t" in said or "tab" in said else "check the indentation and the quotes there"
    if "character" in said and mark is None:
        remedy = "write it in UTF-8, without control characters"
    return Unreadable(f"it is no YAML: {' '.join(said.split())}", remedy, mark.line + 1 if mark else None)


class _Builder:
    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._nodes = 0
        self._open: set[int] = set()

    def value(self, node: Any, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise Unreadable(
                f"it comes to more than {MOST_NODES} values", "write fewer aliases, or several files", line
            )
        if id(node) in self._open:
            raise Unreadable("an alias stands inside what it stands for", "write it out", line)
        self._open.add(id(node))
        try:
            return self._value(node, path, line)
        finally:
            self._open.discard(id(node))

    def _value(self, node: Any, path: Path, line: int) -> Any:
        match node:
            case yaml.ScalarNode(tag=tag) if tag in {_PLAIN, _TEXT}:
                return _scalar(node.value, line) if tag == _PLAIN else node.value
            case yaml.SequenceNode(tag=tag) if tag == _SEQUENCE:
                return [self.value(one, (*path, index)) for index, one in enumerate(node.value)]
            case yaml.MappingNode(tag=tag) if tag == _MAPPING:
                return self._mapping(node, path)
            case _:
                raise Unreadable(f"the tag {node.tag} is not known", "leave it out", line)

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise Unreadable("a field's name is no text", "write a name before the colon", line)
            name = key.value
            if name == _MERGE and key.tag == _PLAIN:
                merged = self._merged(value, path, line) | merged
                continue
            if name in own:
                raise Unreadable(f"{name!r} is given twice, first in line {self.lines[*path, name]}", "keep one", line)
            self.lines[*path, name] = line
            own[name] = self.value(value, (*path, name))
        return merged | own

    def _merged(self, node: Any, path: Path, line: int) -> dict[str, Any]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, Any] = {}
        for part in reversed(parts):  # of several, the first that names a field decides
            value = self.value(part, path)
            if not isinstance(value, Mapping):
                raise Unreadable("what << names is no mapping", "name an anchor of a mapping", line)
            found |= value
        return found


def _scalar(text: str, line: int) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if text in {"Null", "NULL", "True", "TRUE", "False", "FALSE"}:
        return _WORDS[text.lower()]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    if len(text) > _LONGEST_NUMBER or abs(float(text)) == float("inf"):
        raise Unreadable(f"{text[:20]} is too large for a number", "put it in quotes if it is a text", line)
    return float(text) if number[1] or number[2] else int(text)


class _Writer(_Dumper):  # type: ignore[misc] # libyaml's binding has no types
    """Writes texts in quotes that any reader might take for something else, and lines of text as a block."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


_AMBIGUOUS = re.compile(rf"{_NUMBER.pattern}|[-+.0-9][-+.0-9_:eExXoO]*|[-+]?\.(?:inf|nan)|[yYnN]", re.IGNORECASE)
_Writer.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(rf"(?:{_AMBIGUOUS.pattern})\Z", re.IGNORECASE), None
)


def _text(dumper: Any, text: str) -> Any:
    lines = "\n" in text and text.isprintable() is False and all(one.isprintable() for one in text.split("\n"))
    return dumper.represent_scalar(_TEXT, text, style="|" if lines else None)


_Writer.add_representer(str, _text)


def written(value: Any) -> str:
    """A JSON value as YAML."""
    text: str = yaml.dump(
        value, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
    )
    return text
