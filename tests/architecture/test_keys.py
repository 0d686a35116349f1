"""Keys are made in one module: no other code writes one out, and the page of keys names them all."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidewheel.domain import keys

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "shared" / "tidewheel"
PAGE = (ROOT / "shared" / "docs" / "design" / "keys.md").read_text()
KEYS = PACKAGE / "domain" / "keys"
CRON = PACKAGE / "domain" / "recurrence"  # where # counts weekdays
ROOMS = ("domain", "engine", "ports", "adapters/aws", "adapters/memory")
MODULES = sorted(
    path for room in ROOMS for path in (PACKAGE / room).rglob("*.py") if not {KEYS, CRON} & set(path.parents)
)
HELD_BY_KEYS = {"pk", "sk", "dt", "de", ":pk", ":low", ":high", ":after", ":before", "Prefix", "StartAfter", "Key"}
"""Attributes, placeholders and arguments whose values are keys."""
CUTTING = {"partition", "rpartition", "split", "rsplit", "removeprefix", "removesuffix", "startswith", "endswith"}
PLACEHOLDER = re.compile(r"(?:(?<=[\s(,=])|^)#(?=\w)")
"""DynamoDB's stand-in for an attribute's name, as in ``SET #at = :at``."""
ONLY_IN_IDS = {"text_of_nominal", "encode32"}


def written_keys(tree: ast.AST) -> Iterator[str]:
    """The places where a module writes a key out, or takes one apart, instead of asking the module of keys."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) not in prose | parts and (_joins(node) or _stores(node) or _cuts(node)):
            yield f"{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"


def _joins(node: ast.AST) -> bool:
    """Whether a text is written out that holds a separator of keys."""
    match node:
        case ast.JoinedStr():
            return _separates(_text(node))
        case ast.Constant(value=str(text)):
            return _separates(text)
    return False


def _stores(node: ast.AST) -> bool:
    """Whether a text is composed where a key belongs."""
    match node:
        case ast.Dict(keys=names, values=values):
            held = [isinstance(name, ast.Constant) and name.value in HELD_BY_KEYS for name in names]
            return any(_written(value) for holds, value in zip(held, values, strict=True) if holds)
        case ast.keyword(arg=str(name), value=value):
            return name in HELD_BY_KEYS and _written(value)
        case ast.Call(func=ast.Name(id="item_key"), args=args):
            return any(map(_written, args))
    return False


def _cuts(node: ast.AST) -> bool:
    """Whether a key is taken apart, or text made that only ids and keys hold."""
    match node:
        case ast.Call(func=ast.Attribute(attr=cut, value=value)):
            return cut in CUTTING and _is_key(value)
        case ast.ImportFrom(module="tidewheel.domain.ids", names=names):
            return any(one.name in ONLY_IN_IDS for one in names)
    return False


def _text(node: ast.JoinedStr) -> str:
    """An f-string with a word for each value; a value alone after # is a placeholder's name."""
    return "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)  # type: ignore[misc]


def _separates(text: str) -> bool:
    """Whether a text holds what separates or bounds the parts of keys."""
    return "#" in PLACEHOLDER.sub("", text) or "~" in text


def _written(value: ast.AST) -> bool:
    """Whether an expression composes text: an f-string, a sum, a join, or a literal that is given as it is."""
    if isinstance(value, ast.Dict):
        return False  # its own entries are looked at
    literals = any(isinstance(node, ast.Constant) and isinstance(node.value, str) for node in _arguments(value))
    return literals or any(map(_composes, ast.walk(value)))


def _composes(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr() | ast.BinOp(op=ast.Add() | ast.Mod()):
            return True
        case ast.Call(func=ast.Attribute(attr=method)):
            return method in {"join", "format"}
    return False


def _arguments(value: ast.AST) -> Iterator[ast.AST]:
    """The expression itself and what it calls are given, without subscripts such as ``item["sk"]``."""
    yield value
    if isinstance(value, ast.Call):
        for argument in value.args:
            yield from _arguments(argument)
    if isinstance(value, ast.BoolOp):
        for operand in value.values:
            yield from _arguments(operand)


def _is_key(value: ast.AST) -> bool:
    names = {node.value for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return bool(names & {"pk", "sk", "de"})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_module_writes_a_key(path: Path) -> None:
    assert list(written_keys(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "text",
    [
        'key = f"{tenant}#{job}"',
        'key = f"{tenant}#job"',
        'key = f"lease#{instance}"',
        'key = "e#" + due',
        'key = "#circuit#" + tenant',
        'key = tenant + "#" + job',
        'key = "#".join([tenant, job])',
        'tenant = key.partition("#")[0]',
        'bound = f"{job}-~"',
        'last = "~"',
        'item = {"pk": text("layout")}',
        'item = {"pk": text(f"{tenant}.{job}"), "sk": text(id)}',
        'item = {"pk": text(tenant + job)}',
        'values = {":before": text(before or "z")}',
        'key = item_key(partition, "job")',
        'key = item_key(keys.job_partition(tenant, job), f"{job}lock")',
        's3.put_object(Bucket=bucket, Key=f"{tenant}/{execution}", Body=body)',
        's3.list_objects_v2(Prefix=tenant + "/")',
        'tenant = item["pk"]["S"].split("/")[0]',
        'number = get_text(item, "sk").removeprefix("gen")',
        "from tidewheel.domain.ids import text_of_nominal",
    ],
)
def test_a_written_key_would_be_seen(text: str) -> None:
    assert len(list(written_keys(ast.parse(text)))) >= 1


@pytest.mark.parametrize(
    "text",
    [
        '"""A docstring with {tenant}#{job} and ~."""',
        'change = "SET pa = :pa, #at = :at"',
        'names = {f"#{level}": level for level in cursors}',
        'condition = "attribute_not_exists(#key) OR #rank = :rank"',
        'item = {"pk": text(keys.LAYOUT), "sk": text(keys.single_sort(due, tenant, job, ref))}',
        'values = {":before": text(before or keys.LAST)}',
        "key = item_key(keys.job_partition(tenant, job), id)",
        'last = page["LastEvaluatedKey"]["sk"]["S"]',
        "s3.get_object(Bucket=bucket, Key=keys.log_part(prefix, part))",
    ],
)
def test_what_asks_the_module_of_keys_is_left_alone(text: str) -> None:
    assert list(written_keys(ast.parse(text))) == []


def public_names() -> set[str]:
    """What the modules of keys define for others, without what they import and share."""
    return set(keys.__all__)


def defined_names(tree: ast.Module) -> set[str]:
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    constants = {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in functions | constants if not name.startswith("_")}


def test_every_key_is_found_in_the_package() -> None:
    trees = [ast.parse(path.read_text()) for path in KEYS.glob("*.py") if path.name != "__init__.py"]
    assert set().union(*map(defined_names, trees)) - {"after"} == public_names()


def test_the_page_names_every_key_and_no_other() -> None:
    assert set(re.findall(r"\bkeys\.(?!py\b|md\b)(\w+)", PAGE)) == public_names()


@pytest.mark.parametrize("name", sorted(public_names()))
def test_every_key_says_what_lies_there(name: str) -> None:
    if inspect.isfunction(found := getattr(keys, name)):
        assert inspect.getdoc(found)
    else:
        assert any(re.search(rf'^{name} = .*\n"""', path.read_text(), re.MULTILINE) for path in KEYS.glob("*.py"))
