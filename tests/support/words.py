"""Which words a tree uses: banned ones in text and in names, and what the glossary says is in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".in", ".json"}
_ROOMS = ("functions", "infra", "localstack", "shared", "tests", "Makefile", "README.md", "pyproject.toml", "cdk.json")
_NOT_OURS = {"node_modules", "__pycache__", "package-lock.json"}
_CODE_NAME = re.compile(r"`([a-z_][\w.]*)`")
PACKAGE = Path("shared", "tidewheel")
GLOSSARY = Path("shared", "docs", "design", "glossary.md")


@dataclass(frozen=True)
class Finding:
    """A banned word where it stands.

    Args:
        path: Of its file, below the tree.
        line: From 1; 0 for the file's own name.
        word: The rule that it breaks.
        instead: What to write.
    """

    path: str
    line: int
    word: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word!r} is banned: {self.instead}"


@dataclass(frozen=True)
class Rules:
    """What is banned, each with what to write instead. A rule is one word or several, in lower case.

    Args:
        anywhere: In every text and every name.
        names: In whatever a Python file defines, tests apart (their names are sentences), and in the names of files.
        whole: What nothing in the package and its functions is called, letter for letter.
        compounds: What makes a word harmless that is banned by itself.
    """

    anywhere: Mapping[str, str]
    names: Mapping[str, str]
    whole: Mapping[str, str]
    compounds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Allowance:
    """Where a banned word stays.

    Args:
        path: A pattern of paths below the tree.
        word: The rule.
        reason: Why it cannot go.
    """

    path: str
    word: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it lets a finding pass."""
        return finding.word == self.word and fnmatch(finding.path, self.path)


def normal(text: str) -> str:
    """The words of a text or a name, in lower case, parted by blanks."""
    return " ".join(_WORD.findall(text)).lower()


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(map(re.escape, words))})\b")


def _found(text: str, rules: Mapping[str, str], compounds: tuple[str, ...] = ()) -> Iterator[str]:
    words = normal(text)
    if compounds:
        words = _pattern(compounds).sub("", words)
    if rules:
        yield from dict.fromkeys(_pattern(tuple(rules)).findall(words))


def files(root: Path) -> list[Path]:
    """The files of a tree in which words are looked for."""
    found = [
        path for room in _ROOMS for path in ((root / room).rglob("*") if (root / room).is_dir() else [root / room])
    ]
    wanted = [path for path in found if path.is_file() and (path.suffix in _SUFFIXES or path.name == "Makefile")]
    return sorted(path for path in wanted if not _NOT_OURS & set(path.relative_to(root).parts))


def banned(root: Path, rules: Rules, besides: Iterable[str] = ()) -> Iterator[Finding]:
    """Every banned word of a tree.

    Args:
        root: The tree.
        rules: What is banned.
        besides: Paths below the tree that are not looked at.
    """
    for path in files(root):
        name = path.relative_to(root).as_posix()
        if name not in set(besides):
            yield from _in_file(name, path.read_text(encoding="utf-8"), rules)


def _in_file(name: str, text: str, rules: Rules) -> Iterator[Finding]:
    path = Path(name)
    own = f"{path.parent.name} {path.stem}"
    for word in _found(own, {**rules.anywhere, **rules.names}, rules.compounds):
        yield Finding(name, 0, word, {**rules.anywhere, **rules.names}[word])
    for number, line in enumerate(text.splitlines(), 1):
        for word in _found(line, rules.anywhere):
            yield Finding(name, number, word, rules.anywhere[word])
    if path.suffix == ".py":
        yield from _in_names(name, ast.parse(text), rules)


def _in_names(name: str, tree: ast.AST, rules: Rules) -> Iterator[Finding]:
    whole = rules.whole if name.startswith(("shared/", "functions/")) else {}
    for number, defined in definitions(tree):
        if not defined.startswith("test_"):
            yield from (
                Finding(name, number, one, rules.names[one]) for one in _found(defined, rules.names, rules.compounds)
            )
        if defined in whole:
            yield Finding(name, number, defined, whole[defined])


def definitions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a module defines, with its line: classes, functions, arguments, variables, attributes."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.ClassDef(name=str(found)) | ast.FunctionDef(name=str(found)) | ast.AsyncFunctionDef(name=str(found))
            ):
                yield node.lineno, found
            case ast.arg(arg=found):
                yield node.lineno, found
            case ast.Name(id=found, ctx=ast.Store()) | ast.Attribute(attr=found, ctx=ast.Store()):
                yield node.lineno, found
            case ast.MatchAs(name=str(found)) | ast.ExceptHandler(name=str(found)):
                yield node.lineno, found


def terms(root: Path) -> Iterator[tuple[str, list[str]]]:
    """The glossary's terms, each with its names in the code: the last column of its tables."""
    for line in (root / GLOSSARY).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and not set(cells[0]) <= {"-", ":"} and cells[0] != "term":
            yield cells[0], _CODE_NAME.findall(cells[-1])


def missing(root: Path) -> Iterator[str]:
    """The glossary's terms without a name in the code, or with one that is not there."""
    for term, names in terms(root):
        if not names:
            yield f"{term}: no name in the code"
        yield from (f"{term}: {name} is not in the code" for name in names if not _is_there(root / PACKAGE, name))


def _is_there(package: Path, name: str) -> bool:
    """Whether ``room.module.Name.attribute``, or a part from its beginning, is in the package."""
    parts = name.split(".")
    while parts and (package / parts[0]).is_dir():
        package /= parts.pop(0)
    if not parts:
        return True
    module = package / f"{parts[0]}.py"
    if not module.is_file():
        return False
    node: ast.AST | None = ast.parse(module.read_text(encoding="utf-8"))
    for part in parts[1:]:
        node = next((below for below in getattr(node, "body", ()) if part in _own(below)), None)
    return node is not None


def _own(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module or a class gives it."""
    match statement:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return {name}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
    return set()
