"""The only task of a DAG as a target: a shell command or a Python function."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from tidewheel.cli.importing.outcome import NotCarried
from tidewheel.cli.importing.programs import shell_target
from tidewheel.cli.importing.static import Called, Named, Source, whole

BASH = "/bin/bash"
_START_IT = "pass --target with a call that starts the DAG, such as Airflow's own API"


def only_task(source: Source, *, alone: bool) -> Mapping[str, Any]:
    """The target of a file's only task.

    Args:
        source: The file.
        alone: Whether it has one DAG.

    Raises:
        NotCarried: It has more than one task, or one that is neither.
    """
    tasks = list(_tasks(source))
    if not alone:
        raise NotCarried("the file has several DAGs, whose tasks cannot be told apart", _START_IT)
    if len(tasks) != 1:
        raise NotCarried(f"it has {len(tasks)} tasks, and a job calls one thing", _START_IT)
    (task,) = tasks
    if isinstance(task, ast.FunctionDef):
        if task.args.args:
            raise NotCarried("its task takes arguments that other tasks give", _START_IT)
        return {"kind": "python", "function": task.name, "arguments": {}}
    return _operator(source, task)


def _tasks(source: Source) -> Iterator[ast.Call | ast.FunctionDef]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call() if (source.full_name(node.func) or "").endswith(("Operator", "Sensor")):
                yield node
            case ast.FunctionDef(decorator_list=decorators):
                names = [source.full_name(one.func if isinstance(one, ast.Call) else one) or "" for one in decorators]
                if any(name == "task" or name.endswith((".task", ".task.python")) for name in names):
                    yield node


def _operator(source: Source, node: ast.Call) -> Mapping[str, Any]:
    kind = (source.full_name(node.func) or "").rpartition(".")[2]
    given = {one.arg: one.value for one in node.keywords if one.arg}
    match kind:
        case "BashOperator" if "bash_command" in given:
            return _bash(source, given)
        case "PythonOperator" if "python_callable" in given:
            called = source.value(given["python_callable"])
            if isinstance(called, Named) and "op_args" not in given:
                arguments = whole(source.value(given["op_kwargs"])) if "op_kwargs" in given else {}
                return {"kind": "python", "function": called.name, "arguments": arguments}
    raise NotCarried(f"its task is a {kind}, of which there is no such kind of target", _START_IT)


def _bash(source: Source, given: Mapping[str, ast.expr]) -> Mapping[str, Any]:
    command = source.value(given["bash_command"])
    if not isinstance(command, str) or isinstance(command, Called):
        raise NotCarried("its command cannot be read", "write the text itself")
    if "{{" in command or "{%" in command:
        raise NotCarried("its command is a template of Airflow's", "take the template out, or pass --target")
    environment = whole(source.value(given["env"])) if "env" in given else {}
    directory = source.value(given["cwd"]) if "cwd" in given else None
    return shell_target(command, program=BASH, environment=environment, directory=directory)
