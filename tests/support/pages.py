"""The reference pages that follow from the code: ``python -m tests.support.pages`` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer

from tests.support.cost_page import cost_page
from tests.support.metrics_page import metrics_page
from tidewheel.cli.app import app
from tidewheel.wire.bodies.jobs_file import schema as schema_of_files
from tidewheel.wire.openapi import document
from tidewheel.wire.workflows.schema import schema as schema_of_workflows

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "shared" / "docs" / "reference"
_NOTE = "<!-- Written by `python -m tests.support.pages`; a test compares it with the code. -->"
_BOUNDS = {
    "value": ("minimum", "maximum", ""),
    "length": ("minLength", "maxLength", " characters"),
    "items": ("minItems", "maxItems", " items"),
    "entries": ("minProperties", "maxProperties", " entries"),
}
"""By what is bounded: the schema's words for the least and the most, and the unit."""


def _cell(text: object) -> str:
    """What may stand in a cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A table; nothing if it has no rows."""
    lines = [f"| {' | '.join(map(_cell, row))} |" for row in rows]
    if lines:
        yield from ("", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *lines)


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command with its full name, and those below it."""
    yield name, command
    for part, below in _below(command):
        yield from _commands(f"{name} {part}", below)


def _below(command: Any) -> Iterator[tuple[str, Any]]:
    """The commands below a command that help shows, by name."""
    yield from ((part, one) for part, one in getattr(command, "commands", {}).items() if not one.hidden)


def _usage(name: str, command: Any) -> str:
    wanted = [f"{parameter.opts[0]} …" for parameter in command.params if _is_option(parameter) and parameter.required]
    arguments = [_argument(parameter) for parameter in command.params if not _is_option(parameter)]
    below = ["COMMAND"] if hasattr(command, "commands") else []
    return " ".join([name, *wanted, "[options]", *arguments, *below])


def _argument(parameter: Any) -> str:
    name = parameter.name.upper() + ("…" if parameter.nargs < 0 else "")
    return name if parameter.required else f"[{name}]"


def _is_option(parameter: Any) -> bool:
    return str(parameter.opts[0]).startswith("-")


def _given_as(parameter: Any) -> str:
    if not _is_option(parameter):
        return f"`{_argument(parameter)}`"
    value = "" if parameter.is_flag else f" {parameter.metavar or 'VALUE'}"
    return ", ".join(f"`{option}{value}`" for option in parameter.opts)


def _default(value: object) -> str:
    return "" if value in (None, False, "") or callable(value) else f"`{value}`"


def _command(name: str, command: Any) -> Iterator[str]:
    yield from ("", f"## {name}", "", command.help or "", "", "```", _usage(name, command), "```")
    rows = [(_given_as(one), _default(one.default), one.help or "") for one in command.params]
    yield from _table(("parameter", "default", "meaning"), rows)
    rows = [(f"`{name} {part}`", _first(one)) for part, one in _below(command)]
    yield from _table(("command", "what it does"), rows)


def _first(command: Any) -> str:
    return str(command.help or "").partition("\n")[0]


def cli() -> str:
    """The page of the command line."""
    lines = ["# Command line", "", _NOTE, ""]
    lines.append("Variables of the environment are described in [settings](settings.md), exit statuses in")
    lines.append("[errors](errors.md#exit-statuses-of-the-command-line), and how to use it in")
    lines.append("[the command line](../guides/command-line.md).")
    for name, command in _commands("tidewheel", typer.main.get_command(app)):
        lines += _command(name, command)
    return "\n".join(lines) + "\n"


def _reference(target: str) -> str:
    name = target.rpartition("/")[2]
    return f"[{name}](#model-{name.lower()})"


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema's type in a few words."""
    if "$ref" in schema:
        return _reference(schema["$ref"])
    if parts := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(map(_kind, parts)))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> str:
    kind, form = schema.get("type", "any JSON"), schema.get("format")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, Mapping):
        return f"object of {_kind(values)}"
    return f"{kind} ({form})" if form else str(kind)


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    """The bounds that a schema sets, also behind an alternative to null."""
    for one in (schema, *schema.get("anyOf", ())):
        for least, most, unit in _BOUNDS.values():
            if least in one and most in one:
                yield f"{one[least]} to {one[most]}{unit}."
            elif least in one or most in one:
                yield f"At {'least' if least in one else 'most'} {one.get(least, one.get(most))}{unit}."
        if "pattern" in one:
            yield f"Matches `{one['pattern']}`."


