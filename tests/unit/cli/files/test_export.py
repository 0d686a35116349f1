"""``tidewheel export``: what it writes, ``apply`` finds unchanged; and the schema of files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.api_bench import ApiBench
from tests.support.command_line import CommandLine, done
from tests.support.pages import REFERENCE
from tidewheel.cli.files.comparing import changes, present, read_as
from tidewheel.cli.files.exporting import exported
from tidewheel.cli.files.reading import read
from tidewheel.wire.bodies.job import JobAnswer
from tidewheel.wire.bodies.jobs_file import schema

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf"]), max_size=12)
NAME = st.sampled_from(["a", "on", "12:30", "0x1", "~", "#1", "- a", "a: b", "é 😀"]) | TEXT.map(str.strip).filter(bool)
DURATION = st.integers(1, 86_400).map(lambda seconds: f"{seconds}s")
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.floats(-1e9, 1e9, allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SCHEDULE = st.one_of(
    DURATION.map(lambda every: {"every": every}),
    DURATION.map(lambda every: {"every": every, "anchor": "2026-03-29T02:30:00.123+01:00"}),
    st.sampled_from(["0 9 * * 1-5", "H H * * *", "@daily", "rate(7 minutes)", "*/5 * * * *"]).map(
        lambda it: {"cron": it}
    ),
    st.sampled_from(["Europe/Paris", "Asia/Tokyo"]).map(lambda zone: {"cron": "30 2 * * *", "timezone": zone}),
    st.just({"at": "2031-06-01T12:00:00", "timezone": "Europe/Paris"}),
)
TARGET = st.one_of(
    VALUE.map(lambda body: {"kind": "http", "url": "https://example.com/é", "method": "PUT", "body": body}),
    VALUE.map(lambda payload: {"kind": "lambda", "function": "f", "payload": payload}),
)
JOB = st.fixed_dictionaries(
    {"name": NAME, "schedule": SCHEDULE, "target": TARGET},
    optional={
        "unique_name": st.booleans(),
        "priority": st.sampled_from(["critical", "low"]),
        "precision": st.sampled_from(["normal", "low"]),
        "timeout": DURATION.filter(lambda it: int(it[:-1]) <= 840),
        "jitter": st.sampled_from(["0s", "5s"]),
        "overlap": st.sampled_from(["allow", "skip", "queue"]),
        "retry": st.fixed_dictionaries({}, optional={"max_attempts": st.integers(1, 9), "on": st.just(["5xx", "409"])}),
        "misfire": st.fixed_dictionaries({"policy": st.sampled_from(["all", "skip"])}),
        "tags": st.dictionaries(st.sampled_from(["a", "b.c", "on", "1"]), TEXT, max_size=3),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JOB)
def test_what_is_exported_is_applied_unchanged(body: dict[str, Any]) -> None:
    bench = ApiBench()
    answer = bench.call("POST", "/jobs", body)
    assert answer.status == 201, answer.text
    job = JobAnswer.model_validate_json(answer.text)
    found = exported([job])
    for text in (found.as_yaml("a"), found.as_lines()):
        (filed,) = read(["-"], text).jobs.values()
        assert list(changes(present(job), read_as(filed.body, job))) == []
        fresh = bench.call("POST", "/jobs", {**filed.body.model_dump(mode="json"), "unique_name": False})
        made = JobAnswer.model_validate_json(fresh.text)
        left = [one.field for one in changes(present(job), present(made)) if one.field != "unique_name"]
        assert left == []  # elsewhere it becomes the same job


def test_an_export_is_filtered_and_says_what_it_leaves_out(run: CommandLine) -> None:
    for name, when in (("a", ("--every", "5m")), ("b", ("--cron", "0 9 * * *")), ("gone", ())):
        run.json("jobs", "create", "--name", name, "--url", "https://example.com/", "--tag", f"n:{name}", *when)
    done(run("jobs", "pause", "b"))
    result = run("export")
    assert (result.exit_code, result.stderr) == (0, "Left out, since they are over: gone\n")
    assert read(["-"], result.stdout).jobs.keys() == {"a", "b"}
    assert [job.paused for job in read(["-"], result.stdout).jobs.values()] == [None, True]
    assert "applied" not in result.stdout
    lines = done(run("export", "b", "-o", "json")).splitlines()
    assert json.loads(lines[0]) == {
        "name": "b",
        "unique_name": False,
        "schedule": {"cron": "0 9 * * *"},
        "target": {"kind": "http", "url": "https://example.com/"},
        "tags": {"n": "b"},
        "paused": True,
    }
    assert read(["-"], done(run("export", "--tag", "n:a"))).jobs.keys() == {"a"}
    assert run("export", "a", "--tag", "n:a").exit_code == 2
    assert run("export", "nobody").exit_code == 3


def test_names_that_several_have_are_told(run: CommandLine) -> None:
    for _ in range(2):
        run.json("jobs", "create", "--name", "a", "--url", "https://example.com/", "--every", "5m")
    assert "rename them: a" in run("export").stderr


@pytest.fixture
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_the_schema_is_published_and_knows_a_file(run: CommandLine, validator: Any, tmp_path: Path) -> None:
    assert json.loads(done(run("schema"))) == schema()
    assert json.loads((REFERENCE / "jobs.schema.json").read_text()) == schema()
    job = {"name": "a", "schedule": {"every": "5m"}, "target": {"kind": "http", "url": "https://example.com/"}}
    for good in ({"set": "x", "jobs": [job], "x-a": 1}, [job], {**job, "paused": True}):
        assert validator.is_valid(good)
    for bad in ({"jobs": [{**job, "timeot": 1}]}, {"jobs": [{"name": "a", "target": job["target"]}]}, {"job": []}, "x"):
        assert not validator.is_valid(bad)
