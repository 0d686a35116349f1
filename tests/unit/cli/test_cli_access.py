from __future__ import annotations

import json
from typing import Any

import pytest


def printed(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_who_is_signed_in(run: Any) -> None:
    found = printed(run("whoami", "--json"))
    assert (found["tenant"], found["role"]) == ("default", "platform-admin")
    assert "key:bench" in run("whoami").stdout


def test_a_key_is_made_listed_rotated_and_revoked(run: Any) -> None:
    options = (
        "--kind",
        "python",
        "--tag",
        "team:a:b",
        "--network",
        "10.0.0.0/8",
        "--expires-at",
        "2999-01-01T00:00:00Z",
    )
    made = printed(run("keys", "create", "--name", "ci", "--role", "editor", *options, "--json"))
    assert made["token"].startswith(f"tw_{made['id']}_")
    assert (made["kinds"], made["tags"], made["networks"]) == (["python"], {"team": "a:b"}, ["10.0.0.0/8"])
    told = run("keys", "list").stdout
    assert made["id"] in told
    assert made["token"] not in told
    assert "valid" in told
    successor = printed(run("keys", "rotate", made["id"], "--overlap", "1h", "--json"))
    assert successor["token"] != made["token"]
    assert "rotated" in run("keys", "list").stdout
    assert run("keys", "revoke", successor["id"]).exit_code == 0
    assert "revoked" in run("keys", "list").stdout
    shown = run("keys", "create", "--name", "x", "--role", "viewer")
    assert "tw_" in shown.stdout


def test_a_tenant_is_made_and_changed(run: Any) -> None:
    made = printed(run("tenants", "create", "acme", "--name", "Acme", "--kind", "python", "--json"))
    assert (made["id"], made["kinds"], made["plan"]) == ("acme", ["python"], "default")
    edited = printed(
        run(
            "tenants",
            "edit",
            "acme",
            "--state",
            "read-only",
            "--limit-of",
            "requests_per_second=5",
            "--plan",
            "pro",
            "--json",
        )
    )
    assert (edited["state"], edited["limits"], edited["plan"], edited["kinds"]) == (
        "read-only",
        {"requests_per_second": 5},
        "pro",
        ["python"],
    )
    assert printed(run("tenants", "edit", "acme", "--limit-of", "requests_per_second=", "--json"))["limits"] == {}
    assert "read-only" in run("tenants", "list").stdout
    assert "Acme" in run("tenants", "show", "acme").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "create", "--name", "x", "--role", "viewer", "--tag", "team"),
        ("keys", "create", "--name", "x", "--role", "viewer", "--tag", "team:a", "--tag", "team:b"),
        ("keys", "create", "--name", "x", "--role", "owner"),
        ("tenants", "edit", "acme", "--limit-of", "requests_per_second"),
        ("tenants", "edit", "acme", "--limit-of", "requests_per_second=many"),
    ],
)
def test_what_cannot_be_sent_is_misuse(run: Any, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_repeat_under_a_key_of_idempotency_makes_no_second_key(run: Any) -> None:
    create = ("keys", "create", "--name", "ci", "--role", "viewer", "--key", "k-1", "--json")
    made = printed(run(*create))
    again = run(*create)
    assert (again.exit_code, made["id"] in again.output, made["token"] in again.output) == (4, True, False)
    rotate = ("keys", "rotate", made["id"], "--key", "k-2", "--json")
    successor = printed(run(*rotate))
    assert successor["id"] in run(*rotate).output
    tenant = ("tenants", "create", "acme", "--key", "k-3", "--json")
    assert printed(run(*tenant)) == printed(run(*tenant))