def _about(schema: Mapping[str, Any]) -> str:
    examples = [f"As in `{json.dumps(schema['examples'][0])}`."] if schema.get("examples") else []
    return " ".join([schema.get("description", ""), *_bounds(schema), *examples])


def _given(schema: Mapping[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    default = schema.get("default")
    return "" if default is None else f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _model(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"### Model: {name}", "", *schema.get("description", "").splitlines())
    required = schema.get("required", ())
    fields = schema.get("properties", {}).items()
    rows = [(f"`{field}`", _kind(one), _given(one, required=field in required), _about(one)) for field, one in fields]
    yield from _table(("field", "type", "default", "meaning"), rows)


def _answers(responses: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for status, answer in sorted(responses.items()):
        if "$ref" not in answer:
            kinds = [_kind(content["schema"]) for content in answer.get("content", {}).values()]
            headers = [f"Header `{name}`: {one['description']}" for name, one in answer.get("headers", {}).items()]
            yield status, ", ".join(kinds) or "nothing", " ".join([f"{answer['description']}.", *headers])


def _problems(responses: Mapping[str, Any]) -> str:
    refused = {status: one["$ref"].rpartition("/")[2] for status, one in sorted(responses.items()) if "$ref" in one}
    named = [f"`{kind}` ({status})" for status, kind in refused.items()]
    return f"[Problems](errors.md#problems-of-the-api): {', '.join(named)}."


def _parameter(one: Mapping[str, Any]) -> tuple[str, ...]:
    return f"`{one['name']}`", one["in"], _kind(one["schema"]), _about(one["schema"] | one)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"### {operation['operationId']}", "", f"`{method.upper()} {path}`: {operation['summary']}.")
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        yield from ("", f"Body: {_kind(content['schema'])} (`{media}`).")
    given = map(_parameter, operation["parameters"])
    yield from _table(("parameter", "where", "type", "meaning"), given)
    yield from _table(("status", "answer", "meaning"), _answers(operation["responses"]))
    yield from ("", _problems(operation["responses"]))


def api() -> str:
    """The page of the HTTP API."""
    found = document()
    operations = [(*one, path) for path, methods in found["paths"].items() for one in methods.items()]
    lines = ["# HTTP API", "", _NOTE, "", found["info"]["description"]]
    lines += ["The deployment serves the OpenAPI document that this page follows at `/v1/openapi.json`."]
    lines += ["Errors are described in [errors](errors.md).", "", "## Operations"]
    rows = [
        (f"`{method.upper()} {path}`", f"[{one['operationId']}](#{one['operationId'].lower()})", one["summary"])
        for method, one, path in operations
    ]
    lines += _table(("request", "operation", "what it does"), rows)
    for method, one, path in operations:
        lines += _operation(method, path, one)
    lines += ["", "## Models"]
    for name, schema in sorted(found["components"]["schemas"].items()):
        lines += _model(name, schema)
    return "\n".join(lines) + "\n"


def schema_page() -> str:
    """The JSON Schema of a file of jobs."""
    return json.dumps(schema_of_files(), indent=2) + "\n"


def workflows_schema_page() -> str:
    """The JSON Schema of a file with workflows."""
    return json.dumps(schema_of_workflows(), indent=2) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "cli.md": cli,
    "api.md": api,
    "jobs.schema.json": schema_page,
    "workflows.schema.json": workflows_schema_page,
    "metrics-and-logs.md": partial(metrics_page, _NOTE),
    "../operations/cost.md": partial(cost_page, _NOTE),
}
"""The pages by their file below ``shared/docs/reference``."""


def main() -> None:
    """Writes all of them."""
    for name, written in PAGES.items():
        (REFERENCE / name).write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
