"""Options that several commands share: declared once, and given to a command as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from tidewheel.cli.views import Form, View

WATCH_S = 2.0
"""Seconds between two looks of ``--watch``."""
_NOT_BOTH = "say --json or --output, not both"


def extended(
    command: Callable[..., None], declared: Callable[..., None], name: str, value_of: Callable[[Mapping[str, Any]], Any]
) -> Callable[..., None]:
    """A command with more options.

    Args:
        command: The command.
        declared: Declares the options by its signature; it is never called.
        name: The parameter of the command that takes what they come to.
        value_of: Makes that of the options' values by name.
    """
    own, more = inspect.signature(command).parameters, inspect.signature(declared).parameters

    @wraps(command)
    def called(**given: Any) -> None:
        value = value_of({one: given.pop(one) for one in more})
        command(**given, **{name: value})

    kept = [one for one in own.values() if one.name != name]
    hints = get_type_hints(command, include_extras=True) | get_type_hints(declared, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    joined = [one.replace(kind=keyword, annotation=hints[one.name]) for one in (*kept, *more.values())]
    called.__signature__ = inspect.Signature(joined)  # type: ignore[attr-defined] # typer reads it
    called.__annotations__ = {one.name: one.annotation for one in joined}
    return called


Output = Annotated[
    Form | None,
    typer.Option("--output", "-o", help="table, json, yaml, or name: the ids alone.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --output json: the API's JSON.")]


def _view(output: Output = None, as_json: AsJson = False) -> None:
    """Declares the options; it is never called."""


def _watched_view(
    output: Output = None,
    as_json: AsJson = False,
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Look again every two seconds; into a pipe goes only what has changed."),
    ] = False,
) -> None:
    """Declares the options; it is never called."""


def prints(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of how an answer is printed; the command receives them as ``view``."""
    return extended(command, _view, "view", _view_of)


def prints_and_watches(command: Callable[..., None]) -> Callable[..., None]:
    """The same, with ``--watch``."""
    return extended(command, _watched_view, "view", _view_of)


def _view_of(given: Mapping[str, Any]) -> View:
    form, as_json = given["output"], given["as_json"]
    if as_json and form not in {None, Form.JSON}:
        raise typer.BadParameter(_NOT_BOTH)
    return View(Form.JSON if as_json else form or Form.TABLE, WATCH_S if given.get("watch") else None)
