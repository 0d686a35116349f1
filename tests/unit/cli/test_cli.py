import json
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.api_bench import EVERY_JOB, NOW_MS
from tests.support.command_line import FIRE, done, made
from tidewheel.cli.fields import applied
from tidewheel.cli.show import time
from tidewheel.client.deployment import TOKEN_VARIABLE, URL_VARIABLE
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.executions.states import State
from tidewheel.domain.executions.transitions import ended_unrun
from tidewheel.domain.fleet.circuit import Circuit
from tidewheel.domain.ids import ExecutionId
from tidewheel.wire.values import from_ms

CASES = json.loads((Path(__file__).parents[2] / "cases" / "cli.json").read_text())


def test_a_job_is_created_from_options(run):
    job = made(
        run,
        *("--cron", "0 9 * * 1-5", "--timezone", "Europe/Paris", "--method", "PUT"),
        *("--header", "X-A: b:c", "--header", "X-D:e", "--body", '{"a": 1}', "--priority", "high"),
        *(
            "--precision",
            "low",
            "--jitter",
            "10s",
            "--window",
            "1h",
            "--timeout",
            "5m",
            "--end",
            "2030-01-01T00:00:00Z",
        ),
        *("--tag", "team:billing", "--tag", "a:b:c", "--retry-attempts", "5", "--retry-strategy", "fixed"),
        *("--retry-base", "1s", "--retry-cap", "1m", "--retry-jitter", "0.5"),
        *("--retry-on", "5xx", "--retry-on", "429", "--deadline", "1h", "--heartbeat", "2m", "--pool", "lambda"),
        *("--overlap", "queue"),
        *("--misfire", "all", "--misfire-grace", "1m", "--misfire-limit", "7"),
    )
    assert job["schedule"] == {"cron": "0 9 * * 1-5", "timezone": "Europe/Paris"}
    assert job["target"] == {
        "kind": "http",
        "method": "PUT",
        "url": "https://example.com/hook",
        "headers": {"X-A": "b:c", "X-D": "e"},
        "body": {"a": 1},
        "redirects": 0,
    }
    assert job["tags"] == {"team": "billing", "a": "b:c"}
    assert job["overlap"] == "queue"
    assert job["misfire"] == {"policy": "all", "grace": "PT1M", "limit": 7}
    assert job["retry"] == {
        "max_attempts": 5,
        "strategy": "fixed",
        "base": "PT1S",
        "cap": "PT1M",
        "jitter": 0.5,
        "on": ["5xx", "429"],
    }
    assert (job["priority"], job["precision"], job["jitter"], job["timeout"]) == ("high", "low", "PT10S", "PT5M")
    assert (job["window"], job["deadline"], job["heartbeat"], job["pool"]) == ("PT1H", "PT1H", "PT2M", "lambda")


def test_a_lambda_is_invoked_with_text_or_json(run):
    created = run("jobs", "create", "--name", "f", "--function", "echo", "--payload", "hello", "--json")
    assert json.loads(done(created))["target"] == {"kind": "lambda", "function": "echo", "payload": "hello"}


def test_a_target_of_any_kind_is_given_as_json(run):
    target = '{"kind": "lambda", "function": "echo", "payload": null}'
    created = run("jobs", "create", "--name", "f", "--target", target, "--json")
    assert json.loads(done(created))["target"] == json.loads(target)
    assert "is no JSON object" in run("jobs", "create", "--name", "f", "--target", "[]").output
    assert "one target" in run("jobs", "create", "--name", "f", "--target", target, "--url", "http://a.b/").output


def test_a_job_is_created_from_a_file_or_stdin_with_options_over_it(run, tmp_path):
    path = tmp_path / "job.json"
    path.write_text(json.dumps(EVERY_JOB))
    job = json.loads(done(run("jobs", "create", "--file", str(path), "--name", "b", "--json")))
    assert (job["name"], job["schedule"]["every"]) == ("b", "PT5M")
    again = json.loads(done(run("jobs", "create", "--file", "-", "--json", stdin=json.dumps(job))))
    assert again["schedule"] == job["schedule"]
    assert again["id"] != job["id"]


