"""The options for a job's fields, shared by ``jobs create`` and ``jobs edit``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tidewheel.cli.options import extended
from tidewheel.wire.bodies.job import JobAnswer, JobBody

_WHEN = "When (one of these; none: now)"
_WHAT = "What to call (one kind)"
_HOW = "How"


def _option(panel: str, help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False)


def _options(
    name: Annotated[str | None, typer.Option(help="For people.", show_default=False)] = None,
    unique_name: Annotated[
        bool | None, typer.Option("--unique-name/--shared-name", help="No other job may have it.", show_default=False)
    ] = None,
    at: Annotated[str | None, _option(_WHEN, "One instant: 2026-11-20T16:47:00Z, or without Z in --timezone.")] = None,
    every: Annotated[str | None, _option(_WHEN, "An interval: 30s, 5m, PT1H.")] = None,
    anchor: Annotated[str | None, _option(_WHEN, "The instant from which it counts; else the start.")] = None,
    immediate: Annotated[
        bool | None, _option(_WHEN, "Begin the interval at once, not one interval later.", "--immediate")
    ] = None,
    cron: Annotated[str | None, _option(_WHEN, "A cron expression: '0 9 * * 1-5'.")] = None,
    timezone: Annotated[str | None, _option(_WHEN, "Of the expression, or of --at: Europe/Paris; else UTC.")] = None,
    start: Annotated[str | None, _option(_WHEN, "The first instant allowed.")] = None,
    end: Annotated[str | None, _option(_WHEN, "The first instant no longer allowed.")] = None,
    url: Annotated[str | None, _option(_WHAT, "Call this URL.")] = None,
    method: Annotated[str | None, _option(_WHAT, "By this method; else POST.")] = None,
    header: Annotated[
        list[str] | None, _option(_WHAT, """'Name: value', or 'Name: {"secret": "…"}'; may be repeated.""")
    ] = None,
    body: Annotated[str | None, _option(_WHAT, "JSON, or else plain text.")] = None,
    function: Annotated[str | None, _option(_WHAT, "Invoke this Lambda function: name or ARN.")] = None,
    payload: Annotated[str | None, _option(_WHAT, "Its event: JSON, or else plain text.")] = None,
    ca: Annotated[str | None, _option(_WHAT, "Trust the CAs in this secret, in PEM; else the public ones.")] = None,
    circuit: Annotated[
        str | None, _option(_WHAT, "Whose failures hold it up: prefix, host, url or off; on or off but for --url.")
    ] = None,
    target: Annotated[str | None, _option(_WHAT, """Any kind, as JSON: '{"kind": "sqs", …}'.""")] = None,
    pool: Annotated[str | None, _option(_HOW, "Whose workers call it: lambda, fargate or one of your own.")] = None,
    priority: Annotated[str | None, _option(_HOW, "critical, high, normal or low.")] = None,
    precision: Annotated[str | None, _option(_HOW, "high, normal or low.")] = None,
    jitter: Annotated[str | None, _option(_HOW, "Spread after the nominal time, another at each: 30s.")] = None,
    window: Annotated[str | None, _option(_HOW, "Spread of jobs after the nominal time, the same at each: 1h.")] = None,
    timeout: Annotated[str | None, _option(_HOW, "Of one attempt: 1m.")] = None,
    deadline: Annotated[str | None, _option(_HOW, "Of a run with all its retries, from its due time: 1h.")] = None,
    heartbeat: Annotated[str | None, _option(_HOW, "Of a run's silence: 5m.")] = None,
    tag: Annotated[list[str] | None, _option(_HOW, "'key:value'; may be repeated.")] = None,
    retry_attempts: Annotated[int | None, _option(_HOW, "Attempts in all.")] = None,
    retry_strategy: Annotated[str | None, _option(_HOW, "exponential, linear, fibonacci or fixed.")] = None,
    retry_base: Annotated[str | None, _option(_HOW, "The first delay: 2s.")] = None,
    retry_cap: Annotated[str | None, _option(_HOW, "The longest delay: 1h.")] = None,
    retry_jitter: Annotated[float | None, _option(_HOW, "Share by which a delay varies: 0.1.")] = None,
    retry_on: Annotated[
        list[str] | None, _option(_HOW, "What is tried again: timeout, error, 5xx, 429; may be repeated.")
    ] = None,
    overlap: Annotated[
        str | None, _option(_HOW, "While another run is not over: allow, skip, queue or replace.")
    ] = None,
    misfire: Annotated[str | None, _option(_HOW, "Of what was missed: coalesce, all or skip.")] = None,
    misfire_grace: Annotated[str | None, _option(_HOW, "How late is not missed yet: 10s.")] = None,
    misfire_limit: Annotated[int | None, _option(_HOW, "Missed runs at most, under all.")] = None,
) -> None:
    """Declares the options; it is never called."""


def with_fields(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options for a job's fields to a command, which receives the given ones as ``fields``."""

    def given(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value not in (None, [])}

    return extended(command, _options, "fields", given)


