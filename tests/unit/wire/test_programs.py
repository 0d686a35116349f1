"""The targets that need workers which stay, on the wire: programs and Python functions."""

from __future__ import annotations

from typing import Any

import pytest

from tidewheel.domain.jobs.job import Target
from tidewheel.wire.convert import builder_of, document_of
from tidewheel.wire.openapi import document
from tidewheel.wire.reading import read_job
from tidewheel.wire.refused import Refused
from tidewheel.wire.targets import MODELS

COMMAND: dict[str, Any] = {"kind": "command", "command": ["echo", "a b"]}
PYTHON: dict[str, Any] = {"kind": "python", "function": "reports.daily"}


def read(target: dict[str, Any], pool: str = "fargate") -> Any:
    return read_job({"name": "a", "pool": pool, "target": target}).target


def refused(target: dict[str, Any], pool: str = "fargate") -> list[tuple[str, str]]:
    with pytest.raises(Refused) as caught:
        read(target, pool)
    assert all(one.problem and one.remedy for one in caught.value.errors)
    return [(one.field, f"{one.problem}; {one.remedy}") for one in caught.value.errors]


def test_what_is_left_out_has_its_default() -> None:
    assert read(COMMAND).model_dump(mode="json") == {
        "kind": "command",
        "shell": False,
        "command": ["echo", "a b"],
        "environment": {},
        "directory": None,
        "grace": "PT10S",
    }
    assert read(PYTHON).model_dump(mode="json") == {"kind": "python", "function": "reports.daily", "arguments": {}}


@pytest.mark.parametrize("target", [COMMAND, PYTHON])
def test_lambda_does_not_run_them(target: dict[str, Any]) -> None:
    ((field, text),) = refused(target, "lambda")
    assert field == "pool"
    assert text == (
        f"the pool lambda cannot run a target of the kind {target['kind']}; "
        "name a pool of long-running workers, such as fargate"
    )
    with pytest.raises(Refused, match="long-running"):
        read_job({"name": "a", "target": target})  # lambda is the default
    assert read(target, "machines").kind == target["kind"]


def test_any_pool_runs_the_others() -> None:
    assert {kind for kind, model in MODELS.items() if model.LONG_RUNNING} == {"command", "python"}


@pytest.mark.parametrize(
    "target",
    [
        COMMAND
        | {
            "environment": {"A": "ä", "_B1": "", "C": {"secret": "token", "key": "", "prefix": "Bearer "}},
            "directory": "/srv",
            "grace": "PT0S",
        },
        COMMAND | {"shell": True, "command": "echo $A | cat"},
        PYTHON | {"arguments": {"day": "monday", "pages": [1, None]}},
    ],
)
def test_what_is_stored_reads_as_it_was_written(target: dict[str, Any]) -> None:
    builder = builder_of(read_job({"name": "a", "pool": "fargate", "target": target}))
    definition = builder("j0000000000000001", 0, None)
    assert isinstance(definition.target, Target)
    assert target.items() <= document_of(definition, "j0000000000000001")["target"].items()


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        ({"command": "echo"}, "command", "set shell to true"),
        ({"command": []}, "command", "no program"),
        ({"command": [""]}, "command", "no program"),
        ({"command": ["a", 1]}, "command", "no program"),
        ({"command": None}, "command", "no program"),
        ({"command": ["a"] * 257}, "command", "257 arguments"),
        ({"command": ["a", "b\0"]}, "command", "leave out NUL"),
        ({"command": ["a", "\ud800"]}, "command", "surrogates"),
        ({"shell": True}, "command", "leave shell out"),
        ({"shell": True, "command": " "}, "command", "no text for a shell"),
        ({"shell": "yes"}, "shell", ""),
        ({"directory": "srv"}, "directory", "begin with /"),
        ({"directory": "/\0"}, "directory", "NUL"),
        ({"grace": "61s"}, "grace", "PT1M"),
        ({"environment": {"1A": "b"}}, "environment", "variable's name"),
        ({"environment": {"A=B": "b"}}, "environment", "variable's name"),
        ({"environment": {"TIDEWHEEL_ATTEMPT": "9"}}, "environment", "Tidewheel's own"),
        ({"environment": {"A": 1}}, "environment", "the value of A is no text"),
        ({"environment": {"A": "hidden\0"}}, "environment", "the value of A cannot be given"),
        ({"environment": {"A": {"secret": "a/b"}}}, "environment", "no name of a secret"),
        ({"environment": {f"A{n}": "" for n in range(101)}}, "environment", "100"),
        ({"args": []}, "args", "use one of kind, shell, command"),
    ],
)
def test_what_no_program_can_be_run_with_is_refused(change: dict[str, Any], field: str, text: str) -> None:
    ((found, said),) = refused(COMMAND | change)
    assert found == f"target.{field}"
    assert text in said
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"function": ""}, "function"),
        ({"function": "7up"}, "function"),
        ({"function": "a b"}, "function"),
        ({"function": "a" * 129}, "function"),
        ({"arguments": []}, "arguments"),
        ({"arguments": {"a b": 1}}, "arguments"),
    ],
)
def test_what_names_no_function_is_refused(change: dict[str, Any], field: str) -> None:
    assert [found for found, _ in refused(PYTHON | change)] == [f"target.{field}"]


def test_their_summaries_are_short() -> None:
    assert read(COMMAND).summary() == "echo a b"
    assert len(read(COMMAND | {"command": ["x" * 999]}).summary()) < 60
    assert "\n" not in read(COMMAND | {"shell": True, "command": "a\nb"}).summary()
    assert read(PYTHON).summary() == "python reports.daily"


def test_both_are_documented() -> None:
    schemas = document()["components"]["schemas"]
    assert schemas["CommandTarget"]["properties"]["grace"]["default"] == "PT10S"
    assert "function" in schemas["PythonTarget"]["required"]
