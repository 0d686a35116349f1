"""``tidewheel workflows``: files put, compared and checked; workflows shown and drawn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import CommandLine, done
from tidewheel.cli.workflows.mermaid import drawn, told_condition
from tidewheel.wire.workflows.reading import read_workflow

NIGHTLY = """\
name: nightly
description: each night
params:
  region: {default: eu}
steps:
  extract:
    target: {kind: http, url: "https://example.com/a?x=<1>", body: {of: $.run.params.region}}
  ask: {approval: {message: 'Load "all"?'}}
  load:
    needs: [ask, {step: extract, when: {path: $.output.rows, more_than: 0}}]
    map: {over: $.steps.extract.output.pages, target: {kind: sqs, queue: q, body: $.item}}
  pause: {needs: [load], wait: {duration: 90s}}
  tell: {depends: "load.Failed || pause.Failed", target: {kind: sqs, queue: alerts}}
"""
CHILD = {"name": "child", "steps": {"a": {"target": {"kind": "sqs", "queue": "q"}}}}
PARENT = {"name": "parent", "steps": {"b": {"workflow": {"name": "child"}}}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "nightly.yaml"
    path.write_text(NIGHTLY)
    return path


def put(run: CommandLine, *documents: Any, command: str = "put", options: tuple[str, ...] = ()) -> Any:
    return run("workflows", command, "-f", "-", *options, stdin="\n".join(map(json.dumps, documents)))


def test_a_file_is_put_and_put_again_changes_nothing(run: CommandLine, file: Path) -> None:
    first = done(run("workflows", "put", "-f", str(file)))
    assert first.startswith("+ nightly: create, version ")
    assert first.endswith(", 5 steps\n")
    assert done(run("workflows", "put", "-f", str(file))).startswith("  nightly: as it is, version ")
    assert run.json("workflows", "show", "nightly", "--json")["generation"] == 1


def test_a_change_is_shown_field_by_field_by_diff_and_made_by_put(run: CommandLine) -> None:
    done(put(run, CHILD))
    changed = {**CHILD, "steps": {"a": {**CHILD["steps"]["a"], "timeout": "2m"}, "b": {"wait": {"duration": "1m"}}}}
    shown = put(run, changed, command="diff")
    assert shown.exit_code == 2
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("~ child: change, version ")
    assert lines[1:] == ['    + steps.a.timeout: "PT2M"', '    + steps.b: {"wait": {"duration": "PT1M"}}']
    assert done(put(run, changed)).splitlines() == lines
    assert put(run, changed, command="diff").exit_code == 0
    assert put(run, {**CHILD, "description": "x"}, command="diff", options=("-o", "name")).stdout == "child\n"


def test_what_others_run_is_put_first_and_a_refusal_stops_no_other(run: CommandLine) -> None:
    result = put(run, {"name": "x", "steps": {"a": {"workflow": {"name": "gone"}}}}, PARENT, CHILD)
    assert result.exit_code == 1
    told = result.stdout.splitlines()
    assert told[0] == ("! x: refused: steps.a.workflow.name: there is no workflow 'gone'; put that one first")
    assert [line.split(",")[0] for line in told[1:]] == ["+ child: create", "+ parent: create"]
    found = json.loads(put(run, PARENT, command="diff", options=("--json",)).stdout)["items"]
    assert [(one["name"], one["act"], one["problem"]) for one in found] == [("parent", "leave", None)]


def test_files_are_checked_without_a_deployment_and_every_fault_is_told_with_its_line(
    run: CommandLine, file: Path, tmp_path: Path
) -> None:
    assert done(run("workflows", "validate", str(file))) == f"{file}:1: nightly, 5 steps: no faults\n"
    file.write_text(NIGHTLY.replace("needs: [load]", "needs: [lod]").replace("90s", "never"))
    (tmp_path / "two.yaml").write_text("- name: b\n  steps:\n    a: {wait: {}}\n- 5\n")
    result = run("workflows", "validate", str(tmp_path))
    assert result.exit_code == 1
    assert [line.split(";")[0] for line in result.stderr.splitlines()] == [
        f"{file}:12: steps.pause.wait.duration: 'never' is not a duration",
        f"{file}:12: steps.pause.needs.0: there is no step 'lod'",
        f"{tmp_path}/two.yaml:3: steps.a.wait: has none of duration, until, at",
        f"{tmp_path}/two.yaml:4: it holds no workflow",
    ]


def test_two_workflows_of_one_name_are_refused(run: CommandLine) -> None:
    result = put(run, CHILD, CHILD)
    assert result.exit_code == 1
    assert "has a workflow 'child'" in result.stderr


def test_a_workflow_is_shown_with_its_steps(run: CommandLine, file: Path) -> None:
    done(run("workflows", "put", "-f", str(file)))
    shown = done(run("workflows", "show", "nightly"))
    for part in (
        'param region        string, else "eu"',
        "for each of $.steps.extract.output.pages: sqs q",
        "ask, extract if rows > 0",
        "load.Failed || pause.Failed",
        "wait 1m30s",
    ):
        assert part in shown
    listed = done(run("workflows", "list"))
    assert "each night" in listed
    assert done(run("workflows", "list", "-o", "name")) == "nightly\n"


def test_versions_are_listed_and_shown_by_their_first_digits(run: CommandLine) -> None:
    done(put(run, CHILD))
    run.api_bench.clock.advance(1_000)
    done(put(run, {**CHILD, "description": "newer"}))
    newer, older = done(run("workflows", "versions", "child", "-o", "name")).split()
    assert "latest" in done(run("workflows", "versions", "child"))
    assert run.json("workflows", "show", "child", "--json")["version"] == newer
    for digits in (older, older[:6]):
        found = run.json("workflows", "show", "child", "--version", digits, "--json")
        assert (found["version"], found["latest"], found["definition"]) == (older, False, CHILD)
    assert run("workflows", "show", "child", "--version", "abc").exit_code == 2
    missing = run("workflows", "show", "child", "--version", "000000")
    assert (missing.exit_code, "no version that begins with 000000" in missing.stderr) == (3, True)


def test_the_definition_alone_is_a_file_that_put_finds_unchanged(run: CommandLine, file: Path) -> None:
    done(run("workflows", "put", "-f", str(file)))
    for options in ((), ("--json",)):
        written = done(run("workflows", "show", "nightly", "--definition", *options))
        again = run("workflows", "diff", "-f", "-", stdin=written)
        assert (again.exit_code, again.stdout[:12]) == (0, "  nightly: a")


def test_a_workflow_is_deleted(run: CommandLine) -> None:
    done(put(run, CHILD))
    assert "its versions are kept" in done(run("workflows", "delete", "child"))
    assert run("workflows", "show", "child").exit_code == 3
    assert done(put(run, CHILD)).startswith("+ child: create")


def test_the_schema_is_printed(run: CommandLine) -> None:
    schema = json.loads(done(run("workflows", "schema")))
    assert schema["title"] == "Workflows of Tidewheel"
    assert "WorkflowBody" in schema["$defs"]


def test_a_workflow_is_drawn(run: CommandLine, file: Path) -> None:
    done(run("workflows", "put", "-f", str(file)))
    assert done(run("workflows", "show", "nightly", "--mermaid")) == (
        "flowchart TD\n"
        '    s0{{"ask<br/>approval: Load #quot;all#quot;?"}}\n'
        '    s1["extract<br/>POST https://example.com/a?x=#lt;1#gt;"]\n'
        '    s2[["load<br/>for each of $.steps.extract.output.pages: sqs q"]]\n'
        '    s3(["pause<br/>wait 1m30s"])\n'
        '    s4["tell<br/>sqs alerts<br/>load.Failed || pause.Failed"]\n'
        "    s0 --> s2\n"
        '    s1 -->|"rows #gt; 0"| s2\n'
        "    s2 --> s3\n"
        "    s2 --> s4\n"
        "    s3 --> s4\n"
    )


def test_every_edge_and_kind_is_drawn() -> None:
    document = {
        "name": "w",
        "steps": {
            "a": {"workflow": {"name": "other"}},
            "b": {"wait": {"at": "06:30"}, "needs": ["a"], "rule": "all_done"},
            "c": {"wait": {"until": "$.run.nominal"}},
            "d": {"map": {"range": {"stop": 3}, "workflow": {"name": "other"}}, "needs": ["b", "c"]},
            "e": {"map": {"manifest": {"bucket": "bbb", "key": "k"}, "workflow": {"name": "other"}}},
            "f": {"map": {"over": [1], "workflow": {"name": "other"}}},
        },
    }
    text = drawn(read_workflow(document))
    assert text.count("-->") == 3
    for part in ("workflow other", "wait until 06:30 UTC", "all_done", "for 0 to 3", "s3 bbb/k", "1 items"):
        assert part in text


def test_conditions_are_told() -> None:
    one = {"path": "$.output.n", "at_least": 1}
    assert told_condition({"any": [{"all": [one, {"path": "$.output", "is_a": "null"}]}, {"not": one}]}) == (
        "((n >= 1) and (output is a null)) or (not (n >= 1))"
    )
