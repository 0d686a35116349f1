"""Targets in AWS on the wire: what is accepted, and what is refused by which field."""

from __future__ import annotations

import pytest

from tidewheel.wire.arns import QueueReference, read_queue
from tidewheel.wire.payload import MAX_PAYLOAD_BYTES, RESERVED_BYTES
from tidewheel.wire.reading import read_job
from tidewheel.wire.refused import Refused
from tidewheel.wire.targets.sql import MAX_SQL, mentions

HERE = "eu-west-1:111122223333"
SQS = {"kind": "sqs", "queue": "tidewheel-target-orders"}
SNS = {"kind": "sns", "topic": f"arn:aws:sns:{HERE}:news"}
EVENT = {"kind": "eventbridge", "bus": "orders", "source": "acme.billing", "detail_type": "invoices.due"}
RUN = {"kind": "stepfunctions", "machine": f"arn:aws:states:{HERE}:stateMachine:report"}
SQL = {
    "kind": "sql",
    "cluster": f"arn:aws:rds:{HERE}:cluster:orders",
    "secret": f"arn:aws:secretsmanager:{HERE}:secret:rds-db-credentials/orders-AbCdEf",
    "database": "orders",
    "sql": "DELETE FROM carts WHERE age > :age",
    "parameters": {"age": 30},
}
MOST = MAX_PAYLOAD_BYTES - RESERVED_BYTES


def read(target):
    return read_job({"name": "a", "target": target}).target


def refusals(target):
    with pytest.raises(Refused) as refused:
        read(target)
    assert all(one.problem and one.remedy for one in refused.value.errors)
    return [one.field for one in refused.value.errors]