@pytest.mark.parametrize("text", ["{", "[]", None])
def test_a_file_that_is_no_job_is_refused(run, tmp_path, text):
    path = tmp_path / "job.json"
    if text is not None:
        path.write_text(text)
    result = run("jobs", "create", "--file", str(path))
    assert result.exit_code == 2
    assert "--file" in result.stderr


@pytest.mark.parametrize(
    "options",
    [("--url", "https://a.example", "--function", "f"), ("--tag", "x"), ("--header", "x"), ("--retry-attempts", "x")],
)
def test_wrong_options_end_with_2(run, options):
    assert run("jobs", "create", "--name", "a", *options).exit_code == 2


def test_a_refusal_names_each_field_on_stderr(run):
    result = run("jobs", "create", "--name", "", "--url", "ftp://x", "--every", "1s", "--at", "soon")
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[0] == "The request was refused"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["name", "schedule", "target.url"]


def test_jobs_are_listed(run):
    assert "No jobs." in done(run("jobs", "list"))
    ids = sorted((made(run, "--every", "5m", "--tag", "a:b")["id"] for _ in range(3)), reverse=True)
    made(run)
    text = done(run("jobs", "list", "--tag", "a:b", "--state", "active", "--limit", "2"))
    assert all(id in text for id in ids[:2])
    assert ids[2] not in text
    cursor = text.rpartition("--cursor ")[2].strip()
    page = json.loads(done(run("jobs", "list", "--cursor", cursor, "--tag", "a:b", "--state", "active", "--json")))
    assert [job["id"] for job in page["items"]] == ids[2:]


def test_json_is_what_the_api_said(run, api_bench):
    id = made(run, "--every", "5m")["id"]
    assert done(run("jobs", "show", id, "--json")) == api_bench.call("GET", f"/jobs/{id}").text + "\n"


def test_a_job_is_edited_by_what_the_options_say(run):
    id = made(run, "--every", "5m", "--body", '{"a": 1}', "--header", "A: b", "--tag", "x:1")["id"]

    def edited(*options):
        return json.loads(done(run("jobs", "edit", id, *options, "--json")))

    before = json.loads(done(run("jobs", "show", id, "--json")))
    assert edited("--name", "b")["schedule"] == before["schedule"]
    assert edited("--body", '{"b": 2}')["target"] == before["target"] | {"body": {"b": 2}}
    assert edited("--body", '{"b": null}')["target"]["body"] == {"b": None}
    assert edited("--tag", "y:2")["tags"] == {"x": "1", "y": "2"}
    faster = edited("--every", "1m")["schedule"]
    assert faster == {"every": "PT1M", "anchor": before["schedule"]["anchor"]}
    assert edited("--cron", "0 0 * * *")["schedule"] == {"cron": "0 0 * * *", "timezone": "UTC"}
    assert edited("--timezone", "Asia/Tokyo")["schedule"] == {"cron": "0 0 * * *", "timezone": "Asia/Tokyo"}
    assert edited("--function", "f")["target"] == {"kind": "lambda", "function": "f", "payload": None}
    assert edited("--retry-attempts", "9")["generation"] == 10
    assert run("jobs", "edit", id).exit_code == 2


def test_a_file_that_was_shown_can_be_edited_and_put_back_once(run, tmp_path):
    id = made(run, "--every", "5m")["id"]
    path = tmp_path / "job.json"
    path.write_text(done(run("jobs", "show", id, "--json")).replace('"hook"', '"renamed"'))
    assert "renamed" in done(run("jobs", "edit", id, "--file", str(path)))
    result = run("jobs", "edit", id, "--file", str(path))
    assert result.exit_code == 4
    assert "edited since" in result.stderr


