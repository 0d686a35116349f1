import json

import pytest
import yaml
from typer.testing import CliRunner

from tests.support.api_bench import ApiBench
from tidewheel.cli.app import app
from tidewheel.cli.commands.importing import Format
from tidewheel.cli.files import reading
from tidewheel.cli.importing.formats import READERS
from tidewheel.cli.session import Session
from tidewheel.client import Client
from tidewheel.wire.reading import read_job

TABLE = "*/5 * * * * curl -fsS https://a.example/ping\n0 9 * * 1-5 /srv/report\n@reboot /srv/start\n"
QUEUE = "arn:aws:sqs:eu-west-1:111122223333:tidewheel-target-a"
TO_HTTP = ("--target", '{"kind": "http", "url": "https://a.example/{name}"}')


@pytest.fixture
def bench():
    return ApiBench()


@pytest.fixture
def run(bench, tmp_path):
    (tmp_path / "table").write_text(TABLE)

    def connect(found, heard):
        return Client(found.url, found.token, transport=bench.transport(), heard=heard, wait=lambda _: None)

    def invoke(*arguments, stdin=None):
        session = Session(connect=connect, folder=tmp_path)
        given = [str(tmp_path / one) if one == "table" else one for one in arguments]
        return CliRunner().invoke(app, ["--url", "https://api.example", "import", *given], obj=session, input=stdin)

    return invoke


def names(bench):
    with Client("https://api.example", None, transport=bench.transport()) as api:
        return sorted(job.name for job in api.jobs_page().items)


def test_there_is_a_reader_for_every_format():
    assert {one.value for one in Format} == set(READERS)


def test_a_dry_run_says_what_would_become_of_each_line_and_creates_nothing(run, bench):
    ran = run("crontab", "table", "--dry-run", "--timezone", "Europe/Paris")
    assert ran.exit_code == 1  # one is refused
    assert "2 carried over, 0 with a difference, 1 refused" in ran.stdout
    assert "@reboot names no time" in ran.stdout
    assert "as 0 9 * * 1-5 (Europe/Paris)" in ran.stdout
    assert names(bench) == []


@pytest.mark.parametrize(("form", "load"), [("yaml", yaml.safe_load), ("json", json.loads)])
def test_a_file_of_jobs_holds_bodies_and_nothing_else(run, bench, form, load):
    ran = run("crontab", "table", "-o", form)
    jobs = load(ran.stdout)
    assert [read_job(job).name for job in jobs] == ["curl", "report"]
    assert "1 refused" in ran.stderr
    assert names(bench) == []


def test_apply_takes_the_file_and_what_was_suspended_is_paused(run, tmp_path):
    once = {
        "Name": "off",
        "ScheduleExpression": "rate(1 hour)",
        "State": "DISABLED",
        "Target": {"Arn": QUEUE, "Input": "{}"},
    }
    ran = run("eventbridge", "-", "-o", "yaml", stdin=json.dumps(once))
    (tmp_path / "jobs.yaml").write_text(ran.stdout)
    (filed,) = reading.read([str(tmp_path / "jobs.yaml")]).jobs.values()
    assert (filed.name, filed.paused) == ("off", True)


def test_what_was_suspended_is_created_and_paused_at_once(run, bench):
    once = {
        "Name": "off",
        "ScheduleExpression": "rate(1 hour)",
        "State": "DISABLED",
        "Target": {"Arn": QUEUE, "Input": "{}"},
    }
    for _ in range(2):
        assert run("eventbridge", "-", "--yes", stdin=json.dumps(once)).exit_code == 0
    with Client("https://api.example", None, transport=bench.transport()) as api:
        assert [job.state for job in api.jobs_page().items] == ["paused"]


def test_jobs_are_created_once_however_often_the_command_is_repeated(run, bench):
    for _ in range(2):
        ran = run("crontab", "table", "--yes", *TO_HTTP)
        assert ran.exit_code == 1
        assert names(bench) == ["curl", "report"]


def test_nothing_is_created_unasked(run, bench):
    ran = run("crontab", "table", *TO_HTTP)
    assert ran.exit_code == 2
    assert "--yes" in ran.stderr
    assert names(bench) == []


def test_all_carried_over_is_a_success_and_stdin_is_a_file(run):
    assert run("crontab", "-", "--dry-run", stdin="*/5 * * * * x\n").exit_code == 0


def test_what_the_api_refuses_is_told_and_the_others_are_created(run, bench):
    once = [
        {"Name": name, "ScheduleExpression": f"at({when}T00:00:00)", "Target": {"Arn": QUEUE, "Input": "{}"}}
        for name, when in (("past", "2001-01-01"), ("to-come", "2101-01-01"))
    ]
    ran = run("eventbridge", "-", "--yes", stdin="\n".join(map(json.dumps, once)))
    assert ran.exit_code == 1
    assert "past: schedule.at" in ran.stderr
    assert names(bench) == ["to-come"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("crontab", "nowhere"), "cannot be read"),
        (("crontab", "table", "--timezone", "CET/Berlin"), "is no time zone"),
        (("crontab", "table", "--target", "{"), "no JSON"),
        (("crontab", "table", "--target", "[]"), "no JSON object"),
        (("fcron", "table"), "fcron"),
    ],
)
def test_wrong_options_are_told(run, arguments, told):
    ran = run(*arguments)
    assert ran.exit_code == 2
    assert told in ran.stderr


def test_bytes_that_are_no_text_are_told(run, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    ran = run("crontab", str(tmp_path / "binary"), "--dry-run")
    assert ran.exit_code == 2
    assert "UTF-8" in ran.stderr


def test_control_characters_of_a_file_do_not_reach_the_terminal(run):
    ran = run("crontab", "-", "--dry-run", stdin="0 0 * * * echo \x1b[31mred\n")
    assert "\x1b" not in ran.stdout
