"""The developer's loop on a deployed stack: saved code runs, logs are shown, the next deployment deploys what differs.

A copy of the sources is changed, never the checkout.
"""

from __future__ import annotations

import json

import pytest

from localstack import deploy
from localstack.bench.watch import Case, copied, watching
from localstack.places import Places
from localstack.watch.functions import deployment_of, put_right
from localstack.watch.logs import Follower
from localstack.watch.main import context_of
from localstack.watch.watcher import Watcher
from tests.support.polling import until
from tidewheel.names import DEFAULT_DEPLOYMENT, Function, Table, log_group, physical

ECHO = "functions/echo/handler.py"
SCHEDULER = "functions/scheduler/handler.py"
LOUD = """
def handler(event, context):
    print("heard", event["say"])
    print("heard", event["say"])
    return {"again": event}
"""


@pytest.fixture
def places(stack):
    return Places(own=stack.folder)


@pytest.fixture
def copy(places):
    with copied(places.root) as made:
        yield made


@pytest.fixture
def watched(stack, places, copy, clock):
    """A watcher of the copy; afterwards the functions run what was deployed, as after ``make up``."""
    watcher = Watcher(context_of(places, stack.outputs, copy.root, lambda: None))
    try:
        with watching(watcher, clock) as check:
            yield check
    finally:
        put_right(places, stack.outputs.endpoint, stack.outputs.minute_function)
        deploy.wake(stack.outputs.endpoint, stack.outputs.minute_function)


@pytest.fixture
def echo(stack):
    lambda_ = stack.client("lambda")
    name = physical(DEFAULT_DEPLOYMENT, Function.ECHO)

    def ask(event):
        return json.loads(lambda_.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())

    return ask


@pytest.fixture
def version(stack):
    """The code version of the scheduler in the first instance."""
    dynamodb = stack.client("dynamodb")
    table = physical(DEFAULT_DEPLOYMENT, Table.CONTROL)

    def read():
        item = dynamodb.get_item(TableName=table, Key={"pk": {"S": "lease#0"}}, ConsistentRead=True).get("Item", {})
        return item["ve"]["S"] if item.get("ow") else None

    return read


def test_a_saved_handler_answers_its_lines_are_shown_once_and_a_deployment_is_not_fooled(
    stack, places, copy, watched, echo, clock
):
    lines = []
    groups = {Function.ECHO: log_group(physical(deployment_of(stack.outputs.minute_function), Function.ECHO))}
    follower = Follower(stack.client("logs"), groups, lambda _, line: lines.append(line.text.split()[1:]), clock)
    assert echo({"say": 1}) == {"echo": {"say": 1}}

    (copy.root / ECHO).write_text("def (\n")
    (copy.root / ECHO).write_text(LOUD)
    until(lambda: watched() or echo({"say": 2}) == {"again": {"say": 2}}, "the saved handler")
    echo({"say": 3})
    until(lambda: follower.look() or lines.count(["heard", "3"]) == 2, "its lines in the log")
    echo({"say": 4})
    until(lambda: follower.look() or lines.count(["heard", "4"]) == 2, "further lines")
    assert lines.count(["heard", "3"]) == 2
    assert not [line for line in lines if line[0] in {"START", "END", "REPORT"}]

    lambda_, api = stack.client("lambda"), physical(DEFAULT_DEPLOYMENT, Function.API)
    before = _sha(lambda_, api)
    (copy.root / ECHO).write_text("def (\n")
    copy.save(Case("marker", Function.API, "functions/api/handler.py"), 1)
    until(lambda: watched() or _sha(lambda_, api) != before, "another save beside one that is no Python")
    assert echo({"say": 5}) == {"again": {"say": 5}}  # what is no Python was not deployed

    endpoint, minute = stack.outputs.endpoint, stack.outputs.minute_function
    assert set(put_right(places, endpoint, minute)) >= {physical(DEFAULT_DEPLOYMENT, Function.ECHO), api}
    until(lambda: echo({"say": 6}) == {"echo": {"say": 6}}, "what the template says")
    assert put_right(places, endpoint, minute) == []


def _sha(lambda_, function):
    return lambda_.get_function_configuration(FunctionName=function)["CodeSha256"]


def test_a_saved_scheduler_takes_over_and_the_deployed_one_again(
    stack, places, copy, watched, version, jobs, new_target
):
    deployed = until(version, "a scheduler")
    target = new_target()
    jobs.create(schedule={"every": "1s"}, target=target.spec(), misfire={"policy": "all"})
    target.await_count(1)
    (copy.root / SCHEDULER).write_text(copy.text(SCHEDULER) + "\n# saved\n")
    saved = until(lambda: watched() or (version() not in {None, deployed} and version()), "the saved scheduler")
    assert saved.partition("-")[2] == deployed.partition("-")[2]
    target.await_count(len(target.arrivals()) + 2)
    put_right(places, stack.outputs.endpoint, stack.outputs.minute_function)
    deploy.wake(stack.outputs.endpoint, stack.outputs.minute_function)
    until(lambda: version() == deployed, "the deployed scheduler")
    target.await_count(len(target.arrivals()) + 2)
