"""Runs of workflows on what is deployed: a chain of ten steps, and one that fans out to ten and joins again."""

from __future__ import annotations

from tests.support.machine import slowness


def _step(url, *needs):
    return {"target": {"kind": "http", "url": url}, "needs": list(needs)}


def _ended(client, name, steps):
    client.put_workflow({"name": name, "steps": steps})
    run = client.start_run(name)
    assert client.wait(run.id, timeout=90 * slowness()).state == "succeeded"
    return client.workflow_run(run.id)


def test_a_chain_of_ten(client, all_targets):
    target = all_targets.new()
    steps = {f"s{n}": _step(target.url, *([f"s{n - 1}"] if n else [])) for n in range(10)}
    run = _ended(client, "e2e-chain", steps)
    assert [(step.name, step.state, step.attempt) for step in run.steps] == [
        (f"s{n}", "succeeded", 1) for n in range(10)
    ]
    took_ms = (run.finished_at - run.started_at).total_seconds() * 1000
    print(f"a chain of ten took {took_ms:.0f} ms")  # noqa: T201


def test_a_fan_of_ten_joins_again_and_is_cleared(client, all_targets):
    target = all_targets.new()
    beside = [f"b{n}" for n in range(10)]
    steps = {
        "a": _step(target.url),
        **{name: _step(target.url, "a") for name in beside},
        "z": _step(target.url, *beside),
    }
    run = _ended(client, "e2e-fan", steps)
    assert {step.state for step in run.steps} == {"succeeded"}
    assert client.clear_run(run.id, ["b3"]).state in {"open", "succeeded"}
    assert client.wait(run.id, timeout=90 * slowness()).state == "succeeded"
    again = {step.name for step in client.workflow_run(run.id).steps if step.attempt == 2}
    assert again == {"b3", "z"}
