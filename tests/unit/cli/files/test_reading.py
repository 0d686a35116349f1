"""Files of jobs: what they may say, and what is told of their mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidewheel.cli.files.reading import Mistaken, read
from tidewheel.wire.bodies.job import JobBody
from tidewheel.wire.bodies.jobs_file import FileJob

A = {"name": "a", "schedule": {"every": "5m"}, "target": {"kind": "http", "url": "https://example.com/"}}
B = {**A, "name": "b"}


def write(folder: Path, name: str, text: object) -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return str(path)


def mistakes(*paths: str, stdin: str = "") -> list[str]:
    with pytest.raises(Mistaken) as error:
        read(paths, stdin)
    return [str(one) for one in error.value.mistakes]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", {"jobs": [A, B]}),
        ("a.json", [A, B]),
        ("a.yaml", {"jobs": [A, B], "x-more": {"a": 1}}),
        ("a.yml", f"---\n{json.dumps(A)}\n---\n{json.dumps(B)}\n"),
        ("a.jsonl", f"{json.dumps(A)}\n\n{json.dumps(B)}\n"),
        ("a.ndjson", f"{json.dumps([A, B])}\n"),
    ],
)
def test_jobs_are_read_in_any_shape(tmp_path: Path, name: str, text: object) -> None:
    found = read([write(tmp_path, name, text)])
    assert list(found.jobs) == ["a", "b"]
    assert found.jobs["a"].body == JobBody.model_validate({**A, "unique_name": True})


@pytest.mark.parametrize(
    "text", [json.dumps(A), json.dumps([A], indent=1), f"{json.dumps(A)}\n", json.dumps(A, indent=1)]
)
def test_stdin_is_told_by_how_it_begins(text: str) -> None:
    assert list(read(["-"], text).jobs) == ["a"]
    assert list(read(["-"], f"{json.dumps(A)}\n{json.dumps(B)}\n").jobs) == ["a", "b"]
    assert list(read(["-"], "name: a\nschedule: {every: 5m}\ntarget: {kind: lambda, function: f}").jobs) == ["a"]
    assert list(read(["-"], "{name: a, schedule: {every: 5m},\n target: {kind: lambda, function: f}}").jobs) == ["a"]


def test_folders_and_several_files_are_read_once_each(tmp_path: Path) -> None:
    one = write(tmp_path, "deep/b.json", B)
    write(tmp_path, "a.yaml", A)
    write(tmp_path, ".hidden/c.yaml", "{")
    write(tmp_path, "README.md", "no job")
    assert list(read([str(tmp_path)]).jobs) == ["a", "b"]
    assert list(read([one, str(tmp_path / "a.yaml"), one]).jobs) == ["b", "a"]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert list(read([write(tmp_path, "a.json", "\ufeff" + json.dumps(A))]).jobs) == ["a"]


def test_a_set_is_named_once(tmp_path: Path) -> None:
    one = write(tmp_path, "a.yaml", {"set": "billing", "jobs": [A]})
    assert read([one]).set_name == "billing"
    other = write(tmp_path, "b.yaml", {"set": "mail", "jobs": [B]})
    assert f"{one}:1 names the set billing; apply each set by itself" in mistakes(one, other)[0]


def test_every_mistake_is_told_with_file_line_field_and_remedy(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "jobs.yaml",
        "jobs:\n"
        "  - name: a\n"
        "    schedule: {cron: 0 9 * * 8}\n"
        "    target: {kind: http, url: 'ftp://x'}\n"
        "    timeot: 5m\n"
        "    tags:\n"
        "      build: 12\n"
        "      applied-by: me\n"
        "    paused: yes\n"
        "  - 5\n"
        "  - name: b\n"
        "    target: {kind: lambda, function: f}\n"
        "colour: red\n"
        "set: 5 5\n",
    )
    told = [one.removeprefix(f"{path}:") for one in mistakes(path)]
    assert told[0] == "13: colour: is not a known field; use set and jobs, or a name with x-"
    assert told[1].startswith("14: set: '5 5' is no name of a set")
    assert "9: job 'a': paused: 'yes' is not true or false; write true or false, or leave it out" in told
    assert "8: job 'a': tags.applied-by: is set by apply; leave it out; --set or 'set:' names the set" in told
    assert "5: job 'a': timeot: is not a known field; did you mean timeout?" in told
    assert "7: job 'a': tags.build: is not a string; put it in quotes" in told
    assert any(one.startswith("4: job 'a': target.url: ") for one in told)
    assert any(one.startswith("3: job 'a': schedule.cron: ") for one in told)
    assert any(one.startswith("10: a job is no mapping") for one in told)
    assert any(one.startswith("11: job 'b': schedule: is missing; add one") for one in told)


def test_two_jobs_of_one_name_are_refused_with_both_places(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", f"- {json.dumps(A)}\n- {json.dumps(A)}\n")
    assert mistakes(path) == [f"{path}:2: job 'a': {path}:1 has a job of this name; give each a name of its own"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.yaml", "jobs: 5", "it holds no jobs"),
        ("a.yaml", "just text", "it holds no jobs"),
        ("a.yaml", "a: [", ":2: it is no YAML"),
        ("a.json", '{"jobs": [\n}', ":2: it is no JSON"),
        ("a.json", '{"name": "a", "name": "b"}', "'name' is given twice"),
        ("a.json", '{"name": NaN}', "NaN is no JSON"),
        ("a.jsonl", f"{json.dumps(A)}\n{{", ":2: it is no JSON"),
        ("a.jsonl", f"{json.dumps(A)}\n5", ":2: it holds no jobs"),
        ("a.jsonl", f"{json.dumps(A)}\n{json.dumps({**B, 'timeout': 5})}", ":2: job 'b': timeout: "),
        ("a.json", json.dumps([A, {**B, "timeout": 5}], indent=1), ":21: job 'b': timeout: "),
    ],
)
def test_what_is_no_file_of_jobs_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    assert told in mistakes(write(tmp_path, name, text))[0]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    (tmp_path / "empty").mkdir()
    told = mistakes(str(tmp_path / "latin.yaml"), str(tmp_path / "gone.yaml"), str(tmp_path / "empty"))
    assert ["is not in UTF-8" in told[0], "cannot be read" in told[1], "holds no file to read" in told[2]] == [True] * 3


def test_a_file_says_what_a_job_is_made_of_and_whether_it_is_paused() -> None:
    assert FileJob.model_fields.keys() - JobBody.model_fields.keys() == {"paused"}
    differ = {
        name: field
        for name, field in JobBody.model_fields.items()
        if field.annotation != FileJob.model_fields[name].annotation
        or field.default != FileJob.model_fields[name].default
    }
    assert differ.keys() == {"unique_name", "schedule"}
