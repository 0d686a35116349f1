"""Jobs whose targets lie in AWS: what a worker sends for them arrives, and says which execution it comes from."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.support.polling import until
from tidewheel.wire.values import to_ms

ROLE = "arn:aws:iam::000000000000:role/machines"
_count = itertools.count(1)


def new_name():
    """As the permissions of a deployment want it."""
    return f"tidewheel-target-{next(_count)}"


@pytest.fixture(scope="session")
def aws(stack):
    """Clients of the services that the deployed stack's workers call."""
    return stack.client


class Inbox:
    """A queue that keeps what it gets."""

    def __init__(self, sqs, name):
        self._sqs, self.name = sqs, name
        self.url = sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]
        self.arn = attributes["QueueArn"]
        self._messages = []

    def received(self):
        """The one message that came, and what it says of its execution."""

        def look():
            asked = {"QueueUrl": self.url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
            self._messages += self._sqs.receive_message(**asked).get("Messages", [])
            return self._messages

        (message,) = until(look, f"a message in {self.name}")
        told = {name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()}
        return message["Body"], told


@pytest.fixture
def inbox(aws):
    return Inbox(aws("sqs"), new_name())


def identity(execution):
    return {
        "Tidewheel-Execution": execution.id,
        "Tidewheel-Nominal-Time": str(to_ms(execution.nominal_at)),
        "Tidewheel-Due-Time": str(to_ms(execution.due_at)),
        "Tidewheel-Attempt": "1",
        "Tidewheel-Fencing-Token": "1",
    }


def ran(jobs, target, state="succeeded", **more):
    """The one execution of a job that runs now."""
    (execution,) = jobs.ended(jobs.create(target=target, **more).id)
    assert execution.state == state, execution
    return execution


def test_a_queue_gets_a_message(jobs, inbox):
    target = {"kind": "sqs", "queue": inbox.name, "body": {"a": [1, None]}, "attributes": {"colour": "red"}}
    execution = ran(jobs, target)
    body, told = inbox.received()
    assert json.loads(body) == {"a": [1, None]}
    assert told == identity(execution) | {"colour": "red"}


def test_a_topic_hands_a_message_to_its_subscribers(jobs, aws, inbox):
    topic = aws("sns").create_topic(Name=new_name())["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=raw)
    execution = ran(jobs, {"kind": "sns", "topic": topic, "body": "hello", "subject": "hi"})
    assert inbox.received() == ("hello", identity(execution))


def test_a_rule_of_a_bus_matches_an_event(jobs, aws, inbox):
    bus, events = new_name(), aws("events")
    events.create_event_bus(Name=bus)
    events.put_rule(Name=bus, EventBusName=bus, EventPattern=json.dumps({"source": ["acme"], "detail-type": ["due"]}))
    events.put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "inbox", "Arn": inbox.arn}])
    target = {"kind": "eventbridge", "bus": bus, "source": "acme", "detail_type": "due", "detail": {"a": 1}}
    execution = ran(jobs, target)
    detail = json.loads(inbox.received()[0])["detail"]
    assert (detail["a"], detail["tidewheel"]["execution"], detail["tidewheel"]["attempt"]) == (1, execution.id, 1)


def machine(aws, **state):
    """A new state machine of one state."""
    definition = json.dumps({"StartAt": "Only", "States": {"Only": state}})
    return aws("stepfunctions").create_state_machine(name=new_name(), definition=definition, roleArn=ROLE)[
        "stateMachineArn"
    ]


def runs(aws, arn):
    return {
        run["name"]: run["status"] for run in aws("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    }


def test_a_state_machine_is_started(jobs, aws):
    arn = machine(aws, Type="Wait", Seconds=600, End=True)
    execution = ran(jobs, {"kind": "stepfunctions", "machine": arn, "input": {"a": 1}})
    assert runs(aws, arn) == {execution.id: "RUNNING"}


def test_a_run_is_waited_for_and_its_output_kept(jobs, aws):
    arn = machine(aws, Type="Wait", Seconds=2, End=True)
    execution = ran(jobs, {"kind": "stepfunctions", "machine": arn, "input": {"a": 1}, "wait": True})
    assert runs(aws, arn) == {execution.id: "SUCCEEDED"}
    assert json.loads(execution.output) == {"a": 1}
    assert to_ms(execution.finished_at) - to_ms(execution.started_at) >= 1_900


def test_runs_that_fail_are_repeated_as_the_job_asks(jobs, aws):
    arn = machine(aws, Type="Fail", Error="Bad", Cause="luck")
    target = {"kind": "stepfunctions", "machine": arn, "wait": True}
    execution = ran(jobs, target, "dead", retry={"max_attempts": 2, "base": "1s"})
    assert runs(aws, arn) == {execution.id: "FAILED", f"{execution.id}-2": "FAILED"}
    assert execution.reason == "the run ended as FAILED: Bad: luck"


def test_a_run_past_the_time_out_is_stopped(jobs, aws):
    arn = machine(aws, Type="Wait", Seconds=600, End=True)
    target = {"kind": "stepfunctions", "machine": arn, "wait": True}
    execution = ran(jobs, target, "timed_out", timeout="2s", retry={"max_attempts": 1})
    assert runs(aws, arn) == {execution.id: "ABORTED"}


def test_a_run_is_stopped_when_its_execution_is_cancelled(client, jobs, aws):
    arn = machine(aws, Type="Wait", Seconds=600, End=True)
    job = jobs.create(target={"kind": "stepfunctions", "machine": arn, "wait": True})
    (name,) = until(lambda: runs(aws, arn), "a run")
    client.cancel(name, "not needed")
    (execution,) = jobs.ended(job.id)
    assert (execution.state, execution.reason) == ("cancelled", "someone cancelled it: not needed")
    assert runs(aws, arn) == {name: "ABORTED"}


def test_what_is_not_there_is_asked_for_once(jobs):
    execution = ran(jobs, {"kind": "sqs", "queue": "tidewheel-target-nobody"}, "failed")
    assert [attempt.status for attempt in execution.attempts] == [400]
