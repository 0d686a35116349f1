"""How an answer is printed: as a table, as JSON, as YAML, or as ids; once, or again and again while it changes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO
from typing import Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.text import Text

from tidewheel.cli.files import yaml_text
from tidewheel.cli.tables import legible

T = TypeVar("T")
Answered = tuple[T, str]
"""An answer as a value, and as the API's JSON."""
_WIDE = 240  # columns for a file or a pipe, where nothing should be cut off


class Form(StrEnum):
    """The forms of an answer."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class View:
    """How an answer is printed.

    Args:
        form: As what.
        every_s: Seconds after which it is asked for again and printed anew; None for once.
    """

    form: Form = Form.TABLE
    every_s: float | None = None

    def print(
        self, ask: Callable[[], Answered[T]], render: Callable[[T], RenderableType], wait: Callable[[float], None]
    ) -> None:
        """Prints an answer; of a view that watches, until the process is interrupted.

        Args:
            ask: Gets it.
            render: Makes a table of it.
            wait: Waits so many seconds.
        """
        if self.every_s is None:
            self._printed(*ask(), render)
            return
        show = _Screen(self) if to_terminal() else _Changes(self)
        while True:
            show(*ask(), render)
            wait(self.every_s)

    def _printed(self, value: T, text: str, render: Callable[[T], RenderableType]) -> None:
        if self.form is Form.TABLE:
            write(render(value))
        else:
            typer.echo(self.text_of(value, text), nl=self.form is not Form.YAML)

    def text_of(self, value: object, text: str) -> str:
        """An answer in a form that is no table."""
        if self.form is Form.NAME:
            return "\n".join(names_of(value))
        return yaml_text.written(json.loads(text)) if self.form is Form.YAML else text


class _Screen:
    """Draws the newest answer over the one before."""

    def __init__(self, view: View) -> None:
        self._view = view

    def __call__(self, value: T, text: str, render: Callable[[T], RenderableType]) -> None:
        console = Console(highlight=False)
        told = render(value) if self._view.form is Form.TABLE else Text(self._view.text_of(value, text))
        console.clear()
        console.print(Text(f"Every {self._view.every_s:g} s; Ctrl-C ends.", style="dim"))
        console.print(told)


class _Changes:
    """Prints what is new or has changed: of a list its items, a line each; else the whole answer."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._seen: dict[str, str] = {}
        self._headed = False

    def __call__(self, value: Any, text: str, render: Callable[[Any], RenderableType]) -> None:
        document = json.loads(text)
        changed = [one for one in _parts(value, document) if self._is_new(*one)]
        if not changed:
            return
        if self._view.form in {Form.JSON, Form.NAME}:
            lines = [name if self._view.form is Form.NAME else compact for name, compact in changed]
        elif self._view.form is Form.YAML:
            lines = [f"---\n{yaml_text.written(json.loads(compact))}".rstrip() for _, compact in changed]
        else:
            names = {name for name, _ in changed}
            lines = list(_rows(value, names, render, headed=not self._headed))
            self._headed = True
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()

    def _is_new(self, name: str, compact: str) -> bool:
        before = self._seen.get(name)
        self._seen[name] = compact
        return before != compact


def _parts(value: Any, document: Any) -> Iterator[tuple[str, str]]:
    """The id of each part of an answer, and its JSON on one line."""
    items = document.get("items") if isinstance(document, dict) else None
    listed = list(value.items) if isinstance(items, list) else [value]
    for one, part in zip(listed, items if isinstance(items, list) else [document], strict=True):
        yield _name(one), json.dumps(part, ensure_ascii=False)


def _rows(value: Any, names: set[str], render: Callable[[Any], RenderableType], *, headed: bool) -> Iterator[str]:
    """The lines of a table of those that have these ids; of a list without its head, unless it is the first time."""
    items = getattr(value, "items", None)
    if not isinstance(items, tuple):
        yield from _lines(render(value))
        return
    page = value.model_copy(update={"items": tuple(one for one in items if _name(one) in names), "cursor": None})
    lines = _lines(render(page))
    yield from lines if headed else lines[1:]


def _lines(told: RenderableType) -> Sequence[str]:
    written = StringIO()
    Console(file=written, width=_WIDE, highlight=False).print(told)
    return [line.rstrip() for line in written.getvalue().splitlines()]


def _name(one: object) -> str:
    names = (getattr(one, field, None) for field in ("id", "execution", "name", "version"))
    return str(next(filter(None, names), ""))


def names_of(value: object) -> list[str]:
    """The ids in an answer, in its order: of its items, or its own."""
    items = getattr(value, "items", None) if isinstance(value, BaseModel) else None
    return [legible(name) for one in (items if isinstance(items, tuple) else (value,)) if (name := _name(one))]


def to_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout.isatty()


def write(renderable: RenderableType) -> None:
    """Prints a table or text."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDE)
    console.print(renderable)
