"""The reconciler as deployed: it looks at every job, and finds nothing to repair."""

from __future__ import annotations

import json

import pytest

from tests.support.polling import until
from tidewheel.names import DEFAULT_DEPLOYMENT, Function, Table, physical

RECONCILER = physical(DEFAULT_DEPLOYMENT, Function.RECONCILER)
CONTROL = physical(DEFAULT_DEPLOYMENT, Table.CONTROL)
SWEEP = {"pk": {"S": "sweep"}}


@pytest.fixture
def dynamodb(stack):
    return stack.client("dynamodb")


@pytest.fixture
def run(stack):
    """Calls the reconciler as its rule does; its answer."""
    functions = stack.client("lambda")

    def invoke():
        answer = functions.invoke(FunctionName=RECONCILER, Payload=b"{}")
        found = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    return invoke


def test_a_sweep_over_living_jobs_repairs_nothing(dynamodb, run, jobs, new_target):
    target = new_target()
    made = [jobs.create(schedule={"every": "1s"}, target=target.spec()).id for _ in range(3)]
    target.await_count(6)

    def swept():
        """A sweep from its beginning, whenever the last one began; its own rule may be faster."""
        dynamodb.delete_item(TableName=CONTROL, Key=SWEEP)
        answer = run()
        return answer if answer["looked"] >= len(made) else None

    assert until(swept, "a sweep")["repaired"] == 0
    assert dynamodb.get_item(TableName=CONTROL, Key=SWEEP, ConsistentRead=True)["Item"]["ov"] == {"N": "1"}
    assert run() == {"looked": 0, "repaired": 0, "brought_back": 0}  # the last sweep is too fresh for another