def test_the_rest_of_a_jobs_life(run):
    id = made(run, "--every", "5m")["id"]
    assert "paused" in done(run("jobs", "pause", id))
    assert "No instants" in done(run("jobs", "upcoming", id))
    assert "active" in done(run("jobs", "resume", id))
    assert done(run("jobs", "upcoming", id, "--count", "3")).count("+5m") == 2
    execution = json.loads(done(run("jobs", "run", id, "--key", "k", "--json")))["id"]
    assert execution in done(run("executions", "list", id))
    assert "queued" in done(run("executions", "show", execution))
    assert json.loads(done(run("executions", "list", id, "--json")))["items"][0]["id"] == execution
    assert "someone cancelled it: not today" in done(run("cancel", execution, "--reason", "not today"))
    assert json.loads(done(run("cancel", execution, "--json")))["state"] == "cancelled"
    assert "does not exist" in run("cancel", f"{execution}0").stderr
    assert id in done(run("jobs", "delete", id))
    gone = run("jobs", "show", id)
    assert (gone.exit_code, gone.stdout) == (3, "")
    assert id in gone.stderr


def test_an_execution_is_shown_with_its_attempts(run):
    attempt = {"number": 1, "started_at": "2026-11-20T16:47:00.040Z", "finished_at": "2026-11-20T16:47:01.090Z"}
    answer = {
        "id": "e",
        "job": "j",
        "generation": 1,
        "origin": "schedule",
        "state": "failed",
        "attempt": 1,
        "nominal_at": "2026-11-20T16:47:00.000Z",
        "due_at": "2026-11-20T16:47:00.000Z",
        "lateness_ms": 40,
        "started_at": attempt["started_at"],
        "finished_at": attempt["finished_at"],
        "attempts": [attempt | {"result": "failed", "status": 500, "reason": "HTTP 500"}],
        "output": "\x1b[31mred [bold]",
        "reason": "HTTP 500",
    }
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    assert "cancelled" not in done(run("executions", "show", "e", transport=transport))
    ending = httpx.MockTransport(
        lambda _: httpx.Response(202, json=answer | {"state": "running", "cancel_requested": "stop it"})
    )
    assert "stop it" in done(run("cancel", "e", transport=ending))
    text = done(run("executions", "show", "e", transport=transport))
    assert "40ms" in text
    assert "HTTP 500" in text
    assert "·[31mred [bold]" in text  # shown, not obeyed
    page = httpx.MockTransport(lambda _: httpx.Response(200, json={"items": [answer], "cursor": None}))
    assert "1.05s" in done(run("executions", "list", "j", transport=page))


def test_the_url_is_found(run, tmp_path, monkeypatch):
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "outputs.json").write_text('{"api_url": "http://localhost:4566/x", "engine": "ministack"}')
    monkeypatch.setenv(TOKEN_VARIABLE, "t0ken")
    done(run("jobs", "list", url=None))
    monkeypatch.setenv(URL_VARIABLE, "https://env.example")
    done(run("jobs", "list", url=None))
    done(run("jobs", "list", url="https://given.example"))
    assert [url for url, _ in run.asked] == ["http://localhost:4566/x", "https://env.example", "https://given.example"]
    monkeypatch.delenv(URL_VARIABLE)
    assert "ministack" in done(run("outputs", url=None))
    assert json.loads(done(run("outputs", "--json", url=None)))["engine"] == "ministack"
    assert done(run("outputs", "engine", url=None)) == "ministack\n"
    unknown = run("outputs", "colour", url=None)
    assert (unknown.exit_code, "use one of api_url, engine" in unknown.stderr) == (3, True)


@pytest.mark.parametrize(
    ("file", "environment", "given", "sent"),
    [
        (None, "https://env.example/prod", None, True),
        (None, "https://env.example/prod", "https://env.example:443/other", True),
        (None, "https://env.example/prod", "https://given.example", False),  # the token was configured for another
        (None, None, "https://given.example", True),
        ("https://file.example", None, None, False),  # a folder may hold somebody else's project
        ("http://localhost:4566/x", None, None, True),
        ("http://127.0.0.1:4566/x", None, None, True),
        ("http://localhost.evil.example", None, None, False),
        ("http://a.localhost:4566", None, None, True),
        (None, "https://env.example", "http://[::1]:4566", True),
    ],
)
def test_the_token_goes_to_the_api_that_is_configured(run, tmp_path, monkeypatch, file, environment, given, sent):
    if file:
        (tmp_path / ".local").mkdir()
        (tmp_path / ".local" / "outputs.json").write_text(json.dumps({"api_url": file}))
    if environment:
        monkeypatch.setenv(URL_VARIABLE, environment)
    monkeypatch.setenv(TOKEN_VARIABLE, "t0ken")
    done(run("jobs", "list", url=given))
    assert run.asked[0][1] == ("t0ken" if sent else None)


