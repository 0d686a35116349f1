"""Reads files of jobs: YAML, JSON and JSON lines. Whatever is wrong is told with file, line, field and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidewheel.cli.files import yaml_text
from tidewheel.cli.files.yaml_text import Document, Unreadable
from tidewheel.wire.bodies.job import JobBody
from tidewheel.wire.bodies.jobs_file import APPLIED_AS, APPLIED_BY, SET_PATTERN
from tidewheel.wire.reading import read_job
from tidewheel.wire.refused import Refused

STDIN = "-"
YAML = frozenset({".yaml", ".yml"})
LINES = frozenset({".jsonl", ".ndjson"})
SUFFIXES = YAML | LINES | {".json"}
"""What a folder is searched for."""
_EMPTY_FOLDER = "the folder holds no file to read"
_SHAPES = "write a list of jobs below 'jobs:', a list of jobs, or one job"


@dataclass(frozen=True, slots=True)
class FilePosition:
    """Where something stands: a file, and a line of it from 1 if it is known."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a file.

    Args:
        place: Where.
        field: The job and the field, for people; empty for a whole file.
        problem: What is wrong.
        remedy: What to write instead.
    """

    place: FilePosition
    field: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place}: {f'{self.field}: ' if self.field else ''}{self.problem}; {self.remedy}"


class Mistaken(Exception):
    """Files cannot be used.

    Args:
        mistakes: Everything that is wrong with them.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class FiledJob:
    """A job as a file has it.

    Args:
        body: Its definition.
        paused: Whether it is to be paused; None if the file leaves that open.
        place: Where it stands.
    """

    body: JobBody
    paused: bool | None
    place: FilePosition

    @property
    def name(self) -> str:
        """What identifies it."""
        return self.body.name


@dataclass(frozen=True, slots=True)
class Contents:
    """What files say.

    Args:
        jobs: The jobs by name.
        set_name: The set that the files name; None if they name none.
    """

    jobs: Mapping[str, FiledJob]
    set_name: str | None


def read(paths: Sequence[str], stdin: str = "") -> Contents:
    """Reads files, and what folders hold of them; ``-`` is stdin.

    Raises:
        Mistaken: One cannot be read, a job is refused, two have one name, or the files name several sets.
    """
    found = _Found()
    for name, text, kind in texts_of(paths, stdin, found.mistakes.append):
        found.file(name, text, kind)
    if found.mistakes:
        raise Mistaken(found.mistakes)
    return Contents(found.jobs, next(iter(found.sets), None))


def texts_of(paths: Sequence[str], stdin: str, mistaken: Callable[[Mistake], None]) -> Iterator[tuple[str, str, str]]:
    """The files, and what folders hold of them, each as its name, its text, and its kind: yaml, json or lines.

    Args:
        paths: The paths; ``-`` is stdin.
        stdin: What is read there.
        mistaken: Told of what cannot be read.
    """
    for path in _files(paths, mistaken):
        text = stdin if path == STDIN else _text(Path(path), mistaken)
        if text is not None:
            yield "stdin" if path == STDIN else path, text, _kind(path, text)


def _files(paths: Sequence[str], mistaken: Callable[[Mistake], None]) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        folder = Path(path)
        if path == STDIN or not folder.is_dir():
            yield path
            continue
        inside = [one for one in sorted(folder.rglob("*")) if one.suffix.lower() in SUFFIXES and one.is_file()]
        visible = [one for one in inside if not any(part.startswith(".") for part in one.relative_to(folder).parts)]
        if not visible:
            remedy = "name one with .yaml, .json or .jsonl files"
            mistaken(Mistake(FilePosition(path), "", _EMPTY_FOLDER, remedy))
        yield from map(str, visible)


def _text(path: Path, mistaken: Callable[[Mistake], None]) -> str | None:
    place = FilePosition(str(path))
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        mistaken(Mistake(place, "", f"cannot be read: {error.strerror}", "name a file or a folder, or - for stdin"))
    except UnicodeDecodeError as error:
        mistaken(Mistake(place, "", f"is not in UTF-8: byte {error.start + 1}", "save it in UTF-8"))
    return None


def _kind(path: str, text: str) -> str:
    """The kind of a file by its name; of stdin by how it begins."""
    suffix = Path(path).suffix.lower()
    if path != STDIN:
        return "lines" if suffix in LINES else "json" if suffix == ".json" else "yaml"
    begins = text.lstrip()[:1]
    if begins == "{" and len(text.strip().splitlines()) > 1 and _is_json(text.strip().splitlines()[0]):
        return "lines"
    return "json" if begins in {"{", "["} and _is_json(text) else "yaml"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


