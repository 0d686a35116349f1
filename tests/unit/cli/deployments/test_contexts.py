"""Contexts: which deployment a command talks to, with which token, and the file that keeps them."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, done
from tidewheel.cli.deployments.contexts import CONTEXT_VARIABLE, Config, ConfigError, Context, read_config, write_config
from tidewheel.client.deployment import TOKEN_VARIABLE, URL_VARIABLE

PROD = "https://prod.example/prod"
STAGING = "https://staging.example/prod"
PRINTS_A_TOKEN = f"{sys.executable} -c 'print(\"from a command\")'"


def added(run: CommandLine, name: str, url: str, *options: str, token: str | None = None) -> str:
    given = ("--token-stdin",) if token else ()
    return done(run("context", "add", name, "--url", url, *given, *options, url=None, stdin=token))


def asked(run: CommandLine, *root: str) -> tuple[str, str | None]:
    done(run(*root, "jobs", "list", url=None))
    return run.asked[-1]


def locally(run: CommandLine, **outputs: str) -> None:
    (run.folder / ".local").mkdir()
    (run.folder / ".local" / "outputs.json").write_text(json.dumps({"api_url": "http://localhost:4566/x", **outputs}))


def test_the_first_context_is_used_and_others_when_told(run: CommandLine) -> None:
    assert "in use" in added(run, "prod", PROD, token="tw_1_a\n")
    assert "context use staging" in added(run, "staging", STAGING)
    assert asked(run) == (PROD, "tw_1_a")
    assert "In use: staging." in done(run("context", "use", "staging", url=None))
    assert asked(run) == (STAGING, None)
    assert "in use: local" in done(run("context", "remove", "staging", url=None))
    gone = run("context", "use", "staging", url=None)
    assert (gone.exit_code, "there is no context 'staging'" in gone.stderr) == (2, True)


def test_a_flag_precedes_the_environment_that_the_context_and_that_the_local_cloud(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    locally(run, api_key="tw_local")
    assert asked(run) == ("http://localhost:4566/x", "tw_local")
    added(run, "prod", PROD)
    added(run, "staging", STAGING)
    assert asked(run)[0] == PROD
    monkeypatch.setenv(CONTEXT_VARIABLE, "staging")
    assert asked(run)[0] == STAGING
    monkeypatch.setenv(URL_VARIABLE, "https://env.example")
    assert asked(run)[0] == "https://env.example"
    assert asked(run, "--context", "prod")[0] == PROD
    assert asked(run, "--context", "local")[0] == "http://localhost:4566/x"
    assert asked(run, "--context", "prod", "--url", "https://flag.example")[0] == "https://flag.example"
    done(run("context", "use", "local", url=None))
    monkeypatch.delenv(URL_VARIABLE)
    monkeypatch.delenv(CONTEXT_VARIABLE)
    assert asked(run)[0] == "http://localhost:4566/x"


def test_a_contexts_token_goes_to_its_api_alone(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    added(run, "prod", PROD, token="kept")
    added(run, "staging", STAGING)
    assert asked(run, "--url", "https://prod.example:443/prod") == ("https://prod.example:443/prod", "kept")
    assert asked(run, "--url", "https://prod.example.evil/prod")[1] is None
    assert asked(run, "--context", "staging")[1] is None
    monkeypatch.setenv(TOKEN_VARIABLE, "t0ken")
    assert asked(run)[1] == "kept"  # what belongs to the context precedes
    assert asked(run, "--context", "staging")[1] == "t0ken"
    monkeypatch.setenv(URL_VARIABLE, "https://env.example")
    assert asked(run) == ("https://env.example", "t0ken")
    assert asked(run, "--context", "staging")[1] is None  # the token is of the API that the environment names
    monkeypatch.delenv(TOKEN_VARIABLE)
    monkeypatch.setenv(URL_VARIABLE, PROD)
    assert asked(run) == (PROD, "kept")


def test_a_command_makes_the_token(run: CommandLine) -> None:
    added(run, "prod", PROD, "--token-command", PRINTS_A_TOKEN)
    assert asked(run) == (PROD, "from a command")
    assert "token by a command" in done(run("context", "list", url=None))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("/nowhere/to/be/found", "cannot be run"),
        (f"{sys.executable} -c ''", "printed nothing"),
        (f"{sys.executable} -c 'exit(3)'", "status 3"),
        ("'", "cannot be run"),
        (" ", "cannot be run"),
    ],
)
def test_a_command_that_makes_none_is_told(run: CommandLine, command: str, told: str) -> None:
    added(run, "prod", PROD, "--token-command", command)
    result = run("jobs", "list", url=None)
    assert (result.exit_code, told in result.stderr, run.asked) == (2, True, [])


def test_the_file_is_the_owners_alone(run: CommandLine) -> None:
    added(run, "prod", PROD, token="secret")
    path = run.folder / "config.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "secret" not in done(run("context", "list", url=None)) + done(run("context", "list", "--json", url=None))
    assert done(run("context", "list", "-o", "name", url=None)) == "local\nprod\n"
    path.chmod(0o640)
    open_to_others = run("jobs", "list", url=None)
    assert (open_to_others.exit_code, "chmod 600" in open_to_others.stderr, run.asked) == (2, True, [])


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (("local", "--url", PROD), None, "is the local cloud's"),
        (("a/b", "--url", PROD), None, "cannot be a context's name"),
        (("a", "--url", "ftp://x"), None, "is no URL"),
        (("a", "--url", "https://u:p@x"), None, "is no URL"),
        (("a", "--url", "http://10.0.0.1", "--token-stdin"), "t\n", "without encryption"),
        (("a", "--url", "http://10.0.0.1", "--token-command", "x"), None, "without encryption"),
        (("a", "--url", PROD, "--token-stdin"), "\n", "holds no token"),
        (("a", "--url", PROD, "--token-stdin"), "é\n", "holds no token"),
        (("a", "--url", PROD, "--token-stdin", "--token-command", "x"), "t\n", "not by both"),
    ],
)
def test_a_context_that_cannot_be_used_is_refused(
    run: CommandLine, arguments: tuple[str, ...], stdin: str | None, told: str
) -> None:
    result = run("context", "add", *arguments, url=None, stdin=stdin)
    assert (result.exit_code, told in result.stderr) == (2, True), result.stderr
    assert not (run.folder / "config.yaml").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("contexts: [", "config.yaml:"),
        ("contexts: 5", "no mapping 'contexts'"),
        ("[]", "no mapping 'contexts'"),
        ("contexts:\n  a: {}", "config.yaml:2: the context 'a' needs a url"),
        ("contexts:\n  a: {url: x, colour: red}", "needs a url"),
        ("contexts:\n  a: {url: 5}", "needs a url"),
        ("current: b\ncontexts:\n  a: {url: x}", "config.yaml:1: there is no context 'b'"),
    ],
)
def test_a_file_that_says_no_contexts_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as error:
        read_config(path)
    assert told in str(error.value)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.yaml"
    config = Config({"on": Context("https://a", "1e5"), "b": Context("https://b", "", "x 'y'")}, "on")
    write_config(path, config)
    assert read_config(path) == config
    assert "1e5" not in repr(config)
    assert list(path.parent.iterdir()) == [path]
    assert read_config(tmp_path / "none.yaml") == Config()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_config(tmp_path / "file" / "config.yaml", Config())
