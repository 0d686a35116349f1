import subprocess

import pytest

from tidewheel.cli.importing.formats import crontab
from tidewheel.cli.importing.jobs import Options
from tidewheel.cli.importing.outcome import Standing
from tidewheel.cli.importing.programs import command_name

UTC = Options(timezone="UTC")


def read(text, name="mine", options=UTC):
    return crontab.read(name, text, options).entries


def target(line, **environment):
    assignments = "".join(f"{name}={value}\n" for name, value in environment.items())
    (entry,) = read(f"{assignments}0 0 * * * {line}\n")
    assert entry.job is not None, entry.refusal
    return entry.job["target"]


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("cat", ""),
        ("cat%", "\n"),
        ("cat%one", "one\n"),
        ("cat%one%", "one\n"),
        ("cat%one%%two", "one\n\ntwo\n"),
        (r"cat; echo 100\%%a", "a\n100%\n"),
        (r"cat%a\%b", "a%b\n"),
        ('cat%it\'s "quoted" $HOME `id`', 'it\'s "quoted" $HOME `id`\n'),
        ('read -r a; echo "$a"; cat%1%2', "1\n2\n"),
        ("true # nothing%lost", ""),
        ("cat # a comment%kept", "kept\n"),
    ],
)
def test_what_follows_a_percent_sign_is_read_by_the_command(line, printed):
    spec = target(line)
    ran = subprocess.run(
        ["/bin/sh", "-c", spec["command"]], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert ran.stdout == printed


def test_the_status_is_the_command_s_whatever_it_reads():
    ran = subprocess.run(["/bin/sh", "-c", target("exit 3%unread")["command"]], check=False)
    assert ran.returncode == 3


def test_assignments_go_to_the_command_and_those_of_cron_do_not():
    spec = target("x", MAILTO='""', APP='"a b"', HOME="/srv", LOGNAME="me", CRON_TZ="UTC")
    assert spec["environment"] == {"APP": "a b", "HOME": "/srv"}
    assert spec["directory"] == "/srv"


def test_the_shell_is_the_file_s():
    assert target("x y")["command"] == "x y"
    assert target("x y", SHELL="/bin/bash")["command"] == ["/bin/bash", "-c", "x y"]


@pytest.mark.parametrize(
    ("name", "text", "user"),
    [
        ("/etc/crontab", "0 0 * * * root x y", "root"),
        ("/etc/cron.d/app", "0 0 * * * app x y", "app"),
        ("etc/cron.d/app", "@daily app x y", "app"),
    ],
)
def test_the_system_form_is_known_by_the_file_s_name(name, text, user):
    (entry,) = read(text, name)
    assert entry.job["target"]["command"] == "x y"
    assert [(one.what, one.theirs) for one in entry.differences] == [("the user", user)]


def test_options_say_which_form_it_is():
    (entry,) = read("0 0 * * * app x", options=Options(timezone="UTC", system=True))
    assert entry.job["target"]["command"] == "x"
    (entry,) = read("0 0 * * * app x", "/etc/crontab", Options(timezone="UTC", system=False))
    assert entry.job["target"]["command"] == "app x"


def test_without_a_time_zone_the_difference_is_told_where_there_is_one():
    carried, different = read("*/5 * * * * x\n0 9 * * * y\n", options=Options())
    assert carried.standing is Standing.CARRIED
    assert [one.what for one in different.differences] == ["the time zone"]


def test_a_carriage_return_is_told():
    carried, different = read("0 0 * * * x\n0 0 * * * y\r\n")
    assert carried.standing is Standing.CARRIED
    assert different.job["target"]["command"] == "y"
    assert [one.what for one in different.differences] == ["the carriage return at the end"]


def test_assignments_hold_from_their_line_on():
    first, second = read("0 0 * * * x\nA=1\n0 0 * * * y\n")
    assert "environment" not in first.job["target"]
    assert second.job["target"]["environment"] == {"A": "1"}


def test_a_given_target_takes_the_place_of_the_command_and_of_what_differs_by_it():
    options = Options(
        timezone="UTC", target={"kind": "http", "url": "https://a.example/{name}", "headers": {"X-Job": "{name}"}}
    )
    (entry,) = crontab.read("m", "MAILTO=a@b.example\n0 0 * * * /srv/run.sh --now\n", options).entries
    assert entry.standing is Standing.CARRIED
    assert entry.job["target"] == {
        "kind": "http",
        "url": "https://a.example/run.sh",
        "headers": {"X-Job": "run.sh"},
    }
    assert entry.job["pool"] == "lambda"
    assert entry.job["timeout"] == "14m"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/bin/foo.sh --all >/dev/null 2>&1", "foo.sh"),
        ("cd /srv/app && /usr/bin/php artisan schedule:run >> /dev/null 2>&1", "artisan"),
        ("test -x /usr/sbin/x || ( cd / && y z )", "y"),
        ("nice -n 10 ionice -c 3 /srv/reindex", "reindex"),
        ("timeout 300 /srv/may-hang", "may-hang"),
        ("A=1 B=2 python3 /srv/report.py", "report.py"),
        ("/usr/bin/flock -n /tmp/a.lock /srv/sync", "sync"),
        ("bash -lc 'x y'", "bash"),
        ("npm run send-mail", "npm run send-mail"),
        ("'unbalanced", "'unbalanced"),
        ("", "command"),
    ],
)
def test_a_job_is_named_after_what_it_runs(command, name):
    assert command_name(command) == name