class _Found:
    """What has been read so far."""

    def __init__(self) -> None:
        self.jobs: dict[str, FiledJob] = {}
        self.sets: dict[str, FilePosition] = {}
        self.mistakes: list[Mistake] = []

    def wrong(self, place: FilePosition, field: str, problem: str, remedy: str) -> None:
        self.mistakes.append(Mistake(place, field, problem, remedy))

    def file(self, name: str, text: str, kind: str) -> None:
        try:
            for line, document in documents_of(text, kind):
                self._document(name, line, document)
        except Unreadable as error:
            self.wrong(FilePosition(name, error.line), "", error.problem, error.remedy)

    def _document(self, file: str, offset: int, document: Document) -> None:
        value = document.value
        places = Positions(file, offset, document)
        match value:
            case {"jobs": list(jobs), **others}:
                self._head({str(field): one for field, one in others.items()}, places)
                self._all(jobs, ("jobs",), places)
            case list():
                self._all(value, (), places)
            case dict() if "jobs" not in value and value.keys() & {"name", "target", "schedule"}:
                self._job(value, (), places)
            case _:
                self.wrong(places.of(()), "", "it holds no jobs", _SHAPES)

    def _head(self, others: Mapping[str, Any], places: Positions) -> None:
        for field in others:
            if field != "set" and not field.startswith("x-"):
                self.wrong(places.of((field,)), field, "is not a known field", "use set and jobs, or a name with x-")
        if "set" in others:
            name, place = others["set"], places.of(("set",))
            if not isinstance(name, str) or not re.fullmatch(SET_PATTERN, name):
                self.wrong(place, "set", f"{name!r} is no name of a set", "use A-Z a-z 0-9 _ . / -, up to 64")
            elif self.sets and name not in self.sets:
                first, there = next(iter(self.sets.items()))
                self.wrong(place, "set", f"{there} names the set {first}", "apply each set by itself")
            else:
                self.sets.setdefault(name, place)

    def _all(self, jobs: Sequence[Any], path: yaml_text.Path, places: Positions) -> None:
        for index, job in enumerate(jobs):
            self._job(job, (*path, index), places)

    def _job(self, written: Any, path: yaml_text.Path, places: Positions) -> None:
        place = places.of(path)
        if not isinstance(written, dict):
            self.wrong(place, "", "a job is no mapping", _SHAPES)
            return
        told = f"job {written['name']!r}: " if isinstance(written.get("name"), str) else ""
        before = len(self.mistakes)
        for field, problem, remedy in _own_mistakes(written):
            self.wrong(places.of((*path, *field.split("."))), told + field, problem, remedy)
        document = {"unique_name": True} | {name: value for name, value in written.items() if name != "paused"}
        body: JobBody | None = None
        try:
            body = read_job(document)
        except Refused as error:
            for one in error.errors:
                at = places.of((*path, *steps_of(one.field)))
                quoted = "put it in quotes" if one.remedy == "write a string" else one.remedy
                self.wrong(at, told + one.field, one.problem, quoted)
        if body is None or len(self.mistakes) > before:
            return
        if body.name in self.jobs:
            other = self.jobs[body.name].place
            self.wrong(place, told.removesuffix(": "), f"{other} has a job of this name", "give each a name of its own")
            return
        self.jobs[body.name] = FiledJob(body, written.get("paused"), place)


@dataclass(frozen=True, slots=True)
class Positions:
    """Where the values of a document stand.

    Args:
        file: Its file.
        offset: Lines before it in the file.
        document: The document.
    """

    file: str
    offset: int
    document: Document

    def of(self, path: yaml_text.Path) -> FilePosition:
        line = self.document.line(path)
        return FilePosition(self.file, (line or 1) + self.offset if line or self.offset else None)


def steps_of(field: str) -> Iterable[str | int]:
    return (int(part) if part.isdecimal() else part for part in field.split("."))


def _own_mistakes(written: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What a file must not say, beyond what the API refuses."""
    if not isinstance(written.get("paused"), bool | None):
        yield "paused", f"{written['paused']!r} is not true or false", "write true or false, or leave it out"
    if written.get("schedule") is None and "target" in written:
        yield "schedule", "is missing", "add one; a job that runs once and now is made by tidewheel jobs create"
    tags = written.get("tags")
    for name in (APPLIED_BY, APPLIED_AS):
        if isinstance(tags, Mapping) and name in tags:
            yield f"tags.{name}", "is set by apply", "leave it out; --set or 'set:' names the set"


def documents_of(text: str, kind: str) -> Iterator[tuple[int, Document]]:
    """The documents of a file, each with the lines before it."""
    if kind == "yaml":
        yield from ((0, document) for document in yaml_text.documents(text))
    elif kind == "json":
        yield 0, Document(_json(text, 0), _lines_of(text))
    else:
        for number, line in enumerate(text.split("\n")):
            if line.strip():
                yield number, Document(_json(line, number), {})


def _json(text: str, offset: int) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        problem = f"it is no JSON: {error.msg} (column {error.colno})"
        raise Unreadable(problem, "check commas and quotes there", error.lineno + offset) from error
    except _NotJson as error:
        raise Unreadable(str(error), "keep one, or use finite numbers", offset + 1 if offset else None) from error


class _NotJson(Exception):
    pass


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _NotJson(f"{next(name for name in names if names.count(name) > 1)!r} is given twice")
    return found


def _refuse(constant: str) -> Any:
    raise _NotJson(f"{constant} is no JSON")


def _lines_of(text: str) -> dict[yaml_text.Path, int]:
    """The lines of what a JSON text says, which is YAML as well but for some escapes."""
    with suppress(Unreadable):
        return next(iter(yaml_text.documents(text)), Document(None)).lines
    return {}