@pytest.mark.parametrize(
    "given", ["http://env.example/prod", "HTTP://10.0.0.7", "env.example", "https://a:b", "https://[::1"]
)
def test_the_token_never_leaves_the_machine_unencrypted(run, monkeypatch, given):
    monkeypatch.setenv(URL_VARIABLE, given)
    monkeypatch.setenv(TOKEN_VARIABLE, "t0ken")
    result = run("jobs", "list", url=None)
    assert (result.exit_code, run.asked) == (2, [])
    assert "https://" in result.stderr
    assert "t0ken" not in result.stderr


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"api_url": 5}'])
def test_without_a_url_one_line_says_what_to_do(run, tmp_path, text):
    if text is not None:
        (tmp_path / ".local").mkdir()
        (tmp_path / ".local" / "outputs.json").write_text(text)
    result = run("jobs", "list", url=None)
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "--url" in result.stderr


def test_an_api_that_cannot_be_reached(run):
    def refuse(_request):
        raise httpx.ConnectError("connection refused")

    result = run("jobs", "list", transport=httpx.MockTransport(refuse))
    assert result.exit_code == 5
    assert "connection refused" in result.stderr
    assert "tidewheel doctor" in result.stderr


def test_an_interrupt_ends_without_a_traceback(run):
    def interrupt(_request):
        raise KeyboardInterrupt

    result = run("jobs", "list", transport=httpx.MockTransport(interrupt))
    assert result.exit_code in {1, 130}
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments", [("--help",), ("jobs", "--help"), ("executions", "--help"), ("jobs", "edit", "--help")]
)
def test_help(run, arguments):
    assert "Usage" in done(run(*arguments))


def test_times_are_local_with_their_offset():
    assert time(None) == "-"
    shown = time(from_ms(1_763_657_220_250))
    assert ".250 " in shown
    assert shown[-6] in "+-"


def test_the_ledger_is_a_table_whose_status_tells_whether_it_is_complete(run, api_bench):
    id = made(run, "--every", "5m", "--anchor", "2025-11-20T16:42:00Z")["id"]
    empty = done(run("ledger", id))
    assert "No instants" in empty
    row = Missed("default", id, 1, NOW_MS, NOW_MS + 300_000, 2, Reason.COALESCED, NOW_MS)
    api_bench.ports.executions.account(row)
    api_bench.clock.advance(400_000)
    assert done(run("ledger", id)).count("coalesced") == 2
    assert f"coalesced: 2 to {time(from_ms(NOW_MS + 300_000))}" in done(run("executions", "list", id))
    api_bench.clock.advance(600_000)
    incomplete = run("ledger", id)
    assert incomplete.exit_code == 1
    assert "2 skipped" in incomplete.stdout
    assert "2 missing" in incomplete.stdout
    stretch = ("--from", "2025-11-20T16:47:00Z", "--to", "2025-11-20T16:57:00Z")
    found = json.loads(done(run("ledger", id, *stretch, "--json")))
    assert [line["state"] for line in found["items"]] == ["skipped", "skipped"]
    assert run("ledger", id, "--json").exit_code == 1
    assert "from: " in run("ledger", id, "--from", "monday").stderr


def test_dead_letters_are_listed(run, api_bench):
    id = made(run, "--every", "5m")["id"]
    assert "No executions" in done(run("dead-letters", "list"))
    execution = str(ExecutionId(id, NOW_MS))
    record = Execution("default", execution, State.DEAD, NOW_MS, 1, attempt=3, finished_ms=NOW_MS, reason="HTTP 503")
    api_bench.ports.executions.swap(record, None)
    shown = done(run("dead-letters", "list", "--job", id))
    assert execution in shown
    assert "HTTP 503" in shown
    assert json.loads(done(run("dead-letters", "list", "--json")))["items"][0]["id"] == execution


