"""No secret is in the tree, and one that is put there would be found."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.secret_scan import FORMS, scanned, secrets_in, tracked
from tests.support.world_examples import a_token

SAMPLES = {
    "an AWS access key": "AKIA" + "Q3EGRWJ5NQX7WZ2A",
    "an AWS secret key": "aws_secret_access_key = " + "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "0123456789",
    "a private key": "-----BEGIN EC PRIVATE" + " KEY-----\n" + "MHcCAQEEIB" * 5,
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a GitLab token": "glpat-" + "a1B2" * 5,
    "a PyPI token": "pypi-" + "AgEIcHlwaS5vcmc" + "a1B2" * 20,
    "an npm token": "npm_" + "a1B2" * 9,
    "a Slack token or hook": "xoxb-" + "123456789012-abcdef",
    "a Google API key": "AIza" + "a1B2c" * 7,
    "a Stripe key": "sk_" + "live_" + "a1B2" * 6,
    "a key of Anthropic or OpenAI": "sk-" + "ant-" + "a1B2" * 6,
    "a Tidewheel API key": str(a_token()),
}


def test_the_tree_holds_none() -> None:
    assert list(scanned(tracked())) == []


@pytest.mark.parametrize("kind", FORMS)
def test_one_of_each_kind_is_found(kind: str) -> None:
    assert list(secrets_in(f"a = 1\nkey: {SAMPLES[kind]}\n")) == [(2, kind)]


def test_a_file_is_named_and_its_secret_is_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "deploy.env").write_text(f"TOKEN={SAMPLES['a GitHub token']}\n")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff\xfe")
    assert list(scanned(tracked(tmp_path))) == [f"{tmp_path / 'deploy.env'}:1: a GitHub token"]


@pytest.mark.parametrize(
    "text", ["AKIAIOSFODNN7EXAMPLE", "arn:aws:iam::111122223333:role/AKIA", "sk_test_" + "a1B2" * 6, "tw_id_secret"]
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert list(secrets_in(text)) == []
