"""Which deployment a program finds, and which token that gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidewheel.client.deployment import NoDeployment, find_deployment

LOCAL = "http://localhost:4566/restapis/a/prod"
FAR = "https://api.example/prod"


def wrote(folder: Path, **outputs: str) -> Path:
    (folder / ".local").mkdir()
    (folder / ".local" / "outputs.json").write_text(json.dumps(outputs))
    return folder


def test_what_was_given_comes_before_the_environment_and_that_before_a_file(tmp_path: Path) -> None:
    below = wrote(tmp_path, api_url=LOCAL, engine="ministack") / "a" / "b"
    below.mkdir(parents=True)
    environ = {"TIDEWHEEL_API_URL": "https://env.example"}
    assert find_deployment(FAR, environ=environ, folder=below).url == FAR
    assert find_deployment(environ=environ, folder=below).url == "https://env.example"
    found = find_deployment(environ={}, folder=below)
    assert (found.url, found.token, found.outputs["engine"]) == (LOCAL, None, "ministack")


@pytest.mark.parametrize(
    ("given", "environment", "token"),
    [
        (FAR, None, "t0ken"),
        (None, FAR, "t0ken"),
        (FAR, f"{FAR}/other", "t0ken"),  # the same API
        ("https://elsewhere.example", FAR, None),
        (LOCAL, FAR, "t0ken"),
        (None, None, "t0ken"),  # the file's, on this machine
    ],
)
def test_the_environments_token_goes_to_the_api_that_it_is_for(
    given: str | None, environment: str | None, token: str | None, tmp_path: Path
) -> None:
    environ = {"TIDEWHEEL_TOKEN": "t0ken"} | ({"TIDEWHEEL_API_URL": environment} if environment else {})
    assert find_deployment(given, environ=environ, folder=wrote(tmp_path, api_url=LOCAL)).token == token


def test_a_file_elsewhere_gets_no_token_of_the_environment(tmp_path: Path) -> None:
    folder = wrote(tmp_path, api_url="https://elsewhere.example")
    assert find_deployment(environ={"TIDEWHEEL_TOKEN": "t0ken"}, folder=folder).token is None


def test_a_files_own_key_goes_to_its_own_api_alone_and_is_not_shown(tmp_path: Path) -> None:
    folder = wrote(tmp_path, api_url=LOCAL, api_key="tw_k_secret")
    found = find_deployment(environ={}, folder=folder)
    assert found.token == "tw_k_secret"
    assert "secret" not in f"{found!r} {found.outputs}"
    assert find_deployment(FAR, environ={}, folder=folder).token is None
    assert find_deployment(environ={"TIDEWHEEL_TOKEN": "t0ken"}, folder=folder).token == "t0ken"


@pytest.mark.parametrize("outputs", [{"api_key": "k"}, {}])
def test_no_key_goes_over_a_network_in_clear_text(outputs: dict[str, str], tmp_path: Path) -> None:
    folder = wrote(tmp_path, api_url="http://api.example", **outputs)
    environ = {"TIDEWHEEL_TOKEN": "t0ken", "TIDEWHEEL_API_URL": "" if outputs else "http://api.example"}
    if outputs:
        del environ["TIDEWHEEL_TOKEN"]
    with pytest.raises(NoDeployment, match="without encryption"):
        find_deployment(environ=environ, folder=folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"api_url": 5}'])
def test_a_file_that_says_nothing_is_named(text: str, tmp_path: Path) -> None:
    wrote(tmp_path)
    (tmp_path / ".local" / "outputs.json").write_text(text)
    with pytest.raises(NoDeployment, match=r"outputs\.json|No deployment is known"):
        find_deployment(environ={}, folder=tmp_path)