def test_the_health_is_shown_and_an_operator_switches_to_read_only_and_back(run):
    assert "normal" in done(run("health"))
    told = done(run("admin", "read-only", "on", "--reason", "a restore"))
    assert "read-only" in told
    assert "a restore" in told
    refused = run("jobs", "create", "--name", "n", "--url", "https://a.example/")
    assert refused.exit_code != 0
    assert "a restore" in refused.stderr
    assert json.loads(done(run("health", "--json")))["state"] == "read-only"
    assert "normal" in done(run("admin", "read-only", "off"))
    assert run("admin", "read-only", "perhaps").exit_code == 2


def test_circuits_are_listed(run, api_bench):
    assert "No parties that failed lately" in done(run("circuits", "list"))
    api_bench.ports.circuits.swap(failing("http:api.example.com:443", NOW_MS + 600_000))
    api_bench.ports.circuits.swap(failing("lambda:report", 0))
    shown = done(run("circuits", "list"))
    assert "http:api.example.com:443" in shown
    assert time(from_ms(NOW_MS + 600_000))[:-7] in shown
    page = json.loads(done(run("circuits", "list", "--limit", "1", "--json")))
    assert [one["state"] for one in page["items"]] == ["open"]
    assert "lambda:report" in done(run("circuits", "list", "--cursor", page["cursor"]))


@pytest.mark.parametrize(("given", "key"), [("corp-ca", ""), ('{"secret": "corp-ca", "key": "pem"}', "pem")])
def test_a_private_ca_is_named_by_its_secret(run, given, key):
    created = run("jobs", "create", "--name", "c", "--url", "https://a.example/", "--ca", given, "--json")
    assert json.loads(done(created))["target"]["ca"] == {"secret": "corp-ca", "key": key, "prefix": ""}
    assert "target.ca" in run("jobs", "create", "--name", "c", "--url", "http://a.example/", "--ca", given).stderr


def test_a_job_says_whose_failures_hold_it_up(run):
    created = json.loads(
        done(run("jobs", "create", "--name", "c", "--url", "https://a.example/x/y", "--circuit", "url", "--json"))
    )
    assert created["target"]["circuit"] == "url"
    edited = json.loads(done(run("jobs", "edit", created["id"], "--circuit", "off", "--json")))
    assert edited["target"] == created["target"] | {"circuit": "off"}
    assert "target.circuit" in run("jobs", "edit", created["id"], "--circuit", "on").stderr
    function = run("jobs", "create", "--name", "f", "--function", "f", "--circuit", "off", "--json")
    assert json.loads(done(function))["target"]["circuit"] == "off"


@pytest.mark.parametrize("named", ["http:api.example.com:443/orders", "http~3Aapi.example.com~3A443~2Forders"])
def test_a_circuit_is_closed(run, api_bench, named):
    party = "http:api.example.com:443/orders"
    api_bench.ports.circuits.swap(failing(party, NOW_MS + 600_000))
    shown = done(run("circuits", "close", named))
    assert party in shown
    assert "closed" in shown
    assert json.loads(done(run("circuits", "close", named, "--json")))["state"] == "closed"
    for other in ("http:other:80", "\udcff:x", "x"):
        assert "does not exist" in run("circuits", "close", other).stderr


def failing(party, open_until_ms):
    return Circuit("default", party, 5, open_until_ms, version=1, written_ms=NOW_MS, since_ms=NOW_MS - 9_000)