def applied(document: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A job's document, changed by the options that were given."""
    plain = {"name", "start", "end", "priority", "precision", "jitter", "window", "timeout", "overlap"}
    plain |= {"unique_name", "pool", "deadline", "heartbeat"}
    result = dict(document) | {name: value for name, value in fields.items() if name in plain}
    parts = {
        "schedule": _schedule(document.get("schedule") or {}, fields),
        "target": _target(document.get("target") or {}, fields),
        "retry": _retry(document.get("retry") or {}, fields),
        "misfire": _misfire(document.get("misfire") or {}, fields),
        "tags": dict(document.get("tags") or {}) | pairs(fields.get("tag", ()), "--tag"),
    }
    return result | {name: part for name, part in parts.items() if part}


def _schedule(before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule. One of another kind replaces it; of the same kind, details stay unless they are given."""
    kinds = [kind for kind in ("at", "every", "cron") if kind in fields]
    kept = dict(before) if all(kind in before for kind in kinds) else {}
    if "immediate" in fields:
        kept.pop("anchor", None)
    return kept | {name: fields[name] for name in (*kinds, "anchor", "immediate", "timezone") if name in fields}


def _target(before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    http = {name: fields[name] for name in ("url", "method") if name in fields}
    if "header" in fields:
        http["headers"] = _headers(fields["header"])
    if "body" in fields:
        http["body"] = _value(fields["body"])
    if "ca" in fields:
        http["ca"] = _value(fields["ca"]) if fields["ca"].startswith("{") else {"secret": fields["ca"]}
    invoked = {"function": fields["function"]} if "function" in fields else {}
    if "payload" in fields:
        invoked["payload"] = _value(fields["payload"])
    whole = {"target": fields["target"]} if "target" in fields else {}
    if sum(map(bool, (http, invoked, whole))) > 1:
        raise typer.BadParameter("give the options of one target: --url …, --function … or --target …")
    circuit = {name: fields[name] for name in ("circuit",) if name in fields}
    if whole:
        return {**_object(fields["target"], "--target"), **circuit}
    if not (http or invoked):
        return {**before, **circuit}
    kind = "http" if http else "lambda"
    kept = before if before.get("kind") == kind else {"kind": kind}
    return {**kept, **http, **invoked, **circuit}


def _retry(before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    names = {"retry_attempts": "max_attempts"} | {
        f"retry_{it}": it for it in ("strategy", "base", "cap", "jitter", "on")
    }
    return dict(before) | {names[name]: value for name, value in fields.items() if name in names}


def _misfire(before: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    names = {"misfire": "policy", "misfire_grace": "grace", "misfire_limit": "limit"}
    return dict(before) | {names[name]: value for name, value in fields.items() if name in names}


def _headers(texts: Sequence[str]) -> dict[str, Any]:
    """The headers; a value that is a JSON object with a ``secret`` refers to that."""
    found = pairs(texts, "--header", str.lower)
    read = {name: _value(value) if value.startswith("{") else value for name, value in found.items()}
    return {
        name: value if isinstance(value, dict) and "secret" in value else found[name] for name, value in read.items()
    }


def pairs(texts: Sequence[str], option: str, same: Callable[[str], str] = str) -> dict[str, str]:
    """Names and values.

    Raises:
        typer.BadParameter: Two have the same name; one would be lost.
    """
    found: dict[str, str] = {}
    for name, value in (_pair(text, option) for text in texts):
        if same(name) in map(same, found):
            raise typer.BadParameter(f"{name!r} is given twice", param_hint=option)
        found[name] = value
    return found


def _pair(text: str, option: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise typer.BadParameter(f"{text!r} has no name and colon", param_hint=option)
    return name.strip(), value.strip()


def _object(text: str, option: str) -> dict[str, Any]:
    value = _value(text)
    if not isinstance(value, dict):
        raise typer.BadParameter(f"{text!r} is no JSON object", param_hint=option)
    return value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_file(path: str) -> tuple[dict[str, Any], int | None]:
    """Reads a job's document from a file, or from stdin for ``-``.

    A file that ``jobs show --json`` wrote is accepted: the fields that the API sets are left out.

    Returns:
        The document, and the generation that it names, if it names one.
    """
    try:
        document = json.loads(sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{path} holds no JSON: {error}", param_hint="--file") from error
    if not isinstance(document, dict):
        raise typer.BadParameter(f"{path} holds no JSON object", param_hint="--file")
    answered = JobAnswer.model_fields.keys() - JobBody.model_fields.keys()
    generation = document.get("generation")
    written = {name: value for name, value in document.items() if name not in answered}
    return written, generation if isinstance(generation, int) else None


def writable(job: JobAnswer) -> dict[str, Any]:
    """The part of a job's document that its owner writes."""
    document = job.model_dump(mode="json", include=set(JobBody.model_fields))
    return {name: value for name, value in document.items() if value is not None}
