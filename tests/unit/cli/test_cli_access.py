from __future__ import annotations

import inspect
import json
from typing import Any

import pytest

from tests.support.command_line import URL
from tidewheel.cli.commands.deployment.access import keys
from tidewheel.wire.bodies.access import KeyBody, TenantPatch


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


TENANT: dict[str, tuple[tuple[str, ...], Any]] = {
    "name": (("--name", "Acme"), "Acme"),
    "plan": (("--plan", "pro"), "pro"),
    "state": (("--state", "read-only"), "read-only"),
    "limits": (("--limit-of", "requests_per_second=5"), {"requests_per_second": 5}),
    "kinds": (("--kind", "python", "--kind", "command"), ["command", "python"]),
    "pools": (("--pool", "gpu", "--pool", "lambda"), ["gpu", "lambda"]),
    "weight": (("--weight", "7"), 7),
    "networks": (("--network", "192.0.2.0/24"), ["192.0.2.0/24"]),
    "targets": (("--target", "lambda:acme-*"), ["lambda:acme-*"]),
    "budget_dollars": (("--budget", "12.5"), 12.5),
}
"""Every field of a tenant: the options that set it, and what it is then."""


def test_every_field_of_a_tenant_has_an_option(run: Any) -> None:
    assert TENANT.keys() == TenantPatch.model_fields.keys()
    whole = [option for options, _ in TENANT.values() for option in options]
    for made in (run("tenants", "create", "acme", *whole, "--json"), run("tenants", "show", "acme", "--json")):
        assert {name: printed(made)[name] for name in TENANT} == {name: value for name, (_, value) in TENANT.items()}
    told = run("tenants", "show", "acme").stdout
    assert all(text in told for text in ("gpu, lambda", "192.0.2.0/24", "lambda:acme-*", "$12.5 a month", "7"))
    printed(run("tenants", "create", "other", "--json"))
    for number, (name, (options, value)) in enumerate(TENANT.items()):
        edited = printed(run("tenants", "edit", "other", *options, "--json"))
        assert edited[name] == value
        left = list(TENANT)[number + 1 :]
        assert [edited[one] for one in left] == [TenantPatch().model_dump(mode="json")[one] for one in left]


def test_a_tenants_lists_and_budget_can_be_emptied(run: Any) -> None:
    lists = ("kinds", "pools", "networks", "targets")
    given = [option for name in (*lists, "budget_dollars") for option in TENANT[name][0]]
    printed(run("tenants", "create", "acme", *given, "--json"))
    emptied = [text for option in ("--kind", "--pool", "--network", "--target", "--budget") for text in (option, "")]
    found = printed(run("tenants", "edit", "acme", *emptied, "--json"))
    assert [found[name] for name in lists] == [[]] * 4
    assert found["budget_dollars"] is None


def test_every_field_of_a_key_has_an_option(run: Any) -> None:
    options = next(one for one in keys.registered_commands if one.name == "create").callback
    assert KeyBody.model_fields.keys() <= inspect.signature(options).parameters.keys()


def test_a_platform_admin_acts_in_another_tenant(run: Any) -> None:
    printed(run("tenants", "create", "acme", "--json"))
    assert printed(run("--tenant", "acme", "whoami", "--json"))["tenant"] == "acme"
    printed(run("--tenant", "acme", "keys", "create", "--name", "first", "--role", "admin", "--json"))
    assert [one["name"] for one in printed(run("--tenant", "acme", "keys", "list", "--json"))["items"]] == ["first"]
    assert printed(run("keys", "list", "--json"))["items"] == []
    assert "tenant acme" in run("--tenant", "acme", "doctor").stdout
    assert set(run.tenants) == {None, "acme"}
    missing = run("--tenant", "nobody", "whoami")
    assert (missing.exit_code, "tenant nobody does not exist" in missing.stderr) == (3, True)
    unfit = run("--tenant", "Zoë", "whoami")
    assert (unfit.exit_code, "Tidewheel-Tenant" in unfit.stderr) == (2, True)


def test_a_contexts_tenant_is_acted_in_unless_another_is_given(run: Any) -> None:
    printed(run("tenants", "create", "acme", "--json"))
    added = run("context", "add", "acme", "--url", URL, "--tenant", "acme", "--token-stdin", url=None, stdin="tw_1_a")
    assert added.exit_code == 0, added.output
    assert printed(run("whoami", "--json", url=None))["tenant"] == "acme"
    assert printed(run("whoami", "--json", url=URL))["tenant"] == "acme"  # the context's token, so its tenant
    assert printed(run("--tenant", "default", "whoami", "--json", url=None))["tenant"] == "default"
    assert printed(run("whoami", "--json", url="https://elsewhere.example"))["tenant"] == "default"
    assert [one["tenant"] for one in printed(run("context", "list", "--json", url=None))] == [None, "acme"]
    assert run("context", "add", "x", "--url", URL, "--tenant", "No Tenant", url=None).exit_code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("tenants", "edit", "acme", "--budget", "much"),
        ("tenants", "edit", "acme", "--weight", "much"),
        ("tenants", "edit", "acme", "--state", "closed"),
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