def test_dead_letters_are_redriven(run, api_bench):
    id = made(run, "--every", "5m")["id"]
    ids = []
    for number in range(101):
        ids.append(str(ExecutionId(id, NOW_MS + number)))
        record = Execution("default", ids[-1], State.DEAD, NOW_MS, 1, attempt=3, finished_ms=NOW_MS + number)
        api_bench.ports.executions.swap(record, None)
    assert "1 redriven" in done(run("dead-letters", "redrive", ids[0]))
    again = run("dead-letters", "redrive", ids[0])
    assert (again.exit_code, again.stdout) == (0, "0 redriven, 1 skipped\n")
    assert "is queued, and no dead letter" in again.stderr
    assert json.loads(done(run("dead-letters", "redrive", ids[1], "--json"))) == {"redriven": [ids[1]], "skipped": 0}
    assert done(run("dead-letters", "redrive", ids[2], "-o", "name")) == f"{ids[2]}\n"
    assert "98 redriven" in done(run("dead-letters", "redrive", "--all", "--rate", "50"))
    assert run("dead-letters", "redrive").exit_code == 2
    assert run("dead-letters", "redrive", ids[0], "--all").exit_code == 2


@pytest.fixture
def became(monkeypatch):
    """What the process would have become."""
    found = []
    monkeypatch.setattr("tidewheel.cli.commands.deployment.worker.os.execv", lambda *program: found.append(program))
    return found


def test_a_worker_takes_the_process_over(run, became):
    done(run("worker", "--pool", "fargate", "--concurrency", "8", "--deployment", "mine", "--drain", "5"))
    ((program, arguments),) = became
    assert program == arguments[0] == sys.executable
    options = ["--pool", "fargate", "--concurrency", "8", "--drain", "5", "--deployment", "mine"]
    assert arguments[1:] == ["-m", "tidewheel.wiring.pool", *options]


def test_a_worker_is_told_which_modules_hold_tasks(run, became):
    done(run("worker", "--pool", "gpu", "--import", "reports", "--import", "mail.tasks"))
    assert became[0][1][-4:] == ["--import", "reports", "--import", "mail.tasks"]


def test_a_worker_by_default_runs_four_and_drains_for_as_long_as_fargate_lets_it(run, became):
    done(run("worker", "--pool", "gpu"))
    assert became[0][1][3:] == ["--pool", "gpu", "--concurrency", "4", "--drain", "100"]
    done(run("worker", "--pool", "gpu", "--import", "mine.reports", "--import", "mine.mail"))
    assert became[1][1][9:] == ["--import", "mine.reports", "--import", "mine.mail"]


@pytest.mark.parametrize("options", [(), ("--pool", "a", "--concurrency", "0"), ("--pool", "a", "--concurrency", "65")])
def test_a_worker_without_a_pool_or_with_too_many_slots_is_refused(run, became, options):
    refused = run("worker", *options)
    assert (refused.exit_code, became) == (2, [])
    assert "--pool" in refused.stderr or "--concurrency" in refused.stderr


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: " ".join(case["argv"]).encode("ascii", "replace"))
def test_what_cannot_be_sent_is_told_and_nothing_is_sent(run, case):
    sent = []
    refusing = httpx.MockTransport(lambda request: sent.append(request) or httpx.Response(500))
    result = run(*case["argv"], transport=refusing)
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stdout, sent) == (2, "", [])
    assert case["told"] in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('{"secret": "tidewheel/token"}', {"secret": "tidewheel/token"}),
        ('{"secret": "t", "prefix": "Bearer "}', {"secret": "t", "prefix": "Bearer "}),
        ('{"a": 1}', '{"a": 1}'),
        ("{not JSON", "{not JSON"),
    ],
)
def test_a_header_may_refer_to_a_secret(value, read):
    assert applied({}, {"url": "https://a", "header": [f"Authorization: {value}"]})["target"]["headers"] == {
        "Authorization": read
    }


def test_a_list_is_read_until_it_has_what_was_asked_for(run, api_bench):
    """With the match behind a thousand others the API answers an empty page with a cursor; that is not the end."""
    id = made(run, "--every", "5m", "--tag", "a:1", "--tag", "b:2")["id"]
    api_bench.clock.advance(1)
    for _ in range(1_100):
        api_bench.call("POST", "/jobs", EVERY_JOB | {"tags": {"a": "1"}})
    assert api_bench.call("GET", "/jobs", query={"tag": ["a:1", "b:2"]}).json["items"] == []
    assert id in done(run("jobs", "list", "--tag", "a:1", "--tag", "b:2"))
    found = json.loads(done(run("jobs", "list", "--tag", "a:1", "--tag", "b:2", "--json")))
    assert ([one["id"] for one in found["items"]], found["cursor"]) == ([id], None)
    assert len(json.loads(done(run("jobs", "list", "--limit", "250", "--json")))["items"]) == 250
    assert done(run("jobs", "list", "--limit", "250")).count("hook") >= 250


