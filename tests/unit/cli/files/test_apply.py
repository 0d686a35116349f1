"""``tidewheel apply``: the plan, what is done, and that a repeat does nothing or goes on."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.support.command_line import CommandLine, done
from tidewheel.wire.problem import problem

HTTP = {"kind": "http", "url": "https://example.com/hook"}
A: dict[str, Any] = {"name": "a", "schedule": {"every": "5m"}, "target": HTTP}
B: dict[str, Any] = {"name": "b", "schedule": {"cron": "0 9 * * *"}, "target": HTTP}
C: dict[str, Any] = {"name": "c", "schedule": {"at": "2030-01-01T09:00:00", "timezone": "Europe/Paris"}, "target": HTTP}


def apply(run: CommandLine, *jobs: Any, options: tuple[str, ...] = ("--yes",), **rest: Any) -> Any:
    document = {"set": "billing", "jobs": list(jobs)}
    return run("apply", "-f", "-", *options, stdin=json.dumps(document), **rest)


def stored(run: CommandLine) -> dict[str, Any]:
    """The jobs by name, without when they fire next, which goes on by itself."""
    items = run.json("jobs", "list", "--limit", "300")["items"]
    return {job["name"]: {field: value for field, value in job.items() if field != "next_fire_at"} for job in items}


@pytest.mark.parametrize(
    "job",
    [
        A,
        B,
        C,
        {**A, "schedule": {"every": "5m", "immediate": True}},
        {**A, "schedule": {"every": "300s", "anchor": "2025-01-01T00:00:00+01:00"}},
        {**A, "schedule": {"every": "5m"}, "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z"},
        {**A, "schedule": {"cron": "rate(5 minutes)"}},
        {**A, "schedule": {"cron": "@every 90s"}},
        {**A, "schedule": {"cron": "CRON_TZ=Asia/Tokyo H H * * *"}},
        {**A, "schedule": {"cron": "@daily"}},
        {**A, "target": {"kind": "http", "url": "https://bücher.example/ä", "headers": {"A": {"secret": "s"}}}},
        {**A, "target": {"kind": "lambda", "function": "f", "payload": {"a": None, "b": [None, 1.0, 1]}}},
        {**A, "target": {"kind": "sqs", "queue": "q", "body": "x"}},
        {**A, "retry": {"max_attempts": 1}, "misfire": {"policy": "all"}, "timeout": "90s", "window": "1m"},
        {**A, "tags": {"a": "1", "b.c": ""}, "unique_name": False, "paused": True},
        {**A, "paused": False},
    ],
    ids=lambda job: json.dumps(job)[13:90],
)
def test_a_second_run_changes_nothing(run: CommandLine, job: dict[str, Any]) -> None:
    assert "1 created." in done(apply(run, job))
    before = stored(run)
    run.api_bench.clock.advance(60_000)
    assert "1 unchanged." in done(apply(run, job))
    assert stored(run) == before
    exported = done(run("export", "--set", "billing"))
    again = run("apply", "-f", "-", "--prune", "--yes", stdin=exported)
    assert "1 unchanged." in done(again), exported


def test_a_change_is_shown_field_by_field_and_made(run: CommandLine) -> None:
    header = {"kind": "http", "url": "https://example.com/hook", "headers": {"Authorization": "secret1", "X": "1"}}
    done(apply(run, {**A, "target": header, "timeout": "1m"}, B))
    id = stored(run)["a"]["id"]
    changed = {
        **A,
        "schedule": {"every": "10m"},
        "target": {**header, "headers": {"Authorization": "secret2"}, "method": "PUT"},
        "timeout": "2m",
        "tags": {"team": "x"},
        "paused": True,
    }
    plan = apply(run, changed, B, options=("--dry-run",))
    assert plan.stdout.splitlines() == [
        "~ a: change",
        "    schedule.every: PT5M -> PT10M",
        "    target.method: POST -> PUT",
        "    target.headers.Authorization: (not shown) -> (not shown)",
        "    target.headers.X: (not shown) -> -",
        "    timeout: PT1M -> PT2M",
        "    tags.team: - -> x",
        "    paused: false -> true",
        "Set billing: 1 to change, 1 unchanged.",
    ]
    assert "secret" not in apply(run, changed, options=("--dry-run", "-o", "json")).stdout
    assert "1 changed, 1 unchanged." in done(apply(run, changed, B))
    now = stored(run)["a"]
    assert (now["id"], now["state"], now["timeout"], now["tags"]["team"]) == (id, "paused", "PT2M", "x")
    assert "2 unchanged." in done(apply(run, changed, B))
    assert "1 changed" in done(apply(run, {**changed, "paused": False}, B))
    assert stored(run)["a"]["state"] == "active"


def test_what_the_file_leaves_out_goes_back_to_its_default(run: CommandLine) -> None:
    done(apply(run, {**A, "timeout": "5m", "tags": {"x": "1"}}))
    assert "timeout: PT5M -> PT1M" in done(apply(run, A))
    assert stored(run)["a"]["tags"].keys() == {"applied-by", "applied-as"}


def test_an_edit_by_somebody_else_is_shown_as_drift_and_undone(run: CommandLine) -> None:
    done(apply(run, A))
    done(run("jobs", "edit", "a", "--timeout", "5m", "--tag", "by:hand"))
    plan = apply(run, A, options=("--dry-run",))
    assert "~ a: change (edited since it was applied: generation 2" in plan.stdout
    assert "    timeout: PT5M -> PT1M" in plan.stdout
    assert "    tags.by: hand -> -" in plan.stdout
    assert "1 changed" in done(apply(run, A))
    assert "edited since" not in apply(run, {**A, "timeout": "2m"}, options=("--dry-run",)).stdout


def test_a_pause_by_hand_stays_unless_the_file_says_so(run: CommandLine) -> None:
    done(apply(run, A))
    done(run("jobs", "pause", "a"))
    assert "1 unchanged." in done(apply(run, A))
    assert "paused: true -> false" in done(apply(run, {**A, "paused": False}))


def test_pruning_deletes_of_the_set_alone(run: CommandLine) -> None:
    done(apply(run, A, B))
    by_hand = run.json("jobs", "create", "--name", "by hand", "--every", "5m", "--function", "f")
    done(run("apply", "-f", "-", "--set", "other", "--yes", stdin=json.dumps([C])))
    assert "1 unchanged." in done(apply(run, A))
    assert "b" in stored(run)
    assert "- b: delete" in done(apply(run, A, options=("--prune", "--yes")))
    assert stored(run).keys() == {"a", "c", by_hand["name"]}
    nothing = apply(run, options=("--prune", "--yes"))
    assert (nothing.exit_code, "--allow-empty" in nothing.stderr) == (2, True)
    assert "1 deleted." in done(apply(run, options=("--prune", "--allow-empty", "--yes")))
    assert stored(run).keys() == {"c", by_hand["name"]}


def test_the_set_that_is_pruned_must_be_said(run: CommandLine) -> None:
    result = run("apply", "-f", "-", "--prune", "--yes", stdin=json.dumps([A]))
    assert (result.exit_code, "Which set is pruned" in result.stderr) == (2, True)
    other = apply(run, A, options=("--set", "mail", "--yes"))
    assert (other.exit_code, "the set billing, not mail" in other.stderr) == (2, True)
    assert run("apply", "-f", "-", "--set", "a b", "--yes", stdin=json.dumps([A])).exit_code == 2
    assert "1 created." in done(run("apply", "-f", "-", "--yes", stdin=json.dumps([A])))
    assert stored(run)["a"]["tags"]["applied-by"] == "default"


def test_what_others_made_is_neither_doubled_nor_taken_over(run: CommandLine) -> None:
    first = run.json("jobs", "create", "--name", "a", "--every", "5m", "--url", HTTP["url"])
    done(run("apply", "-f", "-", "--set", "mail", "--yes", stdin=json.dumps([C])))
    result = apply(run, A, B, C)
    assert result.exit_code == 4
    assert f"! a: {first['id']} has this name and was not made by apply; --adopt takes it over" in result.stdout
    assert "! c: it belongs to the set mail" in result.stdout
    assert "1 created, 2 not done." in result.stdout
    assert "1 adopted, 1 unchanged." in done(apply(run, A, B, options=("--adopt", "--yes")))
    assert stored(run)["a"]["id"] == first["id"]
    assert "2 unchanged." in done(apply(run, A, B))


def test_of_several_of_one_name_none_is_chosen(run: CommandLine) -> None:
    ids = [run.json("jobs", "create", "--name", "a", "--every", "5m", "--url", HTTP["url"])["id"] for _ in range(2)]
    result = apply(run, A, options=("--adopt", "--yes"))
    assert (result.exit_code, all(id in result.stdout for id in ids)) == (4, True)


def test_each_failure_is_told_the_rest_is_done_and_a_repeat_goes_on(run: CommandLine) -> None:
    past = {**A, "name": "past", "schedule": {"at": "2020-01-01T00:00:00Z"}}
    result = apply(run, A, past, B)
    assert result.exit_code == 1
    assert result.stderr.startswith("past: not created: schedule.at: ")
    assert "2 created, 1 not done." in result.stdout
    later = {**past, "schedule": {"at": "2030-01-01T00:00:00Z"}}
    assert "1 created, 2 unchanged." in done(apply(run, A, later, B))


def test_an_edit_between_plan_and_application_is_not_overwritten(run: CommandLine) -> None:
    done(apply(run, A))
    id = stored(run)["a"]["id"]
    inner = run.api_bench.transport()

    def raced(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/bulk") or request.method == "POST":
            run.api_bench.call("PATCH", f"/jobs/{id}", {"timeout": "9m"})
        return inner.handle_request(request)

    result = apply(run, {**A, "timeout": "2m"}, transport=httpx.MockTransport(raced))
    assert (result.exit_code, stored(run)["a"]["timeout"]) == (4, "PT9M")
    assert "a: not changed: " in result.stderr
    assert "1 changed" in done(apply(run, {**A, "timeout": "2m"}))


def test_two_who_apply_at_once_make_one_job(run: CommandLine) -> None:
    inner, raced = run.api_bench.transport(), []

    def other_first(request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and not raced:
            raced.append(apply(run, A))
        return inner.handle_request(request)

    result = apply(run, A, transport=httpx.MockTransport(other_first))
    assert (raced[0].exit_code, result.exit_code, len(stored(run))) == (0, 4, 1)
    assert "1 unchanged." in done(apply(run, A))


@pytest.mark.parametrize(("status", "code"), [(503, 7), (401, 6)])
def test_a_service_that_takes_nothing_is_asked_no_more(run: CommandLine, status: int, code: int) -> None:
    inner, asked = run.api_bench.transport(), list[str]()

    def failing(request: httpx.Request) -> httpx.Response:
        if request.method != "POST":
            return inner.handle_request(request)
        asked.append(request.method)
        return httpx.Response(status, text=problem("unavailable", "no", "r").model_dump_json())

    many = [{**A, "name": f"job {number}"} for number in range(200)]
    result = apply(run, *many, transport=httpx.MockTransport(failing))
    assert result.exit_code in {code, 1}
    assert result.stderr.count("not tried: ") >= 100
    assert len(asked) <= 16  # four requests, and the client's repeats
    assert "200 created." in done(apply(run, *many))


def test_without_a_terminal_nobody_is_asked(run: CommandLine) -> None:
    result = apply(run, A, options=())
    assert (result.exit_code, "pass --yes" in result.stderr, stored(run)) == (2, True, {})
    done(apply(run, A))
    assert "1 unchanged." in done(apply(run, A, options=()))


def test_a_mistake_in_one_file_stops_all(run: CommandLine) -> None:
    result = apply(run, A, {**B, "timeot": "5m"}, options=("--prune", "--yes"))
    assert (result.exit_code, result.stdout, stored(run)) == (1, "", {})
    assert "stdin:1: job 'b': timeot: is not a known field; did you mean timeout?" in result.stderr


def test_a_plan_and_its_results_are_printed_as_json(run: CommandLine) -> None:
    made = json.loads(done(apply(run, A, B, options=("--yes", "-o", "json"))))
    assert [(step["name"], step["act"], step["done"]) for step in made["steps"]] == [
        ("a", "create", True),
        ("b", "create", True),
    ]
    plan = apply(run, {**A, "timeout": "2m"}, B, options=("--dry-run", "--json"))
    (first, second) = json.loads(plan.stdout)["steps"]
    assert first["changes"] == [{"field": "timeout", "before": "PT1M", "after": "PT2M"}]
    assert (first["done"], second["act"], plan.exit_code) == (False, "unchanged", 2)
    assert done(apply(run, A, B, options=("-y", "-o", "name"))).split() == [step["id"] for step in made["steps"]]


def test_a_job_with_too_many_tags_for_apply_is_refused(run: CommandLine) -> None:
    result = apply(run, {**A, "tags": {f"t{number}": "x" for number in range(19)}})
    assert (result.exit_code, "use 18 or fewer" in result.stdout) == (4, True)