@pytest.mark.parametrize(
    ("target", "summary"),
    [
        (SQS, "sqs tidewheel-target-orders"),
        (SQS | {"queue": f"arn:aws:sqs:{HERE}:a.fifo", "group": "g", "attributes": {"a.b": "c"}}, None),
        (SQS | {"body": {"a": [1, None]}}, None),
        (SQS | {"body": "tab\tline\r\nsnow\u2603man\U0001f600"}, None),
        (SQS | {"body": "x" * MOST}, None),
        (SNS, "sns news"),
        (SNS | {"topic": f"arn:aws-us-gov:sns:{HERE}:news.fifo", "subject": "It is: 5 past!"}, "sns news.fifo"),
        (EVENT, "eventbridge orders invoices.due"),
        (EVENT | {"bus": f"arn:aws:events:{HERE}:event-bus/orders", "detail": {"a": 1}}, None),
        (RUN, "stepfunctions report"),
        (RUN | {"machine": f"{RUN['machine']}:7", "input": [1], "wait": True}, "stepfunctions report:7"),
        (RUN | {"input": None}, None),
        (SQL, "sql orders DELETE FROM carts WHERE age > :age"),
        (SQL | {"sql": "SELECT :a, :b::text, :c, :d", "parameters": {"a": "x", "b": True, "c": None, "d": 1.5}}, None),
        (SQL | {"sql": "SELECT :tidewheel_execution", "parameters": {}}, None),
    ],
)
def test_what_is_accepted(target, summary):
    assert read(target).model_dump(mode="json").items() >= target.items()
    assert summary is None or read(target).summary() == summary


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ({"kind": "sqs"}, ["target.queue"]),
        *(
            (SQS | {"queue": queue}, ["target.queue"])
            for queue in (
                "",
                "a b",
                "x" * 81,
                "orders.fif",
                "arn:aws:sns:eu-west-1:111122223333:orders",
                "arn:aws:sqs:eu-west-1:1111:orders",
                "http://sqs.eu-west-1.amazonaws.com/111122223333/orders",
                "https://sqs.eu-west-1.amazonaws.com.evil.example/111122223333/orders",
                "https://evil.example/111122223333/orders",
                "https://sqs.eu-west-1.amazonaws.com/orders",
                "https://sqs.eu-west-1.amazonaws.com/111122223333/orders\n",
            )
        ),
        (SQS | {"body": ""}, ["target.body"]),
        (SQS | {"body": "\x00"}, ["target.body"]),
        (SQS | {"body": "\uffff"}, ["target.body"]),
        (SQS | {"body": {"a": [{"secret": "token"}]}}, ["target.body"]),
        (SNS | {"body": {"secret": "token"}}, ["target.body"]),
        (EVENT | {"detail": {"a": {"secret": "token"}}}, ["target.detail"]),
        (RUN | {"input": [{"secret": "token", "prefix": "x"}]}, ["target.input"]),
        (SQS | {"body": "x" * (MOST + 1)}, ["target.body"]),
        (SQS | {"body": "x" * MOST, "attributes": {"a": "b"}}, ["target.attributes"]),
        *(
            (SQS | {"attributes": attributes}, ["target.attributes"])
            for attributes in (
                {"": "x"},
                {"a b": "x"},
                {".a": "x"},
                {"a..b": "x"},
                {"AWS.a": "x"},
                {"amazon.a": "x"},
                {"Tidewheel-Attempt": "7"},
                {"a" * 257: "x"},
                {"a": ""},
                {"a": "\x01"},
                dict.fromkeys("abcdef", "x"),
            )
        ),
        (SQS | {"attributes": {"a": 1}}, ["target.attributes.a"]),
        (SQS | {"group": "a b"}, ["target.group"]),
        (SQS | {"group": ""}, ["target.group"]),
        (SQS | {"delay": 5}, ["target.delay"]),
        (SNS | {"topic": "news"}, ["target.topic"]),
        (SNS | {"topic": f"arn:aws:sqs:{HERE}:news"}, ["target.topic"]),
        *((SNS | {"subject": subject}, ["target.subject"]) for subject in ("", " a", "a\nb", "é", "x" * 100)),
        ({"kind": "eventbridge"}, ["target.bus", "target.source", "target.detail_type"]),
        (EVENT | {"bus": "a b"}, ["target.bus"]),
        (EVENT | {"source": "aws.ec2"}, ["target.source"]),
        (EVENT | {"source": "a\nb"}, ["target.source"]),
        (EVENT | {"detail_type": "x" * 129}, ["target.detail_type"]),
        (EVENT | {"detail": [1]}, ["target.detail"]),
        (EVENT | {"detail": {"tidewheel": {}}}, ["target.detail"]),
        (EVENT | {"detail": {"a": "x" * MOST}}, ["target.detail"]),
        (RUN | {"machine": "report"}, ["target.machine"]),
        (RUN | {"machine": f"arn:aws:states:{HERE}:execution:report:x"}, ["target.machine"]),
        (RUN | {"machine": f"{RUN['machine']}:1:2"}, ["target.machine"]),
        (RUN | {"input": "x" * MOST}, ["target.input"]),
        (RUN | {"wait": 1}, ["target.wait"]),
        ({"kind": "sql"}, ["target.cluster", "target.secret", "target.database", "target.sql"]),
        (SQL | {"cluster": f"arn:aws:rds:{HERE}:db:orders"}, ["target.cluster"]),
        (SQL | {"secret": "orders"}, ["target.secret"]),
        (SQL | {"database": ""}, ["target.database"]),
        (SQL | {"sql": " \n", "parameters": {}}, ["target.sql"]),
        (SQL | {"sql": "x" * (MAX_SQL + 1), "parameters": {}}, ["target.sql"]),
        *(
            (SQL | {"parameters": parameters}, ["target.parameters"])
            for parameters in (
                {"age": [1]},
                {"age": {}},
                {"age": 1 << 63},
                {"1age": 1},
                {"tidewheel_token": 1},
                {"aged": 1},
            )
        ),
    ],
)
def test_what_is_refused(target, fields):
    assert refusals(target) == fields


def test_values_that_may_be_secrets_are_never_shown():
    for target in (SQS | {"attributes": {"a": "s3cret\x00"}}, SQL | {"parameters": {"age": ["s3cret"]}}):
        with pytest.raises(Refused) as refused:
            read(target)
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("queue", "place"),
    [
        ("a", QueueReference("a")),
        (f"arn:aws:sqs:{HERE}:a.fifo", QueueReference("a.fifo", "111122223333", "eu-west-1")),
        (
            "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/a",
            QueueReference("a", "111122223333", "cn-north-1"),
        ),
    ],
)
def test_where_a_queue_lies(queue, place):
    assert read_queue(queue) == place


@pytest.mark.parametrize(
    ("sql", "found"),
    [("= :id", True), (":id)", True), (":ids", False), ("::id", False), ("id", False), (":a::text, :id", True)],
)
def test_which_parameters_a_statement_mentions(sql, found):
    assert mentions(sql, "id") is found