def test_a_list_begins_with_the_owners_words_and_shows_the_last_result(run, api_bench):
    id = made(run)["id"]
    assert done(run("jobs", "list")).split()[:8] == [
        "NAME",
        "STATE",
        "LAST",
        "NEXT",
        "FIRE",
        "SCHEDULE",
        "TARGET",
        "ID",
    ]
    run_id = json.loads(done(run("executions", "list", id, "--json")))["items"][0]["id"]
    queued = api_bench.ports.executions.get("default", run_id)
    api_bench.ports.executions.swap(ended_unrun(queued, State.DEAD, "given up", NOW_MS), 1)
    assert done(run("jobs", "list", "--last", "dead")).splitlines()[1].split()[:3] == ["hook", "failed", "dead"]
    assert "dead" in done(run("jobs", "show", "hook"))


def test_a_search_that_stops_says_so(run, api_bench, monkeypatch):
    monkeypatch.setattr("tidewheel.cli.walking.MOST_PAGES", 1)
    made(run, "--every", "5m", "--tag", "a:1", "--tag", "b:2")
    api_bench.clock.advance(1)
    for _ in range(1_100):
        api_bench.call("POST", "/jobs", EVERY_JOB | {"tags": {"a": "1"}})
    shown = done(run("jobs", "list", "--tag", "a:1", "--tag", "b:2"))
    assert shown.startswith("No jobs so far; the search has stopped. Go on: --cursor ")
    assert "b:2" not in shown
    cursor = shown.split()[-1]
    assert "No jobs" not in done(run("jobs", "list", "--tag", "a:1", "--tag", "b:2", "--cursor", cursor))


def test_a_job_is_meant_by_its_name_or_the_beginning_of_its_id(run):
    id = made(run, "--every", "5m")["id"]
    for text in (id, id[:9], "hook", "name:hook"):
        assert json.loads(done(run("jobs", "show", text, "--json")))["id"] == id
    assert id in done(run("jobs", "run", "hook"))
    assert id in done(run("executions", "list", "hook"))
    assert "instants" in done(run("ledger", "hook"))
    assert done(run("jobs", "upcoming", "hook", "--count", "1")).count("\n") == 2
    assert json.loads(done(run("jobs", "pause", "hook", "--json")))["state"] == "paused"
    second = made(run, "--every", "5m")["id"]
    several = run("jobs", "resume", "hook")
    assert several.exit_code == 4
    assert id in several.stderr
    assert second in several.stderr
    unknown = run("jobs", "delete", "a/b")
    assert (unknown.exit_code, "no job has this id or name: a/b" in unknown.stderr) == (3, True)


def test_runs_of_all_jobs_are_listed_by_state_and_time(run):
    one, two = made(run, "--every", "5m")["id"], made(run, "--every", "5m")["id"]
    runs = [json.loads(done(run("jobs", "run", id, "--json")))["id"] for id in (one, two)]
    found = json.loads(done(run("executions", "list", "--json")))
    assert sorted(item["id"] for item in found["items"]) == sorted(runs)
    assert "No executions." in done(run("executions", "list", "--state", "running", "--state", "dead"))
    assert runs[0] in done(run("executions", "list", one, "--state", "queued"))
    assert runs[1] not in done(run("executions", "list", one, "--state", "queued"))
    assert "No executions." in done(run("executions", "list", "--to", "2025-11-20T16:00:00Z"))
    assert "use queued" in run("executions", "list", "--state", "done").stderr


def test_a_creation_says_what_is_shortened(run):
    shown = done(run("jobs", "create", *FIRE, "--every", "5m", "--window", "1h"))
    assert "warning" in shown
    assert "window: two instants are 5m apart" in shown
