"""A scheduler dies, or gives way to newer code: nothing is lost, and nothing has its effect twice."""

from __future__ import annotations

import json
import os
import signal

import httpx
import pytest

from tests.support.polling import until
from tidewheel.names import DEFAULT_DEPLOYMENT, Env, Function, Table, physical
from tidewheel.wire.values import to_ms

SECOND_MS = 1_000
SCHEDULER = physical(DEFAULT_DEPLOYMENT, Function.SCHEDULER)
NEXT = f"{SCHEDULER}-next"


@pytest.fixture
def functions(stack):
    return stack.client("lambda")


@pytest.fixture
def lease(stack):
    """Reads who holds the lease of an instance: owner, epoch and code version."""
    table = physical(DEFAULT_DEPLOYMENT, Table.CONTROL)
    dynamodb = stack.client("dynamodb")

    def read(instance=0):
        item = dynamodb.get_item(TableName=table, Key={"pk": {"S": f"lease#{instance}"}}, ConsistentRead=True).get(
            "Item"
        )
        if item is None:
            return None, 0, ""
        return item.get("ow", {}).get("S"), int(item["ep"]["N"]), item["ve"]["S"]

    return read


@pytest.fixture
def ticking(jobs, new_target):
    """Jobs of both tiers that fire every second; a check that none of their instants is missing or came twice."""
    targets = {precision: new_target() for precision in ("high", "normal")}
    made = {
        precision: jobs.create(
            schedule={"every": "1s"}, target=target.spec(), precision=precision, misfire={"policy": "all"}
        )
        for precision, target in targets.items()
    }
    for target in targets.values():
        target.await_count(2)

    def complete(from_ms):
        for precision, target in targets.items():
            last = target.await_nominal(from_ms).nominal_ms
            first = to_ms(made[precision].created_at) + SECOND_MS
            wanted = list(range(first, last, SECOND_MS))
            until(lambda wanted=wanted, target=target: set(wanted) <= set(target.nominals()), f"all of {wanted}")
            assert [ms for ms in target.nominals() if ms < last] == wanted

    return complete


@pytest.fixture
def full(stack, functions, lease):
    """Waits until both instances have a scheduler."""
    until(lambda: all(lease(instance)[0] for instance in (0, 1)), "a scheduler in each instance")


def test_a_killed_schedulers_shards_are_turned_by_the_other(stack, full, ticking, clock):
    os.kill(stack.pids(SCHEDULER)[0], signal.SIGKILL)
    ticking(clock.now_ms() + 10 * SECOND_MS)


def test_the_watchdog_replaces_a_fleet_that_was_killed(stack, functions, full, lease, ticking, clock):
    before = {instance: lease(instance) for instance in (0, 1)}
    for pid in stack.pids(SCHEDULER):
        os.kill(pid, signal.SIGKILL)
    killed_ms = clock.now_ms()
    functions.invoke(FunctionName=stack.outputs.minute_function, Payload=b"{}")
    for instance, (owner, epoch, _) in before.items():
        until(
            lambda instance=instance, owner=owner: lease(instance)[0] not in {None, owner},
            f"another owner of instance {instance}",
        )
        assert lease(instance)[1] > epoch
    ticking(killed_ms + 10 * SECOND_MS)


def test_a_watchdog_that_finds_living_schedulers_starts_none(stack, functions, full, lease):
    before = [lease(instance) for instance in (0, 1)]
    answer = functions.invoke(FunctionName=stack.outputs.minute_function, Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == {"started": 0}
    assert [lease(instance) for instance in (0, 1)] == before


@pytest.fixture
def next_version(functions):
    """The scheduler once more, as another version of the code."""
    found = functions.get_function(FunctionName=SCHEDULER)
    code = httpx.get(found["Code"]["Location"]).content
    kept = {name: found["Configuration"][name] for name in ("Runtime", "Role", "Handler", "Timeout", "MemorySize")}
    variables = {**found["Configuration"]["Environment"]["Variables"], Env.CODE_VERSION.value: "next"}
    functions.create_function(FunctionName=NEXT, Code={"ZipFile": code}, Environment={"Variables": variables}, **kept)
    functions.get_waiter("function_active_v2").wait(FunctionName=NEXT, WaiterConfig={"Delay": 1})
    yield NEXT
    functions.delete_function(FunctionName=NEXT)


def test_newer_code_takes_over_and_older_code_may_come_back(stack, functions, lease, ticking, clock, next_version):
    _, epoch, version = lease()
    functions.invoke(FunctionName=next_version, InvocationType="Event", Payload=b"{}")
    until(lambda: lease()[2] == "next", "the next version in charge")
    assert lease()[1] > epoch
    ticking(clock.now_ms() + 4 * SECOND_MS)
    functions.invoke(FunctionName=stack.outputs.minute_function, Payload=b"{}")  # its own minute may be faster
    until(lambda: lease()[2] == version and lease()[0], "the deployed version in charge")
    ticking(clock.now_ms() + 4 * SECOND_MS)
